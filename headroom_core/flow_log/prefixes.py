"""Ids given by their beginning, as git does: any that names one row only, and the shortest that does."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

_SHORTEST = 8
_NAMED = 4
_LAST_CHARACTER = "\U0010ffff"


def matching(connection: sqlite3.Connection, table: str, column: str, beginning: str) -> list[str]:
    """The id itself if there is such a row, else the ids that begin so, at most a few. Raises sqlite3.Error."""
    if not beginning or not beginning.isprintable():
        return []
    # `>=` and `<` in place of LIKE: they use the index, and `%` in an id is only a character.
    rows = connection.execute(
        f"SELECT {column} FROM {table} WHERE {column} >= ? AND {column} < ? ORDER BY {column} LIMIT {_NAMED}",  # noqa: S608  # constants
        (beginning, beginning + _LAST_CHARACTER),
    ).fetchall()
    ids = [str(row[0]) for row in rows]
    return [beginning] if beginning in ids else ids


def shortest(connection: sqlite3.Connection, table: str, column: str, ids: Sequence[str]) -> dict[str, str]:
    """For each id its shortest beginning, of 8 characters or more, that no other row's id has. Raises sqlite3.Error."""
    return {one: one[: max(_SHORTEST, _shared(connection, table, column, one) + 1)] for one in ids}


def _shared(connection: sqlite3.Connection, table: str, column: str, one: str) -> int:
    """How many characters the id shares with its neighbours in order, and so at most with any other id."""
    neighbours = connection.execute(
        f"SELECT (SELECT max({column}) FROM {table} WHERE {column} < ?1), (SELECT min({column}) FROM {table} WHERE {column} > ?1)",  # noqa: S608  # constants
        (one,),
    ).fetchone()
    return max((_common(one, str(other)) for other in neighbours if other is not None), default=0)


def _common(one: str, other: str) -> int:
    pairs = zip(one, other, strict=False)
    return next((index for index, (left, right) in enumerate(pairs) if left != right), min(len(one), len(other)))
