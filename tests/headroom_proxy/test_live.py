"""The flow log's rows of a request that has ended."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mitmproxy.http import Response
from mitmproxy.test import tflow

from headroom_core import compress
from headroom_core.model import RawRequest, Reason, Usage
from headroom_core.pipeline import plan
from headroom_core.providers import EventCache, match
from headroom_core.providers.json_spans import encode_literal
from headroom_core.settings import Settings
from headroom_proxy.live import Counts, LiveFlow, Logged, client_name, flow_record, output_records
from headroom_proxy.streaming import UsageTap
from tests.addon_rig import request_flow
from tests.conversations import WIRES, surely_rewritten

NOTHING = Counts(0, 0, {}, exact=False)


def live() -> LiveFlow:
    provider = match(*WIRES["anthropic"])
    assert provider is not None
    return LiveFlow(provider, Settings(), "/v1/messages")


def looked_through(raw: bytes) -> LiveFlow:
    made = live()
    made.plan = plan(RawRequest(*WIRES["anthropic"], raw), Settings(), EventCache())
    made.result = compress(raw, *WIRES["anthropic"])
    made.changed = made.result.changed
    made.bytes_before = len(raw)
    return made


def body(*texts: str) -> bytes:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "which?"}]
    messages.append(
        {"role": "assistant", "content": [{"type": "tool_use", "id": f"t{n}", "name": "search", "input": {}} for n in range(1)]}
    )
    messages.append(
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"t{n}", "content": text} for n, text in enumerate(texts)]}
    )
    return json.dumps({"model": "claude-x", "stream": True, "messages": messages}).encode()


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        ("claude-cli/2.1.330 (external, cli)", "claude-cli/2.1.330"),
        ("OpenAI/Python 3.54.0", "OpenAI/Python"),
        ("", ""),
        (" x", ""),
        ("x" * 500, "x" * 60),
    ],
)
def test_the_program_of_a_user_agent(user_agent: str, name: str) -> None:
    assert client_name(user_agent) == name


def test_a_request_that_never_got_an_answer() -> None:
    flow = request_flow(b"{}")
    flow.error = tflow.terr("connection refused")
    record = flow_record(flow, live(), NOTHING, Logged())
    assert (record.status, record.error, record.usage) == (None, "connection refused", Usage())
    assert (record.changed, record.outputs, record.outputs_total, record.conversation) == (False, (), 0, "")
    assert record.id == flow.id


def test_a_request_that_was_rewritten() -> None:
    raw = body(surely_rewritten(1), surely_rewritten(2))
    made = looked_through(raw)
    assert made.result is not None
    keys = [outcome.key for outcome in made.result.outcomes]
    flow = request_flow(raw, headers={"user-agent": "sdk/1"})
    flow.response = Response.make(200)

    record = flow_record(flow, made, Counts(900, 500, {keys[0]: (500, 100), keys[1]: (400, 400)}, exact=True), Logged())

    assert (record.model, record.streamed, record.client, record.status) == ("claude-x", True, "sdk/1", 200)
    assert (record.bytes_before, record.bytes_after) == (len(raw), len(made.result.body))
    assert (record.tokens_before, record.tokens_after, record.tokens_exact) == (900, 500, True)
    assert (record.outputs_total, record.outputs_rewritten) == (2, 1)
    first, second = record.outputs
    assert (first.result, first.reason, first.compressor, first.tokens_before, first.tokens_after) == (
        "rewritten",
        "",
        "json_records",
        500,
        100,
    )
    assert (second.result, second.reason, second.tool, second.bytes_before == second.bytes_after) == ("skipped", Reason.NO_CALL, "", True)
    assert first.position == "messages.2.content.0.content"
    assert first.key == keys[0].hex()


def test_bytes_are_the_same_measure_before_and_after() -> None:
    """What stands in the body: the literal with its quotes and escapes."""
    raw = body(surely_rewritten(1).replace("open", 'a\\"b'))
    made = looked_through(raw)
    assert made.result is not None
    (record,) = output_records(made, NOTHING, Logged())
    (outcome,) = made.result.outcomes
    assert record.bytes_before == outcome.output.end - outcome.output.start
    assert record.bytes_before - record.bytes_after == len(raw) - len(made.result.body)
    assert record.bytes_after == len(encode_literal(getattr(outcome.result, "text", "")))


def test_what_was_only_observed_counts_as_it_left() -> None:
    raw = body(surely_rewritten(1))
    made = looked_through(raw)
    made.changed, made.reason = False, Reason.AUDIT_MODE
    record = flow_record(request_flow(raw), made, Counts(900, 500, {}, exact=True), Logged())
    assert (record.bytes_after, record.tokens_after, record.reason) == (len(raw), 900, Reason.AUDIT_MODE)
    assert record.outputs_rewritten == 1
    assert record.outputs[0].result == "rewritten"


def test_usage_and_what_went_wrong_with_the_copy() -> None:
    made = live()
    made.tap = UsageTap("application/json", "gzip")
    made.tap(b"not gzip")
    record = flow_record(request_flow(b"{}"), made, NOTHING, Logged())
    assert "undecodable response" in record.error
    assert record.usage == Usage()

    made.tap = UsageTap("application/json", "identity")
    made.tap(b'{"model":"m","usage":{"input_tokens":4}}')
    record = flow_record(request_flow(b"{}"), made, NOTHING, Logged())
    assert record.usage == Usage(input_tokens=4, model="m")
    assert record.model == "m"


def test_the_query_string_is_not_stored() -> None:
    record = flow_record(request_flow(b"{}", path="/v1/messages?key=secret"), live(), NOTHING, Logged())
    assert "secret" not in repr(record)


def test_lone_surrogates_can_be_recorded() -> None:
    made = looked_through(body("\ud800" * 10, "x"))
    assert [record.bytes_before for record in output_records(made, NOTHING, Logged())] == [62, 3]


def test_an_output_is_logged_once_in_its_conversation() -> None:
    logged = Logged()
    first, longer = looked_through(body("one")), looked_through(body("one", "two"))
    other = looked_through(body("one").replace(b"which?", b"whose?"))

    assert len(output_records(first, NOTHING, logged)) == 1
    assert [record.position for record in output_records(longer, NOTHING, logged)] == ["messages.2.content.1.content"]
    assert output_records(longer, NOTHING, logged) == ()
    assert len(output_records(other, NOTHING, logged)) == 1


def test_what_is_known_to_be_logged_is_bounded() -> None:
    logged = Logged()
    for number in range(100_000):
        assert logged.is_new("c", number.to_bytes(16))
    assert logged._seen.size <= 4_000_000
