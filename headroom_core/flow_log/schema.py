"""The tables, as numbered steps. A step that was released is never changed: what comes later is a new step at the end.

flows.db holds one row a request (`flows`) and one a tool output (`outputs`), without any text of them.
store.db holds rewritten forms by the key of their decision (`forms`) and the texts they stand for (`originals`), both zstd.

sqlite-utils is a type here only; `migrations` imports it when a step is due.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlite_utils import Database
    from sqlite_utils.db import Table


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a database's tables; `name` is recorded in the database once it is done."""

    name: str
    apply: Callable[[Database], None]


@dataclass(frozen=True, slots=True)
class Schema:
    """All steps of one file, in order. `name` tells the two files apart in the table of done steps."""

    name: str
    steps: tuple[Step, ...]


def _flows(db: Database) -> None:
    columns: dict[str, Any] = {
        "id": str,
        "started_at": float,
        "host": str,
        "provider": str,
        "model": str,
        "path": str,
        "client": str,
        "conversation": str,
        "mode": str,
        "streamed": int,
        "changed": int,
        "reason": str,
        "bytes_before": int,
        "bytes_after": int,
        "tokens_before": int,
        "tokens_after": int,
        "tokens_exact": int,
        "outputs_total": int,
        "outputs_rewritten": int,
        "overhead_ms": float,
        "duration_ms": float,
        "status": int,
        "error": str,
        "input_tokens": int,
        "cache_read_tokens": int,
        "cache_write_tokens": int,
        "output_tokens": int,
        "reasoning_tokens": int,
        "billed_model": str,
        "cache_miss_reason": str,
    }
    optional = {"status", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"}
    table = _table(db, "flows")
    table.create(columns, pk="id", not_null=set(columns) - optional)
    table.create_index(["started_at"])


def _outputs(db: Database) -> None:
    columns: dict[str, Any] = {
        "conversation": str,
        "key": str,
        "flow_id": str,
        "content_id": str,
        "position": str,
        "tool": str,
        "result": str,
        "reason": str,
        "compressor": str,
        "lossless": int,
        "items_total": int,
        "items_kept": int,
        "bytes_before": int,
        "bytes_after": int,
        "tokens_before": int,
        "tokens_after": int,
    }
    table = _table(db, "outputs")
    table.create(columns, not_null=set(columns))
    table.create_index(["conversation", "key"], unique=True)
    table.create_index(["flow_id"])


def _forms(db: Database) -> None:
    columns: dict[str, Any] = {
        "key": bytes,
        "content_id": str,
        "result": str,
        "reason": str,
        "detail": str,
        "text": bytes,
        "compressor": str,
        "lossless": int,
        "items_total": int,
        "items_kept": int,
        "size": int,
        "created_at": int,
        "last_used_at": int,
    }
    table = _table(db, "forms")
    table.create(columns, not_null=set(columns))
    table.create_index(["key"], unique=True)
    table.create_index(["last_used_at"])


def _originals(db: Database) -> None:
    columns: dict[str, Any] = {"content_id": str, "text": bytes, "size": int, "created_at": int, "last_used_at": int}
    table = _table(db, "originals")
    table.create(columns, not_null=set(columns))
    table.create_index(["content_id"], unique=True)
    table.create_index(["last_used_at"])


def _table(db: Database, name: str) -> Table:
    return db.table(name)


FLOW_LOG = Schema("flow_log", (Step("0001_flows", _flows), Step("0002_outputs", _outputs)))
CONTENT_STORE = Schema("content_store", (Step("0001_forms", _forms), Step("0002_originals", _originals)))
