"""What store.db holds: the form that a tool output left in, and the text that it stands for."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headroom_core.flow_log.storable import short_text, whole
from headroom_core.flow_log.texts import pack, unpack
from headroom_core.flow_log.transaction import immediate
from headroom_core.model import Reason, Rewritten, Skipped

_HOUR = 3600
"""How fresh `last_used_at` is kept. Expiry counts in days, and each fresh value is a write."""

_OBJECT_BYTES = 400

FORM_COLUMNS = (
    "key, content_id, result, reason, detail, text, compressor, lossless, items_total, items_kept, size, created_at, last_used_at"
)
_INSERT_FORM = f"""
    INSERT INTO forms ({FORM_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (key) DO UPDATE SET last_used_at = max(last_used_at, excluded.last_used_at)
"""  # noqa: S608  # constants only
_INSERT_ORIGINAL = """
    INSERT INTO originals (content_id, text, size, created_at, last_used_at) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (content_id) DO UPDATE SET last_used_at = max(last_used_at, excluded.last_used_at)
"""
_TOUCH_FORM = "UPDATE forms SET last_used_at = :now WHERE key = :key AND last_used_at < :stale"
_TOUCH_ORIGINAL = """
    UPDATE originals SET last_used_at = :now
    WHERE content_id = (SELECT content_id FROM forms WHERE key = :key) AND last_used_at < :stale
"""


@dataclass(frozen=True, slots=True)
class StoredForm:
    """One decision with its texts. The first that is stored for a key stays: an upgrade must replay what was sent."""

    key: bytes
    result: Rewritten | Skipped
    content_id: str
    original: str | None
    """None where the result is Skipped: the text left as it came, and the client still has it."""

    def memory(self) -> int:
        """About the bytes that this holds in memory."""
        text = sys.getsizeof(self.result.text) if isinstance(self.result, Rewritten) else 0
        return _OBJECT_BYTES + text + (0 if self.original is None else sys.getsizeof(self.original))


def write_forms(connection: sqlite3.Connection, forms: Iterable[StoredForm], now: float) -> int:
    """Store the forms in one transaction; returns the bytes they take. Raises sqlite3.Error."""
    second = int(now)
    form_rows = []
    original_rows = []
    for form in forms:
        form_rows.append(_form_row(form, second))
        if form.original is not None:
            text = pack(form.original)
            original_rows.append((short_text(form.content_id), text, len(text), second, second))
    # Everything is compressed by now: the lock that other processes wait for is held for the inserts only.
    with immediate(connection):
        connection.executemany(_INSERT_FORM, form_rows)
        connection.executemany(_INSERT_ORIGINAL, original_rows)
    return sum(row[10] for row in form_rows) + sum(row[2] for row in original_rows)


def touch_forms(connection: sqlite3.Connection, keys: Iterable[bytes], now: float) -> None:
    """Note that the forms, and the originals they stand for, were used now. Raises sqlite3.Error."""
    values = [{"key": key, "now": int(now), "stale": int(now) - _HOUR} for key in keys]
    with immediate(connection):
        connection.executemany(_TOUCH_ORIGINAL, values)
        connection.executemany(_TOUCH_FORM, values)


def result_from_row(row: sqlite3.Row) -> Rewritten | Skipped:
    """The form of one row of `forms`. Raises ValueError if the text is damaged or the reason is not known here."""
    if row["result"] == "skipped":
        return Skipped(Reason(row["reason"]), row["detail"])
    return Rewritten(unpack(row["text"]), row["compressor"], bool(row["lossless"]), row["items_total"], row["items_kept"])


def _form_row(form: StoredForm, second: int) -> tuple[bytes, str, str, str, str, bytes, str, int, int, int, int, int, int]:
    result = form.result
    if isinstance(result, Rewritten):
        facts = ("rewritten", "", "", pack(result.text), short_text(result.compressor), int(result.lossless))
        items = (whole(result.items_total), whole(result.items_kept))
    else:
        facts = ("skipped", result.reason.value, short_text(result.detail), b"", "", 0)
        items = (0, 0)
    return form.key, short_text(form.content_id), *facts, *items, len(facts[3]), second, second


def forms_by_key(connection: sqlite3.Connection, keys: Sequence[bytes]) -> list[sqlite3.Row]:
    """The rows of `forms` for the keys that are there; at most 500 keys. Raises sqlite3.Error."""
    marks = ", ".join("?" * len(keys))
    return connection.execute(f"SELECT {FORM_COLUMNS} FROM forms WHERE key IN ({marks})", keys).fetchall()  # noqa: S608  # marks only
