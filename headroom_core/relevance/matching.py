"""Which lines a question's terms stand in, and how much that says: BM25's weights, from the lines at hand.

Terms are searched for in the joined text by `str.find`, which runs at memory speed; only hits are looked at in Python.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from headroom_core.relevance.terms import Kind, Term

_SATURATION = 1.2
_LENGTH_WEIGHT = 0.75
_MAX_HITS = 20_000
_MAX_ENDING = 4


@dataclass(frozen=True, slots=True)
class Matches:
    """For each term the lines it stands in, its weight (inverse document frequency), and each line's score."""

    rows: dict[Term, NDArray[np.int64]]
    weights: dict[Term, float]
    scores: NDArray[np.float64]


class SearchText:
    """Lines made ready to be searched."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.count = len(lines)
        self._text = "\n".join(lines)
        self._lower = self._text.lower()
        if len(self._lower) != len(self._text):
            # A few letters change length in lower case; offsets must stay true.
            self._lower = "".join(low if len(low := sign.lower()) == 1 else sign for sign in self._text)
        lengths = np.fromiter(map(len, lines), np.int64, self.count)
        self._ends = np.cumsum(lengths + 1)
        self._norm = 1 - _LENGTH_WEIGHT + _LENGTH_WEIGHT * lengths / max(1.0, float(lengths.mean())) if self.count else lengths * 1.0

    def match(self, terms: Sequence[Term]) -> Matches:
        """Where the terms stand. A term that stands nowhere has the highest weight and no lines."""
        rows: dict[Term, NDArray[np.int64]] = {}
        weights: dict[Term, float] = {}
        scores = np.zeros(self.count)
        for term in terms:
            found = np.searchsorted(self._ends, np.array(self._positions(term), np.int64), side="right")
            where, often = np.unique(found, return_counts=True)
            weight = math.log(1 + (self.count - len(where) + 0.5) / (len(where) + 0.5))
            rows[term], weights[term] = where, weight
            if len(where):
                scores[where] += weight * often * (_SATURATION + 1) / (often + _SATURATION * self._norm[where])
        return Matches(rows, weights, scores)

    def _positions(self, term: Term) -> list[int]:
        step = len(term.text)
        return [at for at in find_all(self._lower, term.text) if self._stands_alone(at, at + step, term.kind)]

    def _stands_alone(self, start: int, end: int, kind: Kind) -> bool:
        text = self._text
        if start and text[start - 1].isalnum() and text[start].isalnum() and not _is_case_change(text, start):
            return False
        if end >= len(text) or not text[end].isalnum() or not text[end - 1].isalnum():
            return True
        if kind in {Kind.IDENTIFIER, Kind.PHRASE}:
            return False
        if _is_case_change(text, end):
            return True
        stop = end
        while stop < len(text) and text[stop].isalpha() and stop - end <= _MAX_ENDING:
            stop += 1
        return stop - end <= _MAX_ENDING


def find_all(text: str, needle: str) -> list[int]:
    """Offsets at which `needle` stands in `text`, up to a bound."""
    found: list[int] = []
    at = text.find(needle)
    while at >= 0 and len(found) < _MAX_HITS:
        found.append(at)
        at = text.find(needle, at + len(needle))
    return found


def _is_case_change(text: str, at: int) -> bool:
    """Whether a new part of a camelCase name begins here, or digits follow letters."""
    before, after = text[at - 1], text[at]
    return (before.islower() and after.isupper()) or before.isdigit() != after.isdigit()
