"""Which records tell of an error, by what their fields mean and not by a word that happens to stand in them.

`"errors": 0`, `error_rate: 0.0` and a url with "error" in it are no errors; a status code of 500, a level ERROR, an `error`
field that holds something, an exit code other than 0 and a stack trace are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headroom_core.choosing.fields import Field
from headroom_core.relevance.matching import find_all

_BAD_WORDS = re.compile(
    r"(fail(ed|ure|ing)?|err(or)?(ed)?|critical|crit|fatal|emerg(ency)?|alert|panic|severe|exception|denied|rejected|refused|declined|unhealthy|down|"
    r"dead|timed?[ _-]?out|aborted|crash(ed|loopbackoff)?|imagepullbackoff|oomkilled|broken|invalid|corrupt(ed)?|lost|"
    r"blocked|violation|partially ?completed)",
    re.IGNORECASE,
)
_LEVEL_NAME = re.compile(r"(^|[._ ])(level|lvl|severity|loglevel|log_level|priority)$", re.IGNORECASE)
_STATE_NAME = re.compile(r"(^|[._ ]|[a-z])(status|state|result|outcome|conclusion|phase|health|condition)$", re.IGNORECASE)
_CODE_NAME = re.compile(r"(^|[._ ]|[a-z])(status|status_?code|http_?status|http_?code|response_?code|code|sc[-_]status)$", re.IGNORECASE)
_EXIT_NAME = re.compile(r"(^|[._ ])(exit|exit_?code|return_?code|returncode|rc|errno|exit_?status)$", re.IGNORECASE)
_ERROR_NAME = re.compile(
    r"(^|[._ ]|[a-z])(error|err|exception|failure|error_?message|error_?code|error_?type|stack_?trace|traceback|failure_?reason|errors)$",
    re.IGNORECASE,
)
_OK_NAME = re.compile(r"(^|[._ ])(ok|success|succeeded|successful|passed|healthy|valid)$", re.IGNORECASE)
_FAILED_NAME = re.compile(r"(^|[._ ])(failed|is_?error|has_?error|error|timed_?out|crashed)$", re.IGNORECASE)
_TRACE = re.compile(
    r"Traceback \(most recent call last\)|\b[A-Z]\w*(?:Error|Exception)\b(?=[:( ]|$)|\bpanic: |\bFATAL\b|\bCRITICAL\b|\bERROR\b|"
    r"\bSegmentation fault\b|\bassertion failed\b|^\s*at [\w.$]+\(|\[(?:error|crit|alert|emerg|fatal)\]|"
    r"\b(?:connection|permission|access) (?:refused|denied)\b|\bOut of memory\b"
)
# A text that the pattern finds holds one of these; looking for them runs at memory speed.
_TRACE_SIGNS = (
    "Traceback",
    "Error",
    "Exception",
    "panic: ",
    "FATAL",
    "CRITICAL",
    "Segmentation fault",
    "assertion failed",
    "at ",
    "[error]",
    "[crit]",
    "[alert]",
    "[emerg]",
    "[fatal]",
    "ERROR",
    "refused",
    "denied",
    "Out of memory",
)
_NOTHING = {"", "0", "none", "null", "nil", "no", "false", "n/a", "na", "-", "ok", "no error", "success", "0.0"}
_HTTP_CODES = range(100, 600)
_HTTP_ERROR = 400
_MAX_LABELS = 50


def failed_records(fields: Sequence[Field], count: int) -> NDArray[np.bool_]:
    """For each of `count` records whether it tells of an error."""
    failed = np.zeros(count, bool)
    for field in fields:
        flags = _flags(field)
        if flags is None:
            continue
        if field.owners is None:
            failed |= flags
        else:
            failed[field.owners[flags]] = True
    return failed


def is_bad_word(text: str) -> bool:
    """Whether a state's or level's text is one of failure."""
    return _BAD_WORDS.fullmatch(text.strip()) is not None


def has_trace(text: str) -> bool:
    """Whether a text holds a stack trace, an exception's name or a level of failure in capitals."""
    return _TRACE.search(text) is not None


def traced(texts: Sequence[str]) -> NDArray[np.bool_]:
    """For each text whether it holds a stack trace, an exception's name or a level of failure in capitals."""
    flags = np.zeros(len(texts), bool)
    joined = "\n".join(texts)
    hits = [at for sign in _TRACE_SIGNS for at in find_all(joined, sign)]
    if hits:
        ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)) + 1)
        for index in np.unique(np.searchsorted(ends, np.array(hits), side="right")).tolist():
            flags[index] = has_trace(texts[index])
    return flags


def _flags(field: Field) -> NDArray[np.bool_] | None:
    test = _test_for(field)
    if test is not None:
        return np.fromiter(map(test, field.values), bool, len(field.values))
    if field.numbers is not None:
        return None
    if field.counts is not None and len(field.counts) <= _MAX_LABELS:
        bad = {value for value in field.counts if isinstance(value, str) and has_trace(value)}
        return np.fromiter((value in bad for value in field.values), bool, len(field.values)) if bad else None
    if any(isinstance(value, str) for value in field.values):
        return traced([value if isinstance(value, str) else "" for value in field.values])
    return None


def _test_for(field: Field) -> Callable[[Any], bool] | None:
    name = field.name.removesuffix("[]")
    if _OK_NAME.search(name):
        return lambda value: value is False
    if _EXIT_NAME.search(name) and field.numbers is not None:
        return lambda value: isinstance(value, int | float) and not isinstance(value, bool) and value != 0
    if _CODE_NAME.search(name) and field.numbers is not None:
        return _is_error_code if _are_http_codes(field.numbers) else None
    if _LEVEL_NAME.search(name) or _STATE_NAME.search(name):
        return lambda value: isinstance(value, str) and is_bad_word(value)
    if _ERROR_NAME.search(name) or _FAILED_NAME.search(name):
        return _tells_something
    return None


def _are_http_codes(numbers: NDArray[np.float64]) -> bool:
    finite = numbers[np.isfinite(numbers)]
    return bool(len(finite)) and bool(np.all((finite >= _HTTP_CODES.start) & (finite < _HTTP_CODES.stop)))


def _is_error_code(value: Any) -> bool:
    try:
        return float(value) >= _HTTP_ERROR
    except (TypeError, ValueError):
        return False


def _tells_something(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.strip().lower() not in _NOTHING
    if isinstance(value, int | float):
        return False
    return isinstance(value, dict | list) and bool(value)
