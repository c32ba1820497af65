"""Exact token counts of requests: each message and each output counted once, in the pool, off the event loop."""

from __future__ import annotations

from headroom_core.bounded_cache import BoundedCache
from headroom_core.digests import digest
from headroom_core.model import MessageSpan, Rewritten
from headroom_core.pipeline import original_text
from headroom_proxy import worker
from headroom_proxy.live import Counts, LiveFlow
from headroom_proxy.pool import Pool, PoolError

_SECONDS = 60
_ENTRY = 120


class Ledger:
    """Remembers counts by digest, so that a turn counts only what is new in it."""

    def __init__(self) -> None:
        self._messages: BoundedCache[bytes, int] = BoundedCache(4_000_000)
        self._outputs: BoundedCache[bytes, tuple[int, int]] = BoundedCache(4_000_000)

    async def count(self, live: LiveFlow, body: bytes, pool: Pool) -> Counts:
        """The tokens of a request whose body was `body`; zeros where the pool can't say."""
        result = live.result
        parts = _parts(live, body)
        wanted: dict[tuple[str, bytes], list[str | bytes]] = {}
        sums: dict[bytes, int] = {}
        for name, text in parts:
            known = self._messages.get(name)
            if known is None:
                wanted["message", name] = [text]
            else:
                sums[name] = known
        outputs: dict[bytes, tuple[int, int]] = {}
        for outcome in result.outcomes if result else ():
            pair = self._outputs.get(outcome.key)
            if pair is not None:
                outputs[outcome.key] = pair
                continue
            before = original_text(body, outcome.output)
            after = outcome.result.text if isinstance(outcome.result, Rewritten) else None
            wanted["output", outcome.key] = [before] if after is None else [before, after]
        exact = await self._fill(wanted, sums, outputs, pool)
        total = sum(sums.get(name, 0) for name, _ in parts)
        saved = sum(outputs[o.key][0] - outputs[o.key][1] for o in (result.outcomes if result else ()) if o.key in outputs)
        return Counts(total, total - saved, outputs, exact)

    async def _fill(
        self,
        wanted: dict[tuple[str, bytes], list[str | bytes]],
        sums: dict[bytes, int],
        outputs: dict[bytes, tuple[int, int]],
        pool: Pool,
    ) -> bool:
        texts = [text for group in wanted.values() for text in group]
        if not texts:
            return self._exact
        try:
            counts, self._exact = await pool.run(_SECONDS, worker.count_all, texts)
        except PoolError:
            return False
        numbers = iter(counts)
        for (kind, name), group in wanted.items():
            found = [next(numbers) for _ in group]
            if kind == "message":
                sums[name] = found[0]
                self._messages.put(name, found[0], _ENTRY)
            else:
                outputs[name] = (found[0], found[-1])
                self._outputs.put(name, outputs[name], _ENTRY)
        return self._exact

    _exact = True


def _parts(live: LiveFlow, body: bytes) -> list[tuple[bytes, bytes]]:
    """The messages by digest, and what stands around them (system, tools) as one more part."""
    decoded = live.plan.decoded if live.plan else None
    messages: tuple[MessageSpan, ...] = decoded.messages if decoded else ()
    parts = [(span.digest, body[span.start : span.end]) for span in messages]
    around = body[: messages[0].start] + body[messages[-1].end :] if messages else body
    parts.append((digest(around), around))
    return parts
