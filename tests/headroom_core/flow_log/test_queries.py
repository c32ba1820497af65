from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom_core.errors import StoreError
from headroom_core.flow_log.migrations import migrate
from headroom_core.flow_log.queries import flow, recent, short_ids, totals
from headroom_core.flow_log.records import write_records
from headroom_core.flow_log.results import Totals
from headroom_core.flow_log.schema import FLOW_LOG
from headroom_core.model import FlowRecord, OutputRecord, Usage
from tests.flow_log_rig import output, record

TOOLS = st.sampled_from(["Bash", "Read", ""])
REWRITTEN = st.builds(
    lambda tool, compressor, before, after: replace(output(), tool=tool, compressor=compressor, tokens_before=before, tokens_after=after),
    TOOLS,
    st.sampled_from(["json_records", "log_lines"]),
    st.integers(500, 1000),
    st.integers(0, 499),
)
SKIPPED = st.builds(
    lambda tool, reason, tokens: replace(
        output(), tool=tool, result="skipped", reason=reason, compressor="", tokens_before=tokens, tokens_after=tokens
    ),
    TOOLS,
    st.sampled_from(["too_small", "not_smaller"]),
    st.integers(0, 1000),
)
COUNTS = st.none() | st.integers(0, 1000)
USAGES = st.builds(Usage, COUNTS, COUNTS, COUNTS, COUNTS, COUNTS, st.sampled_from(["", "model-a", "model-b"]))


@st.composite
def logs(draw: st.DrawFn) -> list[FlowRecord]:
    records = []
    for number in range(draw(st.integers(0, 8))):
        keys = draw(st.lists(st.integers(0, 6), unique=True, max_size=4))
        outputs = tuple(replace(draw(REWRITTEN | SKIPPED), key=output(key).key) for key in keys)
        changes = {
            "conversation": draw(st.sampled_from(["a", "b"])),
            "changed": draw(st.booleans()),
            "status": draw(st.sampled_from([200, 429, None])),
            "error": draw(st.sampled_from(["", "cut off"])),
            "reason": draw(st.sampled_from(["", "audit_mode", "not_json"])),
            "tokens_exact": draw(st.booleans()),
            "started_at": float(draw(st.integers(0, 100))),
            "usage": draw(USAGES),
        }
        records.append(record(number, outputs=outputs, **changes))
    return records


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with closing(blank()) as opened:
        yield opened


def blank() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    migrate(connection, FLOW_LOG)
    return connection


def new_outputs(records: Sequence[FlowRecord]) -> list[tuple[FlowRecord, OutputRecord]]:
    seen: dict[tuple[str, str], tuple[FlowRecord, OutputRecord]] = {}
    for one in records:
        for each in one.outputs:
            seen.setdefault((one.conversation, each.key), (one, each))
    return list(seen.values())


def after(one: FlowRecord, each: OutputRecord) -> int:
    return each.tokens_after if one.changed else each.tokens_before


@settings(max_examples=60, deadline=None)
@given(logs(), st.integers(0, 100))
def test_totals_are_the_sums_of_what_was_logged_since(records: list[FlowRecord], since: int) -> None:
    with closing(blank()) as db:
        write_records(db, records)
        told = totals(db, since)
    late = [one for one in records if one.started_at >= since]
    fresh = [(one, each) for one, each in new_outputs(records) if one.started_at >= since]
    check_requests(told, late)
    assert told.savings.outputs == len(fresh)
    assert told.savings.rewritten == sum(one.changed and each.result == "rewritten" for one, each in fresh)
    assert told.savings.tokens_before == sum(each.tokens_before for _, each in fresh)
    assert told.savings.tokens_after == sum(after(one, each) for one, each in fresh)
    assert told.savings.not_applied == sum(each.tokens_before - each.tokens_after for one, each in fresh if not one.changed)
    check_groups(told, fresh)


