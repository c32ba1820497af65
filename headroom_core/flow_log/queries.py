"""What is asked of flows.db. Each takes a connection from `open_flow_log`, and raises sqlite3.Error as SQLite does."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from headroom_core.errors import StoreError
from headroom_core.flow_log.prefixes import matching, shortest
from headroom_core.flow_log.results import (
    Billed,
    BilledModel,
    CacheMisses,
    FlowDetail,
    FlowRow,
    NamedSavings,
    OutputRow,
    Savings,
    SkippedOutputs,
    SkippedRequests,
    Totals,
)

_SAVINGS = """
    count(*) AS outputs,
    coalesce(sum(f.changed AND o.result = 'rewritten'), 0) AS rewritten,
    coalesce(sum(o.tokens_before), 0) AS tokens_before,
    coalesce(sum(iif(f.changed AND o.result = 'rewritten', o.tokens_after, o.tokens_before)), 0) AS tokens_after,
    coalesce(sum(iif(NOT f.changed AND o.result = 'rewritten', o.tokens_before - o.tokens_after, 0)), 0) AS not_applied
"""
_NEW_OUTPUTS = "FROM outputs o JOIN flows f ON f.id = o.flow_id WHERE f.started_at >= :since"
_BILLED = """
    count(*) AS requests,
    coalesce(sum(input_tokens), 0) AS input_tokens,
    coalesce(sum(cache_read_tokens), 0) AS cache_read_tokens,
    coalesce(sum(cache_write_tokens), 0) AS cache_write_tokens,
    coalesce(sum(output_tokens), 0) AS output_tokens,
    coalesce(sum(reasoning_tokens), 0) AS reasoning_tokens
    FROM flows WHERE started_at >= :since AND coalesce(input_tokens, cache_read_tokens, cache_write_tokens, output_tokens) IS NOT NULL
"""
_REQUESTS = """
    SELECT count(*) AS requests, coalesce(sum(changed), 0) AS changed,
        coalesce(sum(error <> '' OR coalesce(status, 0) >= 400), 0) AS failed,
        coalesce(sum(NOT tokens_exact), 0) AS estimated, min(started_at) AS first_at, max(started_at) AS last_at
    FROM flows WHERE started_at >= :since
"""


def recent(db: sqlite3.Connection, limit: int) -> list[FlowRow]:
    """The newest requests, newest first."""
    rows = db.execute("SELECT * FROM flows ORDER BY started_at DESC, rowid DESC LIMIT ?", (limit,))
    return [FlowRow.model_validate(dict(row)) for row in rows]


def flow(db: sqlite3.Connection, id_or_prefix: str) -> FlowDetail | None:
    """The request with this id, or with the only id that begins so; None if there is none.

    Raises StoreError, one line, if several ids begin so.
    """
    ids = matching(db, "flows", "id", id_or_prefix)
    if not ids:
        return None
    if len(ids) > 1:
        raise StoreError(f"{id_or_prefix!r} is the beginning of several ids: {', '.join(ids)}")
    row = db.execute("SELECT * FROM flows WHERE id = ?", ids).fetchone()
    outputs = db.execute("SELECT * FROM outputs WHERE flow_id = ? ORDER BY rowid", ids)
    return FlowDetail.model_validate({**row, "outputs": tuple(OutputRow.model_validate(dict(output)) for output in outputs)})


def short_ids(db: sqlite3.Connection, flows: Sequence[FlowRow]) -> dict[str, str]:
    """For each request's id the shortest beginning that `flow` takes, of 8 characters or more."""
    return shortest(db, "flows", "id", [row.id for row in flows])


def totals(db: sqlite3.Connection, since: float = 0.0) -> Totals:
    """The sums over the requests that started at `since` (Unix seconds) or later."""

    def rows(query: str) -> list[dict[str, Any]]:
        return [dict(row) for row in db.execute(query, {"since": since})]

    skipped = f"SELECT o.reason, count(*) AS outputs, sum(o.tokens_before) AS tokens {_NEW_OUTPUTS} AND o.result = 'skipped'"
    billed_name = "CASE billed_model WHEN '' THEN model ELSE billed_model END"
    return Totals(
        **rows(_REQUESTS)[0],
        savings=Savings(**rows(f"SELECT {_SAVINGS} {_NEW_OUTPUTS}")[0]),
        tools=tuple(NamedSavings(**row) for row in rows(_named_savings("o.tool"))),
        compressors=tuple(NamedSavings(**row) for row in rows(_named_savings("o.compressor", "AND o.result = 'rewritten'"))),
        skipped_outputs=tuple(SkippedOutputs(**row) for row in rows(f"{skipped} GROUP BY o.reason ORDER BY 2 DESC, 1")),
        skipped_requests=tuple(SkippedRequests(**row) for row in rows(_counted("reason"))),
        billed=Billed(**rows(f"SELECT {_BILLED}")[0]),
        models=tuple(
            BilledModel(**row) for row in rows(f"SELECT provider, {billed_name} AS model, {_BILLED} GROUP BY 1, 2 ORDER BY 3 DESC, 2")
        ),
        cache_misses=tuple(CacheMisses(**row) for row in rows(_counted("cache_miss_reason"))),
    )


def _named_savings(column: str, condition: str = "") -> str:
    return f"SELECT {column} AS name, {_SAVINGS} {_NEW_OUTPUTS} {condition} GROUP BY 1 ORDER BY tokens_before DESC, 1"


def _counted(column: str) -> str:
    return f"""
        SELECT {column} AS reason, count(*) AS requests FROM flows
        WHERE started_at >= :since AND {column} <> '' GROUP BY 1 ORDER BY 2 DESC, 1
    """  # noqa: S608  # column names of this module
