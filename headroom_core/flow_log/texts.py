"""Texts as the store keeps them: UTF-8 with lone surrogates passed through, in a zstd frame.

Both ways go in slices: a 10 MB text encoded in one piece would hold the interpreter's lock, and so the event loop, for more
than 5 ms. zstd itself runs without the lock.
"""

from __future__ import annotations

import codecs

import zstandard

_SLICE = 128 * 1024
_LEVEL = 3


def pack(text: str) -> bytes:
    """The text as a zstd frame. Any str will do."""
    compressor = zstandard.ZstdCompressor(level=_LEVEL)
    if len(text) <= _SLICE:
        return compressor.compress(text.encode("utf-8", "surrogatepass"))
    stream = compressor.compressobj()
    parts = [stream.compress(text[start : start + _SLICE].encode("utf-8", "surrogatepass")) for start in range(0, len(text), _SLICE)]
    parts.append(stream.flush())
    return b"".join(parts)


def unpack(frame: bytes) -> str:
    """The text that `pack` was given. Raises ValueError if the frame is damaged or cut off."""
    decompressor = zstandard.ZstdDecompressor().decompressobj()
    decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
    try:
        data = decompressor.decompress(frame)
        if not decompressor.eof:
            raise ValueError("cut off")
        parts = [decoder.decode(data[start : start + _SLICE]) for start in range(0, len(data), _SLICE)]
        return "".join(parts) + decoder.decode(b"", final=True)
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error
