from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic.types import Message, RawMessageStreamEvent
from pydantic import TypeAdapter

from headroom_proxy.local_upstream import Answer, Call, Providers, Received, Say, Script, anthropic_messages

TOOL = {"name": "look", "input_schema": {"type": "object"}}


def ask(providers: Providers, path: str = "/v1/messages", **body: Any) -> Answer:
    raw = json.dumps({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]} | body).encode()
    return providers(Received("POST", "api.anthropic.com", path, (), raw, raw, "HTTP/1.1"))


def content(answer: Answer) -> Any:
    [body] = answer.chunks
    assert isinstance(body, bytes)
    return json.loads(body)


def events(answer: Answer) -> list[dict[str, Any]]:
    found = []
    for piece in answer.chunks:
        assert isinstance(piece, bytes)
        event, data, *rest = piece.decode().split("\n")
        assert rest == ["", ""]
        value = json.loads(data.removeprefix("data: "))
        assert event == f"event: {value['type']}"
        if value["type"] != "ping":  # the SDK drops it before its types see it
            TypeAdapter(RawMessageStreamEvent).validate_python(value)
        found.append(value)
    return found


def test_a_whole_message_is_what_the_sdk_reads() -> None:
    answer = ask(Providers(Script([[Say("I look."), Call("look", {"at": "é"})]])), tools=[TOOL])
    message = Message.model_validate(content(answer))
    assert answer.status == 200
    assert [block.type for block in message.content] == ["text", "tool_use"]
    assert message.stop_reason == "tool_use"
    assert message.usage.input_tokens > 0
    assert message.usage.output_tokens > 1


def test_the_events_of_a_stream() -> None:
    answer = ask(Providers(Script([[Say("a b"), Call("look", {"at": 1})]])), tools=[TOOL], stream=True)
    found = events(answer)
    assert [event["type"] for event in found] == [
        "message_start",
        *("content_block_start", "ping", "content_block_delta", "content_block_delta", "content_block_stop"),
        *("content_block_start", "content_block_delta", "content_block_delta", "content_block_delta", "content_block_stop"),
        *("message_delta", "message_stop"),
    ]
    assert "".join(event["delta"]["text"] for event in found[3:5]) == "a b"
    assert json.loads("".join(event["delta"]["partial_json"] for event in found[7:10])) == {"at": 1}
    assert found[0]["message"]["usage"]["output_tokens"] == 1
    assert found[-2]["usage"]["output_tokens"] > 1
    assert dict(answer.headers)["content-type"].startswith("text/event-stream")


def test_each_answer_has_its_own_id() -> None:
    providers = Providers()
    assert content(ask(providers))["id"] != content(ask(providers))["id"]


def test_only_a_marked_prefix_is_cached() -> None:
    providers = Providers()
    text = {"type": "text", "text": "word " * 3000}
    long = {"role": "user", "content": [text]}
    marked = {"role": "user", "content": [text | {"cache_control": {"type": "ephemeral"}}]}
    more = {"role": "user", "content": "more"}

    def usage(*messages: dict[str, Any], **body: Any) -> tuple[int, int, int]:
        found = content(ask(providers, messages=messages, **body))["usage"]
        return found["cache_read_input_tokens"], found["cache_creation_input_tokens"], found["input_tokens"]

    assert usage(long)[:2] == (0, 0)
    _, written, fresh = usage(marked, more)
    assert written > 3000
    assert fresh < 20
    assert usage(marked, more) == (written, 0, fresh)
    for mark in ("cch=1", "cch=2"):
        # The client's own mark over the body differs in each request and is no part of the prompt.
        assert usage(marked, system=[{"type": "text", "text": f"x-anthropic-billing-header: {mark}"}])[0] == written
    assert usage(long, more, cache_control={"type": "ephemeral"})[0] == written
    assert usage({"role": "user", "content": "other"}, marked)[0] == 0


def test_a_result_without_its_call_is_refused() -> None:
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "x"}
    answer = ask(Providers(), messages=[{"role": "user", "content": [result]}])
    assert answer.status == 400
    assert content(answer)["error"]["type"] == "invalid_request_error"
    assert "t1" in content(answer)["error"]["message"]
    call = {"type": "tool_use", "id": "t1", "name": "look", "input": {}}
    messages = [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    assert ask(Providers(), messages=messages).status == 200


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"{}", b'{"model":"m","messages":7}', b"[" * 100_000])
def test_a_body_of_another_shape_is_refused(raw: bytes) -> None:
    answer = Providers()(Received("POST", "api.anthropic.com", "/v1/messages", (), raw, raw, "HTTP/1.1"))
    assert answer.status == 400
    assert content(answer)["type"] == "error"


def test_other_paths() -> None:
    assert content(ask(Providers(), "/v1/messages/count_tokens"))["input_tokens"] > 0
    missing = ask(Providers(), "/v1/nothing")
    assert (missing.status, content(missing)["error"]["type"]) == (404, "not_found_error")


@pytest.mark.parametrize(("status", "kind"), [(429, "rate_limit_error"), (500, "api_error"), (529, "overloaded_error")])
def test_errors(status: int, kind: str) -> None:
    answer = anthropic_messages.error(status, "no", [("retry-after", "1")])
    assert (answer.status, content(answer)["error"]) == (status, {"type": kind, "message": "no"})
    assert ("retry-after", "1") in answer.headers
