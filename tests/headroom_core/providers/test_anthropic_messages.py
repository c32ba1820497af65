"""Anthropic Messages: tool outputs in every real shape, and what the provider says it billed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from headroom_core.errors import RequestFormatError
from headroom_core.model import DecodedRequest, RawRequest, Reason, ToolCall, Usage
from headroom_core.providers.anthropic_messages import AnthropicMessages
from headroom_core.providers.conversation import EventCache

IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}


def decode(body: bytes) -> DecodedRequest:
    return AnthropicMessages().decode(RawRequest("api.anthropic.com", "/v1/messages", body), EventCache())


def decoded(*messages: Any, **more: Any) -> tuple[DecodedRequest, bytes]:
    body = json.dumps({"model": "claude-sonnet-4-6", "messages": messages, **more}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return decode(body), body


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def use(identity: str, name: str = "Bash", **arguments: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "tool_use", "id": identity, "name": name, "input": arguments}]}


def answer(identity: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": identity, "content": content, **more}


def texts(found: DecodedRequest, body: bytes) -> list[str]:
    return [json.loads(body[output.start : output.end]) for output in found.outputs]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("plain", {("content",): "plain"}, id="text"),
        pytest.param("", {("content",): ""}, id="empty-text"),
        pytest.param('é 😀 " \\ / \n \x00', {("content",): 'é 😀 " \\ / \n \x00'}, id="characters"),
        pytest.param([{"type": "text", "text": "a"}], {("content", 0, "text"): "a"}, id="one-block"),
        pytest.param(
            [{"type": "text", "text": "a"}, IMAGE, {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}}],
            {("content", 0, "text"): "a", ("content", 2, "text"): "b"},
            id="image-between",
        ),
        pytest.param([IMAGE], {}, id="image-only"),
        pytest.param([], {}, id="no-blocks"),
        pytest.param(None, {}, id="null"),
        pytest.param(17, {}, id="number"),
        pytest.param({"type": "text", "text": "a"}, {}, id="object"),
        pytest.param([1, None, "x", [], {}, {"type": "text"}, {"type": "text", "text": 5}], {}, id="odd-blocks"),
        pytest.param(
            [{"text": "a"}, {"type": None, "text": "b"}, {"type": "text", "text": "c"}], {("content", 2, "text"): "c"}, id="no-type"
        ),
        pytest.param(
            [{"type": "document", "source": {"type": "text", "data": "d"}}, {"type": "search_result", "content": []}], {}, id="documents"
        ),
        pytest.param([{"type": "tool_reference", "tool_name": "x"}], {}, id="tool-reference"),
    ],
)
def test_shapes_of_a_result(content: Any, expected: dict[tuple[str | int, ...], str]) -> None:
    found, body = decoded(use("t"), user({"type": "text", "text": "<system-reminder>x"}, answer("t", content)))

    assert [output.path for output in found.outputs] == [("messages", 1, "content", 1, *path) for path in expected]
    assert texts(found, body) == list(expected.values())


def test_a_result_without_content() -> None:
    found, _ = decoded(use("t"), user({"type": "tool_result", "tool_use_id": "t"}))
    assert found.outputs == ()


@pytest.mark.parametrize(
    "message",
    [
        pytest.param({"role": "assistant", "content": [answer("t", "x")]}, id="in-the-models-message"),
        pytest.param({"role": "system", "content": [answer("t", "x")]}, id="in-a-system-message"),
        pytest.param({"role": None, "content": [answer("t", "x")]}, id="no-role"),
        pytest.param({"content": [answer("t", "x")]}, id="role-missing"),
        pytest.param({"role": "user"}, id="content-missing"),
        pytest.param(
            user({"type": "web_search_tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "x"}]}), id="server-tool"
        ),
        pytest.param(user({"type": "mcp_tool_result", "tool_use_id": "t", "content": "x"}), id="mcp-connector"),
        pytest.param(user({"type": "text", "text": "tool_result"}), id="text"),
    ],
)
def test_what_is_no_tool_output(message: Any) -> None:
    found, _ = decoded(use("t"), message)
    assert found.outputs == ()


def test_key_order_blanks_and_escapes_do_not_matter() -> None:
    body = (
        b'\r\n{ "messages" : [\t{"content":[{"name":"Bash","input" : { } ,"id":"t\\u0031","type":"tool_use"}],"role":"assistant"} ,\n'
        b'{ "content" : [ { "content" : "\\ud83d\\ude00 \\/ \xc3\xa9" , "is_error" : false, "tool_use_id":"t1", "type" : '
        b'"tool_result" } ] , "role" : "us\\u0065r" } ] } '
    )

    found = decode(body)

    (output,) = found.outputs
    assert body[output.start : output.end] == b'"\\ud83d\\ude00 \\/ \xc3\xa9"'
    assert output.call == ToolCall("Bash", "{ }")


def test_a_key_that_comes_twice_counts_as_its_last() -> None:
    """As in every JSON parser that the providers may use."""
    body = (
        b'{"messages":[],"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"Bash","input":{}}]},'
        b'{"role":"assistant","role":"user","content":"x","content":[{"type":"tool_result","tool_use_id":"u","tool_use_id":"t","content":"a","content":"b"}]}]}'
    )

    found = decode(body)

    assert texts(found, body) == ["b"]
    assert found.outputs[0].call is not None


@pytest.mark.parametrize("surrogate", ["\\ud83d", "\\uDE00", "\\ud83d\\ud83d\\ude00"])
def test_a_lone_surrogate_anywhere_moves_nothing(surrogate: str) -> None:
    clean = (
        b'{"messages":[{"role":"user","content":"\\ud83d\\ude00?"},'
        b'{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"Bash","input":{"q":"\\ud83d\\ude01"}}]},'
        b'{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"out \\ud83d\\ude02"}]}]'
    )
    body = clean + b',"metadata":{"note":"' + surrogate.encode() + b'"}}'

    found, expected = decode(body), decode(clean + b"}")

    assert found.outputs == expected.outputs
    assert found.messages == expected.messages
    assert found.conversation == expected.conversation
    assert found.outputs[0].query == "😀?"


def test_lone_surrogates_in_the_output_itself() -> None:
    body = (
        b'{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"Bash","input":{}}]},'
        b'{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"\\ud800 x \\\\ud800"}]}]}'
    )

    (output,) = decode(body).outputs

    assert body[output.start : output.end] == b'"\\ud800 x \\\\ud800"'


def test_parallel_calls_and_their_answers_in_any_order() -> None:
    calls = {
        "role": "assistant",
        "content": [
            {"type": "text", "text": "both"},
            {"type": "tool_use", "id": "a", "name": "Bash", "input": {"command": "ls"}},
            {"type": "tool_use", "id": "b", "name": "Read", "input": {"file_path": "/x"}},
        ],
    }
    found, body = decoded(calls, user(answer("b", "2"), answer("a", "1"), answer("c", "3")))

    assert texts(found, body) == ["2", "1", "3"]
    assert [output.call for output in found.outputs] == [
        ToolCall("Read", '{"file_path": "/x"}'),
        ToolCall("Bash", '{"command": "ls"}'),
        None,
    ]


def test_a_call_counts_from_where_it_stands() -> None:
    found, _ = decoded(user(answer("t", "early")), use("t"), user(answer("t", "late")))
    assert [output.call is not None for output in found.outputs] == [False, True]


def test_an_id_that_is_used_again_means_the_latest_call() -> None:
    found, _ = decoded(use("t", "Bash"), user(answer("t", "1")), use("t", "Read"), user(answer("t", "2")))
    assert [output.call.name for output in found.outputs if output.call] == ["Bash", "Read"]


# The query


def query(*messages: Any) -> str:
    found, _ = decoded(*messages, use("t"), user(answer("t", "x")))
    return found.outputs[-1].query


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        pytest.param([], "", id="none"),
        pytest.param([{"role": "user", "content": "which?"}], "which?", id="text"),
        pytest.param([user({"type": "text", "text": "which?"})], "which?", id="block"),
        pytest.param([user({"type": "text", "text": "one"}, IMAGE, {"type": "text", "text": "two"})], "two", id="the-last-block"),
        pytest.param([{"role": "user", "content": "one"}, {"role": "user", "content": "two"}], "two", id="the-last-message"),
        pytest.param([{"role": "user", "content": "one"}, {"role": "assistant", "content": "no"}], "one", id="not-the-models"),
        pytest.param([{"role": "user", "content": "one"}, {"role": "system", "content": "no"}], "one", id="not-the-systems"),
        pytest.param([{"role": "user", "content": "one"}, {"role": "user", "content": " \n"}], "one", id="not-blank"),
        pytest.param(
            [user({"type": "text", "text": "one"}, {"type": "text", "text": "<system-reminder>\ndate\n</system-reminder>"})],
            "one",
            id="not-a-reminder",
        ),
        pytest.param(
            [{"role": "user", "content": "one"}, {"role": "user", "content": "\n <local-command-stdout>x</local-command-stdout>"}],
            "one",
            id="not-a-commands-output",
        ),
        pytest.param([{"role": "user", "content": "one"}, use("s"), user(answer("s", "no"))], "one", id="not-an-output"),
    ],
)
def test_the_query_is_the_last_human_text_before_the_output(messages: list[Any], expected: str) -> None:
    assert query(*messages) == expected


@pytest.mark.parametrize("behind", ["\n\nwhich is broken?", "which is broken?"])
def test_a_question_in_one_text_with_a_clients_note_is_still_the_question(behind: str) -> None:
    """Clients also put their note in front of the human's words, in the same text."""
    asked = query({"role": "user", "content": f"<system-reminder>today is Monday</system-reminder>{behind}"})
    assert "which is broken?" in asked


