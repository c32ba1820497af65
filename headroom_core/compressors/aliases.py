"""Short names for what columns repeat: long beginnings of urls, paths and timestamps, and long values as a whole.

An alias stands in each cell, `@1 rest` or `@1` alone, and is explained in the table's head. Identifiers stay whole: they
are what a question names.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from headroom_core.compressors.table_cells import text_cell

_MIN_BEGINNING = 14
_MIN_VALUE = 24
_MIN_SAVED = 60
_ALIAS_COST = 4
_MAX_ALIASES = 8
_SAMPLE = 16
_IDENTIFIER = re.compile(r"(^|[._ ])(id|uuid|guid|key|arn|sha|hash)$|[a-z](Id|ID|Arn|ARN|Key)$|_(id|arn|key|uuid)$", re.IGNORECASE)
# Up to the hour's colon: the cut must not go through a word such as 20T08.
_HOUR = re.compile(r"\d{4}[-/]\d{2}[-/]\d{2}[T ]\d{2}:")
_HOUR_LENGTH = 14


@dataclass(slots=True)
class Aliases:
    """The aliases of one document, numbered through all its tables."""

    count: int = 0
    new: list[str] = field(default_factory=list)
    """Lines `@1=text` since the last `take`."""

    def take(self) -> list[str]:
        """The lines for the head of the table that was written last."""
        lines, self.new = self.new, []
        return lines

    def apply(self, name: str, values: Sequence[str], cells: list[str]) -> list[str]:
        """The cells of a column of texts, with aliases where they pay. `cells` are what stands without any."""
        if _IDENTIFIER.search(name):
            return cells
        beginnings = _beginnings(values)
        if not beginnings:
            return cells
        named = {beginning: self._name(beginning) for beginning in beginnings}
        longest = max(map(len, named))
        return [_cell(value, cell, named, longest) for value, cell in zip(values, cells, strict=True)]

    def _name(self, text: str) -> str:
        self.count += 1
        self.new.append(f"@{self.count}={text}")
        return f"@{self.count}"


def _cell(value: str, cell: str, named: dict[str, str], longest: int) -> str:
    if len(value) <= longest and (alias := named.get(value)):
        return alias
    cut = _cut(value)
    alias = named.get(value[:cut]) if cut else None
    if alias is None:
        return cell
    rest = value[cut:]
    return f"{alias} {rest}" if text_cell("x" + rest) == "x" + rest else cell


def _beginnings(values: Sequence[str]) -> list[str]:
    """What is worth an alias in a column, in the order of first appearance."""
    sample = values[: _SAMPLE * 4 : 4] or values[:_SAMPLE]
    long_values = sum(len(value) >= _MIN_VALUE for value in sample) * 2 >= len(sample)
    with_cut = sum(_cut(value) >= _MIN_BEGINNING or _is_dated(value) for value in sample) * 2 >= len(sample)
    if not long_values and not with_cut:
        return []
    whole = _worth(Counter(value for value in values if len(value) >= _MIN_VALUE))
    if sum(whole.values()) * 2 >= len(values):
        return list(whole)
    if not with_cut:
        return []
    return list(_worth(Counter(value[:cut] for value in values if (cut := _cut(value)))))


def _worth(counts: Counter[str]) -> dict[str, int]:
    common = [(text, often) for text, often in counts.most_common(_MAX_ALIASES) if often > 1 and text.isprintable()]
    return {text: often for text, often in common if (len(text) - _ALIAS_COST) * (often - 1) - 2 * _ALIAS_COST >= _MIN_SAVED}


def _cut(value: str) -> int:
    """Where a value's beginning ends: behind the last slash of a url or path, behind the hour of a timestamp; 0 for none."""
    if _is_dated(value):
        return _HOUR_LENGTH
    at = value.rfind("/", 0, -1) + 1
    return at if at >= _MIN_BEGINNING and " " not in value[:at] else 0


def _is_dated(value: str) -> bool:
    return _HOUR.match(value) is not None
