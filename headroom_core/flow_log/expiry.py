"""Nothing is kept for ever: stored texts expire by age and by the store's size, log rows after a year.

Oldest use goes first. Rows go in small transactions, so that another proxy's writes come in between; each run may be cut short.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from headroom_core.flow_log.transaction import immediate

LOG_DAYS = 365
"""Log rows hold no text and are small: about 0.5 kB a request and 0.4 kB a new tool output."""

_DAY = 86_400
_ROWS = 200
_LOW_WATER = 0.9
"""Share of the cap that is left full, so that not each batch has to make room again."""
_PAGES = 500

type Stop = Callable[[], bool]

_EXPIRED = {
    "forms": "DELETE FROM forms WHERE rowid IN (SELECT rowid FROM forms WHERE last_used_at < ? ORDER BY last_used_at LIMIT ?)",
    "originals": "DELETE FROM originals WHERE rowid IN (SELECT rowid FROM originals WHERE last_used_at < ? ORDER BY last_used_at LIMIT ?)",
}
_OLDEST = """
    SELECT * FROM (SELECT 'forms', rowid, last_used_at FROM forms ORDER BY last_used_at, rowid LIMIT :rows)
    UNION ALL
    SELECT * FROM (SELECT 'originals', rowid, last_used_at FROM originals ORDER BY last_used_at, rowid LIMIT :rows)
    ORDER BY 3, 2 LIMIT :rows
"""


def expire_store(connection: sqlite3.Connection, now: float, days: int, megabytes: int, stop: Stop) -> None:
    """Delete what was not used for `days`, then the oldest until the file's content fits into `megabytes`. Raises sqlite3.Error."""
    oldest = int(now) - days * _DAY
    for command in _EXPIRED.values():
        _delete_in_steps(connection, command, oldest, stop)
    cap = megabytes * 1_000_000
    if content_bytes(connection) > cap:
        _shrink_to(connection, int(cap * _LOW_WATER), stop)
    _give_back_pages(connection, stop)


def expire_log(connection: sqlite3.Connection, now: float, stop: Stop) -> None:
    """Delete the rows of requests older than a year, with those of their outputs. Raises sqlite3.Error."""
    oldest = now - LOG_DAYS * _DAY
    while not stop():
        ids = connection.execute("SELECT id FROM flows WHERE started_at < ? LIMIT ?", (oldest, _ROWS)).fetchall()
        if not ids:
            break
        with immediate(connection):
            connection.executemany("DELETE FROM outputs WHERE flow_id = ?", ids)
            connection.executemany("DELETE FROM flows WHERE id = ?", ids)
    _give_back_pages(connection, stop)


def expire_set_aside(store: Path, now: float, days: int) -> None:
    """Delete damaged stores that were set aside more than `days` ago: they hold texts too. Never raises."""
    for path in store.parent.glob(f"{store.name}.corrupt-*"):
        with contextlib.suppress(ValueError, OSError):
            moved_at = time.mktime(time.strptime(path.name.removeprefix(f"{store.name}.corrupt-")[:15], "%Y%m%d-%H%M%S"))
            if moved_at < now - days * _DAY:
                path.unlink()


def content_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold something; what deleted rows left free doesn't count. Raises sqlite3.Error."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (page_size,) = connection.execute("PRAGMA page_size").fetchone()
    return int(pages - free) * int(page_size)


def _delete_in_steps(connection: sqlite3.Connection, command: str, oldest: int, stop: Stop) -> None:
    while not stop():
        with immediate(connection):
            deleted = connection.execute(command, (oldest, _ROWS)).rowcount
        if deleted < _ROWS:
            return


def _shrink_to(connection: sqlite3.Connection, low_water: int, stop: Stop) -> None:
    while not stop() and content_bytes(connection) > low_water:
        rows = connection.execute(_OLDEST, {"rows": _ROWS}).fetchall()
        if not rows:
            return
        _delete_until(connection, rows, low_water)


def _delete_until(connection: sqlite3.Connection, rows: list[sqlite3.Row], low_water: int) -> None:
    with immediate(connection):
        for table, rowid, _ in rows:
            connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (rowid,))  # noqa: S608  # a name out of _OLDEST
            if content_bytes(connection) <= low_water:
                return


def _give_back_pages(connection: sqlite3.Connection, stop: Stop) -> None:
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    while free > 0 and not stop():
        connection.execute(f"PRAGMA incremental_vacuum({_PAGES})").fetchall()
        free -= _PAGES
