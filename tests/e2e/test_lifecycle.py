"""Starts, stops, crashes, shared and broken data folders: no request is lost or delayed by them, and what was sent before is sent again."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from headroom_proxy.local_upstream import LocalUpstream
from tests.e2e.rig.proxy import Proxy
from tests.e2e.rig.traffic import ANTHROPIC_HEADERS, ANTHROPIC_URL, anthropic_bytes, literal, replaced, tool_text


def send(proxy: Proxy, body: bytes) -> None:
    with proxy.client() as client:
        assert client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=body).status_code == 200


def our_warnings(proxy: Proxy) -> list[str]:
    """Lines of ours after the one that says the addon is there."""
    return [line for line in proxy.log.splitlines() if "Headroom" in line and " active: " not in line]


def test_what_was_logged_last_is_written_before_the_end(start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy()
    send(proxy, anthropic_bytes(literal(tool_text(200, seed=90))))
    assert proxy.stop() == 0
    row = proxy.flow_log.flow()
    assert (row["changed"], row["status"]) == (1, 200)
    assert row["tokens_after"] < row["tokens_before"]
    assert len(proxy.flow_log.outputs(row["id"])) == 1
    assert our_warnings(proxy) == []


def test_after_a_crash(start_proxy: Callable[..., Proxy], upstream: LocalUpstream) -> None:
    body = anthropic_bytes(literal(tool_text(200, seed=91)))
    first = start_proxy()
    send(first, body)
    first.flow_log.flow()
    os.kill(first.pid, signal.SIGKILL)
    first.stop()

    second = start_proxy()
    send(second, body)

    assert upstream.received[1].raw == upstream.received[0].raw
    assert [row["outputs_rewritten"] for row in second.flow_log.flows(2)] == [1, 1]
    assert our_warnings(second) == []


def children(pid: int) -> set[int]:
    """All processes below `pid`."""
    lines = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout.splitlines()
    parents = {int(child): int(parent) for child, parent in (line.split() for line in lines)}
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in found | {pid}} - found:
        found |= more
    return found


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda end: end.name)
def test_no_processes_stay_behind(start_proxy: Callable[..., Proxy], end: signal.Signals) -> None:
    proxy = start_proxy()
    # Large enough for the pool: its processes are there when it has been answered.
    send(proxy, anthropic_bytes(literal(tool_text(2_000, seed=102))))
    workers = children(proxy.pid)
    assert workers
    os.kill(proxy.pid, end)
    proxy.stop()
    deadline = time.monotonic() + 10
    while (left := {pid for pid in workers if alive(pid)}) and time.monotonic() < deadline:
        time.sleep(0.1)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


def test_two_proxies_share_a_data_folder(start_proxy: Callable[..., Proxy], upstream: LocalUpstream, tmp_path: Path) -> None:
    shared = {"headroom_data_dir": str(tmp_path / "one" / "data")}
    one, two = start_proxy(tmp_path / "one", options=shared), start_proxy(tmp_path / "two", options=shared)
    bodies = [anthropic_bytes(literal(tool_text(150 + number, seed=92))) for number in range(10)]
    for body in bodies:
        send(one, body)
        send(two, body)
    assert [request.raw for request in upstream.received[::2]] == [request.raw for request in upstream.received[1::2]]
    assert len(one.flow_log.flows(20)) == 20
    assert our_warnings(one) == our_warnings(two) == []


def test_a_folder_that_cannot_be_written_costs_no_request(
    start_proxy: Callable[..., Proxy], upstream: LocalUpstream, tmp_path: Path
) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("in the way")
    result = literal(tool_text(200, seed=93))
    body = anthropic_bytes(result)
    proxy = start_proxy(options={"headroom_data_dir": str(blocked / "data")})
    for _ in range(3):
        send(proxy, body)
    assert proxy.stop() == 0
    assert len({request.raw for request in upstream.received}) == 1
    assert "rec-1000" in replaced(body, upstream.received[0].raw, result)
    assert len(our_warnings(proxy)) == 1, proxy.log
    assert "Traceback" not in proxy.log


def test_a_locked_database_costs_no_request(start_proxy: Callable[..., Proxy], upstream: LocalUpstream) -> None:
    proxy = start_proxy()
    send(proxy, anthropic_bytes(literal(tool_text(200, seed=94))))
    proxy.flow_log.flow()
    results = [literal(tool_text(200, seed=95 + number)) for number in range(3)]
    bodies = [anthropic_bytes(result) for result in results]
    with (
        closing(sqlite3.connect(proxy.data_dir / "flows.db", isolation_level=None)) as log,
        closing(sqlite3.connect(proxy.data_dir / "store.db", isolation_level=None)) as store,
    ):
        log.execute("begin immediate")
        store.execute("begin immediate")
        for body in bodies:
            send(proxy, body)
        assert proxy.stop() == 0
    for body, result, request in zip(bodies, results, upstream.received[1:], strict=True):
        assert "rec-1000" in replaced(body, request.raw, result)
    assert 1 <= len(our_warnings(proxy)) <= 2, proxy.log
    assert "Traceback" not in proxy.log


def test_a_damaged_database_costs_no_request(start_proxy: Callable[..., Proxy], upstream: LocalUpstream, tmp_path: Path) -> None:
    data = tmp_path / "proxy" / "data"
    data.mkdir(parents=True)
    for name in ("flows.db", "store.db"):
        (data / name).write_bytes(b"no database at all" * 1000)
    result = literal(tool_text(200, seed=99))
    body = anthropic_bytes(result)
    proxy = start_proxy()
    send(proxy, body)
    send(proxy, body)
    assert proxy.stop() == 0
    assert upstream.received[0].raw == upstream.received[1].raw
    assert "rec-1000" in replaced(body, upstream.received[0].raw, result)
    assert 1 <= len(our_warnings(proxy)) <= 2, proxy.log
    assert "Traceback" not in proxy.log


def test_requests_that_mitmproxy_itself_streams(start_proxy: Callable[..., Proxy], upstream: LocalUpstream) -> None:
    """The user's own `stream_large_bodies` passes a large body on before any hook sees it; the addon warns at the start."""
    proxy = start_proxy(options={"stream_large_bodies": "5k"})
    large = anthropic_bytes(literal(tool_text(200, seed=100)))
    small_result = literal(tool_text(30, seed=101))
    small = anthropic_bytes(small_result)
    assert len(small) < 5_000 < len(large)
    send(proxy, large)
    send(proxy, small)
    assert upstream.received[0].raw == large
    assert "rec-1000" in replaced(small, upstream.received[1].raw, small_result)
    first, second = proxy.flow_log.flows(2)
    assert (first["reason"], first["changed"]) == ("streamed_request", 0)
    assert second["changed"]
    assert "stream_large_bodies" in proxy.log
