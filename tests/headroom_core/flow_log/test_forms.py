from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom_core.flow_log.database_file import open_for_writing
from headroom_core.flow_log.forms import StoredForm, forms_by_key, result_from_row, touch_forms, write_forms
from headroom_core.flow_log.migrations import migrate
from headroom_core.flow_log.schema import CONTENT_STORE
from headroom_core.flow_log.texts import unpack
from headroom_core.model import Reason, Rewritten, Skipped
from tests.flow_log_rig import form, key

ANY_TEXT = st.text(st.characters(codec=None, categories=None))
HUGE = st.integers(-(2**80), 2**80)
REWRITTEN = st.builds(Rewritten, ANY_TEXT, ANY_TEXT, st.booleans(), HUGE, HUGE)
SKIPPED = st.builds(Skipped, st.sampled_from(Reason), ANY_TEXT)
DAY = 86_400


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(open_for_writing(tmp_path / "store.db", CONTENT_STORE)) as opened:
        opened.row_factory = sqlite3.Row
        yield opened


def read(connection: sqlite3.Connection, number: int) -> Rewritten | Skipped:
    (row,) = forms_by_key(connection, [key(number)])
    return result_from_row(row)


def used(connection: sqlite3.Connection, table: str) -> list[int]:
    return [row[0] for row in connection.execute(f"SELECT last_used_at FROM {table} ORDER BY rowid")]  # noqa: S608  # names of this test


@pytest.mark.parametrize(
    "result", [Rewritten("text\ud800", "json_records", lossless=False, items_total=9, items_kept=3), Skipped(Reason.TOO_SMALL, "12")]
)
def test_a_form_comes_back(connection: sqlite3.Connection, result: Rewritten | Skipped) -> None:
    write_forms(connection, [form(1, result=result)], 1000)
    assert read(connection, 1) == result


@settings(max_examples=50)
@given(st.lists(st.builds(StoredForm, st.binary(max_size=40), REWRITTEN | SKIPPED, ANY_TEXT, st.none() | ANY_TEXT), max_size=5))
def test_no_form_is_so_odd_that_it_cannot_be_stored(forms: list[StoredForm]) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        migrate(connection, CONTENT_STORE)
        write_forms(connection, forms, 1000)
        for one in forms:
            first = next(other for other in forms if other.key == one.key)
            (row,) = forms_by_key(connection, [one.key])
            found = result_from_row(row)
            if isinstance(first.result, Rewritten):
                assert isinstance(found, Rewritten)
                assert found.text == first.result.text


def test_the_first_form_of_a_key_stays(connection: sqlite3.Connection) -> None:
    write_forms(connection, [form(1, text="first")], 1000)
    write_forms(connection, [form(1, text="second"), form(2, text="other")], 2000)
    assert read(connection, 1) == form(1, text="first").result
    assert read(connection, 2) == form(2, text="other").result
    assert used(connection, "forms") == [2000, 2000]


def test_an_original_is_kept_once_for_all_forms_of_it(connection: sqlite3.Connection) -> None:
    write_forms(connection, [form(1, content_id="same"), form(2, content_id="same"), form(3, original=None)], 1000)
    rows = connection.execute("SELECT content_id, text FROM originals").fetchall()
    assert [(row[0], unpack(row[1])) for row in rows] == [("same", "an original")]


def test_texts_are_compressed_and_their_size_is_told(connection: sqlite3.Connection) -> None:
    written = write_forms(connection, [form(1, text="a" * 100_000, original="b" * 100_000)], 1000)
    stored = connection.execute(
        "SELECT sum(length(text)), sum(size) FROM (SELECT text, size FROM forms UNION ALL SELECT text, size FROM originals)"
    )
    assert tuple(stored.fetchone()) == (written, written)
    assert written < 1000


def test_touching_keeps_the_form_and_its_original_fresh_by_the_hour(connection: sqlite3.Connection) -> None:
    write_forms(connection, [form(1), form(2)], DAY)
    touch_forms(connection, [key(1), key(99)], DAY + 60)
    assert used(connection, "forms") == used(connection, "originals") == [DAY, DAY]
    touch_forms(connection, [key(1), key(99)], 2 * DAY)
    assert used(connection, "forms") == used(connection, "originals") == [2 * DAY, DAY]


def test_a_reason_that_is_not_known_here_is_a_value_error(connection: sqlite3.Connection) -> None:
    write_forms(connection, [form(1, result=Skipped(Reason.TOO_SMALL))], 1000)
    connection.execute("UPDATE forms SET reason = 'of a later version'")
    with pytest.raises(ValueError, match="of a later version"):
        read(connection, 1)


def test_memory_counts_both_texts_as_python_holds_them() -> None:
    small = form(text="", original="").memory()
    assert form(text="é" * 1000, original="😀" * 1000).memory() >= small + 5000
    assert form(original=None, result=Skipped(Reason.TOO_SMALL)).memory() < small
