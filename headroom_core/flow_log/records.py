"""Flow records as rows of flows.db."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from headroom_core.flow_log.storable import finite, short_text, whole, whole_or_none
from headroom_core.flow_log.transaction import immediate
from headroom_core.model import FlowRecord, OutputRecord

type Row = dict[str, str | int | float | None]

_RECORD_BYTES = 2_500
_OUTPUT_BYTES = 1_000


def record_memory(record: FlowRecord) -> int:
    """About the bytes that the record holds in memory."""
    return _RECORD_BYTES + _OUTPUT_BYTES * len(record.outputs)


def write_records(connection: sqlite3.Connection, records: Iterable[FlowRecord]) -> None:
    """Write the records in one transaction. A record with a known id takes the place of the old one. Raises sqlite3.Error.

    An output that its conversation has shown before leaves no second row: so savings are counted once.
    """
    flows: list[Row] = []
    outputs: list[Row] = []
    for record in records:
        flow = flow_row(record)
        flows.append(flow)
        outputs += [output_row(flow, output) for output in record.outputs]
    with immediate(connection):
        _insert(connection, "INSERT OR REPLACE INTO flows", flows)
        _insert(connection, "INSERT OR IGNORE INTO outputs", outputs)


def flow_row(record: FlowRecord) -> Row:
    """One row of `flows`."""
    usage = record.usage
    return {
        "id": short_text(record.id),
        "started_at": finite(record.started_at),
        "host": short_text(record.host),
        "provider": short_text(record.provider),
        "model": short_text(record.model),
        "path": short_text(record.path),
        "client": short_text(record.client),
        "conversation": short_text(record.conversation),
        "mode": short_text(record.mode),
        "streamed": int(record.streamed),
        "changed": int(record.changed),
        "reason": short_text(record.reason),
        "bytes_before": whole(record.bytes_before),
        "bytes_after": whole(record.bytes_after),
        "tokens_before": whole(record.tokens_before),
        "tokens_after": whole(record.tokens_after),
        "tokens_exact": int(record.tokens_exact),
        "outputs_total": whole(record.outputs_total),
        "outputs_rewritten": whole(record.outputs_rewritten),
        "overhead_ms": finite(record.overhead_ms),
        "duration_ms": finite(record.duration_ms),
        "status": whole_or_none(record.status),
        "error": short_text(record.error),
        "input_tokens": whole_or_none(usage.input_tokens),
        "cache_read_tokens": whole_or_none(usage.cache_read_tokens),
        "cache_write_tokens": whole_or_none(usage.cache_write_tokens),
        "output_tokens": whole_or_none(usage.output_tokens),
        "reasoning_tokens": whole_or_none(usage.reasoning_tokens),
        "billed_model": short_text(usage.model),
        "cache_miss_reason": short_text(usage.cache_miss_reason),
    }


def output_row(flow: Row, output: OutputRecord) -> Row:
    """One row of `outputs`, belonging to a row of `flows`."""
    return {
        "conversation": flow["conversation"],
        "key": short_text(output.key),
        "flow_id": flow["id"],
        "content_id": short_text(output.content_id),
        "position": short_text(output.position),
        "tool": short_text(output.tool),
        "result": short_text(output.result),
        "reason": short_text(output.reason),
        "compressor": short_text(output.compressor),
        "lossless": int(output.lossless),
        "items_total": whole(output.items_total),
        "items_kept": whole(output.items_kept),
        "bytes_before": whole(output.bytes_before),
        "bytes_after": whole(output.bytes_after),
        "tokens_before": whole(output.tokens_before),
        "tokens_after": whole(output.tokens_after),
    }


def _insert(connection: sqlite3.Connection, command: str, rows: Sequence[Row]) -> None:
    if rows:
        names = list(rows[0])
        marks = ", ".join(f":{name}" for name in names)
        connection.executemany(f"{command} ({', '.join(names)}) VALUES ({marks})", rows)
