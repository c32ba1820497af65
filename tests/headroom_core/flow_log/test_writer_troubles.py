"""What is wrong with the disk costs one line and the records, never an exception, never time of a request or of the end."""

from __future__ import annotations

import resource
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from headroom_core.flow_log import StoreReader, database_file
from headroom_core.flow_log.database_file import open_for_writing
from headroom_core.flow_log.schema import CONTENT_STORE, FLOW_LOG, Schema
from tests.flow_log_rig import Logged, form, key, logging_to, noise, of_a_later_version, record, rows, without_root_rights


@contextmanager
def quickly_closed(logged: Logged) -> Iterator[None]:
    yield
    logged.writer.put_flow(record(1000))
    logged.writer.put_forms([form(1000)])
    began = time.monotonic()
    logged.writer.close(10)
    assert time.monotonic() - began < 5
    assert not logged.writer._thread.is_alive()


def filled(directory: Path) -> None:
    with logging_to(directory) as logged:
        logged.write([record(1)], [form(1)])
        assert logged.warnings == []


def logged_ids(directory: Path) -> list[str]:
    return [row["id"] for row in rows(directory / "flows.db", "SELECT id FROM flows ORDER BY id")]


def test_locked_by_another_process_and_free_again(tmp_path: Path) -> None:
    filled(tmp_path)
    with logging_to(tmp_path) as logged, closing(sqlite3.connect(tmp_path / "flows.db", isolation_level=None)) as other:
        for number in (2, 4):
            other.execute("BEGIN IMMEDIATE")
            logged.write([record(number)])
            logged.write([record(number)], [form(number)])
            other.execute("ROLLBACK")
            logged.write([record(number + 1)])
        other.execute("BEGIN IMMEDIATE")
        with quickly_closed(logged):
            logged.write([record(6)])
    assert len(logged.warnings) == 3
    assert all("flows.db: database is locked;" in line and "\n" not in line for line in logged.warnings)
    assert logged_ids(tmp_path) == [record(number).id for number in (1, 3, 5)]
    assert set(StoreReader(tmp_path).forms([key(2), key(4)])) == {key(2), key(4)}


