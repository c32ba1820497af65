"""Prefix purity on the wire: request k, rewritten, is a prefix of request k+1, rewritten; also after a restart of the proxy."""

from __future__ import annotations

import itertools
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import zstandard

from headroom_proxy.local_upstream import LocalUpstream
from tests.e2e.rig.proxy import Proxy
from tests.e2e.rig.traffic import (
    ANTHROPIC_HEADERS,
    ANTHROPIC_URL,
    OPENAI_HEADERS,
    OPENAI_URL,
    anthropic_conversation,
    openai_conversation,
    tool_text,
)

KINDS = ["anthropic", "openai"]
TURNS = 5


def send(proxy: Proxy, kind: str, texts: list[str]) -> None:
    url, headers, conversation = (
        (ANTHROPIC_URL, ANTHROPIC_HEADERS, anthropic_conversation(texts))
        if kind == "anthropic"
        else (OPENAI_URL, OPENAI_HEADERS, openai_conversation(texts))
    )
    if kind == "anthropic":
        conversation["messages"][-1]["content"][-1]["cache_control"] = {"type": "ephemeral"}
    with proxy.client() as client:
        assert client.post(url, headers=headers, json=conversation).status_code == 200


def messages(upstream: LocalUpstream) -> list[list[Any]]:
    """The messages of each request that reached the upstream, without the cache marks, which move by themselves."""
    bodies = [json.loads(request.content)["messages"] for request in upstream.received]
    for body in bodies:
        for message in body:
            for block in message["content"] if isinstance(message["content"], list) else ():
                block.pop("cache_control", None)
    return bodies


def assert_prefixes(bodies: list[list[Any]]) -> None:
    for earlier, later in itertools.pairwise(bodies):
        assert later[: len(earlier)] == earlier


@pytest.mark.parametrize("kind", KINDS)
def test_each_request_begins_with_the_one_before(proxy: Proxy, upstream: LocalUpstream, kind: str) -> None:
    texts = [tool_text(150 + 10 * turn, seed=100 + turn) for turn in range(TURNS)]

    for turn in range(TURNS):
        send(proxy, kind, texts[: turn + 1])

    assert_prefixes(messages(upstream))
    rows = proxy.flow_log.flows(TURNS)
    assert all(row["changed"] for row in rows)
    assert [row["outputs_rewritten"] for row in rows] == [1, 2, 3, 4, 5]
    assert len({row["conversation"] for row in rows}) == 1
    # Each tool output is logged once: with the request that brought it.
    assert [len(proxy.flow_log.outputs(row["id"])) for row in rows] == [1] * TURNS
    # The upstream reports what its cache, an exact prefix cache, could read.
    cached = [row["cache_read_tokens"] for row in rows]
    assert cached[0] == 0
    assert all(later > earlier for earlier, later in itertools.pairwise(cached[1:]))


def test_a_restart_changes_nothing(start_proxy: Callable[..., Proxy], upstream: LocalUpstream) -> None:
    texts = [tool_text(200, seed=200 + turn) for turn in range(3)]
    first = start_proxy()
    for turn in (1, 2):
        for kind in KINDS:
            send(first, kind, texts[:turn])
    first.flow_log.flows(4)
    first.stop()

    second = start_proxy()
    for kind in KINDS:
        send(second, kind, texts)

    sent = messages(upstream)
    assert_prefixes(sent[0::2])
    assert_prefixes(sent[1::2])
    rows = second.flow_log.flows(6)
    assert [row["outputs_rewritten"] for row in rows] == [1, 1, 2, 2, 3, 3]
    assert [len(second.flow_log.outputs(row["id"])) for row in rows] == [1] * 6


def test_a_restart_without_its_data_changes_nothing(start_proxy: Callable[..., Proxy], upstream: LocalUpstream, tmp_path: Path) -> None:
    texts = [tool_text(200, seed=300 + turn) for turn in range(3)]
    first = start_proxy(tmp_path / "first")
    for turn in (1, 2):
        send(first, "anthropic", texts[:turn])
    first.stop()

    send(start_proxy(tmp_path / "second"), "anthropic", texts)

    assert_prefixes(messages(upstream))


def test_the_stored_form_is_sent_again_although_it_would_be_decided_differently_now(
    start_proxy: Callable[..., Proxy], upstream: LocalUpstream
) -> None:
    """What an upgrade of the program does: the same settings decide otherwise. Played by changing the stored text."""
    texts = [tool_text(200, seed=400)]
    first = start_proxy()
    send(first, "openai", texts)
    first.flow_log.flow()
    first.stop()
    older = "as an older version of the program wrote it"
    with closing(sqlite3.connect(first.data_dir / "store.db")) as store, store:
        changed = store.execute("update forms set text = ?", (zstandard.compress(older.encode()),))
        assert changed.rowcount == 1

    send(start_proxy(), "openai", texts)

    assert messages(upstream)[-1][-1]["content"] == older