def test_text_behind_the_output_is_not_its_query() -> None:
    found, _ = decoded({"role": "user", "content": "before"}, use("t"), user(answer("t", "x"), {"type": "text", "text": "behind"}))
    assert found.outputs[0].query == "before"


def test_a_long_question_is_cut_in_its_middle() -> None:
    asked = query({"role": "user", "content": "begin" + "x" * 100_000 + "end"})
    assert asked.startswith("begin")
    assert asked.endswith("end")
    assert len(asked) <= 4001


def test_long_arguments_are_cut_but_count_whole() -> None:
    found, _ = decoded(use("t", q="x" * 10_000 + "1"), user(answer("t", "o")))
    other, _ = decoded(use("t", q="x" * 10_000 + "2"), user(answer("t", "o")))
    assert found.outputs[0].call is not None
    assert len(found.outputs[0].call.arguments) <= 2000
    assert found.outputs[0].context != other.outputs[0].context


# The request as a whole


def test_facts_of_the_request() -> None:
    found, body = decoded({"role": "user", "content": "é"}, use("t"), stream=True)
    assert (found.provider, found.model, found.stream, found.billing_mark) == ("anthropic", "claude-sonnet-4-6", True, False)
    assert [json.loads(body[span.start : span.end])["role"] for span in found.messages] == ["user", "assistant"]


