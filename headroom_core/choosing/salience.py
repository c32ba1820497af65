"""Records that stand out by their values: outliers, tops and bottoms, change points, rare categories, odd shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from headroom_core.choosing.fields import Field, Role
from headroom_core.compressors.table import Columns
from headroom_core.compressors.table_cells import ABSENT

type Rows = list[int]

_TOPS = 5
_BOTTOMS = 3
_MOST_OUTLIERS = 12
_RARE_SHARE = 0.02
_MOST_RARE = 12
_CHANGE = 3.0
_MOST_CHANGES = 3
_MIN_SERIES = 24
_MAX_EXAMPLES = 12


def extremes(fields: Sequence[Field], several: int) -> Rows:
    """Records with the largest and smallest values of each measure, `several` of each where a question says how many."""
    found: Rows = []
    for field in _measures(fields):
        numbers, rows = _finite(field)
        order = np.argsort(numbers, kind="stable")
        found += _first_distinct(rows[order[::-1]], max(_TOPS, several))
        found += _first_distinct(rows[order], max(_BOTTOMS, several))
    return found


def outliers(fields: Sequence[Field], threshold: float) -> Rows:
    """Records whose value lies more than `threshold` standard deviations from the mean, the farthest first, a bounded number a field."""
    found: Rows = []
    for field in _measures(fields):
        numbers, rows = _finite(field)
        spread = float(numbers.std())
        if spread == 0:
            continue
        distance = np.abs(numbers - numbers.mean()) / spread
        far = np.flatnonzero(distance > threshold)
        if len(far) <= max(_MOST_OUTLIERS, len(numbers) // 50):
            found += rows[far].tolist()
        else:
            found += rows[far[np.argsort(-distance[far], kind="stable")[:_MOST_OUTLIERS]]].tolist()
    return found


def change_points(fields: Sequence[Field]) -> Rows:
    """Records where the level of a series shifts: the mean of what follows differs from what went before."""
    found: Rows = []
    for field in _measures(fields):
        numbers, rows = _finite(field)
        if len(numbers) < _MIN_SERIES or field.owners is not None:
            continue
        width = max(6, len(numbers) // 50)
        sums = np.concatenate([[0.0], np.cumsum(numbers)])
        means = (sums[width:] - sums[:-width]) / width
        jumps = np.abs(means[width:] - means[:-width])
        noise = float(np.std(np.diff(numbers))) / np.sqrt(width) or 1e-12
        for _ in range(_MOST_CHANGES):
            at = int(np.argmax(jumps)) if len(jumps) else 0
            if not len(jumps) or jumps[at] < _CHANGE * noise or jumps[at] < 0.5 * float(numbers.std()):
                break
            found += rows[at + width - 1 : at + width + 1].tolist()
            jumps[max(0, at - width) : at + width] = 0
    return found


def rare_values(fields: Sequence[Field], count: int) -> Rows:
    """Records with a category that few others have."""
    found: Rows = []
    limit = max(1, int(count * _RARE_SHARE))
    for field in fields:
        if field.role is not Role.CATEGORY or field.counts is None:
            continue
        rare = {value for value, often in field.counts.items() if often <= limit}
        if not rare or sum(field.counts[value] for value in rare) > max(_MOST_RARE, 3 * limit):
            continue
        found += _rows_with(field, rare)
    return found


def examples(fields: Sequence[Field]) -> Rows:
    """One record for each value of the fields with few values."""
    found: Rows = []
    for field in fields:
        if field.role is Role.CATEGORY and field.counts is not None and len(field.counts) <= _MAX_EXAMPLES:
            for value in field.counts:
                found += _rows_with(field, {value})[:1]
    return found


def odd_shapes(by_column: Columns, total: int) -> Rows:
    """Records with fields that few others have, or without those that nearly all have."""
    limit = max(1, total // 20)
    odd: set[int] = set()
    by_name, rest = by_column
    for values in [*by_name.values(), *([rest] if rest is not None else [])]:
        empty = values.count(None) + values.count(ABSENT)
        if 0 < empty <= limit:
            odd.update(index for index, value in enumerate(values) if value is None or value is ABSENT)
        elif total - limit <= empty < total:
            odd.update(index for index, value in enumerate(values) if value is not None and value is not ABSENT)
    rows = sorted(odd)
    return rows if len(rows) <= max(_MOST_RARE, total // 10) else rows[:_MOST_RARE]


def long_texts(fields: Sequence[Field], threshold: float) -> Rows:
    """Records whose text is far longer than the others'."""
    found: Rows = []
    for field in fields:
        if field.role is not Role.TEXT or field.owners is not None:
            continue
        lengths = np.fromiter((len(value) if isinstance(value, str) else 0 for value in field.values), np.float64, len(field.values))
        spread = float(lengths.std())
        if spread:
            far = np.flatnonzero((lengths - lengths.mean()) / spread > 2 * threshold)
            found += far[np.argsort(-lengths[far], kind="stable")[:3]].tolist()
    return found


def spread_over(count: int, wanted: int) -> Rows:
    """`wanted` indices spread evenly over `count`."""
    return np.linspace(0, count - 1, num=min(wanted, count), dtype=np.int64).tolist() if count else []


def _measures(fields: Sequence[Field]) -> Iterable[Field]:
    for field in fields:
        if field.role is Role.MEASURE and field.numbers is not None:
            yield field


def _finite(field: Field) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    numbers = np.array([]) if field.numbers is None else field.numbers
    good = np.flatnonzero(np.isfinite(numbers))
    return numbers[good], good if field.owners is None else field.owners[good]


def _first_distinct(rows: NDArray[np.int64], wanted: int) -> Rows:
    return list(dict.fromkeys(rows[: 4 * wanted].tolist()))[:wanted]


def _rows_with(field: Field, wanted: set[object]) -> Rows:
    hits = [index for index, value in enumerate(field.values) if value in wanted]
    return hits if field.owners is None else field.owners[hits].tolist()
