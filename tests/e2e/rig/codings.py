"""Content codings, made and undone without mitmproxy's or the product's own code."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator

import brotli
import zstandard

CODINGS = ["identity", "gzip", "br", "zstd", "deflate"]


def encoded(body: bytes, coding: str) -> bytes:
    match coding:
        case "gzip":
            # A level and a file name that the product does not use: bytes that are made anew differ from these.
            compressor = zlib.compressobj(1, zlib.DEFLATED, 31)
            return compressor.compress(body) + compressor.flush()
        case "br":
            return bytes(brotli.compress(body, quality=1))
        case "zstd":
            return zstandard.compress(body, 1)
        case "deflate":
            return zlib.compress(body, 1)
        case _:
            return body


def decoded(raw: bytes, coding: str) -> bytes:
    match coding:
        case "gzip":
            return gzip.decompress(raw)
        case "br":
            return bytes(brotli.decompress(raw))
        case "zstd":
            return zstandard.ZstdDecompressor().decompressobj().decompress(raw)
        case "deflate":
            return zlib.decompress(raw)
        case _:
            return raw


def flushed(pieces: Iterable[bytes], coding: str) -> Iterator[bytes]:
    """One coded stream over all pieces, each complete on the wire as soon as it is sent."""
    match coding:
        case "gzip":
            compressor = zlib.compressobj(6, zlib.DEFLATED, 31)
            for piece in pieces:
                yield compressor.compress(piece) + compressor.flush(zlib.Z_SYNC_FLUSH)
            yield compressor.flush()
        case "br":
            writer = brotli.Compressor()
            for piece in pieces:
                yield writer.process(piece) + writer.flush()
            yield writer.finish()
        case "zstd":
            frame = zstandard.ZstdCompressor().compressobj()
            for piece in pieces:
                yield frame.compress(piece) + frame.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
            yield frame.flush()
        case _:
            yield from pieces
