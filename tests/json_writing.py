"""JSON written in any style that a client's encoder may have, and read back without losing how anything was spelled.

Shares no code with the product: it is what the tests hold the product's own reading and writing against.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

type Path = tuple[str | int, ...]

_ESCAPE = re.compile(r"\\(?:u[0-9a-f]{4}|.)")
_SURROGATE = re.compile("[\ud800-\udfff]")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


@dataclass(frozen=True)
class Spelled:
    """A piece of JSON that stands as it is: a number such as 1E400, or a part written in another style."""

    json: str


@dataclass(frozen=True)
class Members:
    """An object by its members in order; a name may come twice."""

    pairs: tuple[tuple[str, Any], ...]

    def without(self, name: str) -> Members:
        return Members(tuple(pair for pair in self.pairs if pair[0] != name))

    def get(self, name: str) -> Any:
        """The last value of that name, which is the one that counts; None if there is none."""
        return next((value for key, value in reversed(self.pairs) if key == name), None)


@dataclass(frozen=True)
class Number:
    """A number that was read, by its spelling."""

    text: str


@dataclass(frozen=True)
class Style:
    """How an encoder writes: blanks, escapes, the order of keys (`order` 0 leaves it as given)."""

    comma: str = ", "
    colon: str = ": "
    inside: str = ""
    ascii: bool = True
    slashes: bool = False
    capitals: bool = False
    order: int = 0


def write(value: Any, style: Style) -> str:
    """JSON of dicts, `Members`, lists, texts (lone surrogates are always escaped), numbers and `Spelled` pieces."""
    if isinstance(value, Spelled):
        return value.json
    if isinstance(value, str):
        return _text(value, style)
    if isinstance(value, dict):
        value = Members(tuple(value.items()))
    if isinstance(value, Members):
        pairs = value.pairs
        if style.order:
            pairs = tuple(sorted(pairs, key=lambda pair: zlib.crc32(f"{style.order}{pair[0]!a}".encode())))
        inner = [f"{_text(name, style)}{style.colon}{write(member, style)}" for name, member in pairs]
        return "{" + _wrapped(inner, style) + "}"
    if isinstance(value, list | tuple):
        return "[" + _wrapped([write(item, style) for item in value], style) + "]"
    return json.dumps(value)


def read(body: bytes) -> Any:
    """A body's values: objects as `Members`, numbers as `Number`; a name that comes twice stays twice."""
    return json.loads(
        body.decode("utf-8", "surrogatepass"),
        object_pairs_hook=lambda pairs: Members(tuple(pairs)),
        parse_int=Number,
        parse_float=Number,
        parse_constant=Number,
    )


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every scalar and every empty collection with its path; members that share a name are told apart by `name#2`."""
    if isinstance(value, Members) and value.pairs:
        counts: dict[str, int] = {}
        for name, member in value.pairs:
            counts[name] = counts.get(name, 0) + 1
            yield from leaves(member, (*path, name if counts[name] == 1 else f"{name}#{counts[name]}"))
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    else:
        yield path, value


def literal_at(body: bytes, offset: int) -> bytes:
    """The whole JSON string literal that begins at an offset."""
    match = _STRING.match(body, offset)
    assert match, body[offset : offset + 40]
    return match[0]


def _wrapped(items: list[str], style: Style) -> str:
    return style.inside + style.comma.join(items) + style.inside if items else ""


def _text(text: str, style: Style) -> str:
    written = json.dumps(text, ensure_ascii=style.ascii)
    if not style.ascii:
        written = _SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", written)
    if style.capitals:
        written = _ESCAPE.sub(lambda match: "\\u" + match[0][2:].upper() if match[0][1] == "u" else match[0], written)
    return written.replace("/", "\\/") if style.slashes else written
