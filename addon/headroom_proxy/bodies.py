"""Content codings of request bodies: decoded within a bound, encoded again the same way."""

from __future__ import annotations

import gzip
import zlib

import brotli
import zstandard

MAX_DECODED = 64 * 1024 * 1024
"""A body that is larger decoded is passed on as it came: a few bytes of zstd can stand for gigabytes."""

_ZSTD_STEP = 4096


class BodyError(ValueError):
    """A body is not in the coding that its header names, or too large once decoded."""


def decode(raw: bytes, coding: str) -> bytes:
    """The body behind a Content-Encoding. Raises BodyError."""
    try:
        decoded = _decode(raw, coding)
    except (zlib.error, EOFError, OSError, brotli.error, zstandard.ZstdError) as error:
        raise BodyError(f"not {coding}: {error}") from error
    if len(decoded) > MAX_DECODED:
        raise BodyError(f"more than {MAX_DECODED} bytes once decoded")
    return decoded


def encode(body: bytes, coding: str) -> bytes:
    """The body in a Content-Encoding that `decode` knows."""
    match coding:
        case "gzip":
            return gzip.compress(body, compresslevel=6, mtime=0)
        case "deflate":
            return zlib.compress(body)
        case "br":
            return bytes(brotli.compress(body, quality=4))
        case "zstd":
            return zstandard.ZstdCompressor(level=3).compress(body)
        case _:
            return body


def coding_of(header: str | None) -> str:
    """The one coding that a Content-Encoding header names; identity without one."""
    return (header or "identity").strip().lower() or "identity"


def _decode(raw: bytes, coding: str) -> bytes:
    match coding:
        case "identity":
            return raw
        case "gzip":
            return _inflate(raw, zlib.MAX_WBITS | 16)
        case "deflate":
            return _inflate(raw, zlib.MAX_WBITS)
        case "br":
            return _brotli(raw)
        case "zstd":
            return _unzstd(raw)
        case _:
            raise BodyError(f"unknown content coding {coding[:40]}")


def _inflate(raw: bytes, window: int) -> bytes:
    inflater = zlib.decompressobj(window)
    decoded = inflater.decompress(raw, MAX_DECODED + 1)
    if len(decoded) <= MAX_DECODED and (not inflater.eof or inflater.unused_data):
        raise BodyError("cut off, or followed by other bytes")
    return decoded


def _unzstd(raw: bytes) -> bytes:
    """All frames of a zstd body, fed in small pieces: one call could turn a few bytes into gigabytes."""
    pieces: list[bytes] = []
    size = 0
    frame = zstandard.ZstdDecompressor().decompressobj()
    at = 0
    while at < len(raw) and size <= MAX_DECODED:
        if frame.eof:
            frame = zstandard.ZstdDecompressor().decompressobj()
        step = raw[at : at + _ZSTD_STEP]
        piece = frame.decompress(step)
        pieces.append(piece)
        size += len(piece)
        at += len(step) - len(frame.unused_data)
    if size <= MAX_DECODED and not frame.eof:
        raise BodyError("cut off")
    return b"".join(pieces)


def _brotli(raw: bytes) -> bytes:
    decoder = brotli.Decompressor()
    decoded = decoder.process(raw, output_buffer_limit=MAX_DECODED + 1)
    if len(decoded) <= MAX_DECODED and not decoder.is_finished():
        raise BodyError("cut off")
    return bytes(decoded)
