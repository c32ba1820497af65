"""One SQLite file as the writer thread uses it: opened when first needed, again when it was deleted, set aside when damaged."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path

from headroom_core.errors import StoreError
from headroom_core.flow_log.location import make_private_directory, make_private_file
from headroom_core.flow_log.migrations import migrate
from headroom_core.flow_log.schema import Schema

BUSY_SECONDS = 0.5
"""How long a write waits for another process: longer than a batch of another proxy takes, short enough for a quick close."""

_DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_PRIMARY_CODE = 0xFF
_PRAGMAS = (
    "PRAGMA synchronous = NORMAL",  # with WAL a power cut costs the last rows, never the file
    "PRAGMA journal_size_limit = 16777216",
    "PRAGMA secure_delete = FAST",
    "PRAGMA cache_size = -2000",
)


class DatabaseFile:
    """Owned by one thread. Its methods raise sqlite3.Error, OSError and StoreError."""

    def __init__(self, path: Path, schema: Schema) -> None:
        self.path = path
        self._schema = schema
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._set_aside = False

    def connection(self) -> sqlite3.Connection:
        """The open connection, its tables up to date."""
        if self._connection is not None and _identity(self.path) != self._identity:
            # Deleted or replaced by the user: what we wrote on would go nowhere.
            self.close()
        if self._connection is None:
            try:
                self._connection = open_for_writing(self.path, self._schema)
            finally:
                self._identity = _identity(self.path)
        return self._connection

    def close(self) -> None:
        """Close quietly; a later `connection` opens again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def set_aside(self) -> Path | None:
        """Rename a damaged file, with its -wal and -shm, to `<name>.corrupt-<date>`. Returns the new path.

        None, and nothing done, where another process did it first, and the second time: a disk that damages each new
        file must not be filled with them.
        """
        self.close()
        if self._set_aside or _identity(self.path) != self._identity:
            return None
        self._set_aside = True
        aside = _free_name(self.path)
        self.path.rename(aside)
        for suffix in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                Path(f"{self.path}{suffix}").rename(f"{aside}{suffix}")
        return aside


def open_for_writing(path: Path, schema: Schema) -> sqlite3.Connection:
    """A connection in autocommit mode to the file at `path`, made and migrated if need be.

    Raises sqlite3.Error, OSError, and StoreError if the file is of a newer version.
    """
    make_private_directory(path.parent)
    make_private_file(path)
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        if connection.execute("PRAGMA page_count").fetchone() == (0,):
            # Lets the file shrink when rows expire; only a blank file takes it.
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        _enable_wal(connection)
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        migrate(connection, schema)
    except (sqlite3.Error, StoreError):
        connection.close()
        raise
    return connection


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the error says that the file itself is broken, not that it can't be reached just now."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & _PRIMARY_CODE in _DAMAGE


def _enable_wal(connection: sqlite3.Connection) -> None:
    """Two processes that do this at once get "locked" at once, without the busy timeout; so wait here."""
    deadline = time.monotonic() + BUSY_SECONDS
    while connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            # A file system without shared memory stays in the old mode, which works as well.
            return


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _free_name(path: Path) -> Path:
    stem = f"{path.name}.corrupt-{time.strftime('%Y%m%d-%H%M%S')}"
    names = [stem, *(f"{stem}-{number}" for number in range(2, 100))]
    return next((path.with_name(name) for name in names if not path.with_name(name).exists()), path.with_name(stem))
