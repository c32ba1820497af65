"""Bringing a database to the tables that this program knows, through sqlite-utils' own record of done steps.

sqlite-utils costs 2 MB and, where numpy is installed (it imports it), 11 MB more: it is loaded only when a step is due,
so that a proxy on a database that is up to date never holds it.
"""

from __future__ import annotations

import sqlite3
from enum import Enum

from headroom_core.errors import StoreError
from headroom_core.flow_log.schema import Schema
from headroom_core.flow_log.transaction import immediate


class State(Enum):
    """How a database's tables stand to those that this program knows."""

    CURRENT = "current"
    BEHIND = "behind"
    NEWER = "newer"


def state(connection: sqlite3.Connection, schema: Schema) -> State:
    """Compare the steps done on the database with the known ones. A blank database is behind. Raises sqlite3.Error."""
    done = _done(connection, schema)
    known = {step.name for step in schema.steps}
    if done - known:
        return State.NEWER
    return State.CURRENT if done == known else State.BEHIND


def migrate(connection: sqlite3.Connection, schema: Schema) -> None:
    """Do all missing steps in one transaction, also when several processes start at once. Raises StoreError if the database is newer."""
    before = state(connection, schema)
    if before is State.BEHIND:
        with immediate(connection):
            # Asked again under the lock: another process may have done it meanwhile.
            before = state(connection, schema)
            if before is State.BEHIND:
                _apply(connection, schema)
    if before is State.NEWER:
        raise newer_error()


def newer_error() -> StoreError:
    """The one line for a database that this version can't use."""
    return StoreError("was written by a newer version of headroom; use that version, or another data folder")


def _apply(connection: sqlite3.Connection, schema: Schema) -> None:
    from sqlite_utils import Database, Migrations  # noqa: PLC0415  # see the module's first lines

    migrations = Migrations(schema.name)
    for step in schema.steps:
        migrations(name=step.name)(step.apply)
    migrations.apply(Database(connection, execute_plugins=False))


def _done(connection: sqlite3.Connection, schema: Schema) -> set[str]:
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = '_sqlite_migrations'").fetchone() is None:
        return set()
    rows = connection.execute("SELECT name FROM _sqlite_migrations WHERE migration_set = ?", (schema.name,))
    return {str(name) for (name,) in rows}
