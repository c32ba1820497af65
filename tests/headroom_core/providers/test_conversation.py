"""What a message holds depends on its bytes alone; what an output depends on, on the messages before it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom_core.bounded_cache import BoundedCache
from headroom_core.model import DecodedRequest, RawRequest
from headroom_core.providers import EventCache, match
from tests.conversations import Conversation, conversations


def decode(body: bytes, cache: EventCache, wire: str = "anthropic") -> DecodedRequest:
    host, path = ("api.anthropic.com", "/v1/messages") if wire == "anthropic" else ("api.openai.com", "/v1/chat/completions")
    provider = match(host, path)
    assert provider is not None
    return provider.decode(RawRequest(host, path, body), cache)


@given(conversations())
def test_the_cache_changes_nothing(talk: Conversation) -> None:
    warm = EventCache()
    for count in range(1, len(talk.messages) + 1):
        cold = decode(talk.body(count), EventCache(), talk.wire)
        assert decode(talk.body(count), warm, talk.wire) == cold
        assert decode(talk.body(count), EventCache(BoundedCache(0)), talk.wire) == cold


SCALARS = st.sampled_from(
    ["5", "57", "5e1", "1", "12", "-1", "-12", "1.5", "1.55", "null", '"a"', '"ab"', "[]", "{}", '{"role":"user","content":"x"}']
)


@given(conversations(), st.data())
def test_a_body_that_begins_like_an_earlier_one_is_read_as_by_itself(talk: Conversation, data: st.DataObject) -> None:
    """Messages dropped, changed, put in between, in another order, the head or tail changed: whatever came before."""
    warm = EventCache()
    for _ in range(data.draw(st.integers(2, 6))):
        messages = [message.plain for message in talk.messages]
        for _ in range(data.draw(st.integers(0, 3))):
            place = data.draw(st.integers(0, len(messages) - 1)) if messages else 0
            match data.draw(st.sampled_from(["drop", "cut", "insert", "twice", "swap", "respell"])):
                case "drop":
                    del messages[place : place + 1]
                case "cut":
                    del messages[place:]
                case "insert":
                    messages.insert(place, data.draw(SCALARS))
                case "twice":
                    messages[place:place] = messages[place : place + 1]
                case "swap":
                    messages[place:] = messages[place:][::-1]
                case _:
                    messages[place : place + 1] = [message.replace("open", "shut", 1) for message in messages[place : place + 1]]
        head = data.draw(st.sampled_from([talk.head, talk.head.replace("model-x", "model-y"), '{"messages":[7],' + talk.head[1:]]))
        body = (head + talk.comma.join(messages) + data.draw(st.sampled_from([talk.tail, "]}", "] }", ' ],"messages":[3]}']))).encode()

        assert decode(body, warm, talk.wire) == decode(body, EventCache(), talk.wire)


@pytest.mark.parametrize(("first", "second"), [("5", "57"), ("57", "5"), ("1", "1.5"), ("-1", "-12"), ("1e1", "1e10")])
def test_a_number_among_the_messages_that_begins_like_another(first: str, second: str) -> None:
    """No API takes it; but where it stands must not move what stands behind it."""
    warm = EventCache()
    rest = (
        '{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"n","input":{}}]},'
        '{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"the output"}]}]}'
    )
    for number in (first, second):
        body = f'{{"messages":[{{"role":"user","content":"q"}},{number},{rest}'.encode()
        found = decode(body, warm)
        assert found == decode(body, EventCache())
        assert [body[output.start : output.end] for output in found.outputs] == [b'"the output"']


@given(conversations())
def test_spans_of_messages(talk: Conversation) -> None:
    body = talk.body()
    found = decode(body, EventCache(), talk.wire)
    assert [body[span.start : span.end].decode() for span in found.messages] == [message.plain for message in talk.messages]


def test_the_same_bytes_in_two_wire_formats_are_kept_apart() -> None:
    cache = EventCache()
    body = json.dumps({"messages": [{"role": "tool", "tool_call_id": "c", "content": "x", "name": "n"}]}).encode()
    assert decode(body, cache, "anthropic").outputs == ()
    assert len(decode(body, cache, "openai").outputs) == 1
    assert decode(body, cache, "anthropic").outputs == ()


def test_what_is_remembered_is_bounded() -> None:
    cache = EventCache(BoundedCache(100_000))
    for number in range(300):
        messages: list[Any] = [{"role": "user", "content": f"{number} " + "x" * 3000}]
        decode(json.dumps({"messages": messages}).encode(), cache)
    assert 0 < cache.entries.size <= 100_000


@pytest.mark.parametrize(
    "note", ["system-reminder", "environment_context", "user_instructions", "command-name", "command-message", "local-command-stdout"]
)
def test_notes_of_clients_are_nobodys_question(note: str) -> None:
    messages: list[Any] = [
        {"role": "user", "content": "the question"},
        {"role": "user", "content": f"\n<{note}>text</{note}>"},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "x"}]},
    ]
    found = decode(json.dumps({"messages": messages}).encode(), EventCache())
    assert found.outputs[0].query == "the question"


def test_a_note_that_comes_and_goes_changes_no_earlier_key() -> None:
    """Agents add reminders to the newest message and drop them in the next request."""
    output = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "x"}]}
    asked: list[Any] = [{"role": "user", "content": "the question"}, output]
    noted: list[Any] = [asked[0], {"role": "user", "content": "<system-reminder>5 files changed</system-reminder>"}, output]

    one, other = (decode(json.dumps({"messages": messages}).encode(), EventCache()).outputs[0] for messages in (asked, noted))

    assert (one.digest, one.context) == (other.digest, other.context)
