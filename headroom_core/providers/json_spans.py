"""Where values stand in a JSON body, found by msgspec's C parser without decoding what isn't needed.

msgspec's `Raw` is a view into the buffer that was parsed, so its address less the buffer's address is its offset.
Only shapes are read here; a value's own bytes are never changed, and a string literal is decoded when it is needed.
"""

from __future__ import annotations

import json
import re

import msgspec
import numpy as np
import orjson

from headroom_core.errors import RequestFormatError
from headroom_core.model import Reason

# msgspec refuses a whole document for one lone surrogate escape, which JavaScript clients do send. In the copy that is
# searched for structure every surrogate escape becomes another escape of the same length; offsets stay as they are.
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F][0-9a-fA-F]{2}")
_HARMLESS_ESCAPE = rb"\\u0041"

type Raws = list[msgspec.Raw]
_LIST_DECODER = msgspec.json.Decoder(list[msgspec.Raw])


class Spans:
    """Offsets of `Raw` values that were parsed from `body`."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.searched = body
        self._base = _address(body)

    def decode[T](self, decoder: msgspec.json.Decoder[T]) -> T:
        """The body in the decoder's type, with `Raw` leaves. Raises RequestFormatError."""
        try:
            return _decode(decoder, self.searched)
        except RequestFormatError:
            if _SURROGATE_ESCAPE.search(self.searched) is None:
                raise
        self.searched = _SURROGATE_ESCAPE.sub(_HARMLESS_ESCAPE, self.searched)
        self._base = _address(self.searched)
        return _decode(decoder, self.searched)

    def offset(self, raw: msgspec.Raw) -> int:
        """Offset of a value's first byte in the body."""
        return _address(raw) - self._base


def inner_offset(outer: msgspec.Raw, inner: msgspec.Raw) -> int:
    """Offset of a value within another that it was parsed from, at any depth."""
    return _address(inner) - _address(outer)


def items(raw: msgspec.Raw) -> Raws | None:
    """The elements of a JSON array; None if it isn't one."""
    try:
        return _LIST_DECODER.decode(raw)
    except (ValueError, RecursionError):
        return None


def part[T](decoder: msgspec.json.Decoder[T], raw: msgspec.Raw) -> T | None:
    """A value in the decoder's type; None if it has another shape."""
    try:
        return decoder.decode(raw)
    except (ValueError, RecursionError):
        return None


def is_string(raw: msgspec.Raw) -> bool:
    """Whether a value is a JSON string."""
    return bytes(memoryview(raw)[:1]) == b'"'


def is_array(raw: msgspec.Raw) -> bool:
    """Whether a value is a JSON array."""
    return bytes(memoryview(raw)[:1]) == b"["


def decode_literal(literal: bytes) -> str | None:
    """The text of a JSON string literal; None if it is no valid string. Lone surrogates stay in the text."""
    try:
        text = orjson.loads(literal)
    except orjson.JSONDecodeError:
        try:
            text = json.loads(literal.decode("utf-8"))
        except ValueError:
            return None
    return text if isinstance(text, str) else None


def encode_literal(text: str) -> bytes:
    """A JSON string literal for a text, without line breaks and with non-ASCII characters as they are."""
    try:
        return orjson.dumps(text)
    except orjson.JSONEncodeError:
        return json.dumps(text).encode("ascii")


def _decode[T](decoder: msgspec.json.Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise RequestFormatError(Reason.UNEXPECTED_SHAPE, str(error)) from error
    except (ValueError, RecursionError) as error:
        # msgspec's DecodeError, or Python's UnicodeDecodeError from a string that is no UTF-8.
        raise RequestFormatError(Reason.NOT_JSON, str(error)) from error


def _address(buffer: bytes | msgspec.Raw) -> int:
    view = np.frombuffer(buffer, np.uint8)
    address: int = view.__array_interface__["data"][0]
    return address
