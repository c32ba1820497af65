"""mitmweb and the console: an edit is shown and can be taken back; what is replayed is sent as it is shown."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from headroom_proxy.local_upstream import Answer, LocalUpstream
from tests.e2e.rig.proxy import Proxy
from tests.e2e.rig.terminal import ConsoleProxy
from tests.e2e.rig.traffic import ANTHROPIC_HEADERS, ANTHROPIC_URL, anthropic_bytes, literal, replaced, tool_text

PASSWORD = "made-up"
PATIENCE = 10.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for[T](look: Callable[[], T]) -> T:
    """The first true value that `look` gives."""
    deadline = time.monotonic() + PATIENCE
    while not (value := look()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return value


class Web:
    """mitmweb's own HTTP interface, as its page uses it."""

    def __init__(self, proxy: Proxy, port: int) -> None:
        self.proxy = proxy
        self._client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers={"authorization": f"Bearer {PASSWORD}"}, trust_env=False)
        # The page gets this pair with its WebSocket; any token will do as long as both are equal (tornado, `check_xsrf_cookie`).
        self._client.cookies["_mitmproxy_xsrf"] = self._client.headers["x-xsrftoken"] = "ab" * 16

    def flows(self) -> list[dict[str, Any]]:
        flows: list[dict[str, Any]] = self._client.get("/flows").json()
        return flows

    def sent(self, flow: dict[str, Any]) -> bytes:
        return self._client.get(f"/flows/{flow['id']}/request/content.data").content

    def post(self, path: str) -> None:
        assert self._client.post(path).status_code in {200, 204}, path

    def close(self) -> None:
        self._client.close()


@pytest.fixture(scope="module")
def web_proxy(session_upstream: LocalUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    port = free_port()
    options = {"web_open_browser": "false", "web_port": str(port), "web_password": PASSWORD}
    with Proxy(session_upstream, tmp_path_factory.mktemp("web"), name="mitmweb", options=options) as proxy:
        web = Web(proxy, port)
        yield web
        web.close()


@pytest.fixture
def web(web_proxy: Web, upstream: LocalUpstream) -> Web:  # noqa: ARG001 - is made anew for each test
    """mitmweb without flows."""
    web_proxy.post("/clear")
    web_proxy.proxy.flow_log.mark()
    return web_proxy


def send(proxy: Proxy, seed: int) -> tuple[bytes, bytes]:
    """Send a request that is worth rewriting; its body and the literal of its tool result."""
    result = literal(tool_text(200, seed=seed))
    body = anthropic_bytes(result)
    with proxy.client() as client:
        assert client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=body).status_code == 200
    return body, result


def test_mitmweb_shows_the_edit_and_takes_it_back(web: Web, upstream: LocalUpstream) -> None:
    body, result = send(web.proxy, 70)

    [flow] = wait_for(web.flows)
    assert flow["modified"] is True
    assert "headroom" in flow["comment"].lower()
    assert web.sent(flow) == upstream.received[0].raw
    assert "rec-1000" in replaced(body, web.sent(flow), result)

    web.post(f"/flows/{flow['id']}/revert")
    [reverted] = web.flows()
    assert reverted["modified"] is False
    assert web.sent(reverted) == body


def test_a_request_without_an_edit_is_not_shown_as_edited(web: Web) -> None:
    with web.proxy.client() as client:
        client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=anthropic_bytes(literal("short")))
    [flow] = wait_for(web.flows)
    assert flow["modified"] is False
    assert flow["comment"] == ""


def test_a_replayed_flow_is_sent_as_it_is_shown(web: Web, upstream: LocalUpstream) -> None:
    body, _ = send(web.proxy, 71)
    [flow] = wait_for(web.flows)

    web.post(f"/flows/{flow['id']}/replay")
    wait_for(lambda: len(upstream.received) == 2)
    assert upstream.received[1].raw == upstream.received[0].raw

    wait_for(lambda: web.flows()[0]["response"])
    web.post(f"/flows/{flow['id']}/revert")
    web.post(f"/flows/{flow['id']}/replay")
    wait_for(lambda: len(upstream.received) == 3)
    assert upstream.received[2].raw == body


def test_the_flow_log_knows_a_replay(web: Web) -> None:
    send(web.proxy, 72)
    [flow] = wait_for(web.flows)
    web.post(f"/flows/{flow['id']}/duplicate")
    copy = next(other for other in web.flows() if other["id"] != flow["id"])

    web.post(f"/flows/{copy['id']}/replay")

    first, second = web.proxy.flow_log.flows(2)
    assert (first["reason"], first["changed"]) == ("", 1)
    assert (second["reason"], second["changed"]) == ("replayed_flow", 0)


def test_sending_what_was_rewritten_changes_nothing_more(proxy: Proxy, upstream: LocalUpstream) -> None:
    send(proxy, 73)
    rewritten = upstream.received[0].raw
    with proxy.client() as client:
        client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=rewritten)
    assert upstream.received[1].raw == rewritten
    assert [row["changed"] for row in proxy.flow_log.flows(2)] == [1, 0]


def test_a_stored_flow_is_replayed_as_it_is(start_proxy: Callable[..., Proxy], upstream: LocalUpstream, tmp_path: Path) -> None:
    flows = tmp_path / "flows"
    first = start_proxy(tmp_path / "first", arguments=["-w", str(flows)])
    send(first, 74)
    first.stop()

    start_proxy(tmp_path / "second", arguments=["--client-replay", str(flows)])

    wait_for(lambda: len(upstream.received) == 2)
    assert upstream.received[1].raw == upstream.received[0].raw


def test_mitmweb_keeps_no_more_flows_than_its_bound(web: Web, upstream: LocalUpstream) -> None:
    """The bound is 256 MB: here 14 flows of 12 MB, which count twice because their originals are kept."""
    image = b'{"type":"image","source":{"type":"base64","media_type":"image/png","data":"' + b"A" * 12_000_000 + b'"}}, '
    result = literal(tool_text(200, seed=75))
    upstream.answer = lambda _: Answer.whole(200, b"{}", [("content-type", "application/json")])
    with web.proxy.client() as client:
        for _ in range(14):
            client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=anthropic_bytes(result, before=image))
    assert 1 <= len(wait_for(web.flows)) <= 256 // 24 + 1


def test_the_console_starts_and_shows_the_flow(upstream: LocalUpstream, tmp_path: Path) -> None:
    with ConsoleProxy(upstream, tmp_path / "console", name="mitmproxy", port=free_port()) as console:
        send(console, 76)
        wait_for(lambda: "api.anthropic.com" in console.log)
        console.press("E")
        wait_for(lambda: re.search(r"Headroom \S+ active", console.log))
        assert console.flow_log.flow()["changed"]
        assert not re.search(r"Traceback|[Ee]rror|[Ww]arn", console.log), console.log
        console.press("qqqy")
        wait_for(lambda: console._process and console._process.poll() is not None)
    assert console.stop() == 0
