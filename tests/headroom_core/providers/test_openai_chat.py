"""OpenAI Chat Completions: tool outputs in every real shape, and what the provider says it billed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headroom_core.errors import RequestFormatError
from headroom_core.model import DecodedRequest, RawRequest, Reason, ToolCall, Usage
from headroom_core.providers.conversation import EventCache
from headroom_core.providers.openai_chat import OpenAIChat


def decode(body: bytes) -> DecodedRequest:
    return OpenAIChat().decode(RawRequest("api.openai.com", "/v1/chat/completions", body), EventCache())


def decoded(*messages: Any, **more: Any) -> tuple[DecodedRequest, bytes]:
    body = json.dumps({"model": "gpt-5.2", "messages": messages, **more}, ensure_ascii=False).encode()
    return decode(body), body


def calls(*pairs: tuple[str, str], arguments: str = "{}", **more: Any) -> dict[str, Any]:
    uses = [{"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}} for identity, name in pairs]
    return {"role": "assistant", "content": None, "tool_calls": uses, **more}


def answer(identity: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": identity, "content": content, **more}


def texts(found: DecodedRequest, body: bytes) -> list[str]:
    return [json.loads(body[output.start : output.end]) for output in found.outputs]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("plain", {("content",): "plain"}, id="text"),
        pytest.param('é 😀 " \\ / \n \x00', {("content",): 'é 😀 " \\ / \n \x00'}, id="characters"),
        pytest.param([{"type": "text", "text": "a"}], {("content", 0, "text"): "a"}, id="one-part"),
        pytest.param(
            [{"type": "image_url", "image_url": {"url": "u"}}, {"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
            {("content", 1, "text"): "a", ("content", 2, "text"): "b"},
            id="parts-and-image",
        ),
        pytest.param([], {}, id="no-parts"),
        pytest.param(None, {}, id="null"),
        pytest.param(1.10, {}, id="number"),
        pytest.param({"text": "a"}, {}, id="object"),
        pytest.param(
            [1, None, {}, {"type": "text"}, {"type": "text", "text": None}, {"type": "refusal", "refusal": "no"}], {}, id="odd-parts"
        ),
    ],
)
def test_shapes_of_an_answer(content: Any, expected: dict[tuple[str | int, ...], str]) -> None:
    found, body = decoded(calls(("c", "search")), answer("c", content))

    assert [output.path for output in found.outputs] == [("messages", 1, *path) for path in expected]
    assert texts(found, body) == list(expected.values())
    assert all(output.call == ToolCall("search", '"{}"') for output in found.outputs)


@pytest.mark.parametrize("role", ["user", "assistant", "system", "developer", "latest_reminder", "", None])
def test_other_roles_are_no_tool_outputs(role: str | None) -> None:
    found, _ = decoded(calls(("c", "search")), {"role": role, "tool_call_id": "c", "content": "x" * 3000})
    assert found.outputs == ()


def test_an_answer_without_content() -> None:
    found, _ = decoded(calls(("c", "search")), {"role": "tool", "tool_call_id": "c"})
    assert found.outputs == ()


def test_parallel_calls_and_their_answers_in_any_order() -> None:
    found, body = decoded(calls(("a", "search"), ("b", "read")), answer("b", "2"), answer("a", "1"), answer("c", "3"))

    assert texts(found, body) == ["2", "1", "3"]
    assert [output.call.name if output.call else None for output in found.outputs] == ["read", "search", None]


def test_the_older_functions() -> None:
    use = {"role": "assistant", "content": None, "function_call": {"name": "search", "arguments": '{"q": 1}'}}
    found, body = decoded(
        {"role": "function", "name": "search", "content": "early"},
        use,
        {"role": "function", "name": "search", "content": "found"},
        {"role": "function", "name": "other", "content": "stray"},
        {"role": "function", "content": "nameless"},
    )

    assert texts(found, body) == ["early", "found", "stray", "nameless"]
    assert [output.call is not None for output in found.outputs] == [False, True, False, False]
    assert found.outputs[1].call == ToolCall("search", '"{\\"q\\": 1}"')


def test_custom_tools() -> None:
    """Tools of type "custom" take free text; openai-python: ChatCompletionMessageCustomToolCall."""
    use = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "shell", "input": "ls -l"}}],
    }
    found, _ = decoded(use, answer("c", "x"))

    call = found.outputs[0].call
    assert call is not None
    assert call.name == "shell"
    assert "ls -l" in call.arguments


@pytest.mark.parametrize(
    "use",
    [
        {"role": "assistant", "content": "x"},
        {"role": "assistant", "tool_calls": None},
        {"role": "assistant", "tool_calls": {}},
        {"role": "assistant", "tool_calls": [None, 5, {}, {"id": 5}]},
        {"role": "assistant", "tool_calls": [{"id": "c", "type": "function"}]},
        {"role": "user", "content": "x", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "n", "arguments": "{}"}}]},
    ],
)
def test_an_answer_without_a_call(use: Any) -> None:
    found, _ = decoded(use, answer("c", "x"))
    assert [output.call for output in found.outputs] == [None]


@pytest.mark.parametrize("name", [None, "tool", 5])
def test_a_name_beside_the_call_id_does_not_hide_the_answer(name: Any) -> None:
    found, _ = decoded(calls(("c", "search"), refusal=None, audio=None, name="me"), answer("c", "x", name=name))
    if name != 5:  # a number there is refused by the API itself
        assert [output.call is not None for output in found.outputs] == [True]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        pytest.param([], "", id="none"),
        pytest.param([{"role": "user", "content": "which?"}], "which?", id="text"),
        pytest.param(
            [{"role": "user", "content": [{"type": "text", "text": "which?"}, {"type": "image_url", "image_url": {"url": "u"}}]}],
            "which?",
            id="part",
        ),
        pytest.param([{"role": "user", "content": "one"}, {"role": "assistant", "content": "no"}], "one", id="not-the-models"),
        pytest.param([{"role": "user", "content": "one"}, {"role": "developer", "content": "no"}], "one", id="not-the-developers"),
        pytest.param([{"role": "user", "content": "one"}, {"role": "user", "content": "<environment_context>x"}], "one", id="not-a-note"),
        pytest.param([{"role": "user", "content": "one"}, {"role": "user", "content": None}], "one", id="not-null"),
    ],
)
def test_the_query_is_the_last_human_text_before_the_output(messages: list[Any], expected: str) -> None:
    found, _ = decoded(*messages, calls(("c", "search")), answer("c", "x"), {"role": "user", "content": "later"})
    assert found.outputs[0].query == expected


def test_facts_of_the_request() -> None:
    found, body = decoded({"role": "user", "content": "é"}, calls(("c", "n")), stream=True)
    assert (found.provider, found.model, found.stream, found.billing_mark) == ("openai", "gpt-5.2", True, False)
    assert [json.loads(body[span.start : span.end])["role"] for span in found.messages] == ["user", "assistant"]
    assert decoded(stream=None)[0].stream is False


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.NOT_JSON),
        (b"{'messages': []}", Reason.NOT_JSON),
        (b'{"messages":[NaN]}', Reason.NOT_JSON),
        (b"[]", Reason.UNEXPECTED_SHAPE),
        (b'{"prompt":"x"}', Reason.UNEXPECTED_SHAPE),
        (b'{"messages":{}}', Reason.UNEXPECTED_SHAPE),
    ],
)
def test_other_bodies_are_refused_with_a_reason(body: bytes, reason: Reason) -> None:
    with pytest.raises(RequestFormatError) as refused:
        decode(body)
    assert refused.value.reason == reason


WHOLE: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "gpt-5.2-2026-08-01",
    "choices": [],
    "usage": {
        "prompt_tokens": 2006,
        "completion_tokens": 300,
        "total_tokens": 2306,
        "prompt_tokens_details": {"cached_tokens": 1920, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 256, "audio_tokens": 0},
    },
}
CHUNK: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion.chunk",
    "model": "gpt-5.2-2026-08-01",
    "choices": [{"delta": {}}],
    "usage": None,
}


@pytest.mark.parametrize(
    ("events", "usage"),
    [
        pytest.param([], Usage(), id="nothing"),
        pytest.param([WHOLE], Usage(86, 1920, None, 300, 256, "gpt-5.2-2026-08-01"), id="json"),
        pytest.param(
            [CHUNK, CHUNK, {**WHOLE, "object": "chat.completion.chunk"}], Usage(86, 1920, None, 300, 256, "gpt-5.2-2026-08-01"), id="stream"
        ),
        pytest.param([CHUNK, CHUNK], Usage(model="gpt-5.2-2026-08-01"), id="stream-without-usage"),
        pytest.param(
            [{"model": "m", "usage": {"prompt_tokens": 5, "completion_tokens": 0}}], Usage(5, None, None, 0, None, "m"), id="no-details"
        ),
        pytest.param(
            [{"model": "m", "usage": {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 9}}}],
            Usage(0, 9, None, None, None, "m"),
            id="never-negative",
        ),
        pytest.param([None, 5, [], {"usage": 5}, {"usage": {"prompt_tokens": "x", "prompt_tokens_details": None}}], Usage(), id="garbage"),
        pytest.param([{"error": {"message": "no", "type": "server_error"}}], Usage(), id="error"),
    ],
)
def test_usage(events: list[object], usage: Usage) -> None:
    assert OpenAIChat().read_usage(events) == usage
