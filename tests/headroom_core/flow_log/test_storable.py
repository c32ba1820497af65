from __future__ import annotations

import math
import sqlite3
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from headroom_core.flow_log.storable import finite, short_text, whole, whole_or_none


def stored(value: object) -> object:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE t (v NOT NULL)")
        connection.execute("INSERT INTO t VALUES (?)", (value,))
        return connection.execute("SELECT v FROM t").fetchone()[0]


@given(st.text(st.characters(codec=None, categories=None)))
def test_any_text_can_be_stored(text: str) -> None:
    assert stored(short_text(text)) == short_text(text)


@given(st.text(st.characters(codec="utf-8"), max_size=2000))
def test_a_sound_text_stays_as_it_is(text: str) -> None:
    assert short_text(text) == text


def test_a_lone_surrogate_is_spelled_out() -> None:
    assert short_text("a\ud800b") == "a\\ud800b"


def test_a_long_text_is_cut_and_says_so() -> None:
    assert short_text("x" * 3000) == "x" * 1999 + "…"


@given(st.integers())
def test_any_integer_can_be_stored_and_summed(number: int) -> None:
    value = whole(number)
    assert stored(value) == value
    assert abs(value) * 1_000_000 < 2**63
    if abs(number) <= 10**12:
        assert value == number


def test_not_reported_stays_not_reported() -> None:
    assert whole_or_none(None) is None
    assert whole_or_none(10**30) == 10**12


@given(st.floats())
def test_any_float_can_be_stored(number: float) -> None:
    assert stored(finite(number)) == (number if math.isfinite(number) else 0.0)
