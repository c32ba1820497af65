from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from headroom_core.errors import StoreError
from headroom_core.flow_log import StoredForm, StoreReader
from headroom_core.model import Reason, Skipped
from tests.flow_log_rig import form, key, logging_to


@pytest.fixture
def reader(tmp_path: Path) -> StoreReader:
    return StoreReader(tmp_path)


def store(directory: Path, *forms: StoredForm) -> None:
    with logging_to(directory) as logged:
        logged.write(forms=forms)
        assert logged.warnings == []


def spoil(directory: Path, command: str) -> None:
    with closing(sqlite3.connect(directory / "store.db")) as connection, connection:
        connection.execute(command)


def test_forms_of_the_keys_that_have_one(tmp_path: Path, reader: StoreReader) -> None:
    skipped = form(2, result=Skipped(Reason.NOT_SMALLER, "120%"), original=None)
    store(tmp_path, form(1), skipped, form(3))
    assert reader.forms([key(1), key(2), key(9)]) == {key(1): form(1).result, key(2): skipped.result}


def test_more_keys_than_one_query_takes(tmp_path: Path, reader: StoreReader) -> None:
    store(tmp_path, *(form(number, text=f"text {number}") for number in range(1300)))
    found = reader.forms([key(number) for number in range(2000)])
    assert len(found) == 1300
    assert found[key(1299)] == form(1299, text="text 1299").result


def test_no_store_no_forms(reader: StoreReader) -> None:
    assert reader.forms([key(1)]) == {}
    assert reader.forms([]) == {}
    assert reader.original("c0ffee") is None
    assert reader.form_by_key_hex(key(1).hex()) is None


def test_a_store_that_cannot_be_read_has_no_forms_but_says_so_where_asked(tmp_path: Path, reader: StoreReader) -> None:
    (tmp_path / "store.db").write_bytes(b"no database" * 100)
    assert reader.forms([key(1)]) == {}
    with pytest.raises(StoreError, match="not a database"):
        reader.original("c0ffee")
    with pytest.raises(StoreError, match="not a database"):
        reader.form_by_key_hex(key(1).hex())


def test_a_damaged_form_is_as_if_it_were_not_there(tmp_path: Path, reader: StoreReader) -> None:
    store(tmp_path, form(1), form(2))
    spoil(tmp_path, f"UPDATE forms SET text = x'00ff' WHERE key = x'{key(1).hex()}'")  # noqa: S608  # names of this test
    assert reader.forms([key(1), key(2)]) == {key(2): form(2).result}
    assert reader.form_by_key_hex(key(1).hex()) is None


def test_an_original_by_its_id_or_its_beginning(tmp_path: Path, reader: StoreReader) -> None:
    store(tmp_path, form(1, content_id="abcd12", original="one\ud800\0"), form(2, content_id="abff34", original="two"))
    assert reader.original("abcd12") == "one\ud800\0"
    assert reader.original("abf") == "two"
    assert reader.original("b") is None
    with pytest.raises(StoreError) as caught:
        reader.original("ab")
    assert str(caught.value) == "'ab' is the beginning of several ids: abcd12, abff34"


def test_a_damaged_original_is_said(tmp_path: Path, reader: StoreReader) -> None:
    store(tmp_path, form(1, content_id="abcd12"))
    spoil(tmp_path, "UPDATE originals SET text = x'00ff'")
    with pytest.raises(StoreError, match="abcd12 is damaged"):
        reader.original("abcd12")


def test_a_form_with_its_original(tmp_path: Path, reader: StoreReader) -> None:
    skipped = form(2, result=Skipped(Reason.TOO_SMALL), original=None)
    store(tmp_path, form(1), skipped)
    assert reader.form_by_key_hex(key(1).hex()) == form(1)
    assert reader.form_by_key_hex(key(2).hex()) == skipped
    assert reader.form_by_key_hex(key(3).hex()) is None
    assert reader.form_by_key_hex("no hex") is None


def test_a_form_whose_original_is_gone(tmp_path: Path, reader: StoreReader) -> None:
    store(tmp_path, form(1))
    spoil(tmp_path, "DELETE FROM originals")
    assert reader.form_by_key_hex(key(1).hex()) == form(1, original=None)


def test_many_threads_beside_a_writer(tmp_path: Path, reader: StoreReader) -> None:
    with logging_to(tmp_path) as logged, ThreadPoolExecutor(8) as pool:
        logged.write(forms=[form(number) for number in range(100)])
        wanted = [[key(number), key(number + 50)] for number in range(50)]
        answers = [pool.submit(reader.forms, keys) for keys in wanted]
        for number in range(100, 200):
            logged.writer.put_forms([form(number)])
        assert all(len(answer.result()) == 2 for answer in answers)
