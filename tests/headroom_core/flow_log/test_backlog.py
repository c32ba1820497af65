from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom_core.flow_log.backlog import Backlog


def backlog(max_bytes: int = 100, max_items: int = 10, delay: float = 0.0) -> Backlog[int]:
    return Backlog(max_bytes, max_items, delay)


def test_items_come_out_in_order_as_one_batch() -> None:
    waiting = backlog()
    for number in range(3):
        assert waiting.put(number, 1)
    batch = waiting.take(idle=0)
    assert batch is not None
    assert list(batch.items) == [0, 1, 2]


def test_nothing_for_a_while_is_an_empty_batch() -> None:
    batch = backlog().take(idle=0.01)
    assert batch is not None
    assert not batch.items


def test_what_is_being_written_still_counts() -> None:
    waiting = backlog(max_bytes=100)
    waiting.put(1, 80)
    batch = waiting.take(idle=0)
    assert batch is not None
    assert not waiting.put(2, 30)
    assert waiting.done(batch)
    assert waiting.put(2, 30)


def test_an_item_larger_than_the_bound_is_taken_when_nothing_else_is_held() -> None:
    waiting = backlog(max_bytes=100)
    assert waiting.put(1, 1000)
    assert not waiting.put(2, 1)


@given(st.lists(st.tuples(st.integers(0, 120), st.booleans()), max_size=60))
def test_never_more_than_the_bounds_and_nothing_accepted_is_lost(steps: list[tuple[int, bool]]) -> None:
    waiting = backlog(max_bytes=100, max_items=5)
    accepted: list[int] = []
    taken: list[int] = []
    held: list[int] = []
    for number, (size, take) in enumerate(steps):
        if waiting.put(number, size):
            accepted.append(number)
            held.append(size)
        assert len(held) <= 5
        assert sum(held) <= 100 or len(held) == 1
        if take:
            batch = waiting.take(idle=0)
            assert batch is not None
            taken += batch.items
            waiting.done(batch)
            held.clear()
    waiting.close()
    while (batch := waiting.take(idle=0)) is not None:
        taken += batch.items
    assert taken == accepted


def test_closed_takes_nothing_more_but_gives_out_what_is_there() -> None:
    waiting = backlog()
    waiting.put(1, 1)
    waiting.close()
    assert waiting.closed
    assert not waiting.put(2, 1)
    batch = waiting.take(idle=0)
    assert batch is not None
    assert list(batch.items) == [1]
    assert waiting.take(idle=0) is None


def test_a_batch_gathers_for_the_delay_but_not_when_someone_waits() -> None:
    waiting = backlog(delay=30)
    waiting.put(1, 1)
    taker = threading.Thread(target=lambda: (batch := waiting.take(idle=30)) and waiting.done(batch))
    taker.start()
    assert not waiting.wait_handled(0) or not taker.is_alive()
    assert waiting.wait_handled(10)
    taker.join(10)
    assert not taker.is_alive()


def test_waiting_ends_when_nobody_takes() -> None:
    waiting = backlog()
    waiting.put(1, 1)
    began = time.monotonic()
    assert not waiting.wait_handled(0.05)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("close", [False, True])
def test_waiting_for_nothing_is_over_at_once(close: bool) -> None:
    waiting = backlog()
    if close:
        waiting.close()
    assert waiting.wait_handled(0)
