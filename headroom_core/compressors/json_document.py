"""A JSON value as a minified document in which each larger collection is a table of its own below.

`<t1>` in the document stands for table t1, and `<json ...>` for a JSON string that holds this JSON. The document's own
strings and numbers are JSON as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from headroom_core.compressors.exact_json import NotExactError, Value, dumps, parse
from headroom_core.compressors.table import Record, common_fields


class Kind(Enum):
    """What stood in the JSON; the value is the noun that the table's head counts."""

    RECORDS = "records"
    KEYED = "records by key"
    LISTS = "lists"
    VALUES = "values"
    COLUMNS = "records by column"


@dataclass(frozen=True, slots=True)
class Collection:
    """Rows that stood together, as records. `keys` for those by key; `odd` are elements of other shape, by their index."""

    kind: Kind
    records: list[Record]
    keys: tuple[str, ...] | None = None
    odd: dict[int, Value] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """How many elements there were."""
        return len(self.records) + len(self.odd)


@dataclass(frozen=True, slots=True)
class Document:
    """The skeleton with its marks, and the collection that each `<tN>` stands for, in order."""

    skeleton: str
    collections: tuple[Collection, ...]


MIN_RECORDS = 3
_MIN_ROWS = 8
_MIN_CHARACTERS = 160
_MOST_ODD = 0.2
_MAX_LIST = 40
_MAX_STRINGS_DEEP = 3


def split(value: Value) -> Document:
    """Take the collections out of a value."""
    splitter = Splitter()
    return Document(splitter.skeleton(value), tuple(splitter.found))


class Splitter:
    """Takes the collections out of one value after the other; `found` holds them all."""

    def __init__(self) -> None:
        self.found: list[Collection] = []
        self._inside = 0

    def skeleton(self, value: Value) -> str:
        """The value's JSON with a mark for each collection."""
        if isinstance(value, list):
            return self._list(value)
        if isinstance(value, dict):
            return self._object(value)
        if isinstance(value, str):
            return self._text(value)
        return dumps(value)

    def _list(self, values: list[Value]) -> str:
        collection = from_list(values)
        if collection is not None and _large(values):
            return self._mark(collection)
        if any(isinstance(inner, dict | list | str) for inner in values):
            return "[" + ",".join(map(self.skeleton, values)) + "]"
        return dumps(values)

    def _object(self, values: dict[str, Value]) -> str:
        collection = _from_object(values)
        if collection is not None and _large(values):
            return self._mark(collection)
        return "{" + ",".join(f"{dumps(key)}:{self.skeleton(inner)}" for key, inner in values.items()) + "}"

    def _text(self, text: str) -> str:
        """A string that itself is JSON with collections in it, as tool servers often wrap their results."""
        if len(text) < _MIN_CHARACTERS or text[:1] + text[-1:] not in {"{}", "[]"} or self._inside >= _MAX_STRINGS_DEEP:
            return dumps(text)
        known = len(self.found)
        try:
            value = parse(text)
        except NotExactError:
            return dumps(text)
        self._inside += 1
        inner = self.skeleton(value)
        self._inside -= 1
        return f"<json {inner}>" if len(self.found) > known else dumps(text)

    def _mark(self, collection: Collection) -> str:
        self.found.append(collection)
        return f"<t{len(self.found)}>"


def from_list(values: list[Value]) -> Collection | None:
    """The elements of a list as a collection, if they are of one kind but for a few."""
    if len(values) < MIN_RECORDS:
        return None
    records = [value for value in values if isinstance(value, dict)]
    if len(records) == len(values):
        return Collection(Kind.RECORDS, records) if common_fields(records) else None
    if len(records) >= max(MIN_RECORDS, (1 - _MOST_ODD) * len(values)) and common_fields(records):
        return Collection(Kind.RECORDS, records, odd={index: value for index, value in enumerate(values) if not isinstance(value, dict)})
    if len(values) < _MIN_ROWS or records:
        return None
    return _from_lists(values) if isinstance(values[0], list) else _from_scalars(values)


def _from_lists(values: list[Value]) -> Collection | None:
    lists = [value for value in values if isinstance(value, list)]
    widths = set(map(len, lists))
    if len(lists) != len(values) or len(widths) != 1 or not 0 < min(widths) <= _MAX_LIST:
        return None
    return Collection(Kind.LISTS, [{f"c{number}": cell for number, cell in enumerate(one, 1)} for one in lists])


def _from_scalars(values: list[Value]) -> Collection | None:
    if not all(isinstance(value, str) for value in values):
        return None
    return Collection(Kind.VALUES, [{"value": value} for value in values])


def _from_object(values: dict[str, Value]) -> Collection | None:
    records = [value for value in values.values() if isinstance(value, dict)]
    if len(records) == len(values) >= MIN_RECORDS and _alike(records):
        return Collection(Kind.KEYED, records, tuple(values))
    lists = [value for value in values.values() if isinstance(value, list)]
    if len(lists) == len(values) > 1 and len(set(map(len, lists))) == 1 and len(lists[0]) >= _MIN_ROWS:
        if any(isinstance(cell, dict | list) for one in lists for cell in one):
            return None
        return Collection(Kind.COLUMNS, [dict(zip(values, row, strict=True)) for row in zip(*lists, strict=True)])
    return None


def _alike(records: Sequence[Record]) -> bool:
    """Whether an object's values are records of one kind rather than the parts of one thing."""
    common = common_fields(records)
    return common > 0 and sum(map(len, records)) >= 0.5 * common * len(records)


def _large(value: Value) -> bool:
    return len(dumps(value)) >= _MIN_CHARACTERS
