"""A JSON value as a minified document in which each larger collection of records is a table of its own below.

`<t1>` in the document stands for table t1. The document's own strings and numbers are JSON as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headroom_core.compressors.exact_json import Value, dumps
from headroom_core.compressors.table import Record, common_fields

MIN_RECORDS = 3
_MIN_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class Collection:
    """Records that stood together: a list of objects, or an object of objects with its keys."""

    records: list[Record]
    keys: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """The skeleton with `<tN>` marks, and the collection that each mark stands for, in order."""

    skeleton: str
    collections: tuple[Collection, ...]


def split(value: Value) -> Document:
    """Take the collections of records out of a value."""
    found: list[Collection] = []
    return Document(_skeleton(value, found), tuple(found))


def _skeleton(value: Value, found: list[Collection]) -> str:
    if isinstance(value, list):
        if (records := _records(value)) is not None and _large(value):
            found.append(Collection(records))
            return f"<t{len(found)}>"
        if any(isinstance(inner, dict | list) for inner in value):
            return "[" + ",".join(_skeleton(inner, found) for inner in value) + "]"
    elif isinstance(value, dict):
        if (records := _records(list(value.values()))) is not None and _alike(records) and _large(value):
            found.append(Collection(records, tuple(value)))
            return f"<t{len(found)}>"
        if any(isinstance(inner, dict | list) for inner in value.values()):
            return "{" + ",".join(f"{dumps(key)}:{_skeleton(inner, found)}" for key, inner in value.items()) + "}"
    return dumps(value)


def _records(values: Sequence[Value]) -> list[Record] | None:
    if len(values) < MIN_RECORDS:
        return None
    records = [value for value in values if isinstance(value, dict)]
    return records if len(records) == len(values) and common_fields(records) else None


def _alike(records: Sequence[Record]) -> bool:
    """Whether an object's values are records of one kind rather than the parts of one thing."""
    return sum(map(len, records)) >= 0.5 * common_fields(records) * len(records)


def _large(value: Value) -> bool:
    return len(dumps(value)) >= _MIN_CHARACTERS
