"""Responses pass through chunk by chunk; a copy is read for what the provider says it billed.

The copy is decoded as it comes and only what may hold usage is kept, within a bound: of an event stream the lines that
name usage, of a JSON answer the whole.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable
from typing import Protocol

import brotli
import orjson
import zstandard

from headroom_proxy.edge import Edge

MAX_JSON = 8 * 1024 * 1024
MAX_LINE = 8 * 1024 * 1024
MAX_LINES = 64

_MARKS = (b'"usage', b'"usageMetadata', b'"error', b'"cache_miss_reason')


class _Decoder(Protocol):
    def __call__(self, chunk: bytes, /) -> bytes: ...


class UsageTap:
    """mitmproxy's stream callable: returns each chunk as it is. `events()` gives what was found, at any time."""

    def __init__(self, content_type: str, coding: str) -> None:
        content_type = content_type.lower()
        self._lines = "event-stream" in content_type or "ndjson" in content_type
        self._decode: _Decoder | None = _decoder(coding) if self._lines or "json" in content_type else None
        self._rest = bytearray()
        self._kept: deque[bytes] = deque(maxlen=MAX_LINES)
        self._first: bytes = b""
        self.bytes_seen = 0
        self.unreadable = ""

    def __call__(self, chunk: bytes) -> bytes:
        """Pass a chunk on; the last one is empty. Never raises: an exception here would hang the client."""
        self.bytes_seen += len(chunk)
        if self._decode is not None and chunk:
            with Edge("the copy of a response") as edge:
                self._read(self._decode, chunk)
            if edge.error:
                self._stop(edge.error)
        return chunk

    def events(self) -> list[object]:
        """The JSON values that may hold usage, in order."""
        if not self._lines:
            return [value] if (value := _json(bytes(self._rest))) is not None else []
        lines = [self._first, *self._kept, bytes(self._rest)]
        return [value for line in lines if (value := _json(line.removeprefix(b"data:"))) is not None]

    def _read(self, decode: _Decoder, chunk: bytes) -> None:
        try:
            self._rest += decode(chunk)
        except (zlib.error, brotli.error, zstandard.ZstdError, EOFError) as error:
            self._stop(f"undecodable response: {error}")
            return
        if self._lines:
            self._keep_lines()
            if len(self._rest) > MAX_LINE:
                self._stop("a line of the response is too long")
        elif len(self._rest) > MAX_JSON:
            self._stop("the response is too long")

    def _keep_lines(self) -> None:
        *lines, rest = self._rest.split(b"\n")
        if not lines:
            return
        self._rest = rest
        for line in lines:
            if any(mark in line for mark in _MARKS):
                # A stream of many usage lines tells its figures first and last; the first must not fall out.
                if self._first:
                    self._kept.append(bytes(line))
                else:
                    self._first = bytes(line)

    def _stop(self, reason: str) -> None:
        self._decode = None
        self._rest.clear()
        self.unreadable = reason


def _decoder(coding: str) -> _Decoder | None:
    makers: dict[str, Callable[[], _Decoder]] = {
        "identity": lambda: bytes,
        "gzip": lambda: zlib.decompressobj(zlib.MAX_WBITS | 16).decompress,
        "deflate": lambda: zlib.decompressobj().decompress,
        "br": lambda: brotli.Decompressor().process,
        "zstd": lambda: zstandard.ZstdDecompressor().decompressobj().decompress,
    }
    maker = makers.get(coding)
    return maker() if maker else None


def _json(text: bytes) -> object | None:
    if not text.strip():
        return None
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return value
