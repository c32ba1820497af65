"""Errors by meaning: what is one, and what only looks like one."""

from __future__ import annotations

from typing import Any

import pytest

from headroom_core.choosing.failures import failed_records
from headroom_core.choosing.fields import fields_of
from headroom_core.compressors.table import columns


def failed(records: list[dict[str, Any]]) -> list[int]:
    return failed_records(fields_of(columns(records)), len(records)).nonzero()[0].tolist()


GOOD = [
    {"id": number, "status": 200, "errors": 0, "error": None, "error_rate": 0.0, "url": f"https://x.test/error/{number}", "text": "fine"}
    for number in range(30)
]


def test_zero_errors_null_errors_and_error_in_a_url_are_none() -> None:
    assert failed(GOOD) == []


@pytest.mark.parametrize(
    "change",
    [
        {"status": 503},
        {"error": "disk full"},
        {"error": {"code": 7}},
        {"text": "Traceback (most recent call last):\n  File"},
        {"text": "java.lang.NullPointerException: x"},
        {"text": "connect: connection refused"},
    ],
    ids=str,
)
def test_a_record_of_failure_is_found(change: dict[str, Any]) -> None:
    records = [dict(record) for record in GOOD]
    records[11] |= change
    assert failed(records) == [11]


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("level", "INFO", "ERROR"),
        ("severity", "low", "CRITICAL"),
        ("state", "succeeded", "failed"),
        ("exit_code", 0, 137),
        ("ok", True, False),
        ("conclusion", "success", "failure"),
        ("detail.status", "ready", "CrashLoopBackOff"),
    ],
)
def test_fields_that_say_it(name: str, good: object, bad: object) -> None:
    def made(value: object) -> dict[str, Any]:
        outer, _, inner = name.rpartition(".")
        return {"n": 1, outer: {inner: value}} if outer else {"n": 1, name: value}

    records = [made(good) for _ in range(40)]
    records[23] = made(bad)
    assert failed(records) == [23]


def test_codes_that_are_no_http_codes_say_nothing() -> None:
    assert failed([{"code": 10_000 + number} for number in range(40)]) == []
