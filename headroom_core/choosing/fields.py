"""The fields of records by what they are good for: measures, categories, times, identifiers, texts."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from enum import Enum, auto
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headroom_core.compressors.exact_json import Spelled
from headroom_core.compressors.table import Column, Columns, columns
from headroom_core.compressors.table_cells import ABSENT, NUMBER


class Role(Enum):
    """What a field's values are."""

    MEASURE = auto()
    TIME = auto()
    CATEGORY = auto()
    IDENTIFIER = auto()
    TEXT = auto()


@dataclass(frozen=True, slots=True)
class Field:
    """One field over all records. `values` as they came (ABSENT where a record has none); `numbers` with NaN for what is none.

    `each`: the values are those of list elements; `owners` then says which record each one stands in.
    """

    name: str
    role: Role
    values: Column
    numbers: NDArray[np.float64] | None = None
    counts: Counter[Any] | None = None
    owners: NDArray[np.int64] | None = None
    filled: int = 0


_MAX_DEPTH = 4
_MAX_FIELDS = 60
_MAX_CATEGORIES = 60
_TIME_NAME = re.compile(
    r"(^|[._ ])(time|date|timestamp|ts|created|updated|modified|started|ended|published|expires)(_?at|_?on|_?time)?$|_at$|date$|time$",
    re.IGNORECASE,
)
_TIME_VALUE = re.compile(r"\d{4}[-/]\d{2}[-/]\d{2}([T ]\d{2}:\d{2}.*)?$")
_ID_NAME = re.compile(
    r"(^|[._ ])(id|uuid|guid|key|hash|sha|number|no|zip|postal|phone|lat|latitude|lon|lng|longitude|port|pid|code|index|seq)$|_id$|Id$|ID$"
)
_MOSTLY = 0.95
_SAMPLE = 24
_MIN_SERIES = 3
_EPOCH_SECONDS = 1e8
_MAX_CODES = 12
_MAX_LABEL = 80
ABSENT_TYPES = {type(None), type(ABSENT)}


def fields_of(by_column: Columns) -> list[Field]:
    """All fields, those of nested objects by their path."""
    found: list[Field] = []
    _collect("", by_column[0], None, found, 0)
    return found[:_MAX_FIELDS]


def _collect(prefix: str, by_name: dict[str, Column], owners: NDArray[np.int64] | None, found: list[Field], depth: int) -> None:
    for name, values in by_name.items():
        path = f"{prefix}{name}"
        types = set(map(type, values))
        if dict in types and depth < _MAX_DEPTH:
            if len(types) > 1:
                # Whether there is such an object at all may be what matters, as with an error.
                found.append(Field(path, Role.TEXT, values, owners=owners))
            inner = [value if isinstance(value, dict) else {} for value in values]
            if any(inner) and sum(map(len, inner)) >= 0.2 * len(inner) * len(set(chain.from_iterable(inner))):
                _collect(f"{path}.", columns(inner)[0], owners, found, depth + 1)
        elif list in types and depth < _MAX_DEPTH:
            _collect_elements(path, values, owners, found, depth)
        else:
            found.append(_field(path, values, owners))


def _collect_elements(path: str, values: Column, owners: NDArray[np.int64] | None, found: list[Field], depth: int) -> None:
    elements: list[Any] = []
    owner: list[int] = []
    for index, value in enumerate(values):
        if isinstance(value, list):
            elements += value
            owner += [index if owners is None else int(owners[index])] * len(value)
    if not elements:
        return
    where = np.array(owner, np.int64)
    if all(isinstance(element, dict) for element in elements):
        _collect(f"{path}[].", columns(elements)[0], where, found, depth + 1)
    elif not any(isinstance(element, dict | list) for element in elements):
        found.append(_field(f"{path}[]", elements, where))


def _field(name: str, values: Column, owners: NDArray[np.int64] | None) -> Field:
    types = set(map(type, values))
    filled = len(values) if ABSENT_TYPES.isdisjoint(types) else len(values) - values.count(None) - values.count(ABSENT)
    if not filled:
        return Field(name, Role.TEXT, values, owners=owners)
    if types <= {int, float} or _share(values, int | float | Spelled, filled) >= _MOSTLY:
        return _number_field(name, values, owners, filled)
    counts: Counter[Any] = Counter(values)
    counts.pop(ABSENT, None)
    if types == {str} or _share(values, str, filled) >= _MOSTLY:
        texts = [value for value in list(counts)[:_SAMPLE] if isinstance(value, str)]
        if texts and all(map(_TIME_VALUE.match, texts)):
            return Field(name, Role.TIME, values, owners=owners, filled=filled)
        if texts and not _ID_NAME.search(name) and all(map(NUMBER.fullmatch, texts)):
            return _number_field(name, values, owners, filled)
    short = sum(len(value) for value in counts if isinstance(value, str)) <= _MAX_LABEL * len(counts)
    if short and len(counts) <= max(8, min(_MAX_CATEGORIES, filled // 4)):
        return Field(name, Role.CATEGORY, values, counts=counts, owners=owners, filled=filled)
    return Field(name, Role.IDENTIFIER if len(counts) == filled else Role.TEXT, values, counts=counts, owners=owners, filled=filled)


def _share(values: Column, kind: Any, filled: int) -> float:
    return sum(isinstance(value, kind) and not isinstance(value, bool) for value in values) / filled


def _number_field(name: str, values: Column, owners: NDArray[np.int64] | None, filled: int) -> Field:
    plain = set(map(type, values)) <= {int, float}
    numbers = np.array(values, np.float64) if plain else np.fromiter(map(_number, values), np.float64, len(values))
    finite = numbers[np.isfinite(numbers)]
    if len(finite) == 0:
        return Field(name, Role.TEXT, values, owners=owners, filled=filled)
    if _TIME_NAME.search(name) and float(np.abs(finite).max()) > _EPOCH_SECONDS:
        return Field(name, Role.TIME, values, numbers, owners=owners, filled=filled)
    distinct = len(np.unique(finite))
    if _ID_NAME.search(name):
        role = Role.CATEGORY if distinct <= _MAX_CODES else Role.IDENTIFIER
        return Field(name, role, values, numbers, _counted(values) if role is Role.CATEGORY else None, owners, filled)
    steps = np.diff(finite)
    if distinct == len(finite) >= _MIN_SERIES and len(np.unique(steps)) == 1:
        return Field(name, Role.IDENTIFIER, values, numbers, owners=owners, filled=filled)
    return Field(name, Role.MEASURE, values, numbers, _counted(values) if distinct <= _MAX_CODES else None, owners, filled)


def _counted(values: Column) -> Counter[Any]:
    counts: Counter[Any] = Counter(values)
    counts.pop(ABSENT, None)
    return counts


def _number(value: object) -> float:
    if isinstance(value, bool):
        return float("nan")
    if isinstance(value, Spelled | int | float):
        return float(value)
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return float(value)
    return float("nan")
