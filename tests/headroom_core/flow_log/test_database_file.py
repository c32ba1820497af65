from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from headroom_core.errors import StoreError
from headroom_core.flow_log.database_file import DatabaseFile, is_damage, open_for_writing
from headroom_core.flow_log.migrations import migrate
from headroom_core.flow_log.schema import FLOW_LOG
from tests.flow_log_rig import of_a_later_version


def test_all_files_are_the_owners_only_and_wal_is_on(tmp_path: Path) -> None:
    path = tmp_path / "new" / "flows.db"
    with closing(open_for_writing(path, FLOW_LOG)) as connection:
        connection.execute("INSERT INTO _sqlite_migrations (name) VALUES ('x')")
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        modes = {each.name: each.stat().st_mode & 0o777 for each in path.parent.iterdir()}
    assert modes == {"flows.db": 0o600, "flows.db-wal": 0o600, "flows.db-shm": 0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_file_can_shrink(tmp_path: Path) -> None:
    with closing(open_for_writing(tmp_path / "flows.db", FLOW_LOG)) as connection:
        assert connection.execute("PRAGMA auto_vacuum").fetchone() == (2,)


def test_the_connection_is_kept(tmp_path: Path) -> None:
    file = DatabaseFile(tmp_path / "flows.db", FLOW_LOG)
    assert file.connection() is file.connection()
    file.close()
    file.close()


def test_a_file_that_was_deleted_is_made_anew(tmp_path: Path) -> None:
    file = DatabaseFile(tmp_path / "log" / "flows.db", FLOW_LOG)
    before = file.connection()
    for each in file.path.parent.iterdir():
        each.unlink()
    file.path.parent.rmdir()
    assert file.connection() is not before
    assert file.path.exists()
    file.close()


def test_a_newer_file_is_refused_unchanged(tmp_path: Path) -> None:
    path = tmp_path / "flows.db"
    open_for_writing(path, of_a_later_version(FLOW_LOG)).close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="newer version"):
        DatabaseFile(path, FLOW_LOG).connection()
    assert path.read_bytes() == before


def test_a_lock_is_waited_for_shortly(tmp_path: Path) -> None:
    path = tmp_path / "flows.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            open_for_writing(path, FLOW_LOG)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("data", [b"this is no database at all, but a text of some length" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_named_and_set_aside_whole(tmp_path: Path, data: bytes) -> None:
    file = DatabaseFile(tmp_path / "flows.db", FLOW_LOG)
    file.path.write_bytes(data)
    with pytest.raises(sqlite3.DatabaseError) as caught:
        file.connection()
    assert is_damage(caught.value)
    aside = file.set_aside()
    assert aside is not None
    assert aside.name.startswith("flows.db.corrupt-20")
    assert aside.read_bytes() == data
    file.connection()
    file.close()


def test_its_wal_goes_with_it(tmp_path: Path) -> None:
    file = DatabaseFile(tmp_path / "flows.db", FLOW_LOG)
    file.path.write_bytes(b"no database" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        file.connection()
    Path(f"{file.path}-wal").write_bytes(b"wal")
    aside = file.set_aside()
    assert Path(f"{aside}-wal").read_bytes() == b"wal"
    assert not Path(f"{file.path}-wal").exists()


def test_it_is_set_aside_once_only(tmp_path: Path) -> None:
    file = DatabaseFile(tmp_path / "flows.db", FLOW_LOG)
    for expected in (True, False):
        file.path.write_bytes(b"no database" * 100)
        with pytest.raises(sqlite3.DatabaseError):
            file.connection()
        assert (file.set_aside() is not None) is expected
    assert len(list(tmp_path.glob("*.corrupt-*"))) == 1


def test_what_another_process_put_in_place_meanwhile_stays(tmp_path: Path) -> None:
    file = DatabaseFile(tmp_path / "flows.db", FLOW_LOG)
    file.path.write_bytes(b"no database" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        file.connection()
    file.path.rename(tmp_path / "moved-by-the-other")
    open_for_writing(file.path, FLOW_LOG).close()
    assert file.set_aside() is None
    file.connection()
    file.close()


def test_two_set_aside_within_a_second_keep_their_own_names(tmp_path: Path) -> None:
    names = []
    for _ in range(3):
        file = DatabaseFile(tmp_path / "flows.db", FLOW_LOG)
        file.path.write_bytes(b"no database" * 100)
        with pytest.raises(sqlite3.DatabaseError):
            file.connection()
        names.append(file.set_aside())
    assert len(set(names)) == 3
    assert len(list(tmp_path.glob("*.corrupt-*"))) == 3


def test_locked_is_no_damage(tmp_path: Path) -> None:
    with (
        closing(sqlite3.connect(tmp_path / "t.db", isolation_level=None, timeout=0)) as one,
        closing(sqlite3.connect(tmp_path / "t.db", isolation_level=None, timeout=0)) as other,
    ):
        migrate(one, FLOW_LOG)
        one.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError) as caught:
            other.execute("BEGIN IMMEDIATE")
    assert not is_damage(caught.value)
    assert not is_damage(sqlite3.ProgrammingError("closed"))
