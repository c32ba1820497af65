"""JSON that is not alone in its text: one value a line, several values in a row, or values among other words.

The text around the values stays as it is; each value that holds a collection is replaced by its skeleton, and the tables
follow at the end. JSON Lines are one collection.
"""

from __future__ import annotations

import json
import re

from headroom_core.compressors.collection_writer import CollectionWriter
from headroom_core.compressors.exact_json import NotExactError, Value, parse
from headroom_core.compressors.json_document import Collection, Kind, Splitter, from_list
from headroom_core.compressors.notes import MARK
from headroom_core.model import Ask, Reason, Rewritten, Skipped
from headroom_core.settings import Settings

_MIN_LINES = 3
_MIN_VALUE = 200
_MAX_ATTEMPTS = 400
_START = re.compile(r"^[ \t]*([\[{])", re.MULTILINE)
_CONFUSING = re.compile(r"<t\d|<json ")
_DECODER = json.JSONDecoder()


class JsonLines:
    """A JSON object on each line."""

    name = "json_lines"

    def fit(self, text: str, ask: Ask) -> float:
        """0.95 where the first lines are objects, one each."""
        del ask
        head = text.split("\n", _MIN_LINES)[:_MIN_LINES]
        return 0.95 if len(head) == _MIN_LINES and all(line[:1] == "{" and line.rstrip()[-1:] == "}" for line in head) else 0.0

    def compress(self, text: str, ask: Ask, settings: Settings, content_id: str) -> Rewritten | Skipped:
        """One table of all lines; a line that is no object stands in it by itself."""
        values = [_value(line) for line in text.split("\n") if line.strip()]
        collection = from_list(values)
        if collection is None or collection.kind is not Kind.RECORDS:
            return Skipped(Reason.NO_COMPRESSOR_FITS, "lines of different shapes")
        part = CollectionWriter(ask, settings, content_id).write("", collection)
        lossless = part.total == part.kept
        head = f"{MARK} JSON Lines as a table, {'nothing left out' if lossless else 'records chosen'}; an empty cell is an absent field]"
        return Rewritten(f"{head}\n{part.text}", self.name, lossless, part.total, part.kept)


class JsonAmongText:
    """JSON values within other text: a fenced block, a result behind log lines, several documents in a row."""

    name = "json_among_text"

    def fit(self, text: str, ask: Ask) -> float:
        """0.5 where a line begins a JSON value and the text as a whole is none."""
        del ask
        return 0.5 if _START.search(text) else 0.0

    def compress(self, text: str, ask: Ask, settings: Settings, content_id: str) -> Rewritten | Skipped:
        """The text with skeletons in place of the values, and their tables behind it."""
        pieces, collections = _pieces(text)
        if not collections:
            return Skipped(Reason.NO_COMPRESSOR_FITS, "no collection of records in it")
        writer = CollectionWriter(ask, settings, content_id)
        parts = [writer.write(f"t{number}: ", collection) for number, collection in enumerate(collections, 1)]
        total, kept = sum(part.total for part in parts), sum(part.kept for part in parts)
        done = "nothing left out" if total == kept else "records chosen"
        head = f"{MARK} text with JSON; <t1> stands for table t1 at the end, {done}; an empty cell is an absent field]"
        body = "".join(pieces)
        tables = "\n".join(part.text for part in parts)
        return Rewritten(f"{head}\n{body}\n{tables}", self.name, total == kept, total, kept)


def _value(line: str) -> Value:
    """A line's value; a line that is no JSON, such as one that was cut off, as a text."""
    try:
        return parse(line)
    except NotExactError:
        return line


def _pieces(text: str) -> tuple[list[str], list[Collection]]:
    """The text cut at its JSON values, each value with collections as its skeleton."""
    if _CONFUSING.search(text):
        return [], []
    splitter = Splitter()
    pieces: list[str] = []
    done = 0
    budget = 2 * len(text)
    for _ in range(_MAX_ATTEMPTS):
        found = _START.search(text, done)
        if found is None or budget <= 0:
            break
        start = found.start(1)
        end, cost = _value_end(text, start)
        budget -= cost
        pieces.append(text[done:start])
        pieces.append(_skeleton(text[start:end], splitter) if end - start >= _MIN_VALUE else text[start:end])
        done = end
    return [*pieces, text[done:]], splitter.found


def _value_end(text: str, start: int) -> tuple[int, int]:
    """Where the value that begins at `start` ends, or the end of its line if it is none; and how far was looked."""
    try:
        end = _DECODER.raw_decode(text, start)[1]
    except json.JSONDecodeError as error:
        line = text.find("\n", start)
        return (line if line >= 0 else len(text)), error.pos - start + 1
    except RecursionError:
        return len(text), len(text)
    return end, end - start


def _skeleton(text: str, splitter: Splitter) -> str:
    known = len(splitter.found)
    try:
        skeleton = splitter.skeleton(parse(text))
    except NotExactError:
        return text
    return skeleton if len(splitter.found) > known else text
