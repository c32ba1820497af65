"""One value as one cell of a table, in a spelling that reads at sight and has one meaning.

A cell is: empty (the field is absent); a JSON number, true, false or null; a text as it is where that can't be taken for
anything else, else a JSON string; `[a,b]` a list of plain values; `=` and JSON for everything else.
In a cell within brackets the brackets' own signs make a text a JSON string too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from typing import Final

import orjson

from headroom_core.compressors.exact_json import Spelled, Value, dumps


class _Absent(Enum):
    ABSENT = "absent"


ABSENT: Final = _Absent.ABSENT
"""Stands where a record has no such field."""

type Cell = Value | _Absent

_NUMBER = r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?"
_WORDS = {"true", "false", "null"}
NUMBER = re.compile(_NUMBER)
_EDGE = r"[^\x00-\x20,\x7f\u0085\u00a0\u2028\u2029%s]"
_INNER = r"[^\x00-\x1f,\x7f\u0085\u2028\u2029%s]"


def _plain_text(first: str, inner: str) -> re.Pattern[str]:
    """A text of printing characters without blanks at its ends, without the given first and inner signs."""
    edge = _EDGE % re.escape(inner)
    start = _EDGE % re.escape(first + inner)
    return re.compile(f"{start}(?:{_INNER % re.escape(inner)}*{edge})?")


_TOP = _plain_text('"[{=@', "")
_NESTED = _plain_text('"=@', "[]{};")
NAME = _plain_text('"=@+', '[]{};:="|.')
"""A field name that a header shows as it is."""
_MARKING_FIRST = frozenset('"[{=@ ')
_DIGITS = frozenset("-0123456789")


def cell(value: Cell, *, nested: bool = False) -> str:
    """The cell of one value."""
    if value is ABSENT:
        return ""
    if isinstance(value, str):
        return text_cell(value, nested=nested)
    if isinstance(value, list):
        return _list_cell(value)
    if isinstance(value, dict):
        return "=" + dumps(value)
    return _scalar(value)


def text_cell(text: str, *, nested: bool = False) -> str:
    """The cell of a text in a column that holds values of other types too."""
    if (_NESTED if nested else _TOP).fullmatch(text) and text not in _WORDS and not NUMBER.fullmatch(text):
        return text
    return quoted(text)


def marked_text_cell(text: str, *, nested: bool = False) -> str:
    """The cell of a text in a column whose header says that it holds texts only: 007 and true are texts there."""
    return text if (_NESTED if nested else _TOP).fullmatch(text) else quoted(text)


def quoted(text: str) -> str:
    """A JSON string."""
    return orjson.dumps(text).decode()


def number_cells(values: Sequence[Value]) -> list[str]:
    """The cells of a column of numbers (int, float; not Spelled), spelled as orjson spells them."""
    return orjson.dumps(values)[1:-1].decode().split(",")


def text_cells(values: list[str], *, nested: bool = False) -> tuple[list[str], bool]:
    """The cells of a column of texts, and whether its header must say `:text` (a text there looks like a number)."""
    if all_plain(values, nested=nested):
        return values, False
    looks_other = sum(text in _WORDS or NUMBER.fullmatch(text) is not None for text in values)
    if looks_other > len(values) // 4:
        return [marked_text_cell(text, nested=nested) for text in values], True
    return [text_cell(text, nested=nested) for text in values], False


def all_plain(values: Sequence[str], *, nested: bool = False) -> bool:
    """Whether every text can stand as it is; may say no for a column where a closer look at each would say yes."""
    joined = "".join(values)
    if not joined.isprintable() or "," in joined or not all(values):
        return False
    if nested and any(sign in joined for sign in "[]{};"):
        return False
    firsts = {text[0] for text in values}
    if not _MARKING_FIRST.isdisjoint(firsts) or not _WORDS.isdisjoint(values):
        return False
    if not _DIGITS.isdisjoint(firsts) and any(text[0] in _DIGITS and NUMBER.fullmatch(text) for text in values):
        return False
    return " " not in {text[-1] for text in values}


def name_cell(name: str) -> str:
    """A field name in a header."""
    return name if NAME.fullmatch(name) else quoted(name)


def _scalar(value: Value) -> str:
    if isinstance(value, Spelled):
        return value.text
    return orjson.dumps(value).decode()


def _list_cell(values: list[Value]) -> str:
    if any(isinstance(value, list | dict) for value in values):
        return "=" + dumps(values)
    return "[" + ",".join(cell(value, nested=True) for value in values) + "]"
