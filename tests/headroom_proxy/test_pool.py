"""Worker processes: replaced when they die, given up when the deadline passes."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from loky.process_executor import ProcessPoolExecutor

from headroom_proxy import pool as pool_module
from headroom_proxy import worker
from headroom_proxy.pool import Pool, PoolError


@pytest.fixture
async def own() -> AsyncIterator[Pool]:
    """A pool that a test may break."""
    made = Pool(1)
    yield made
    await made.close()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The executors that are made."""
    made: list[Any] = []
    real = ProcessPoolExecutor

    def recorded(*args: Any, **kwargs: Any) -> Any:
        made.append(real(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(pool_module, "ProcessPoolExecutor", recorded)
    return made


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_work_is_done_in_another_process(pool: Pool) -> None:
    assert await pool.run(30, os.getpid) != os.getpid()
    assert await pool.run(30, divmod, 17, 5) == (3, 2)
    assert await pool.run(30, sorted, [3, 1, 2], reverse=True) == [3, 2, 1]


async def test_what_the_work_raises_comes_back(pool: Pool) -> None:
    with pytest.raises(ZeroDivisionError):
        await pool.run(30, divmod, 1, 0)
    assert await pool.run(30, divmod, 17, 5) == (3, 2)


async def test_the_loop_goes_on_meanwhile(pool: Pool) -> None:
    work = asyncio.ensure_future(pool.run(30, time.sleep, 0.3))
    turns = 0
    while not work.done():
        await asyncio.sleep(0.01)
        turns += 1
    assert turns > 10


async def test_a_worker_that_died_is_replaced(own: Pool) -> None:
    first = await own.run(30, worker.ready)
    os.kill(first, signal.SIGKILL)
    for _ in range(100):
        if not alive(first):
            break
        await asyncio.sleep(0.05)

    second = await own.run(30, worker.ready)

    assert second != first
    assert await own.run(30, divmod, 17, 5) == (3, 2)


async def test_work_that_kills_its_worker_twice_is_given_up_and_the_pool_goes_on(own: Pool) -> None:
    with pytest.raises(PoolError, match="no worker process"):
        await own.run(30, os._exit, 1)
    assert await own.run(30, divmod, 17, 5) == (3, 2)


async def test_many_that_wait_for_a_dead_worker_get_one_new_pool(own: Pool, started: list[Any]) -> None:
    pid = await own.run(30, worker.ready)
    waiting = [asyncio.ensure_future(own.run(30, time.sleep, 0.2)) for _ in range(6)]
    await asyncio.sleep(0.1)
    os.kill(pid, signal.SIGKILL)

    await asyncio.gather(*waiting)

    # Each further one would hold processes that nobody knows of and nobody ends.
    assert len(started) == 2


async def test_a_deadline(own: Pool) -> None:
    await own.run(30, worker.ready)
    before = time.perf_counter()
    with pytest.raises(PoolError, match=r"no result within 0\.2 s"):
        await own.run(0.2, time.sleep, 1)
    assert time.perf_counter() - before < 0.9
    # The worker is busy with what nobody waits for any more; then it serves again.
    assert await own.run(30, divmod, 17, 5) == (3, 2)


async def test_cancelling_is_no_pool_error(pool: Pool) -> None:
    work = asyncio.ensure_future(pool.run(30, time.sleep, 0.5))
    await asyncio.sleep(0.05)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work


async def test_warming_up(own: Pool) -> None:
    assert own.is_cold()
    await own.warm_up()
    assert not own.is_cold()


async def test_closing_ends_the_processes() -> None:
    made = Pool(2)
    pid = await made.run(30, worker.ready)
    await made.close()
    assert not alive(pid)
    await made.close()


async def test_closing_ends_long_work_too(started: list[Any]) -> None:
    made = Pool(1)
    await made.run(30, worker.ready)
    work = asyncio.ensure_future(made.run(2, time.sleep, 8))
    await asyncio.sleep(0.2)
    async with asyncio.timeout(4):
        await made.close()
    with pytest.raises(PoolError):
        await work
    # A second one would be nobody's: mitmdump would wait at its end for the work in it.
    assert len(started) == 1


async def test_nothing_is_started_before_it_is_needed(started: list[Any]) -> None:
    made = Pool(2)
    await made.close()
    assert started == []
