"""A question taken apart: the identifiers, phrases, names and words that records can be matched with, and what it asks for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from headroom_core.relevance.common_words import COMMON_WORDS


class Kind(Enum):
    """How a term is looked for: exactly as one piece, or as a word that may end differently."""

    IDENTIFIER = auto()
    PHRASE = auto()
    NAME = auto()
    WORD = auto()


@dataclass(frozen=True, slots=True)
class Term:
    """Something that a record may hold. `text` is lower case; a word's is its stem."""

    text: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: by which terms, and for what.

    `extremes`: for the largest or cheapest; `anomalies`: for what is unusual; `errors`: for what failed; `totals`: for a
    count, a sum or a mean. `several`: how many records, where it says so.
    """

    terms: tuple[Term, ...]
    extremes: bool = False
    anomalies: bool = False
    errors: bool = False
    totals: bool = False
    several: int = 0


_QUOTED = re.compile(r"\"([^\"\n]{2,120})\"|`([^`\n]{2,120})`|(?<![\w])'([^'\n]{2,120})'(?![\w])|\u201c([^\u201d\n]{2,120})\u201d")
_TOKEN = re.compile(r"#?[A-Za-z0-9_\u00c0-\uffff]+(?:[-./:@+][A-Za-z0-9_\u00c0-\uffff]+)*")
_SPLIT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z\u00e0-\uffff]+|\d+")

_EXTREMES = re.compile(
    r"\b(?:(?:larg|bigg|great|high|long|short|small|low|cheap|dear|old|young|new|lat|earli|slow|fast|heavi|lighti?|quick|few|b|wor|strong|weak|"
    r"rich|poor|deep|wid|near|far|hott|cold|loud|tall)e?st|most|least|max(?:imum|imal)?|min(?:imum|imal)?|top|bottom|"
    r"farthest|furthest|record|rank(?:ing|ed)?|peak)\b",
    re.IGNORECASE,
)
_ANOMALIES = re.compile(
    r"anomal|outlier|unusual|out of (line|the ordinary|place)|odd\b|strange|suspicio|spike|wildly|abnormal|unexpected|deviat|stand(s)? out|"
    r"weird",
    re.IGNORECASE,
)
_ERRORS = re.compile(
    r"\b(error|fail|wrong|problem|issue|broke|crash|exception|warn|critical|fatal|bug|invalid|denied|reject|timeout|timed out|"
    r"unhealthy|bad\b)\w*",
    re.IGNORECASE,
)
_TOTALS = re.compile(
    r"\b(how many|how often|count|number of|total|sum\b|average|mean\b|median|percent|share|distribution|summar\w+|overview)\b",
    re.IGNORECASE,
)
# A number in figures may be anything; it says how many where "top" stands before it or a superlative soon behind it.
_SEVERAL = re.compile(
    r"\b(?:(?:top|bottom|first|last|best|worst)\s+(\d{1,3})|(\d{1,3})(?=\s+(?:\w+\s+){0,2}?(?:\w+est|most|least|best|worst)\b)"
    r"|two|three|four|five|six|seven|eight|nine|ten|twelve|twenty)\b",
    re.IGNORECASE,
)
_MOST_SEVERAL = 50
_NUMBER_WORDS = {
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "twelve": 12,
    "twenty": 20,
}

_MIN_WORD = 3
_MIN_DIGITS = 2
_MAX_TERMS = 48


def question(text: str) -> Question:
    """The question in a text; only its last part where it is long."""
    terms: dict[Term, None] = {}
    for match in _QUOTED.finditer(text):
        phrase = next(group for group in match.groups() if group)
        if not phrase.isspace():
            terms[Term(phrase.strip().lower(), Kind.PHRASE)] = None
    start_of_sentence = True
    for match in _TOKEN.finditer(text):
        _add_token(match[0], terms, start=start_of_sentence)
        start_of_sentence = text[match.end() : match.end() + 1] in {".", "!", "?", "\n"}
    several = _SEVERAL.search(text)
    return Question(
        terms=tuple(terms)[:_MAX_TERMS],
        extremes=_EXTREMES.search(text) is not None,
        anomalies=_ANOMALIES.search(text) is not None,
        errors=_ERRORS.search(text) is not None,
        totals=_TOTALS.search(text) is not None,
        several=0 if several is None else min(_MOST_SEVERAL, int(several[1] or several[2] or _NUMBER_WORDS.get(several[0].lower(), 0))),
    )


def words(text: str) -> set[str]:
    """The stems of all words in a text, with identifiers split at case changes and underscores."""
    return {stem(part.lower()) for part in _SPLIT.findall(text) if len(part) >= _MIN_WORD}


def without(terms: Iterable[Term], known: set[str]) -> list[Term]:
    """The terms less the plain words that are among `known` stems: words for the data's own fields tell no record apart."""
    return [term for term in terms if term.kind is not Kind.WORD or term.text not in known]


def stem(word: str) -> str:
    """A word without its commonest English endings; never shorter than three letters."""
    for ending, least in (("ies", 5), ("ing", 6), ("ied", 5), ("ed", 5), ("es", 5), ("s", 4), ("e", 4), ("y", 4)):
        if word.endswith(ending) and len(word) >= least and not word.endswith("ss"):
            return word[: -len(ending)]
    return word


def _add_token(token: str, terms: dict[Term, None], *, start: bool) -> None:
    lower = token.lower()
    if is_identifier(token):
        terms[Term(lower, Kind.IDENTIFIER)] = None
        return
    if lower in COMMON_WORDS:
        return
    if token.isdigit():
        if len(token) >= _MIN_DIGITS:
            terms[Term(lower, Kind.IDENTIFIER)] = None
        return
    if token[0].isupper() and not start and len(token) > 1:
        terms[Term(lower, Kind.NAME)] = None
        return
    for part in re.split(r"[-./:@+_]", lower):
        if len(part) >= _MIN_WORD and part not in COMMON_WORDS:
            terms[Term(stem(part), Kind.WORD)] = None


def is_identifier(token: str) -> bool:
    """Whether a token names one thing: letters with digits, or signs or capitals inside."""
    letters = any(sign.isalpha() for sign in token)
    digits = any(sign.isdigit() for sign in token)
    if letters and digits:
        return True
    if digits and len(token) > _MIN_DIGITS and not token.isdigit():
        return True
    if "_" in token.strip("_") or "/" in token or "::" in token or "@" in token or token.startswith("#"):
        return True
    if "." in token and letters and not token.endswith("."):
        return True
    inner_capital = any(sign.isupper() for sign in token[1:]) and any(sign.islower() for sign in token)
    return inner_capital and "-" not in token
