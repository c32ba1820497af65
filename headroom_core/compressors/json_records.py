"""JSON with collections of records at any depth: tables in place of repeated keys, minified JSON around them."""

from __future__ import annotations

from headroom_core.compressors.exact_json import NotExactError, parse
from headroom_core.compressors.json_document import Collection, Document, split
from headroom_core.compressors.notes import MARK
from headroom_core.compressors.table import Table, write_table
from headroom_core.compressors.table_cells import name_cell
from headroom_core.model import Ask, Reason, Rewritten, Skipped
from headroom_core.settings import Settings


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
        del ask, settings, content_id
        try:
            value = parse(text)
        except NotExactError as error:
            return Skipped(Reason.NO_COMPRESSOR_FITS, str(error)[:100])
        document = split(value)
        if not document.collections:
            return Rewritten(document.skeleton, self.name, lossless=True)
        return Rewritten(_write(document), self.name, lossless=True)


def _write(document: Document) -> str:
    tables = [write_table(collection.records) for collection in document.collections]
    if document.skeleton == "<t1>":
        return f"{MARK} JSON as a table, nothing left out; an empty cell is an absent field]\n" + _table_text("", document.collections[0], tables[0])
    parts = [f"{MARK} JSON, nothing left out; <t1> stands for table t1 below; an empty cell is an absent field]", document.skeleton]
    parts += [
        _table_text(f"t{number}: ", collection, table)
        for number, (collection, table) in enumerate(zip(document.collections, tables, strict=True), 1)
    ]
    return "\n".join(parts)


def _table_text(label: str, collection: Collection, table: Table) -> str:
    kind = "records" if collection.keys is None else "records by key"
    same = f", same in each: {','.join(table.constants)}" if table.constants else ""
    head = [f"{label}{len(collection.records)} {kind}{same}", ",".join(table.fields)]
    if collection.keys is not None:
        return "\n".join([*head, *(f"{name_cell(key)}:{line}" for key, line in zip(collection.keys, table.lines, strict=True))])
    return "\n".join([*head, *table.lines] if table.fields else head)