def test_a_conversation_is_named_by_its_first_human_text() -> None:
    first, _ = decoded(user({"type": "text", "text": "<system-reminder>x"}, {"type": "text", "text": "hello"}))
    longer, _ = decoded({"role": "user", "content": "hello"}, use("t"), user(answer("t", "x")), {"role": "user", "content": "more"})
    other, _ = decoded({"role": "user", "content": "hallo"})
    nameless, _ = decoded(use("t"))
    assert first.conversation == longer.conversation != other.conversation
    assert nameless.conversation == ""


@pytest.mark.parametrize(
    ("system", "marked"),
    [
        pytest.param(
            [{"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330.a1b; cch=00000;"}, {"type": "text", "text": "You"}],
            True,
            id="marked",
        ),
        pytest.param([{"text": "x-anthropic-billing-header: a", "cache_control": None, "type": "text"}], True, id="key-order"),
        pytest.param([{"type": "text", "text": "You"}, {"type": "text", "text": "x-anthropic-billing-header: a"}], False, id="not-first"),
        pytest.param([{"type": "text", "text": "see x-anthropic-billing-header: a"}], False, id="not-at-the-start"),
        pytest.param("x-anthropic-billing-header: a", False, id="a-text"),
        pytest.param([], False, id="empty"),
        pytest.param([5], False, id="a-number"),
        pytest.param(None, False, id="null"),
    ],
)
def test_the_billing_mark(system: Any, marked: bool) -> None:
    found, _ = decoded({"role": "user", "content": "x"}, system=system)
    assert found.billing_mark == marked


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.NOT_JSON),
        (b"nope", Reason.NOT_JSON),
        (b'{"messages":[', Reason.NOT_JSON),
        (b'{"messages":[]} x', Reason.NOT_JSON),
        (b'{"messages":["\\ud800]}', Reason.NOT_JSON),
        (b'"\\ud800"', Reason.UNEXPECTED_SHAPE),
        (b"5", Reason.UNEXPECTED_SHAPE),
        (b'{"messages":5}', Reason.UNEXPECTED_SHAPE),
        (b'{"messages":null}', Reason.UNEXPECTED_SHAPE),
        (b'{"model":"m"}', Reason.UNEXPECTED_SHAPE),
        (b'{"messages":[],"model":5}', Reason.UNEXPECTED_SHAPE),
    ],
)
def test_other_bodies_are_refused_with_a_reason(body: bytes, reason: Reason) -> None:
    with pytest.raises(RequestFormatError) as refused:
        decode(body)
    assert refused.value.reason == reason
    assert str(refused.value).startswith(reason)


