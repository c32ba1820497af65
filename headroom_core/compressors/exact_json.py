"""JSON to values without losing how anything was spelled: 1.10 stays 1.10, 1E400 stays 1E400, a duplicate key is noticed.

The fast way is orjson, and proof that nothing was lost: the parsed values written again are the minified text. Where they
are not, the standard parser keeps each number that it would respell as a `Spelled`.
"""

from __future__ import annotations

import json
from typing import Self, cast

import msgspec
import orjson

type Value = dict[str, Value] | list[Value] | str | int | float | bool | Spelled | None


MAX_DEPTH = 200
_SAFE_DIGITS = 18


class Spelled(float):
    """A number with the spelling that it came with."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Self:
        """A number from its JSON text; one beyond a float's range is infinite but keeps its text."""
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __eq__(self, other: object) -> bool:
        """Equal means the same spelling."""
        return isinstance(other, Spelled) and self.text == other.text

    def __hash__(self) -> int:
        """By spelling, as equality is."""
        return hash(self.text)


class NotExactError(ValueError):
    """The text is no JSON, or can't be held without loss."""


def parse(text: str) -> Value:
    """The values of a JSON text. Raises NotExactError for anything that `dumps` could not write back."""
    data = encode(text)
    try:
        value = cast("Value", orjson.loads(data))
        minified = msgspec.json.format(data, indent=-1)
        exact = orjson.dumps(value) == minified
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, msgspec.DecodeError, RecursionError):
        exact = False
    return value if exact else _parse_spelled(text)


def dumps(value: Value) -> str:
    """Compact JSON of values that `parse` returned; numbers as they were spelled."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return _dumps_spelled(value)


def encode(text: str) -> bytes:
    """UTF-8 of a text. Raises NotExactError for lone surrogates."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise NotExactError(str(error)) from error


def _parse_spelled(text: str) -> Value:
    try:
        value = json.loads(text, parse_float=_number, parse_int=_whole, parse_constant=_constant, object_pairs_hook=_object)
        dumps(value)
    except (ValueError, TypeError, RecursionError) as error:
        raise NotExactError(str(error)) from error
    # What is deeper could be parsed, but not walked without care for the stack.
    if _is_deeper(value, MAX_DEPTH):
        raise NotExactError(f"nested deeper than {MAX_DEPTH} levels")
    return cast("Value", value)


def _number(text: str) -> float | Spelled:
    number = float(text)
    return number if orjson.dumps(number) == text.encode() else Spelled(text)


def _whole(text: str) -> int | Spelled:
    # orjson writes whole numbers of up to 64 bits; "-0" would lose its sign.
    return int(text) if len(text) <= _SAFE_DIGITS and text != "-0" else Spelled(text)


def _constant(text: str) -> Value:
    raise NotExactError(f"{text} is no JSON")


def _object(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise NotExactError("an object has the same key twice")
    return made


def _is_deeper(value: object, levels: int) -> bool:
    layer = [value]
    for _ in range(levels):
        layer = [inner for one in layer if isinstance(one, dict | list) for inner in (one.values() if isinstance(one, dict) else one)]
        if not layer:
            return False
    return True


def _dumps_spelled(value: Value) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{dumps(key)}:{_dumps_spelled(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_dumps_spelled, value)) + "]"
    return value.text if isinstance(value, Spelled) else orjson.dumps(value).decode()
