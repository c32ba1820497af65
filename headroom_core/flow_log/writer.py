"""The thread that writes both files. Nothing that goes wrong here costs a request: it is said once, and the records are dropped."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from headroom_core.errors import StoreError
from headroom_core.flow_log.backlog import Backlog, Batch
from headroom_core.flow_log.database_file import DatabaseFile, is_damage
from headroom_core.flow_log.expiry import expire_log, expire_set_aside, expire_store
from headroom_core.flow_log.forms import StoredForm, touch_forms, write_forms
from headroom_core.flow_log.location import FLOWS, STORE
from headroom_core.flow_log.records import record_memory, write_records
from headroom_core.flow_log.schema import CONTENT_STORE, FLOW_LOG
from headroom_core.flow_log.troubles import Troubles
from headroom_core.model import FlowRecord
from headroom_core.settings import Settings

EXPIRY_SECONDS = 600
_KEY_BYTES = 100
_EXPIRY_SHARE = 16
"""Expiry runs also when this part of the store's cap was newly written."""


@dataclass(frozen=True, slots=True)
class _Touch:
    keys: tuple[bytes, ...]


type _Item = FlowRecord | StoredForm | _Touch


class Writer:
    """Writes the flow log and the content store from a daemon thread, in batches.

    `put_flow`, `put_forms` and `touch` cost microseconds, never wait and never raise; they may be called from any thread
    and before `start`. `warn` gets one line and is called from the thread or from the caller of a `put`; it must not raise.
    """

    def __init__(self, directory: Path, settings: Settings, warn: Callable[[str], None], clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._warn = warn
        self._clock = clock
        self._flows = DatabaseFile(directory / FLOWS, FLOW_LOG)
        self._store = DatabaseFile(directory / STORE, CONTENT_STORE)
        self._backlog: Backlog[_Item] = Backlog()
        self._troubles = Troubles(warn)
        self._thread = threading.Thread(target=self._run, name="headroom-flow-log", daemon=True)
        self._started = False
        self._overflowing = False
        self._written_bytes = 0
        self._expire_at = 0.0

    def start(self) -> None:
        """Start the thread. The files are opened there."""
        if not self._started:
            self._started = True
            self._thread.start()

    def put_flow(self, record: FlowRecord) -> None:
        """Log a request, unless the setting `flow_log` is off."""
        if self._settings.flow_log:
            self._put(record, record_memory(record))

    def put_forms(self, forms: Sequence[StoredForm]) -> None:
        """Store forms, with the texts they stand for."""
        for form in forms:
            self._put(form, form.memory())

    def touch(self, keys: Sequence[bytes]) -> None:
        """Keep these forms, and the texts they stand for, from expiring: they were used."""
        if keys:
            self._put(_Touch(tuple(keys)), _KEY_BYTES * len(keys))

    def flush(self, timeout: float) -> bool:
        """Wait until all that was put before is written, or dropped with its warning; False if that takes longer."""
        return self._backlog.wait_handled(timeout if self._thread.is_alive() else 0)

    def close(self, timeout: float) -> None:
        """Write what is there, for at most `timeout` seconds. What is put later is ignored."""
        self._backlog.close()
        if self._started:
            self._thread.join(timeout)

    def _put(self, item: _Item, size: int) -> None:
        if not self._backlog.put(item, size) and not self._overflowing and not self._backlog.closed:
            self._overflowing = True
            self._warn("flow log: records come faster than they can be written; some are dropped, requests go on")

    def _run(self) -> None:
        # Opened before the first record comes, so that what is wrong is said at the start.
        self._expire_now_and_then()
        while self._handle_next():
            self._expire_now_and_then()
        self._flows.close()
        self._store.close()

    def _handle_next(self) -> bool:
        """A function of its own so that no local keeps a written batch in memory while the thread waits."""
        batch = self._backlog.take(EXPIRY_SECONDS)
        if batch is None:
            return False
        self._write(batch)
        if self._backlog.done(batch):
            self._overflowing = False
        return True

    def _write(self, batch: Batch[_Item]) -> None:
        records = [item for item in batch.items if isinstance(item, FlowRecord)]
        forms = [item for item in batch.items if isinstance(item, StoredForm)]
        touched = dict.fromkeys(key for item in batch.items if isinstance(item, _Touch) for key in item.keys)
        if records:
            self._attempt(self._flows, lambda connection: write_records(connection, records))
        if forms:
            self._attempt(self._store, lambda connection: self._write_forms(connection, forms))
        if touched:
            self._attempt(self._store, lambda connection: touch_forms(connection, touched, self._clock()), proof=False)

    def _write_forms(self, connection: sqlite3.Connection, forms: Sequence[StoredForm]) -> None:
        self._written_bytes += write_forms(connection, forms, self._clock())

    def _attempt(self, file: DatabaseFile, work: Callable[[sqlite3.Connection], None], *, proof: bool = True) -> None:
        """Do the work; its success is `proof` that the file can be written, unless it may have found nothing to write."""
        try:
            try:
                work(file.connection())
            except sqlite3.Error as error:
                if not is_damage(error) or not self._set_aside(file):
                    raise
                work(file.connection())
        except (sqlite3.Error, OSError, StoreError) as error:
            file.close()
            cause = (error.strerror if isinstance(error, OSError) else None) or str(error)
            line = f"flow log: {file.path}: {cause}; its records are dropped until it can be written, requests go on"
            self._troubles.failed(str(file.path), cause, line)
        else:
            if proof:
                self._troubles.worked(str(file.path))

    def _set_aside(self, file: DatabaseFile) -> bool:
        aside = file.set_aside()
        if aside is None:
            return False
        self._warn(f"flow log: {file.path} is damaged: moved to {aside.name} in the same folder, a new one is started")
        return True

    def _expire_now_and_then(self) -> None:
        now = self._clock()
        share = self._settings.store_megabytes * 1_000_000 // _EXPIRY_SHARE
        if now < self._expire_at and self._written_bytes < share:
            return
        self._expire_at = now + EXPIRY_SECONDS
        self._written_bytes = 0
        days, megabytes = self._settings.retention_days, self._settings.store_megabytes
        self._attempt(self._store, lambda connection: expire_store(connection, now, days, megabytes, self._must_stop), proof=False)
        expire_set_aside(self._store.path, now, days)
        if self._settings.flow_log:
            self._attempt(self._flows, lambda connection: expire_log(connection, now, self._must_stop), proof=False)

    def _must_stop(self) -> bool:
        return self._backlog.closed