def test_locked_from_the_start(tmp_path: Path) -> None:
    filled(tmp_path)
    with closing(sqlite3.connect(tmp_path / "flows.db", isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with logging_to(tmp_path) as logged, quickly_closed(logged):
            for number in (2, 3):
                logged.write([record(number)])
    assert len(logged.warnings) == 1
    assert "locked" in logged.warnings[0]


def test_a_read_only_folder(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    folder.chmod(0o500)
    with without_root_rights(), logging_to(folder) as logged, quickly_closed(logged):
        for number in (1, 2):
            logged.write([record(number)], [form(number)])
    assert logged.warnings == [
        f"flow log: {folder / 'store.db'}: Permission denied; its records are dropped until it can be written, requests go on"
    ]
    folder.chmod(0o700)
    assert list(folder.iterdir()) == []


def test_a_read_only_folder_with_files_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    filled(folder)
    folder.chmod(0o500)
    with without_root_rights(), logging_to(folder) as logged, quickly_closed(logged):
        for number in (2, 3):
            logged.write([record(number)], [form(number)])
    folder.chmod(0o700)
    assert len(logged.warnings) == 1
    assert logged_ids(folder) == [record(1).id]


def test_a_read_only_file(tmp_path: Path) -> None:
    filled(tmp_path)
    (tmp_path / "flows.db").chmod(0o400)
    with without_root_rights(), logging_to(tmp_path) as logged, quickly_closed(logged):
        for number in (2, 3):
            logged.write([record(number)], [form(number)])
    assert len(logged.warnings) == 1
    assert "flows.db: attempt to write a readonly database;" in logged.warnings[0]
    assert logged_ids(tmp_path) == [record(1).id]
    assert len(StoreReader(tmp_path).forms([key(2), key(3)])) == 2


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with logging_to(tmp_path / "file" / "log") as logged, quickly_closed(logged):
        for number in (1, 2):
            logged.write([record(number)], [form(number)])
    assert len(logged.warnings) == 1
    assert "Not a directory" in logged.warnings[0]


def test_a_full_disk_and_room_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path)
    opened: list[sqlite3.Connection] = []

    def on_a_full_disk(path: Path, schema: Schema) -> sqlite3.Connection:
        connection = open_for_writing(path, schema)
        if schema is CONTENT_STORE:
            (pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {pages + 2}")
            opened.append(connection)
        return connection

    monkeypatch.setattr(database_file, "open_for_writing", on_a_full_disk)
    large = noise(300_000)
    with logging_to(tmp_path) as logged, quickly_closed(logged):
        for number in (2, 3):
            logged.write([record(number)], [form(number, original=large)])
        monkeypatch.undo()
        logged.write(forms=[form(4, original=large)])
    assert opened
    assert len(logged.warnings) == 1
    assert "store.db: database or disk is full;" in logged.warnings[0]
    assert set(StoreReader(tmp_path).forms([key(number) for number in range(5)])) == {key(1), key(4)}
    assert logged_ids(tmp_path) == [record(number).id for number in (1, 2, 3, 1000)]


def test_a_disk_that_refuses_to_take_more(tmp_path: Path) -> None:
    filled(tmp_path)
    large = noise(300_000)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    with logging_to(tmp_path) as logged:
        logged.write([record(2)])
        resource.setrlimit(resource.RLIMIT_FSIZE, (90_000, hard))
        try:
            with quickly_closed(logged):
                for number in (2, 3):
                    logged.write(forms=[form(number, original=large)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(logged.warnings) == 1
    assert "store.db: disk I/O error;" in logged.warnings[0]
    assert set(StoreReader(tmp_path).forms([key(number) for number in range(5)])) == {key(1)}


@pytest.mark.parametrize("name", ["flows.db", "store.db"])
def test_a_damaged_file_is_set_aside_and_a_new_one_started(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"this is no database" * 1000)
    with logging_to(tmp_path) as logged:
        for number in (1, 2):
            logged.write([record(number)], [form(number)])
    (aside,) = tmp_path.glob(f"{name}.corrupt-*")
    assert logged.warnings == [f"flow log: {tmp_path / name} is damaged: moved to {aside.name} in the same folder, a new one is started"]
    assert aside.read_bytes() == b"this is no database" * 1000
    assert logged_ids(tmp_path) == [record(1).id, record(2).id]
    assert len(StoreReader(tmp_path).forms([key(1), key(2)])) == 2


def test_a_file_that_is_damaged_while_it_is_open(tmp_path: Path) -> None:
    with logging_to(tmp_path) as logged:
        logged.write(forms=[form(number, original=str(number) * 5000) for number in range(300)])
        (path, wal) = (tmp_path / "store.db", tmp_path / "store.db-wal")
        with closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        assert wal.stat().st_size == 0
        with path.open("r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (path.stat().st_size - 4096))
        logged.write(forms=[form(1000)])
        logged.write(forms=[form(1001)])
    assert len(logged.warnings) == 1
    assert "store.db is damaged: moved to store.db.corrupt-" in logged.warnings[0]
    assert set(StoreReader(tmp_path).forms([key(1000), key(1001)])) == {key(1000), key(1001)}


@pytest.mark.parametrize("schema", [FLOW_LOG, CONTENT_STORE], ids=lambda schema: schema.name)
def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path, schema: Schema) -> None:
    path = tmp_path / ("flows.db" if schema is FLOW_LOG else "store.db")
    open_for_writing(path, of_a_later_version(schema)).close()
    before = path.read_bytes()
    with logging_to(tmp_path) as logged, quickly_closed(logged):
        for number in (1, 2):
            logged.write([record(number)], [form(number)])
    assert len(logged.warnings) == 1
    assert f"{path}: was written by a newer version of headroom" in logged.warnings[0]
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*corrupt*"))
    if schema is CONTENT_STORE:
        assert StoreReader(tmp_path).forms([key(1)]) == {}
