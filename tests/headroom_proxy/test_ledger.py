"""Exact counts of a request: each message and each output counted once."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from headroom_core import compress
from headroom_core.model import RawRequest, Reason, Rewritten, Skipped
from headroom_core.pipeline import Plan, plan
from headroom_core.providers import EventCache, match
from headroom_core.settings import Settings
from headroom_core.tokens import counter
from headroom_proxy import ledger as ledger_module
from headroom_proxy import worker
from headroom_proxy.ledger import Ledger
from headroom_proxy.live import LiveFlow
from headroom_proxy.pool import Pool, PoolError
from tests.conversations import WIRES, surely_rewritten


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Collect for a short time only."""
    monkeypatch.setattr(ledger_module, "_COLLECT_SECONDS", 0.1)


def body(*texts: str, **more: Any) -> bytes:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "which?"}]
    for number, text in enumerate(texts):
        messages.append({"role": "assistant", "content": [{"type": "tool_use", "id": f"t{number}", "name": "search", "input": {}}]})
        messages.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"t{number}", "content": text}]})
    return json.dumps({"model": "m", "messages": messages, **more}).encode()


def live(raw: bytes) -> LiveFlow:
    provider = match(*WIRES["anthropic"])
    assert provider is not None
    made = LiveFlow(provider, Settings(), "/v1/messages")
    made.plan = plan(RawRequest(*WIRES["anthropic"], raw), Settings(), EventCache())
    made.result = compress(raw, *WIRES["anthropic"])
    return made


class Watched(Pool):
    """A pool that runs its work here and remembers how much there was."""

    def __init__(self, *, broken: bool = False) -> None:
        super().__init__(1)
        self.texts: list[Any] = []
        self.calls = 0
        self.broken = broken

    async def run(self, seconds: float, task: Any, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        if self.broken:
            raise PoolError(f"no result within {seconds} s")
        self.texts += args[0]
        return task(*args, **kwargs)


async def test_outputs_are_counted_before_and_after() -> None:
    raw = body(surely_rewritten(1), "short")
    flow = live(raw)
    assert flow.result is not None

    counts = await Ledger(Watched()).count(flow, raw)

    first, second = flow.result.outcomes
    assert isinstance(first.result, Rewritten)
    assert counts.outputs == {
        first.key: (counter().count(surely_rewritten(1)), counter().count(first.result.text)),
        second.key: (counter().count("short"), counter().count("short")),
    }
    assert counts.before - counts.after == flow.result.tokens_before - flow.result.tokens_after
    assert counts.exact


async def test_the_whole_is_the_sum_of_its_texts() -> None:
    raw = body("one", "two", system="the system")
    counts = await Ledger(Watched()).count(live(raw), raw)
    assert counts.before == counts.after
    values = ["which?", "search", "one", "two", "the system", "user", "assistant", "tool_use", "tool_result"]
    assert counts.before >= sum(counter().count(value) for value in values)


async def test_system_and_tools_count_although_they_stand_around_the_messages() -> None:
    plain, rich = body("one"), body("one", system="word " * 500)
    without = await Ledger(Watched()).count(live(plain), plain)
    with_system = await Ledger(Watched()).count(live(rich), rich)
    assert with_system.before - without.before == pytest.approx(500, abs=10)


async def test_a_turn_counts_only_what_is_new() -> None:
    pool = Watched()
    ledger = Ledger(pool)
    texts = [surely_rewritten(number) for number in range(5)]
    for count in range(1, 6):
        before = len(pool.texts)
        raw = body(*texts[:count])
        turned = await ledger.count(live(raw), raw)
        assert turned == await Ledger(Watched()).count(live(raw), raw)
        # Two new messages, one output before and after, and what stands around the messages where it changed.
        assert len(pool.texts) - before <= 6
    before = len(pool.texts)
    await ledger.count(live(body(*texts)), body(*texts))
    assert len(pool.texts) == before


async def test_an_output_that_stands_twice_is_saved_twice() -> None:
    text = surely_rewritten(1)
    messages = [
        {"role": "assistant", "content": [{"type": "tool_use", "id": f"t{n}", "name": "search", "input": {}} for n in range(2)]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"t{n}", "content": text} for n in range(2)]},
    ]
    raw = json.dumps({"messages": messages}).encode()
    flow = live(raw)
    counts = await Ledger(Watched()).count(flow, raw)
    assert len(counts.outputs) == 1
    ((before, after),) = counts.outputs.values()
    assert counts.before - counts.after == 2 * (before - after)


async def test_a_request_that_could_not_be_read_is_counted_as_text() -> None:
    raw = b"hello world, no JSON"
    provider = match(*WIRES["anthropic"])
    assert provider is not None
    flow = LiveFlow(provider, Settings(), "/v1/messages")
    flow.plan = Plan(None, reason=Skipped(Reason.NOT_JSON))
    flow.result = compress(raw, *WIRES["anthropic"])
    counts = await Ledger(Watched()).count(flow, raw)
    assert counts.before == counts.after == counter().count("hello world, no JSON")


async def test_without_a_pool_the_counts_say_that_they_are_not_exact() -> None:
    raw = body(surely_rewritten(1))
    pool = Watched(broken=True)
    ledger = Ledger(pool)
    counts = await ledger.count(live(raw), raw)
    assert not counts.exact
    # And the next request is counted again.
    pool.broken = False
    assert (await ledger.count(live(raw), raw)).exact


async def test_requests_at_the_same_time_are_counted_in_one_piece() -> None:
    pool = Watched()
    ledger = Ledger(pool)
    raws = [body(surely_rewritten(number), "short") for number in range(8)]

    together = await asyncio.gather(*(ledger.count(live(raw), raw) for raw in raws))

    assert pool.calls == 1
    assert len(pool.texts) == len(set(pool.texts))
    for raw, counts in zip(raws, together, strict=True):
        assert counts == await Ledger(Watched()).count(live(raw), raw)


async def test_one_that_gives_up_waiting_costs_the_others_nothing() -> None:
    pool = Watched()
    ledger = Ledger(pool)
    first, second = (asyncio.ensure_future(ledger.count(live(raw), raw)) for raw in (body("one"), body("two")))
    await asyncio.sleep(0.05)
    first.cancel()
    assert (await second).exact
    assert first.cancelled()


async def test_in_a_hurry_nothing_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "_COLLECT_SECONDS", 60)
    ledger = Ledger(Watched())
    ledger.hurry()
    counting = asyncio.ensure_future(ledger.count(live(body("one")), body("one")))
    await asyncio.sleep(0.05)
    assert not counting.done()
    ledger.hurry()
    async with asyncio.timeout(5):
        assert (await counting).exact


async def test_in_a_real_process(pool: Pool) -> None:
    raw = body(surely_rewritten(1), "\ud800 é")
    assert await Ledger(pool).count(live(raw), raw) == await Ledger(Watched()).count(live(raw), raw)
    assert worker.ready() != await pool.run(30, worker.ready)
