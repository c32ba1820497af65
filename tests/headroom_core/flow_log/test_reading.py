from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from headroom_core.errors import StoreError
from headroom_core.flow_log import open_flow_log
from headroom_core.flow_log.database_file import open_for_writing
from headroom_core.flow_log.queries import recent
from headroom_core.flow_log.reading import open_store
from headroom_core.flow_log.schema import FLOW_LOG, Schema
from tests.flow_log_rig import logging_to, of_a_later_version, record


@pytest.mark.parametrize("opened", [open_flow_log, open_store])
def test_nothing_there_is_none_and_makes_nothing(tmp_path: Path, opened: type) -> None:
    with opened(tmp_path / "nowhere") as db:
        assert db is None
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_none(tmp_path: Path) -> None:
    (tmp_path / "flows.db").touch()
    with open_flow_log(tmp_path) as db:
        assert db is None


def test_it_reads_beside_a_writer_in_a_transaction(tmp_path: Path) -> None:
    with logging_to(tmp_path) as logged:
        logged.write([record(1)])
        with closing(sqlite3.connect(tmp_path / "flows.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("DELETE FROM flows")
            with open_flow_log(tmp_path) as db:
                assert db is not None
                assert len(recent(db, 10)) == 1
            other.execute("ROLLBACK")


def test_it_cannot_write(tmp_path: Path) -> None:
    with logging_to(tmp_path) as logged:
        logged.write([record(1)])

    def delete() -> None:
        with open_flow_log(tmp_path) as db:
            assert db is not None
            db.execute("DELETE FROM flows")

    with pytest.raises(StoreError, match="readonly"):
        delete()


def test_a_folder_with_signs_of_an_address_in_its_name(tmp_path: Path) -> None:
    odd = tmp_path / "a?mode=memory#b %20"
    with logging_to(odd) as logged:
        logged.write([record(1)])
    with open_flow_log(odd) as db:
        assert db is not None
        assert len(recent(db, 10)) == 1


def test_tables_that_are_behind_are_brought_up_first(tmp_path: Path) -> None:
    open_for_writing(tmp_path / "flows.db", Schema(FLOW_LOG.name, FLOW_LOG.steps[:1])).close()
    with open_flow_log(tmp_path) as db:
        assert db is not None
        assert db.execute("SELECT count(*) FROM outputs").fetchone()[0] == 0


def test_a_newer_file_is_said_in_one_line_with_its_name(tmp_path: Path) -> None:
    open_for_writing(tmp_path / "flows.db", of_a_later_version(FLOW_LOG)).close()
    with pytest.raises(StoreError) as caught, open_flow_log(tmp_path):
        pytest.fail("it was opened")
    assert (
        str(caught.value)
        == f"{tmp_path / 'flows.db'}: was written by a newer version of headroom; use that version, or another data folder"
    )


def test_a_damaged_file_is_said_in_one_line_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "flows.db").write_bytes(b"no database" * 100)
    with pytest.raises(StoreError, match=r"flows\.db: file is not a database"), open_flow_log(tmp_path):
        pytest.fail("it was opened")
    assert [each.name for each in tmp_path.iterdir()] == ["flows.db"]


def test_a_folder_in_its_place_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "flows.db").mkdir()
    with pytest.raises(StoreError, match=r"^[^\n]*flows\.db: [^\n]+$"), open_flow_log(tmp_path):
        pytest.fail("it was opened")
