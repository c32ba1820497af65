"""Opening a file to read it: from any thread, beside writers, never changing it but for tables that are behind."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headroom_core.errors import StoreError
from headroom_core.flow_log.database_file import BUSY_SECONDS, open_for_writing
from headroom_core.flow_log.location import FLOWS, STORE
from headroom_core.flow_log.migrations import State, newer_error, state
from headroom_core.flow_log.schema import CONTENT_STORE, FLOW_LOG, Schema


@contextmanager
def open_flow_log(directory: Path) -> Iterator[sqlite3.Connection | None]:
    """A connection to flows.db for `queries`; None if there is no log yet. Raises StoreError, one line, if it can't be read."""
    with _reading(directory / FLOWS, FLOW_LOG) as connection:
        yield connection


@contextmanager
def open_store(directory: Path) -> Iterator[sqlite3.Connection | None]:
    """A connection to store.db; None if there is no store yet. Raises StoreError, one line, if it can't be read."""
    with _reading(directory / STORE, CONTENT_STORE) as connection:
        yield connection


@contextmanager
def _reading(path: Path, schema: Schema) -> Iterator[sqlite3.Connection | None]:
    try:
        connection = _open(path, schema)
    except (sqlite3.Error, OSError, StoreError) as error:
        raise StoreError(f"{path}: {error}") from error
    try:
        yield connection
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}") from error
    finally:
        if connection is not None:
            connection.close()


def _open(path: Path, schema: Schema) -> sqlite3.Connection | None:
    if not path.exists() or path.stat().st_size == 0:
        return None
    connection = _connect(path)
    try:
        found = state(connection, schema)
    except sqlite3.Error:
        connection.close()
        raise
    if found is State.CURRENT:
        return connection
    connection.close()
    if found is State.NEWER:
        raise newer_error()
    open_for_writing(path, schema).close()
    return _connect(path)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection
