"""The bench's bodies: of the sizes they claim, the same in each run, and new where they claim to be new."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from headroom_core import Settings, compress
from scripts.bench.latency_bodies import growing, one_large_output, seen_conversation, small, with_question


def test_a_small_one_has_no_tool_output() -> None:
    assert 200 < len(small(7)) < 600
    assert compress(small(7), "api.anthropic.com", "/v1/messages", Settings()).outcomes == ()


@pytest.mark.parametrize("size", [50_000, 200_000])
def test_a_conversation_is_as_large_as_asked(size: int) -> None:
    assert size < len(with_question(seen_conversation(size, 1), 0)) < 1.15 * size


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert one_large_output(20_000, 3) == one_large_output(20_000, 3)
    assert one_large_output(20_000, 3) != one_large_output(20_000, 4)
    assert seen_conversation(20_000, 3) == seen_conversation(20_000, 3)


def test_a_growing_conversation_only_adds_what_is_new() -> None:
    bodies = [json.loads(body)["messages"] for body in growing(100_000, 10_000, 5, 2)]
    for earlier, later in pairwise(bodies):
        assert later[: len(earlier)] == earlier
        assert 9_000 < len(json.dumps(later)) - len(json.dumps(earlier)) < 14_000


def test_a_large_output_is_one_that_gets_rewritten() -> None:
    body = one_large_output(200_000, 5)
    result = compress(body, "api.anthropic.com", "/v1/messages", Settings())
    assert 200_000 < len(body) < 260_000
    assert len(result.body) < len(body) // 4
