from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from headroom_core.errors import StoreError
from headroom_core.flow_log.migrations import State, migrate, state
from headroom_core.flow_log.schema import CONTENT_STORE, FLOW_LOG, Schema, Step
from tests.flow_log_rig import of_a_later_version

SCHEMAS = [FLOW_LOG, CONTENT_STORE]
OLDER = [(schema, count) for schema in SCHEMAS for count in range(len(schema.steps))]


def connect(path: Path | str = ":memory:") -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def tables(connection: sqlite3.Connection) -> list[str]:
    return [str(row[0]) for row in connection.execute("SELECT sql FROM sqlite_master ORDER BY name")]


@pytest.mark.parametrize(("schema", "count"), OLDER, ids=[f"{schema.name}-{count}" for schema, count in OLDER])
def test_from_blank_and_from_each_older_version(schema: Schema, count: int) -> None:
    older = Schema(schema.name, schema.steps[:count])
    with closing(connect()) as old, closing(connect()) as blank:
        if count:
            migrate(old, older)
        assert state(old, schema) is State.BEHIND
        migrate(old, schema)
        migrate(blank, schema)
        assert state(old, schema) is State.CURRENT
        assert tables(old) == tables(blank)


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_a_second_time_changes_nothing(schema: Schema) -> None:
    with closing(connect()) as connection:
        migrate(connection, schema)
        before = connection.total_changes
        migrate(connection, schema)
        assert connection.total_changes == before


def test_rows_stay(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(connect(path)) as connection:
        migrate(connection, Schema(CONTENT_STORE.name, CONTENT_STORE.steps[:1]))
        values = "x'00', 'c', 'skipped', 'too_small', '', x'', '', 0, 0, 0, 0, 5, 5"
        connection.execute(f"INSERT INTO forms VALUES ({values})")  # noqa: S608  # names of this test
    with closing(connect(path)) as connection:
        migrate(connection, CONTENT_STORE)
        assert connection.execute("SELECT reason FROM forms").fetchall() == [("too_small",)]


def test_a_newer_database_is_refused_and_left_alone() -> None:
    newer = of_a_later_version(FLOW_LOG)
    with closing(connect()) as connection:
        migrate(connection, newer)
        before = tables(connection)
        assert state(connection, FLOW_LOG) is State.NEWER
        with pytest.raises(StoreError, match="newer version"):
            migrate(connection, FLOW_LOG)
        assert tables(connection) == before


def test_a_step_that_fails_leaves_the_old_version() -> None:
    def failing(db: object) -> None:
        del db
        raise sqlite3.OperationalError("disk full")

    broken = Schema(FLOW_LOG.name, (*FLOW_LOG.steps, Step("9999_failing", failing)))
    with closing(connect()) as connection:
        with pytest.raises(sqlite3.OperationalError):
            migrate(connection, broken)
        assert not connection.in_transaction
        assert tables(connection) == []


def test_sqlite_utils_and_rich_are_not_loaded_for_a_database_that_is_up_to_date(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from headroom_core.settings import Settings\n"
        "before = set(sys.modules)\n"
        "from headroom_core.flow_log import Writer\n"
        "w = Writer(Path(sys.argv[1]), Settings(), print); w.start(); w.flush(20); w.close(20)\n"
        "loaded = set(sys.modules) - before\n"
        "print(sorted(loaded & {'sqlite_utils', 'rich', 'click'}))"
    )

    def run() -> str:
        return subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True).stdout.strip()

    assert "sqlite_utils" in run()
    assert run() == "[]"
