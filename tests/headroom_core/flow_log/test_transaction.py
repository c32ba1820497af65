from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from headroom_core.flow_log.transaction import immediate


def connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=0.1, isolation_level=None)


def test_all_is_kept(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "t.db")) as connection:
        connection.execute("CREATE TABLE t (v)")
        with immediate(connection):
            connection.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (2,)


def test_nothing_is_kept_when_one_fails(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "t.db")) as connection:
        connection.execute("CREATE TABLE t (v NOT NULL)")
        with pytest.raises(sqlite3.IntegrityError), immediate(connection):
            connection.executemany("INSERT INTO t VALUES (?)", [(1,), (None,)])
        assert not connection.in_transaction
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_a_lock_is_met_at_the_beginning_and_in_time(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "t.db")) as other, closing(connect(tmp_path / "t.db")) as connection:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(sqlite3.OperationalError, match="locked"), immediate(connection):
            pytest.fail("the lock was not met")
        assert time.monotonic() - began < 5
        other.execute("ROLLBACK")
        with immediate(connection):
            connection.execute("CREATE TABLE t (v)")
