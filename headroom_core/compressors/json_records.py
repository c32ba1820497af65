"""JSON with collections of records at any depth: tables in place of repeated keys, minified JSON around them.

At level `balanced` records are chosen where a collection is still large; a line in place says how many are left out there.
"""

from __future__ import annotations

from headroom_core.compressors.collection_writer import CollectionWriter
from headroom_core.compressors.exact_json import NotExactError, parse
from headroom_core.compressors.json_document import Document, split
from headroom_core.compressors.notes import MARK
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
        try:
            value = parse(text)
        except NotExactError as error:
            return Skipped(Reason.NO_COMPRESSOR_FITS, str(error)[:100])
        document = split(value)
        if not document.collections:
            return Rewritten(document.skeleton, self.name, lossless=True)
        alone = document.skeleton == "<t1>"
        writer = CollectionWriter(ask, settings, content_id)
        parts = [writer.write("" if alone else f"t{number}: ", one) for number, one in enumerate(document.collections, 1)]
        total, kept = sum(part.total for part in parts), sum(part.kept for part in parts)
        head = _head(document, lossless=total == kept)
        text = "\n".join([head, *([] if alone else [document.skeleton]), *(part.text for part in parts)])
        return Rewritten(text, self.name, lossless=total == kept, items_total=total, items_kept=kept)


def _head(document: Document, *, lossless: bool) -> str:
    form = "JSON as a table" if document.skeleton == "<t1>" else "JSON; <t1> stands for table t1 below"
    done = "nothing left out" if lossless else "records chosen"
    return f"{MARK} {form}, {done}; an empty cell is an absent field]"
