"""A collection as lines: a head, its rows or the chosen ones of them, and what is told of the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace

from headroom_core.choosing.choice import Choice, choose
from headroom_core.choosing.summary import summary
from headroom_core.compressors.aliases import Aliases
from headroom_core.compressors.exact_json import dumps
from headroom_core.compressors.json_document import Collection, Kind
from headroom_core.compressors.notes import gap, omission
from headroom_core.compressors.table import Columns, Table, columns, write_table
from headroom_core.compressors.table_cells import name_cell
from headroom_core.model import Ask
from headroom_core.settings import Settings

_LARGE = 1500
_CLEARLY = 0.8
_MOST_ODD = 12
ODD = "=="
"""Begins the line of an element that is no record; JSON follows."""


@dataclass(frozen=True, slots=True)
class Part:
    """A collection's text, with how many of its rows it holds."""

    text: str
    total: int
    kept: int


class CollectionWriter:
    """Writes the collections of one document, one after the other."""

    def __init__(self, ask: Ask, settings: Settings, content_id: str) -> None:
        self._ask = ask
        self._settings = settings
        self._content_id = content_id
        self._aliases = Aliases() if settings.aliases else None

    def write(self, label: str, collection: Collection) -> Part:
        """The collection's text; `label` stands before its head."""
        by_column = columns(collection.records)
        table = write_table(collection.records, by_column, self._aliases)
        lines = _rows(collection, table.lines)
        head = _head(label, collection, table)
        total = collection.total
        if self._settings.level == "balanced" and len(collection.odd) <= _MOST_ODD and sum(map(len, lines)) >= _LARGE:
            chosen = self._choose(collection, by_column, table, lines)
            if chosen is not None:
                return Part("\n".join([*head, *chosen[0]]), total, chosen[1])
        has_rows = bool(table.fields or collection.keys or collection.odd)
        return Part("\n".join([*head, *lines] if has_rows else head), total, total)

    def _choose(self, collection: Collection, by_column: Columns, table: Table, lines: list[str]) -> tuple[list[str], int] | None:
        labels = " ".join([*table.fields, *table.constants])
        search = _rows(replace(collection, odd={}), list(table.search))
        choice = choose(by_column, search, labels, self._ask, self._settings)
        if choice is None:
            return None
        if collection.odd:
            places = [index for index in range(collection.total) if index not in collection.odd]
            kept = sorted([*collection.odd, *(places[index] for index in choice.kept)])
            choice = replace(choice, kept=kept, reasons=[*choice.reasons, "other shapes"])
        told = summary(choice.fields)
        chosen = [*_kept(lines, choice, self._content_id), *(["Over all records:", *told] if told else [])]
        if sum(map(len, chosen)) + len(chosen) > _CLEARLY * (sum(map(len, lines)) + len(lines)):
            return None
        return chosen, len(choice.kept)


def _head(label: str, collection: Collection, table: Table) -> list[str]:
    same = f", same in each: {','.join(table.constants)}" if table.constants else ""
    made = [f"made of other fields: {','.join(table.derived)}"] if table.derived else []
    noun, fields = collection.kind.value, [",".join(table.fields)]
    if collection.kind is Kind.VALUES:
        # One nameless column; where its texts may look like numbers, the noun says so in the header's place.
        noun, fields = ("texts" if table.fields == ("value:text",) else noun), []
    return [f"{label}{collection.total} {noun}{same}", *made, *table.aliases, *fields]


def _rows(collection: Collection, lines: list[str]) -> list[str]:
    if collection.keys is not None:
        return [f"{name_cell(key)}:{line}" for key, line in zip(collection.keys, lines, strict=True)]
    if not collection.odd:
        return lines
    rows = iter(lines)
    return [ODD + dumps(collection.odd[index]) if index in collection.odd else next(rows) for index in range(collection.total)]


def _kept(lines: list[str], choice: Choice, content_id: str) -> list[str]:
    """The kept lines with the length of each gap between them, and the line that says what is left out."""
    written: list[str] = []
    done = 0
    for index in choice.kept:
        if index > done:
            written.append(gap(index - done))
        written.append(lines[index])
        done = index + 1
    if len(lines) > done:
        written.append(gap(len(lines) - done))
    left_out = len(lines) - len(choice.kept)
    written.append(omission(left_out, len(lines), "records", ", ".join(choice.reasons), content_id))
    return written
