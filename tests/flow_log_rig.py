"""Values for the tests of the flow log, and a writer that is closed again."""

from __future__ import annotations

import ctypes
import os
import random
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from headroom_core.flow_log import StoredForm, Writer
from headroom_core.flow_log.schema import Schema, Step
from headroom_core.model import FlowRecord, OutputRecord, Rewritten, Usage
from headroom_core.settings import Settings

PATIENCE = 20.0
"""Seconds that the writer thread may take before a test fails; far more than it needs."""

OUTPUT = OutputRecord(
    key="00" * 16,
    content_id="c0ffee",
    position="messages.2.content.0.content",
    tool="Bash",
    result="rewritten",
    reason="",
    compressor="json_records",
    lossless=True,
    items_total=100,
    items_kept=100,
    bytes_before=4000,
    bytes_after=1000,
    tokens_before=1000,
    tokens_after=250,
)

RECORD = FlowRecord(
    id="3f2a9c1e-0000-4000-8000-000000000001",
    started_at=float(int(time.time())) + 0.25,
    host="api.anthropic.com",
    provider="anthropic",
    model="claude-sonnet-4-5",
    path="/v1/messages",
    client="claude-cli/2.1.330",
    conversation="aa55",
    mode="optimize",
    streamed=True,
    changed=True,
    reason="",
    bytes_before=8000,
    bytes_after=5000,
    tokens_before=2000,
    tokens_after=1250,
    tokens_exact=True,
    outputs_total=1,
    outputs_rewritten=1,
    overhead_ms=3.5,
    duration_ms=1234.5,
    status=200,
    error="",
    usage=Usage(input_tokens=12, cache_read_tokens=900, cache_write_tokens=338, output_tokens=77, model="claude-sonnet-4-5-20250929"),
)


def _later(db: Database) -> None:
    db.table("later").create({"v": int})


def of_a_later_version(schema: Schema) -> Schema:
    """The schema with a step that this version doesn't know."""
    return Schema(schema.name, (*schema.steps, Step("9999_later", _later)))


def record(number: int = 1, **changes: Any) -> FlowRecord:
    """A flow record with an id of its own for each number."""
    return replace(RECORD, id=f"{number:08x}-0000-4000-8000-000000000000", **changes)


def output(number: int = 1, **changes: Any) -> OutputRecord:
    """An output record with a key of its own for each number."""
    return replace(OUTPUT, key=key(number).hex(), **changes)


def key(number: int) -> bytes:
    """A key of 16 bytes."""
    return number.to_bytes(16, "big")


def noise(size: int, seed: int = 0) -> str:
    """A text that can't be compressed."""
    return random.Random(seed).randbytes(size).decode("latin-1")


def form(number: int = 1, text: str = "a form", original: str | None = "an original", **changes: Any) -> StoredForm:
    """A rewritten form with a key and a content id of its own for each number."""
    made = StoredForm(key(number), Rewritten(text, "json_records", lossless=True), f"{number:012x}", original)
    return replace(made, **changes)


@dataclass
class Logged:
    """A started writer with the lines that it warned."""

    writer: Writer
    warnings: list[str] = field(default_factory=list)

    def write(self, records: Sequence[FlowRecord] = (), forms: Sequence[StoredForm] = ()) -> None:
        """Put and wait until it is handled."""
        for one in records:
            self.writer.put_flow(one)
        self.writer.put_forms(forms)
        assert self.writer.flush(PATIENCE)


@contextmanager
def logging_to(directory: Path, settings: Settings | None = None, clock: list[float] | None = None) -> Iterator[Logged]:
    """A writer that is started and, at the end, closed. `clock[0]` is the time, if given."""
    warnings: list[str] = []
    arguments: dict[str, Any] = {} if clock is None else {"clock": lambda: clock[0]}
    writer = Writer(directory, settings or Settings(), warnings.append, **arguments)
    writer.start()
    try:
        yield Logged(writer, warnings)
    finally:
        writer.close(PATIENCE)
        assert not writer._thread.is_alive()


def rows(path: Path, query: str, *values: object) -> list[dict[str, Any]]:
    """What a reader outside the program finds in a file."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query, values)]


@contextmanager
def without_root_rights() -> Iterator[None]:
    """Make file modes count for root too, in this thread and those it starts (Linux: without CAP_DAC_OVERRIDE)."""
    if os.geteuid() != 0:
        yield
        return
    assert sys.platform == "linux", "run the tests as an ordinary user"
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    before = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, before) == 0
    lowered = (ctypes.c_uint32 * 6)(*before)
    lowered[0] &= ~(1 << 1)
    assert libc.capset(header, lowered) == 0
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0