# Usage. Events after the API reference, "Streaming messages".

START: dict[str, Any] = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-6-20260101",
        "content": [],
        "stop_reason": None,
        "usage": {
            "input_tokens": 12,
            "cache_creation_input_tokens": 300,
            "cache_read_input_tokens": 4000,
            "cache_creation": {"ephemeral_5m_input_tokens": 300, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 1,
            "service_tier": "standard",
        },
    },
}
DELTA: dict[str, Any] = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 89}}


@pytest.mark.parametrize(
    ("events", "usage"),
    [
        pytest.param([], Usage(), id="nothing"),
        pytest.param([START["message"]], Usage(12, 4000, 300, 1, model="claude-sonnet-4-6-20260101"), id="json"),
        pytest.param(
            [START, {"type": "ping"}, DELTA, {"type": "message_stop"}],
            Usage(12, 4000, 300, 89, model="claude-sonnet-4-6-20260101"),
            id="stream",
        ),
        pytest.param(
            [START, {**DELTA, "usage": {"input_tokens": 20, "cache_read_input_tokens": 4100, "output_tokens": 7}}],
            Usage(20, 4100, 300, 7, model="claude-sonnet-4-6-20260101"),
            id="later-figures-win",
        ),
        pytest.param([START, {**DELTA, "usage": None}], Usage(12, 4000, 300, 1, model="claude-sonnet-4-6-20260101"), id="no-last-figures"),
        pytest.param(
            [{"model": "m", "usage": {"input_tokens": 0, "output_tokens": 0}}], Usage(0, None, None, 0, model="m"), id="zero-is-reported"
        ),
        pytest.param(
            [{"model": "m", "usage": {"input_tokens": 1.5, "output_tokens": "7", "cache_read_input_tokens": True}}],
            Usage(model="m"),
            id="odd-types",
        ),
        pytest.param([None, 5, "x", [], {"usage": []}, {"message": 5}], Usage(), id="garbage"),
        pytest.param([{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}], Usage(), id="error"),
        pytest.param(
            [{**START, "message": {**START["message"], "diagnostics": {"cache_miss_reason": {"type": "messages_changed"}}}}],
            Usage(12, 4000, 300, 1, model="claude-sonnet-4-6-20260101", cache_miss_reason="messages_changed"),
            id="why-the-cache-missed",
        ),
        pytest.param([{"model": "m", "diagnostics": {"cache_miss_reason": None}}], Usage(model="m"), id="no-miss"),
    ],
)
def test_usage(events: list[object], usage: Usage) -> None:
    assert AnthropicMessages().read_usage(events) == usage
