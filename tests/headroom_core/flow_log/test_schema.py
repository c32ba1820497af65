from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from headroom_core.flow_log.forms import FORM_COLUMNS
from headroom_core.flow_log.migrations import migrate
from headroom_core.flow_log.results import FlowRow, OutputRow
from headroom_core.flow_log.schema import CONTENT_STORE, FLOW_LOG, Schema
from headroom_core.model import FlowRecord, OutputRecord, Usage


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        migrate(opened, FLOW_LOG)
        migrate(opened, CONTENT_STORE)
        yield opened


def columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {str(row[1]) for row in connection.execute(f"PRAGMA table_info({table})")}


def fields(kind: type) -> set[str]:
    return {one.name for one in dataclasses.fields(kind)}


@pytest.mark.parametrize("schema", [FLOW_LOG, CONTENT_STORE], ids=lambda schema: schema.name)
def test_steps_are_numbered_in_order(schema: Schema) -> None:
    assert [step.name[:5] for step in schema.steps] == [f"{number:04}_" for number in range(1, len(schema.steps) + 1)]


def test_flows_has_a_column_for_all_that_a_record_says(connection: sqlite3.Connection) -> None:
    usage = {{"model": "billed_model"}.get(name, name) for name in fields(Usage)}
    assert columns(connection, "flows") == fields(FlowRecord) - {"usage", "outputs"} | usage
    assert columns(connection, "flows") == set(FlowRow.model_fields)


def test_outputs_has_a_column_for_all_that_a_record_says(connection: sqlite3.Connection) -> None:
    assert columns(connection, "outputs") == fields(OutputRecord) | {"conversation", "flow_id"}
    assert set(OutputRow.model_fields) == fields(OutputRecord)


def test_the_store_has_the_columns_that_are_written(connection: sqlite3.Connection) -> None:
    assert columns(connection, "forms") == {name.strip() for name in FORM_COLUMNS.split(",")}


def test_no_column_could_hold_a_secret(connection: sqlite3.Connection) -> None:
    named = set.union(*(columns(connection, table) for table in ("flows", "outputs", "forms", "originals")))
    assert not [name for name in named if any(part in name for part in ("header", "cookie", "auth", "secret", "api_key", "query", "body"))]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM flows WHERE id >= 'a' AND id < 'b'",
        "SELECT * FROM flows ORDER BY started_at DESC LIMIT 20",
        "SELECT * FROM outputs WHERE flow_id = 'a'",
        "SELECT * FROM forms WHERE key IN (x'00', x'01')",
        "SELECT * FROM originals WHERE content_id >= 'a' AND content_id < 'b'",
        "SELECT rowid FROM forms WHERE last_used_at < 5 ORDER BY last_used_at LIMIT 9",
        "SELECT rowid FROM originals WHERE last_used_at < 5 ORDER BY last_used_at LIMIT 9",
    ],
)
def test_what_is_asked_often_uses_an_index(connection: sqlite3.Connection, query: str) -> None:
    plan = " ".join(str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {query}"))
    assert "INDEX" in plan
    assert "TEMP B-TREE" not in plan
