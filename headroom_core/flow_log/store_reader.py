"""Reading the content store: forms to replay, originals to give back. Each call opens the file anew (about 0.2 ms), so any thread may."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from itertools import batched
from pathlib import Path

from headroom_core.errors import StoreError
from headroom_core.flow_log.forms import StoredForm, forms_by_key, result_from_row
from headroom_core.flow_log.prefixes import matching
from headroom_core.flow_log.reading import open_store
from headroom_core.flow_log.texts import unpack
from headroom_core.model import Rewritten, Skipped

_CHUNK = 500
"""Keys in one query, below the 999 variables of older SQLite."""


class StoreReader:
    """Blocks on the disk: call it from a thread (`asyncio.to_thread`), not on the event loop."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def forms(self, keys: Sequence[bytes]) -> dict[bytes, Rewritten | Skipped]:
        """The stored form of each key that has one. Never raises: what can't be read is as if it weren't there.

        The caller passes the keys it used to `Writer.touch`, so that they don't expire.
        """
        found: dict[bytes, Rewritten | Skipped] = {}
        if not keys:
            return found
        with contextlib.suppress(StoreError), open_store(self._directory) as connection:
            if connection is not None:
                for chunk in batched(keys, _CHUNK):
                    _read_forms(connection, chunk, found)
        return found

    def original(self, content_id: str) -> str | None:
        """The text with this id, or with the only id that begins so; None if there is none (any more).

        Raises StoreError, one line, if several ids begin so or the store can't be read.
        """
        with open_store(self._directory) as connection:
            if connection is None:
                return None
            ids = matching(connection, "originals", "content_id", content_id)
            if len(ids) > 1:
                raise StoreError(f"{content_id!r} is the beginning of several ids: {', '.join(ids)}")
            return _original(connection, ids[0]) if ids else None

    def form_by_key_hex(self, key: str) -> StoredForm | None:
        """The form whose key has this hex text, with its original; None if there is none (any more). Raises StoreError."""
        try:
            wanted = bytes.fromhex(key)
        except ValueError:
            return None
        with open_store(self._directory) as connection:
            rows = [] if connection is None else forms_by_key(connection, [wanted])
            return _stored_form(connection, rows[0]) if connection is not None and rows else None


def _read_forms(connection: sqlite3.Connection, keys: Sequence[bytes], found: dict[bytes, Rewritten | Skipped]) -> None:
    for row in forms_by_key(connection, keys):
        # A damaged text, or a reason that a newer version wrote: decided anew.
        with contextlib.suppress(ValueError):
            found[row["key"]] = result_from_row(row)


def _stored_form(connection: sqlite3.Connection, row: sqlite3.Row) -> StoredForm | None:
    try:
        result = result_from_row(row)
        original = _original(connection, row["content_id"]) if isinstance(result, Rewritten) else None
    except (ValueError, StoreError):
        return None
    return StoredForm(row["key"], result, row["content_id"], original)


def _original(connection: sqlite3.Connection, content_id: str) -> str | None:
    row = connection.execute("SELECT text FROM originals WHERE content_id = ?", (content_id,)).fetchone()
    if row is None:
        return None
    try:
        return unpack(row["text"])
    except ValueError as error:
        raise StoreError(f"the text {content_id} is damaged ({error})") from error
