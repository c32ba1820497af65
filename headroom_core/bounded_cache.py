"""A least-recently-used cache bounded in bytes, for values that a pure function can compute again.

What it forgets changes speed only: nothing kept here may decide what a request becomes.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock


class BoundedCache[K, V]:
    """Values by key up to `max_bytes`, by the sizes that `put` is told. Safe to share between threads."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = Lock()
        self.size = 0

    def get(self, key: K) -> V | None:
        """The value, now the youngest, or None."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def put(self, key: K, value: V, size: int) -> None:
        """Keep a value of about `size` bytes; one larger than the whole cache is not kept."""
        with self._lock:
            old = self._entries.pop(key, None)
            if old is not None:
                self.size -= old[1]
            if size > self._max_bytes:
                return
            self._entries[key] = (value, size)
            self.size += size
            while self.size > self._max_bytes:
                _, (_, freed) = self._entries.popitem(last=False)
                self.size -= freed

    def __len__(self) -> int:
        return len(self._entries)
