"""From a request body to its rewritten form without holding up the event loop.

What is remembered is looked up, what the disk remembers is read in a thread, what is new and small is decided here, and
the rest in the pool.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from headroom_core.flow_log import StoreReader
from headroom_core.model import Job, RawRequest, Reason, Skipped
from headroom_core.pipeline import CompressionResult, Decision, Memory, Plan, assemble, jobs, plan_for, undecided
from headroom_core.providers import Provider
from headroom_core.settings import Settings
from headroom_proxy import worker
from headroom_proxy.pool import Pool, PoolError

INLINE_BODY = 1_000_000
"""Bytes of a body that are looked through on the event loop, in about 2 ms."""
INLINE_MESSAGES = 400
"""Messages that are looked through on the event loop; each costs about 10 microseconds, new ones 20."""
_PROBE = 64_000
INLINE_TEXT = 12_000
"""Bytes of new tool output that are decided on the event loop: 1 ms, and 5 where every number must keep its spelling."""
SECONDS = 15.0
"""The last resort. What it lets through stays as it was: the decision is kept like any other."""


class Rewriter:
    """Decides tool outputs; remembers decisions in memory, finds older ones on disk."""

    def __init__(self, pool: Pool, store: StoreReader, touch: Callable[[Sequence[bytes]], None]) -> None:
        self._touch = touch
        self._pool = pool
        self._store = store
        self._memory = Memory()

    async def plan(self, provider: Provider, request: RawRequest, settings: Settings) -> Plan:
        """What the request holds, and the key of each decision."""
        if len(request.body) <= INLINE_BODY and _messages(request.body) <= INLINE_MESSAGES:
            return plan_for(provider, request, settings, self._memory.events)
        try:
            return await self._pool.run(SECONDS, worker.plan_large, request, settings)
        except PoolError:
            # What earlier requests had rewritten must leave rewritten; only new decisions may be late.
            return plan_for(provider, request, settings, self._memory.events)

    async def rewrite(self, request: RawRequest, planned: Plan, settings: Settings) -> CompressionResult:
        """The request with all decisions spliced in."""
        known = {key: decision for key in planned.keys if (decision := self._memory.decisions.get(key)) is not None}
        missing = undecided(planned, known)
        if missing:
            stored = await asyncio.to_thread(self._store.forms, missing)
            known |= stored
            self._touch(list(stored))
            self._remember(stored)
        fresh = await self._decide(jobs(request, planned, known), settings)
        self._remember(fresh)
        return assemble(request, planned, known, fresh)

    async def _decide(self, work: list[Job], settings: Settings) -> dict[bytes, Decision]:
        if sum(len(job.literal) for job in work) <= INLINE_TEXT:
            return {job.key: worker.decide_safely(job, settings) for job in work}
        try:
            return await self._pool.run(SECONDS, worker.decide_all, work, settings)
        except PoolError as error:
            return {job.key: Skipped(Reason.DEADLINE, str(error)) for job in work}

    def _remember(self, decisions: dict[bytes, Decision]) -> None:
        for key, decision in decisions.items():
            self._memory.remember(key, decision)


def _messages(body: bytes) -> int:
    """About how many messages a body has, by those in its first part."""
    count = body.count(b'"role"', 0, _PROBE)
    return count if len(body) <= _PROBE else count * len(body) // _PROBE
