"""Where a body is rewritten: here, in a thread, in the pool; and that what was once decided stays, whatever breaks."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from headroom_core import CompressionResult, compress
from headroom_core.flow_log import StoredForm, StoreReader, Writer
from headroom_core.model import RawRequest, Reason, Rewritten, Skipped
from headroom_core.providers import match
from headroom_core.settings import Settings
from headroom_proxy import rewriter as module
from headroom_proxy.pool import Pool, PoolError
from headroom_proxy.rewriter import Rewriter
from tests.conversations import WIRES, surely_rewritten

LARGE = json.dumps([{"id": number, "status": "open", "note": f"number {number}"} for number in range(3000)])
SMALL = surely_rewritten(1)
assert len(LARGE) > module.INLINE_TEXT > len(SMALL)


class Watched(Pool):
    """A pool that runs its work here, and can be out of order."""

    def __init__(self) -> None:
        super().__init__(1)
        self.calls: list[str] = []
        self.broken = False

    async def run(self, seconds: float, task: Any, *args: Any, **kwargs: Any) -> Any:
        self.calls.append(task.__name__)
        if self.broken:
            raise PoolError(f"no result within {seconds} s")
        return task(*args, **kwargs)


def untouched(keys: object) -> None:
    """Nobody keeps account of what was used."""


def messages(*texts: str) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = [{"role": "user", "content": "which is open?"}]
    for number, text in enumerate(texts):
        made.append({"role": "assistant", "content": [{"type": "tool_use", "id": f"t{number}", "name": "search", "input": {}}]})
        made.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"t{number}", "content": text}]})
    return made


def request(*texts: str) -> RawRequest:
    return RawRequest(*WIRES["anthropic"], json.dumps({"messages": messages(*texts)}).encode())


async def rewritten(rewriter: Rewriter, asked: RawRequest, settings: Settings | None = None) -> CompressionResult:
    provider = match(asked.host, asked.path)
    assert provider is not None
    planned = await rewriter.plan(provider, asked, settings or Settings())
    return await rewriter.rewrite(asked, planned, settings or Settings())


@pytest.fixture
def pool_() -> Watched:
    return Watched()


@pytest.fixture
def rewriter(pool_: Watched, tmp_path: Path) -> Rewriter:
    return Rewriter(pool_, StoreReader(tmp_path), untouched)


async def test_small_work_is_done_here(rewriter: Rewriter, pool_: Watched) -> None:
    asked = request(SMALL, "short")
    assert (await rewritten(rewriter, asked)).body == compress(asked.body, asked.host, asked.path).body
    assert pool_.calls == []


@pytest.mark.parametrize(
    ("asked", "calls"),
    [
        pytest.param(request(LARGE), ["decide_all"], id="large-output"),
        pytest.param(request(*[surely_rewritten(number) for number in range(20)]), ["decide_all"], id="many-outputs"),
        pytest.param(request("x" * 1_100_000), ["plan_large", "decide_all"], id="large-body"),
        pytest.param(request(*["x"] * 600), ["plan_large"], id="many-messages"),
    ],
)
async def test_large_work_is_done_in_the_pool(rewriter: Rewriter, pool_: Watched, asked: RawRequest, calls: list[str]) -> None:
    assert (await rewritten(rewriter, asked)).body == compress(asked.body, asked.host, asked.path).body
    assert pool_.calls == calls


async def test_what_is_remembered_is_not_asked_again(rewriter: Rewriter, pool_: Watched) -> None:
    first = await rewritten(rewriter, request(LARGE))
    again = await rewritten(rewriter, request(LARGE, SMALL))
    assert pool_.calls == ["decide_all"]
    assert again.outcomes[0].result == first.outcomes[0].result
    assert [outcome.new for outcome in again.outcomes] == [False, True]


async def test_settings_of_a_request_are_kept_apart(rewriter: Rewriter) -> None:
    balanced = await rewritten(rewriter, request(LARGE))
    lossless = await rewritten(rewriter, request(LARGE), Settings(level="lossless"))
    again = await rewritten(rewriter, request(LARGE))
    assert balanced.body == again.body != lossless.body


async def test_what_the_disk_remembers_is_sent_again(pool_: Watched, tmp_path: Path) -> None:
    key = compress(request(LARGE).body, *WIRES["anthropic"]).outcomes[0].key
    older = Rewritten("as an older version of the program wrote it", "older", lossless=False)
    store(tmp_path, StoredForm(key, older, "id", LARGE))

    result = await rewritten(Rewriter(pool_, StoreReader(tmp_path), untouched), request(LARGE))

    assert result.outcomes[0].result == older
    assert not result.outcomes[0].new
    assert pool_.calls == []


async def test_the_disk_is_asked_once(pool_: Watched, tmp_path: Path) -> None:
    class Counted(StoreReader):
        asked = 0

        def forms(self, keys: Any) -> dict[bytes, Rewritten | Skipped]:
            Counted.asked += 1
            return super().forms(keys)

    rewriter = Rewriter(pool_, Counted(tmp_path), untouched)
    for _ in range(3):
        await rewritten(rewriter, request(SMALL))
    assert Counted.asked == 1


async def test_a_slow_disk_does_not_hold_up_the_loop(pool_: Watched, tmp_path: Path) -> None:
    class Slow(StoreReader):
        def forms(self, keys: Any) -> dict[bytes, Rewritten | Skipped]:
            del keys
            time.sleep(0.3)
            return {}

    work = asyncio.ensure_future(rewritten(Rewriter(pool_, Slow(tmp_path), untouched), request(SMALL)))
    turns = 0
    while not work.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 10


def store(directory: Path, *forms: StoredForm) -> None:
    writer = Writer(directory, Settings(), pytest.fail)
    writer.start()
    writer.put_forms(forms)
    writer.close(10)


# The last resort


async def test_what_a_deadline_let_through_stays_as_it_was(rewriter: Rewriter, pool_: Watched) -> None:
    pool_.broken = True
    first = await rewritten(rewriter, request(LARGE))
    assert first.body == request(LARGE).body
    assert [outcome.result for outcome in first.outcomes] == [Skipped(Reason.DEADLINE, "no result within 15.0 s")]
    assert first.outcomes[0].new  # so that it goes to the disk too

    pool_.broken = False
    again = await rewritten(rewriter, request(LARGE, SMALL))

    assert isinstance(again.outcomes[0].result, Skipped)
    assert again.outcomes[0].result.reason is Reason.DEADLINE
    assert isinstance(again.outcomes[1].result, Rewritten)


async def test_what_a_deadline_let_through_stays_as_it_was_after_a_restart(pool_: Watched, tmp_path: Path) -> None:
    pool_.broken = True
    first = await rewritten(Rewriter(pool_, StoreReader(tmp_path), untouched), request(LARGE))
    store(tmp_path, *(StoredForm(outcome.key, outcome.result, outcome.content_id, None) for outcome in first.outcomes if outcome.new))

    pool_.broken = False
    again = await rewritten(Rewriter(pool_, StoreReader(tmp_path), untouched), request(LARGE, SMALL))

    assert isinstance(again.outcomes[0].result, Skipped)
    assert isinstance(again.outcomes[1].result, Rewritten)


async def test_a_deadline_costs_only_what_was_new(rewriter: Rewriter, pool_: Watched) -> None:
    first = await rewritten(rewriter, request(LARGE))
    pool_.broken = True
    again = await rewritten(rewriter, request(LARGE, LARGE + " "))
    assert again.outcomes[0].result == first.outcomes[0].result
    assert isinstance(again.outcomes[1].result, Skipped)


async def test_a_deadline_while_looking_through_a_large_body_keeps_the_prefix(rewriter: Rewriter, pool_: Watched) -> None:
    """Rule 2: what the last resort lets through must stay as it was in that conversation, and what was rewritten stays rewritten."""
    filler = "prose " * 200_000
    before = await rewritten(rewriter, request(SMALL))
    pool_.broken = True
    during = await rewritten(rewriter, request(SMALL, filler))
    pool_.broken = False
    after = await rewritten(rewriter, request(SMALL, filler, "short"))

    sent = [json.loads(result.body)["messages"] for result in (before, during, after)]
    assert sent[1][: len(sent[0])] == sent[0]
    assert sent[2][: len(sent[1])] == sent[1]


async def test_a_real_deadline(tmp_path: Path, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 0.1)
    blocking = [asyncio.ensure_future(pool.run(10, time.sleep, 0.6)) for _ in range(4)]
    await asyncio.sleep(0.05)
    before = time.perf_counter()

    result = await rewritten(Rewriter(pool, StoreReader(tmp_path), untouched), request(LARGE))

    assert time.perf_counter() - before < 0.5
    assert isinstance(result.outcomes[0].result, Skipped)
    assert result.outcomes[0].result.reason is Reason.DEADLINE
    await asyncio.gather(*blocking)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"messages":[]}', b"\xff"])
async def test_other_bodies(rewriter: Rewriter, raw: bytes) -> None:
    result = await rewritten(rewriter, RawRequest(*WIRES["anthropic"], raw))
    assert result.body is raw
    assert result.reason is not None
