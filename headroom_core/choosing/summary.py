"""What is told of all records where only some are kept: exact counts, ranges, sums and means by field, in a few lines."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headroom_core.choosing.fields import Field, Role
from headroom_core.compressors.exact_json import dumps

_MAX_VALUES = 24
_MAX_SHOWN = 48
_MAX_LINES = 24
_EXACT_WHOLE = 1e15


def summary(fields: Sequence[Field]) -> list[str]:
    """A line for each field that has something to tell."""
    lines: list[str] = []
    for field in fields:
        told = _tell(field)
        if told:
            lines.append(f"{field.name}: {told}")
        if len(lines) == _MAX_LINES:
            break
    return lines


def _tell(field: Field) -> str:
    if field.counts is not None and len(field.counts) == 1 and field.filled == len(field.values):
        return ""
    missing = len(field.values) - field.filled if field.owners is None else 0
    lacking = f"; {missing} without" if missing else ""
    if field.role is Role.MEASURE and field.numbers is not None:
        return _numbers(field, field.numbers) + lacking
    if field.role is Role.CATEGORY and field.counts is not None:
        return _counts(field.counts) + lacking
    if field.role is Role.TIME:
        return _times(field) + lacking
    if field.counts is not None and field.filled:
        return _distinct(field.counts, field.filled) + lacking
    return ""


def _numbers(field: Field, numbers: NDArray[np.float64]) -> str:
    finite = numbers[np.isfinite(numbers)]
    told = f"{_short(float(finite.min()))} to {_short(float(finite.max()))}, mean {_short(float(finite.mean()))}, sum {_sum(field, finite)}"
    if field.counts is not None and len(field.counts) <= _MAX_VALUES:
        told += f"; {_counts(field.counts)}"
    return told


def _sum(field: Field, finite: Any) -> str:
    whole = [value for value in field.values if isinstance(value, int) and not isinstance(value, bool)]
    if len(whole) == len(finite):
        return str(sum(whole))
    return _short(math.fsum(finite.tolist()))


def _counts(counts: Counter[Any]) -> str:
    common = counts.most_common(_MAX_VALUES)
    told = ", ".join(f"{_value(value)} {often}" for value, often in common)
    rest = len(counts) - len(common)
    return told + (f", {rest} more values {counts.total() - sum(often for _, often in common)}" if rest > 0 else "")


def _times(field: Field) -> str:
    if field.numbers is not None:
        finite = field.numbers[np.isfinite(field.numbers)]
        return f"{_short(float(finite.min()))} to {_short(float(finite.max()))}"
    texts = [value for value in field.values if isinstance(value, str)]
    return f"{min(texts)} to {max(texts)}"


def _distinct(counts: Counter[Any], filled: int) -> str:
    if len(counts) == filled:
        return ""
    top = [(value, often) for value, often in counts.most_common(5) if often > 1]
    if not top:
        return ""
    often = ", ".join(f"{_value(value)} {count}" for value, count in top)
    return f"{len(counts)} distinct, most often {often}"


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else dumps(value)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"


def _short(number: float) -> str:
    if number == int(number) and abs(number) < _EXACT_WHOLE:
        return str(int(number))
    return f"{number:.6g}"
