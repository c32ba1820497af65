"""Exact token counts of requests: each message and each output counted once, in the pool, off the event loop.

What is new is collected for half a second and sent to the pool in one piece: a call for each request would cost the loop
more than the rewriting does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import chain

from headroom_core.bounded_cache import BoundedCache
from headroom_core.digests import digest
from headroom_core.model import MessageSpan, Rewritten
from headroom_core.pipeline import original_text
from headroom_proxy import worker
from headroom_proxy.live import Counts, LiveFlow
from headroom_proxy.pool import Pool, PoolError

type Countable = str | bytes

_COLLECT_SECONDS = 0.5
_COUNT_SECONDS = 60
_ENTRY_BYTES = 120


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
        parts = _parts(live, body)
        found: dict[bytes, int] = {}
        missing: dict[bytes, Callable[[], Countable]] = {}
        for name, text in chain(parts, _outputs(live, body)):
            known = self._known.get(name)
            if known is None:
                missing[name] = text
            else:
                found[name] = known
        if missing:
            batch = self._batch or _Batch()
            batch.texts |= {name: text() for name, text in missing.items() if name not in batch.texts}
            counted = await self._counted(batch)
            found |= {name: counted[name] for name in missing if name in counted}
            complete = missing.keys() <= found.keys()
        else:
            complete = True
        return _counts(live, found, sum(found.get(name, 0) for name, _ in parts), exact=self._exact and complete)

    def hurry(self) -> None:
        """Count now what was collected: the proxy ends."""
        if self._batch is not None:
            self._batch.now.set()

    async def _counted(self, batch: _Batch) -> dict[bytes, int]:
        if batch.task is None:
            self._batch = batch
            batch.task = asyncio.get_running_loop().create_task(self._run(batch))
        return await asyncio.shield(batch.task)

    async def _run(self, batch: _Batch) -> dict[bytes, int]:
        try:
            async with asyncio.timeout(_COLLECT_SECONDS):
                await batch.now.wait()
        except TimeoutError:
            pass
        self._batch = None
        try:
            counts, self._exact = await self._pool.run(_COUNT_SECONDS, worker.count_all, list(batch.texts.values()))
        except PoolError:
            return {}
        found = dict(zip(batch.texts, counts, strict=True))
        for name, count in found.items():
            self._known.put(name, count, _ENTRY_BYTES)
        return found


def _counts(live: LiveFlow, found: dict[bytes, int], total: int, *, exact: bool) -> Counts:
    outputs: dict[bytes, tuple[int, int]] = {}
    saved = 0
    for outcome in live.result.outcomes if live.result else ():
        before = found.get(outcome.output.digest, 0)
        after = found.get(outcome.key, 0) if isinstance(outcome.result, Rewritten) else before
        outputs[outcome.key] = before, after
        saved += before - after
    return Counts(total, max(0, total - saved), outputs, exact)


def _outputs(live: LiveFlow, body: bytes) -> Iterator[tuple[bytes, Callable[[], Countable]]]:
    """The outputs before and after, by name; a text is made only when it is asked for."""
    for outcome in live.result.outcomes if live.result else ():
        yield outcome.output.digest, partial(original_text, body, outcome.output)
        if isinstance(outcome.result, Rewritten):
            yield outcome.key, partial(str, outcome.result.text)


def _parts(live: LiveFlow, body: bytes) -> list[tuple[bytes, Callable[[], Countable]]]:
    """The messages by digest, and what stands around them (system, tools) as one more part."""
    decoded = live.plan.decoded if live.plan else None
    messages: tuple[MessageSpan, ...] = decoded.messages if decoded else ()
    parts: list[tuple[bytes, Callable[[], Countable]]] = [(span.digest, partial(_piece, body, span)) for span in messages]
    around = body[: messages[0].start] + body[messages[-1].end :] if messages else body
    parts.append((digest(around), partial(bytes, around)))
    return parts


def _piece(body: bytes, span: MessageSpan) -> bytes:
    return body[span.start : span.end]
