"""Exact token counts of requests: each message and each output counted once, in the pool, off the event loop.

What is new is collected for half a second and sent to the pool in one piece: a call for each request would cost the loop
more than the rewriting does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from headroom_core.bounded_cache import BoundedCache
from headroom_core.digests import digest
from headroom_core.model import Outcome, Rewritten
from headroom_proxy import worker
from headroom_proxy.live import Counts, LiveFlow
from headroom_proxy.pool import Pool, PoolError

type Countable = str | bytes

_COLLECT_SECONDS = 0.5
_COUNT_SECONDS = 60
_ENTRY_BYTES = 120
_PIECE = 1_000_000


@dataclass(slots=True)
class _Batch:
    texts: dict[bytes, Countable] = field(default_factory=dict)
    now: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[dict[bytes, int]] | None = None


class Ledger:
    """Remembers counts by name, so that a turn counts only what is new in it."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: BoundedCache[bytes, int] = BoundedCache(4_000_000)
        self._batch: _Batch | None = None
        self._exact = True

    async def count(self, live: LiveFlow, body: bytes) -> Counts:
        """The tokens of a request whose body was `body`; zeros where the pool can't say."""
        messages = live.plan.decoded.messages if live.plan and live.plan.decoded else ()
        outcomes = live.result.outcomes if live.result else ()
        around = body[: messages[0].start] + body[messages[-1].end :] if messages else body
        found: dict[bytes, int] = {}
        missing: dict[bytes, Countable] = {}
        parts = [digest(around), *(span.digest for span in messages)]
        if not self._is_known(parts[0], found):
            missing[parts[0]] = around
        for span in messages:
            if not self._is_known(span.digest, found):
                missing[span.digest] = body[span.start : span.end]
        for outcome in outcomes:
            if not self._is_known(outcome.output.digest, found):
                missing[outcome.output.digest] = body[outcome.output.start : outcome.output.end]
            if isinstance(outcome.result, Rewritten) and not self._is_known(outcome.key, found):
                missing[outcome.key] = outcome.result.text
        if missing:
            counted = await self._counted(missing)
            found |= {name: counted[name] for name in missing if name in counted}
        exact = self._exact and missing.keys() <= found.keys()
        return _counts(outcomes, found, sum(found.get(name, 0) for name in parts), exact=exact)

    def hurry(self) -> None:
        """Count now what was collected: the proxy ends."""
        if self._batch is not None:
            self._batch.now.set()

    def _is_known(self, name: bytes, found: dict[bytes, int]) -> bool:
        count = self._known.get(name)
        if count is not None:
            found[name] = count
        return count is not None

    async def _counted(self, missing: dict[bytes, Countable]) -> dict[bytes, int]:
        batch = self._batch
        if batch is None:
            batch = self._batch = _Batch()
        batch.texts |= missing
        if batch.task is None:
            batch.task = asyncio.get_running_loop().create_task(self._run(batch))
        return await asyncio.shield(batch.task)

    async def _run(self, batch: _Batch) -> dict[bytes, int]:
        try:
            async with asyncio.timeout(_COLLECT_SECONDS):
                await batch.now.wait()
        except TimeoutError:
            pass
        self._batch = None
        found: dict[bytes, int] = {}
        try:
            for names in _pieces(batch.texts):
                counts, self._exact = await self._pool.run(_COUNT_SECONDS, worker.count_all, [batch.texts[name] for name in names])
                found |= zip(names, counts, strict=True)
        except PoolError:
            pass
        for name, count in found.items():
            self._known.put(name, count, _ENTRY_BYTES)
        return found


def _pieces(texts: dict[bytes, Countable]) -> Iterator[list[bytes]]:
    """The names in pieces of about a megabyte of text: what a call sends is pickled in one go, which holds the GIL."""
    names: list[bytes] = []
    size = 0
    for name, text in texts.items():
        names.append(name)
        size += len(text)
        if size >= _PIECE:
            yield names
            names, size = [], 0
    if names:
        yield names


def _counts(outcomes: Sequence[Outcome], found: dict[bytes, int], total: int, *, exact: bool) -> Counts:
    outputs: dict[bytes, tuple[int, int]] = {}
    saved = 0
    for outcome in outcomes:
        before = found.get(outcome.output.digest, 0)
        after = found.get(outcome.key, 0) if isinstance(outcome.result, Rewritten) else before
        outputs[outcome.key] = before, after
        saved += before - after
    return Counts(total, max(0, total - saved), outputs, exact)
