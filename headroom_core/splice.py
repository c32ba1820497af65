"""Byte-faithful edits: string literals replaced in place, every other byte as it came."""

from __future__ import annotations

from collections.abc import Sequence

type Edit = tuple[int, int, bytes]
"""Start and end offset in the body, and the bytes that stand there afterwards."""


def splice(body: bytes, edits: Sequence[Edit]) -> bytes:
    """The body with the edits made. They are in order and don't overlap."""
    if not edits:
        return body
    view = memoryview(body)
    pieces: list[bytes | memoryview] = []
    done = 0
    for start, end, replacement in edits:
        if start < done or end < start:
            raise ValueError("edits overlap or are out of order")
        pieces += (view[done:start], replacement)
        done = end
    pieces.append(view[done:])
    return b"".join(pieces)