def check_requests(told: Totals, late: Sequence[FlowRecord]) -> None:
    reported = [one.usage for one in late if (*counts(one.usage),) != (None,) * 4]
    assert told.requests == len(late)
    assert told.changed == sum(one.changed for one in late)
    assert told.failed == sum(bool(one.error) or (one.status or 0) >= 400 for one in late)
    assert told.estimated == sum(not one.tokens_exact for one in late)
    assert told.first_at == min((one.started_at for one in late), default=None)
    assert told.last_at == max((one.started_at for one in late), default=None)
    assert {one.reason: one.requests for one in told.skipped_requests} == Counter(one.reason for one in late if one.reason)
    billed = told.billed
    assert billed.requests == len(reported)
    assert billed.input_tokens == sum(one.input_tokens or 0 for one in reported)
    assert billed.cache_read_tokens == sum(one.cache_read_tokens or 0 for one in reported)
    assert billed.output_tokens == sum(one.output_tokens or 0 for one in reported) == sum(one.output_tokens for one in told.models)
    assert {one.model: one.requests for one in told.models} == Counter(one.model or "claude-sonnet-4-5" for one in reported)


def check_groups(told: Totals, fresh: Sequence[tuple[FlowRecord, OutputRecord]]) -> None:
    assert {one.name: one.outputs for one in told.tools} == Counter(each.tool for _, each in fresh)
    assert sum(one.tokens_saved for one in told.tools) == told.savings.tokens_saved
    assert {one.name: one.outputs for one in told.compressors} == Counter(each.compressor for _, each in fresh if each.compressor)
    assert sum(one.tokens_saved for one in told.compressors) == told.savings.tokens_saved
    assert {one.reason: one.outputs for one in told.skipped_outputs} == Counter(each.reason for _, each in fresh if each.reason)


def counts(usage: Usage) -> tuple[int | None, ...]:
    return usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens, usage.output_tokens


def test_an_empty_log_sums_up_to_nothing(db: sqlite3.Connection) -> None:
    assert totals(db) == Totals()


def test_why_the_cache_missed_is_counted(db: sqlite3.Connection) -> None:
    missed = Usage(cache_miss_reason="tools_changed")
    write_records(db, [record(1, usage=missed), record(2, usage=missed), record(3)])
    assert [(one.reason, one.requests) for one in totals(db).cache_misses] == [("tools_changed", 2)]


def test_recent_is_newest_first_and_limited(db: sqlite3.Connection) -> None:
    write_records(db, [record(1, started_at=5.0), record(2, started_at=9.0), record(3, started_at=1.0), record(4, started_at=9.0)])
    assert [int(row.id[:8], 16) for row in recent(db, 3)] == [4, 2, 1]


def test_a_flow_by_its_id_or_its_beginning(db: sqlite3.Connection) -> None:
    write_records(db, [record(0x10, outputs=(output(2), output(1))), record(0x11)])
    found = flow(db, "00000010")
    assert found is not None
    assert found.id == record(0x10).id
    assert [each.key for each in found.outputs] == [output(2).key, output(1).key]
    assert flow(db, found.id) == found
    assert flow(db, "9") is None
    with pytest.raises(StoreError) as caught:
        flow(db, "000")
    assert str(caught.value) == f"'000' is the beginning of several ids: {record(0x10).id}, {record(0x11).id}"


def test_short_ids_lead_back(db: sqlite3.Connection) -> None:
    write_records(db, [replace(record(1), id=name) for name in ("aaaaaaaaaa1", "aaaaaaaaaa2", "bbbbbbbbbbb", "c")])
    short = short_ids(db, recent(db, 10))
    assert short == {"aaaaaaaaaa1": "aaaaaaaaaa1", "aaaaaaaaaa2": "aaaaaaaaaa2", "bbbbbbbbbbb": "bbbbbbbb", "c": "c"}
    for full, beginning in short.items():
        found = flow(db, beginning)
        assert found is not None
        assert found.id == full


def test_sums_of_absurd_counts_do_not_overflow(db: sqlite3.Connection) -> None:
    absurd = Usage(input_tokens=2**70, output_tokens=2**70)
    write_records(db, [record(number, usage=absurd, outputs=(output(number, tokens_before=2**70),)) for number in range(50)])
    assert totals(db).billed.input_tokens == 50 * 10**12
