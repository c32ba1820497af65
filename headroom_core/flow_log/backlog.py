"""What waits for the writer thread, bounded in bytes and in number. The event loop only appends: it never waits for a write."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

MAX_BYTES = 64 * 1024 * 1024
MAX_ITEMS = 20_000
DELAY_SECONDS = 0.2
_LARGE_BATCH = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Batch[T]:
    """Items in the order in which they came; they count as held until `Backlog.done`."""

    items: Sequence[T]
    size: int


class Backlog[T]:
    """One thread takes, any thread puts."""

    def __init__(self, max_bytes: int = MAX_BYTES, max_items: int = MAX_ITEMS, delay: float = DELAY_SECONDS) -> None:
        self._max_bytes = max_bytes
        self._max_items = max_items
        self._delay = delay
        self._changed = threading.Condition()
        self._items: list[T] = []
        self._waiting_bytes = 0
        self._held_bytes = 0
        self._added = 0
        self._handled = 0
        self._hurry = False
        self._closed = False

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def put(self, item: T, size: int) -> bool:
        """Add an item; False, and nothing added, if there is no room or the backlog is closed.

        An item larger than the whole bound is taken when nothing else is held, so the bound is that of one item more.
        """
        with self._changed:
            held = self._added - self._handled
            if self._closed or (held and (held >= self._max_items or self._held_bytes + size > self._max_bytes)):
                return False
            self._items.append(item)
            self._added += 1
            self._held_bytes += size
            self._waiting_bytes += size
            # Waking the thread for each item would make it fight the event loop for the interpreter's lock.
            if len(self._items) == 1 or self._waiting_bytes > _LARGE_BATCH:
                self._changed.notify_all()
        return True

    def take(self, idle: float) -> Batch[T] | None:
        """The next batch, gathered for up to `delay` seconds. An empty one: nothing came for `idle` seconds. None: closed and all taken."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closed, idle)
            if self._items:
                self._changed.wait_for(lambda: self._hurry or self._closed or self._waiting_bytes > _LARGE_BATCH, self._delay)
            elif self._closed:
                return None
            batch = Batch(self._items, self._waiting_bytes)
            self._items = []
            self._waiting_bytes = 0
            self._hurry = False
        return batch

    def done(self, batch: Batch[T]) -> bool:
        """The items of the batch are written or given up, and no longer held. True if nothing else waits."""
        with self._changed:
            self._handled += len(batch.items)
            self._held_bytes -= batch.size
            self._changed.notify_all()
            return self._handled == self._added

    def wait_handled(self, timeout: float) -> bool:
        """Wait, without the gathering delay, until all that was put before is done; False if that takes longer."""
        with self._changed:
            wanted = self._added
            self._hurry = bool(self._items)
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._handled >= wanted, timeout)

    def close(self) -> None:
        """Take nothing more; `take` gives out what is there, then None."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
