"""The flow log as a reader outside the program sees it: plain sqlite3, read-only."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

type Row = dict[str, Any]

PATIENCE = 10.0
"""Seconds within which the writer thread must have written: rows come in batches, a little late."""


class FlowLog:
    """Rows of `flows` that began after the last `mark`, and their `outputs`."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "flows.db"
        self._since = 0.0

    def mark(self) -> None:
        """Forget what is there up to now."""
        self._since = time.time()

    def flows(self, count: int) -> list[Row]:
        """The new rows, oldest first, as soon as there are `count`; AssertionError if there are not in time, or if there are more."""
        deadline = time.monotonic() + PATIENCE
        while True:
            rows = self._read("select * from flows where started_at >= ? order by started_at", self._since)
            if len(rows) >= count or time.monotonic() > deadline:
                assert len(rows) == count, f"{len(rows)} rows in place of {count}: {rows}"
                return rows
            time.sleep(0.05)

    def flow(self) -> Row:
        """The one new row."""
        return self.flows(1)[0]

    def outputs(self, flow_id: str) -> list[Row]:
        """The tool outputs that first came with this flow."""
        return self._read("select * from outputs where flow_id = ?", flow_id)

    def _read(self, query: str, *values: str | float) -> list[Row]:
        if not self._file.exists():
            return []
        try:
            with closing(sqlite3.connect(f"file:{self._file}?mode=ro", uri=True, timeout=5)) as database:
                database.row_factory = sqlite3.Row
                return [dict(row) for row in database.execute(query, values)]
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise
