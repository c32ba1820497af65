"""JSON with collections of records at any depth: tables in place of repeated keys, minified JSON around them.

At level `balanced` records are chosen where a collection is still large; a line in place says how many are left out there.
"""

from __future__ import annotations

from dataclasses import dataclass

from headroom_core.choosing.choice import Choice, choose
from headroom_core.choosing.summary import summary
from headroom_core.compressors.exact_json import NotExactError, parse
from headroom_core.compressors.json_document import Collection, Document, split
from headroom_core.compressors.notes import MARK, gap, omission
from headroom_core.compressors.table import Table, write_table
from headroom_core.compressors.table_cells import name_cell
from headroom_core.model import Ask, Reason, Rewritten, Skipped
from headroom_core.settings import Settings

_LARGE_TABLE = 1500
_CLEARLY = 0.8


@dataclass(frozen=True, slots=True)
class _Part:
    text: str
    total: int
    kept: int


class JsonRecords:
    """Lossless tables, and at level `balanced` a choice of records where a collection is large."""

    name = "json_records"

    def fit(self, text: str, ask: Ask) -> float:
        """1 for what begins and ends as a JSON array or object."""
        del ask
        start, end = text[:64].lstrip()[:1], text[-64:].rstrip()[-1:]
        return 1.0 if start + end in {"[]", "{}"} else 0.0

    def compress(self, text: str, ask: Ask, settings: Settings, content_id: str) -> Rewritten | Skipped:
        """The document with its tables, or minified where it holds none."""
        try:
            value = parse(text)
        except NotExactError as error:
            return Skipped(Reason.NO_COMPRESSOR_FITS, str(error)[:100])
        document = split(value)
        if not document.collections:
            return Rewritten(document.skeleton, self.name, lossless=True)
        alone = document.skeleton == "<t1>"
        parts = [
            _table_part("" if alone else f"t{number}: ", collection, ask, settings, content_id)
            for number, collection in enumerate(document.collections, 1)
        ]
        total, kept = sum(part.total for part in parts), sum(part.kept for part in parts)
        head = _head(document, lossless=total == kept)
        text = "\n".join([head, *([] if alone else [document.skeleton]), *(part.text for part in parts)])
        return Rewritten(text, self.name, lossless=total == kept, items_total=total, items_kept=kept)


def _head(document: Document, *, lossless: bool) -> str:
    form = "JSON as a table" if document.skeleton == "<t1>" else "JSON; <t1> stands for table t1 below"
    done = "nothing left out" if lossless else "records chosen"
    return f"{MARK} {form}, {done}; an empty cell is an absent field]"


def _table_part(label: str, collection: Collection, ask: Ask, settings: Settings, content_id: str) -> _Part:
    table = write_table(collection.records)
    lines = _lines(collection, table)
    total = len(collection.records)
    head = _table_head(label, collection, table)
    if settings.level == "balanced" and sum(map(len, lines)) >= _LARGE_TABLE:
        choice = choose(collection.records, lines, " ".join([*table.fields, *table.constants]), ask, settings)
        if choice is not None:
            told = summary(choice.fields)
            chosen = [*head, *_chosen(lines, choice, content_id), *(["Over all records:", *told] if told else [])]
            text = "\n".join(chosen)
            if len(text) <= _CLEARLY * (sum(map(len, lines)) + len(lines)):
                return _Part(text, total, len(choice.kept))
    return _Part("\n".join([*head, *lines] if table.fields or collection.keys else head), total, total)


def _table_head(label: str, collection: Collection, table: Table) -> list[str]:
    kind = "records" if collection.keys is None else "records by key"
    same = f", same in each: {','.join(table.constants)}" if table.constants else ""
    return [f"{label}{len(collection.records)} {kind}{same}", ",".join(table.fields)]


def _lines(collection: Collection, table: Table) -> list[str]:
    if collection.keys is None:
        return table.lines
    return [f"{name_cell(key)}:{line}" for key, line in zip(collection.keys, table.lines, strict=True)]


def _chosen(lines: list[str], choice: Choice, content_id: str) -> list[str]:
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
