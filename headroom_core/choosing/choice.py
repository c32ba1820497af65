"""The choice: which records of a large collection are kept, or that none may be left out.

Records are left out only where what the question needs is known to be kept: it names records that are found, or asks for
what the choice keeps by itself (errors, extremes, what is unusual, counts), or asks for nothing in particular. A question
whose words the records hardly hold may mean any of them: then all stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson

from headroom_core.choosing import salience
from headroom_core.choosing.failures import failed_records
from headroom_core.choosing.fields import Field, Role, fields_of
from headroom_core.compressors.table import Columns
from headroom_core.model import Ask
from headroom_core.relevance.matching import Matches, SearchText
from headroom_core.relevance.terms import Kind, Question, Term, question, without, words
from headroom_core.settings import Settings

_ERRORS_ARE_RARE = 0.3
_FEW = 12
_FEW_SHARE = 0.03
_MOST_MATCHED = 0.35
_COVERED = 0.55
_NAMES_COVERED = 0.25
_MOST_KEPT = 0.6
_BEST_SCORES = 8


@dataclass(frozen=True, slots=True)
class Choice:
    """Indices of the kept records in order, why they are kept, and the fields that the summary is made of."""

    kept: list[int]
    reasons: list[str]
    fields: list[Field]


def choose(by_column: Columns, lines: Sequence[str], labels: str, ask: Ask, settings: Settings) -> Choice | None:
    """The records to keep, or None where all must stay. `lines` are the records as text, `labels` what stands around them."""
    count = len(lines)
    if count <= max(settings.max_items_after_crush, settings.first_items + settings.last_items):
        return None
    asked = question(ask.query)
    fields = fields_of(by_column)
    known = words(labels) | words(ask.tool) | words(" ".join(field.name for field in fields))
    terms = without(asked.terms, known)
    text = SearchText(lines)
    matches = text.match(terms)
    failed = failed_records(fields, count)
    named = _named(asked, terms, matches, fields, any_failed=bool(failed.any()))
    if named is None:
        return None
    kept: dict[str, list[int]] = {
        "matches of the question": named,
        "matches of the call": _called(ask.arguments, text, known),
        "first": list(range(settings.first_items)),
        "last": list(range(count - settings.last_items, count)),
    }
    if asked.errors or 0 < failed.sum() <= max(3, _ERRORS_ARE_RARE * count):
        kept["errors"] = np.flatnonzero(failed).tolist()
    kept["extremes"] = salience.extremes(fields, asked.several if asked.extremes else 0)
    kept["outliers"] = salience.outliers(fields, settings.variance_threshold) + salience.long_texts(fields, settings.variance_threshold)
    kept["changes"] = salience.change_points(fields)
    kept["rare values"] = salience.rare_values(fields, count) + salience.odd_shapes(by_column, count)
    kept["examples"] = salience.examples(fields)
    rows = sorted(set().union(*kept.values()))
    if len(rows) < settings.max_items_after_crush:
        others = sorted(set(range(count)).difference(rows))
        rows = sorted([*rows, *(others[index] for index in salience.spread_over(len(others), settings.max_items_after_crush - len(rows)))])
    if len(rows) > _MOST_KEPT * count:
        return None
    return Choice(rows, [reason for reason, found in kept.items() if found], fields)


def _called(arguments: str, text: SearchText, known: set[str]) -> list[int]:
    """The records that hold what the call names; what most of them hold, as with a search for it, tells none apart."""
    named = [term for term in question(_values(arguments)).terms if term.kind is not Kind.WORD and term.text not in known]
    matches = text.match(named)
    few = max(_FEW, int(_FEW_SHARE * text.count))
    return sorted({row for rows in matches.rows.values() if len(rows) <= few for row in rows.tolist()})


def _values(arguments: str) -> str:
    """The texts and numbers in a call's arguments, a line each; the arguments themselves where they are no JSON."""
    try:
        value = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    if isinstance(value, str):
        return _values(value) if value[:1] in {"{", "["} else value
    found: list[str] = []
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict | list):
            waiting += one.values() if isinstance(one, dict) else one
        elif one is not None and not isinstance(one, bool):
            found.append(str(one))
    return "\n".join(found)


def _named(asked: Question, terms: Sequence[Term], matches: Matches, fields: Sequence[Field], *, any_failed: bool) -> list[int] | None:
    """The records that the question is about; an empty list where it is about none; None where nobody can tell."""
    count = len(matches.scores)
    few = max(_FEW, int(_FEW_SHARE * count))
    categories = _category_words(fields)
    found: set[int] = set()
    exact = answered = False
    for term in terms:
        rows = matches.rows[term]
        if not len(rows):
            continue
        if len(rows) <= few or (term.text in categories and len(rows) <= _MOST_MATCHED * count):
            found.update(rows.tolist())
            exact |= term.kind in {Kind.IDENTIFIER, Kind.PHRASE} or term.text in categories
    if len(matches.scores):
        best = np.argsort(-matches.scores, kind="stable")[: max(_BEST_SCORES, few)]
        found.update(best[matches.scores[best] > 0].tolist())
    if exact or not terms:
        return sorted(found)
    answered = (
        (asked.extremes and any(field.role is Role.MEASURE for field in fields))
        or asked.anomalies
        or (asked.errors and any_failed)
        or _is_covered(terms, matches)
    )
    return sorted(found) if answered else None


def _is_covered(terms: Sequence[Term], matches: Matches) -> bool:
    """Whether one record holds most of what the question says, by weight, or all names in it."""
    total = sum(matches.weights[term] for term in terms)
    if not total or not len(matches.scores):
        return False
    held = np.zeros(len(matches.scores))
    names = np.zeros(len(matches.scores))
    name_count = sum(term.kind is Kind.NAME for term in terms)
    for term in terms:
        held[matches.rows[term]] += matches.weights[term]
        if term.kind is Kind.NAME:
            names[matches.rows[term]] += 1
    if float(held.max()) >= _COVERED * total:
        return True
    return name_count > 1 and bool(np.any((names == name_count) & (held >= _NAMES_COVERED * total)))


def _category_words(fields: Sequence[Field]) -> set[str]:
    """Stems and whole texts of the values that fields with few values have."""
    found: set[str] = set()
    for field in fields:
        if field.role is Role.CATEGORY and field.counts is not None:
            for value in field.counts:
                if isinstance(value, str):
                    found |= words(value)
                    found.add(value.lower())
    return found
