"""An upstream that refuses, hangs up or is not there, and a client that leaves: all of it passes as it is, and the flow log says it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import httpx2
import pytest

from headroom_proxy.local_upstream import CUT, Answer, LocalUpstream, anthropic_messages
from tests.e2e.rig.exchange import exchange
from tests.e2e.rig.proxy import Proxy
from tests.e2e.rig.streams import answer_with, streaming_request
from tests.e2e.rig.traffic import ANTHROPIC_HEADERS, ANTHROPIC_URL, OPENAI_HEADERS, anthropic_bytes, literal, replaced, tool_text

GOOD = literal(tool_text(200, seed=120))
VERSIONS = pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 529])
def test_an_upstreams_refusal_passes(proxy: Proxy, upstream: LocalUpstream, status: int) -> None:
    upstream.answer = lambda _: anthropic_messages.error(
        status, "no", [("retry-after", "3"), ("anthropic-ratelimit-tokens-remaining", "0")]
    )
    body = anthropic_bytes(GOOD)
    request, response = exchange(proxy, upstream, body, ANTHROPIC_HEADERS)
    assert response.status_code == status
    assert response.headers["retry-after"] == "3"
    assert "rec-1000" in replaced(body, request.raw, GOOD)
    row = proxy.flow_log.flow()
    assert (row["status"], row["input_tokens"], row["output_tokens"]) == (status, None, None)


def _cut_before_any_byte() -> Answer:
    return Answer(200, (), [CUT])


def _cut_in_a_body_of_known_length() -> Answer:
    return Answer(200, (("content-length", "100"), ("content-type", "application/json")), [b"only some", 0.05, CUT])


@pytest.mark.parametrize("cut", [_cut_before_any_byte, _cut_in_a_body_of_known_length])
def test_an_upstream_that_hangs_up(proxy: Proxy, upstream: LocalUpstream, cut: Callable[[], Answer]) -> None:
    upstream.answer = lambda _: cut()
    with proxy.client(timeout=10) as client, pytest.raises(httpx2.RemoteProtocolError):
        client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=anthropic_bytes(GOOD))
    row = proxy.flow_log.flow()
    assert row["error"]
    assert row["changed"]
    assert row["input_tokens"] is None


def test_an_upstream_that_is_not_there(proxy: Proxy, upstream: LocalUpstream) -> None:
    """A host without a certificate that holds: mitmproxy's own 502 reaches the client, and the row says why."""
    with proxy.client(timeout=10) as client:
        response = client.post("https://us.api.openai.com/v1/chat/completions", headers=OPENAI_HEADERS, content=b'{"messages":[]}')
    assert response.status_code == 502
    assert upstream.received == []
    row = proxy.flow_log.flow()
    assert "ertificate" in row["error"]


@VERSIONS
def test_a_stream_that_the_upstream_cuts(proxy: Proxy, upstream: LocalUpstream, http2: bool) -> None:
    sent: list[bytes] = []
    upstream.answer = answer_with("identity", lambda pieces: [*pieces[:5], 0.05, CUT], sent)
    url, headers, body = streaming_request("anthropic")
    got = b""
    with proxy.client(http2=http2) as client, client.stream("POST", url, headers=headers, content=body) as response:
        assert response.status_code == 200
        chunks = response.iter_raw()
        while len(got) < len(b"".join(sent[:5])):
            got += next(chunks)
        with pytest.raises(httpx2.RemoteProtocolError):
            next(chunks)

    assert got == b"".join(sent[:5])
    row = proxy.flow_log.flow()
    assert row["status"] == 200
    assert row["error"]
    assert row["input_tokens"] > 0


@VERSIONS
def test_a_client_that_leaves(proxy: Proxy, upstream: LocalUpstream, http2: bool) -> None:
    never = threading.Event()
    upstream.answer = answer_with("identity", lambda pieces: [*pieces[:5], never, *pieces[5:]], [])
    url, headers, body = streaming_request("anthropic")
    with proxy.client(http2=http2) as client, client.stream("POST", url, headers=headers, content=body) as response:
        next(response.iter_raw())

    row = proxy.flow_log.flow()
    never.set()
    assert row["error"]
    assert row["status"] == 200
    assert row["input_tokens"] > 0
    assert proxy.health()["status"] == "healthy"
