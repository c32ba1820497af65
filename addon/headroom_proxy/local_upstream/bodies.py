"""Bodies on their way in and out: content decoding of what came, pacing of what is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from mitmproxy.net import encoding

from headroom_proxy.local_upstream.model import Cut, Headers, Piece

LONGEST_WAIT = 60.0
"""Seconds after which a flag that nobody sets counts as a cut: a broken test must end."""


class CutOffError(Exception):
    """The answer ends here without a proper end."""


def content(raw: bytes, headers: Headers) -> bytes:
    """The body after content decoding; `raw` where its coding does not hold."""
    coding = next((value for name, value in headers if name == "content-encoding"), "")
    try:
        decoded = encoding.decode(raw, coding) if coding else raw
    except ValueError:
        return raw
    return decoded if isinstance(decoded, bytes) else raw


async def paced(chunks: Iterable[Piece]) -> AsyncIterator[bytes]:
    """The byte pieces, each when its time has come. Raises CutOffError at a cut."""
    for piece in chunks:
        if isinstance(piece, bytes):
            yield piece
        elif isinstance(piece, Cut):
            raise CutOffError
        elif isinstance(piece, (int, float)):
            await asyncio.sleep(piece)
        else:
            try:
                async with asyncio.timeout(LONGEST_WAIT):
                    while not piece.is_set():  # noqa: ASYNC110 - it is set in another thread
                        await asyncio.sleep(0.002)
            except TimeoutError as error:
                raise CutOffError from error
