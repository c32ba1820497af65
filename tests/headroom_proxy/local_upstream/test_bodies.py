from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Iterable

import pytest

from headroom_proxy.local_upstream import CUT, Piece, bodies


def paced(chunks: Iterable[Piece]) -> list[bytes]:
    async def collect() -> list[bytes]:
        return [piece async for piece in bodies.paced(chunks)]

    return asyncio.run(collect())


def test_bytes_wait_for_their_flag() -> None:
    flag = threading.Event()
    threading.Timer(0.02, flag.set).start()
    assert paced([b"a", flag, 0.001, b"b"]) == [b"a", b"b"]
    assert flag.is_set()


def test_a_cut() -> None:
    with pytest.raises(bodies.CutOffError):
        paced([b"a", CUT])


def test_a_flag_that_nobody_sets_is_a_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LONGEST_WAIT", 0.01)
    with pytest.raises(bodies.CutOffError):
        paced([threading.Event()])


@pytest.mark.parametrize(
    ("raw", "coding", "content"),
    [
        (b"plain", None, b"plain"),
        (gzip.compress(b"coded"), "gzip", b"coded"),
        (b"not coded", "gzip", b"not coded"),
        (b"unknown", "snappy", b"unknown"),
    ],
)
def test_content(raw: bytes, coding: str | None, content: bytes) -> None:
    headers = (("content-encoding", coding),) if coding else ()
    assert bodies.content(raw, headers) == content
