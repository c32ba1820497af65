from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom_core.flow_log.migrations import migrate
from headroom_core.flow_log.queries import flow, recent
from headroom_core.flow_log.records import flow_row, record_memory, write_records
from headroom_core.flow_log.schema import FLOW_LOG
from headroom_core.model import FlowRecord, OutputRecord, Usage
from tests.flow_log_rig import output, record

ANY_TEXT = st.text(st.characters(codec=None, categories=None), max_size=20)


def any_value(annotation: object) -> st.SearchStrategy[object]:
    """Values of the annotated kind, the oddest too."""
    numbers = st.integers(-(2**80), 2**80)
    known: dict[object, st.SearchStrategy[object]] = {
        "str": ANY_TEXT,
        "int": numbers,
        "float": st.floats(),
        "bool": st.booleans(),
        "int | None": st.none() | numbers,
        "Usage": st.deferred(lambda: any_record(Usage)),
        "tuple[OutputRecord, ...]": st.lists(st.deferred(lambda: any_record(OutputRecord)), max_size=3).map(tuple),
    }
    return known.get(annotation, st.sampled_from(["rewritten", "skipped"]))


def any_record[T](kind: type[T]) -> st.SearchStrategy[T]:
    return st.builds(kind, **{name: any_value(annotation) for name, annotation in kind.__annotations__.items()})


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(blank()) as opened:
        yield opened


def blank() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    migrate(connection, FLOW_LOG)
    return connection


def test_a_record_comes_back_whole(connection: sqlite3.Connection) -> None:
    one = record(1, outputs=(output(1), output(2, result="skipped", reason="too_small")))
    write_records(connection, [one])
    found = flow(connection, one.id)
    assert found is not None
    told = found.model_dump()
    outputs = told.pop("outputs")
    assert told == flow_row(one)
    assert [(row["key"], row["result"], row["reason"]) for row in outputs] == [
        (output(1).key, "rewritten", ""),
        (output(2).key, "skipped", "too_small"),
    ]


@settings(max_examples=60)
@given(st.lists(any_record(FlowRecord), max_size=4))
def test_no_record_is_so_odd_that_it_costs_its_batch(records: list[FlowRecord]) -> None:
    with closing(blank()) as connection:
        write_records(connection, records)
        assert {row.id for row in recent(connection, 10)} == {flow_row(one)["id"] for one in records}


def test_an_output_is_logged_once_in_its_conversation(connection: sqlite3.Connection) -> None:
    write_records(connection, [record(1, conversation="a", outputs=(output(1), output(2)))])
    write_records(connection, [record(2, conversation="a", outputs=(output(2), output(3)))])
    write_records(connection, [record(3, conversation="b", outputs=(output(2),))])
    rows = connection.execute("SELECT flow_id, key FROM outputs ORDER BY rowid").fetchall()
    assert [(row[0][:8], int(row[1], 16)) for row in rows] == [("00000001", 1), ("00000001", 2), ("00000002", 3), ("00000003", 2)]


def test_a_record_that_is_put_again_takes_the_place_of_the_old_one(connection: sqlite3.Connection) -> None:
    write_records(connection, [record(1, status=None)])
    write_records(connection, [record(1, status=200)])
    assert [row.status for row in recent(connection, 10)] == [200]


def test_not_reported_is_not_zero(connection: sqlite3.Connection) -> None:
    write_records(connection, [record(1, usage=Usage(output_tokens=0), status=None)])
    (row,) = recent(connection, 1)
    assert (row.input_tokens, row.output_tokens, row.status) == (None, 0, None)


def test_memory_grows_with_the_outputs() -> None:
    assert record_memory(record(1, outputs=(output(1), output(2)))) > record_memory(record(1)) > 0
