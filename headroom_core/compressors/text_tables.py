"""Tables that are text already: CSV, TSV, Markdown, and what psql and mysql print. Their rows go to the same choice as JSON records."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from headroom_core.compressors.collection_writer import CollectionWriter
from headroom_core.compressors.exact_json import Spelled, Value
from headroom_core.compressors.json_document import Collection, Kind
from headroom_core.compressors.notes import MARK
from headroom_core.compressors.table_cells import NUMBER
from headroom_core.model import Ask, Reason, Rewritten, Skipped
from headroom_core.settings import Settings

_DELIMITERS = (",", "\t", ";", "|")
_MIN_COLUMNS = 2
_MIN_ROWS = 8
_PROBE_LINES = 12
_MOST_ODD = 0.05
_MAX_FIELD = 1_000_000
_RULE = re.compile(r"^[\s|+:-]*-[\s|+:-]*$")
_FOOTER = re.compile(r"^\(?\d+ rows?\b.*$")


@dataclass(frozen=True, slots=True)
class _Rows:
    """A table's name, header and rows, with the lines that stand before and behind it."""

    form: str
    header: list[str]
    rows: list[list[str]]
    before: list[str]
    behind: list[str]


class TextTable:
    """CSV and its relatives, and tables drawn with lines."""

    name = "text_table"

    def fit(self, text: str, ask: Ask) -> float:
        """0.7 for a drawn table, 0.6 for separated values whose first lines have as many fields as their header."""
        del ask
        lines = text.split("\n", _PROBE_LINES)[:_PROBE_LINES]
        if _rule_at(lines) >= 0:
            return 0.7
        return 0.6 if _delimiter(lines) else 0.0

    def compress(self, text: str, ask: Ask, settings: Settings, content_id: str) -> Rewritten | Skipped:
        """The rows under a header; at level `balanced` the chosen ones."""
        table = _drawn(text) or _separated(text)
        if table is None or len(table.rows) < _MIN_ROWS:
            return Skipped(Reason.NO_COMPRESSOR_FITS, "no table of rows")
        collection = _collection(table)
        if collection is None:
            return Skipped(Reason.NO_COMPRESSOR_FITS, "rows of different lengths")
        part = CollectionWriter(ask, settings, content_id).write("", collection)
        lossless = part.total == part.kept
        head = f"{MARK} {table.form} as a table, {'nothing left out' if lossless else 'rows chosen'}; an empty cell is empty]"
        written = "\n".join([head, *table.before, part.text, *table.behind])
        return Rewritten(written, self.name, lossless, part.total, part.kept)


def _collection(table: _Rows) -> Collection | None:
    width = len(table.header)
    odd: dict[int, Value] = {index: ",".join(row) for index, row in enumerate(table.rows) if len(row) != width}
    if len(set(table.header)) != width or len(odd) > _MOST_ODD * len(table.rows):
        return None
    rows = [row for row in table.rows if len(row) == width]
    columns = [_values(column) for column in zip(*rows, strict=True)]
    records: list[dict[str, Value]] = [
        {name: value for name, value in zip(table.header, row, strict=True) if value != ""} for row in zip(*columns, strict=True)
    ]
    return Collection(Kind.RECORDS, records, odd=odd)


def _values(column: Sequence[str]) -> list[Value]:
    """A column's texts, as numbers with their spelling where they are numbers: a number needs no quotes in a cell."""
    if not any(NUMBER.fullmatch(text) for text in column[:_PROBE_LINES]):
        return list(column)
    return [Spelled(text) if NUMBER.fullmatch(text) else text for text in column]


def _delimiter(lines: Sequence[str]) -> str:
    filled = [line for line in lines if line.strip()]
    if len(filled) < _PROBE_LINES // 2:
        return ""
    for delimiter in _DELIMITERS:
        widths = [len(row) for row in _parse(filled, delimiter)]
        names = _parse(filled[:1], delimiter)[:1]
        if len(set(widths)) == 1 and widths[0] > _MIN_COLUMNS and names and _is_header(names[0]):
            return delimiter
    return ""


def _is_header(names: Sequence[str]) -> bool:
    return len(set(names)) == len(names) and not any(NUMBER.fullmatch(name) or not name.strip() or len(name) > 80 for name in names)  # noqa: PLR2004


def _parse(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    try:
        return list(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return []


def _separated(text: str) -> _Rows | None:
    delimiter = _delimiter(text.split("\n", _PROBE_LINES)[:_PROBE_LINES])
    if not delimiter:
        return None
    try:
        rows = list(csv.reader((line + "\n" for line in text.rstrip("\n").split("\n")), delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    header, *body = rows
    return _Rows("TSV" if delimiter == "\t" else "CSV", header, [row for row in body if row], [], [])


def _rule_at(lines: Sequence[str]) -> int:
    """The line of dashes below a drawn table's header; -1 if there is none near the top."""
    for index, line in enumerate(lines[:_PROBE_LINES]):
        if index and _RULE.match(line) and ("|" in lines[index - 1] or "+" in line) and "|" in lines[index - 1]:
            return index
    return -1


def _drawn(text: str) -> _Rows | None:
    lines = text.rstrip("\n").split("\n")
    rule = _rule_at(lines)
    if rule < 0:
        return None
    header = _cells(lines[rule - 1])
    end = rule + 1
    while end < len(lines) and "|" in lines[end] and not _FOOTER.match(lines[end]):
        end += 1
    before = [line for line in lines[: rule - 1] if not _RULE.match(line)]
    behind = lines[end:]
    if behind and _RULE.match(behind[0]):
        behind = behind[1:]
    return _Rows("drawn table", header, [_cells(line) for line in lines[rule + 1 : end]], before, behind)


def _cells(line: str) -> list[str]:
    inner = line.strip()
    if inner.startswith("|"):
        inner = inner[1:].removesuffix("|")
    return [cell.strip() for cell in inner.split("|")]
