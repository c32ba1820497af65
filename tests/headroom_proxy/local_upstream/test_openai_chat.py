from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from headroom_proxy.local_upstream import Answer, Call, Providers, Received, Say, Script, openai_chat

TOOL = {"type": "function", "function": {"name": "look"}}


def ask(providers: Providers, **body: Any) -> Answer:
    raw = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]} | body).encode()
    return providers(Received("POST", "api.openai.com", "/v1/chat/completions", (), raw, raw, "HTTP/1.1"))


def content(answer: Answer) -> Any:
    [body] = answer.chunks
    assert isinstance(body, bytes)
    return json.loads(body)


def chunks(answer: Answer) -> list[ChatCompletionChunk]:
    lines = [piece.decode() for piece in answer.chunks if isinstance(piece, bytes)]
    assert lines[-1] == "data: [DONE]\n\n"
    return [ChatCompletionChunk.model_validate_json(line.removeprefix("data: ")) for line in lines[:-1]]


def test_a_whole_completion_is_what_the_sdk_reads() -> None:
    answer = ask(Providers(Script([Call("look", {"at": "é"})])), tools=[TOOL])
    completion = ChatCompletion.model_validate(content(answer))
    [choice] = completion.choices
    assert (choice.finish_reason, choice.message.content) == ("tool_calls", None)
    assert choice.message.tool_calls
    assert completion.usage
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens


def test_the_chunks_of_a_stream() -> None:
    found = chunks(ask(Providers(Script([[Say("a b"), Call("look", {"at": 1})]])), tools=[TOOL], stream=True))
    deltas = [chunk.choices[0].delta for chunk in found]
    assert deltas[0].role == "assistant"
    assert "".join(delta.content or "" for delta in deltas) == "a b"
    calls = [delta.tool_calls[0] for delta in deltas if delta.tool_calls]
    assert calls[0].function
    assert calls[0].function.name == "look"
    assert json.loads("".join(call.function.arguments or "" for call in calls if call.function)) == {"at": 1}
    assert found[-1].choices[0].finish_reason == "tool_calls"
    assert all(chunk.usage is None for chunk in found)
    assert len({chunk.id for chunk in found}) == 1


def test_usage_comes_last_where_it_is_asked_for() -> None:
    found = chunks(ask(Providers(), stream=True, stream_options={"include_usage": True}))
    assert found[-1].choices == []
    assert found[-1].usage
    assert found[-1].usage.completion_tokens > 1
    assert all(chunk.usage is None for chunk in found[:-1])


def test_prefixes_are_cached_in_whole_steps() -> None:
    providers = Providers()
    first = {"role": "user", "content": "word " * 3000}

    def usage(*messages: dict[str, Any]) -> tuple[int, int]:
        found = content(ask(providers, messages=messages))["usage"]
        return found["prompt_tokens"], found["prompt_tokens_details"]["cached_tokens"]

    assert usage(first)[1] == 0
    total, cached = usage(first, {"role": "user", "content": "more"})
    assert 0 < total - cached < 128 + 10
    assert cached % 128 == 0
    assert usage({"role": "user", "content": "before"}, first)[1] == 0


def test_a_result_without_its_call_is_refused() -> None:
    answer = ask(Providers(), messages=[{"role": "tool", "tool_call_id": "c1", "content": "x"}])
    assert answer.status == 400
    assert "tool_calls" in content(answer)["error"]["message"]


@pytest.mark.parametrize(("status", "kind"), [(429, "rate_limit_error"), (500, "server_error")])
def test_errors(status: int, kind: str) -> None:
    answer = openai_chat.error(status, "no")
    assert (answer.status, content(answer)["error"]["type"]) == (status, kind)
