"""The hooks: what leaves, what is logged, and that whatever fails, the request leaves as it came."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from mitmproxy import exceptions
from mitmproxy.addons.view import View
from mitmproxy.http import HTTPFlow, Response
from mitmproxy.proxy.layers.http._hooks import HttpErrorHook, HttpRequestHeadersHook, HttpResponseHeadersHook
from mitmproxy.proxy.layers.websocket import WebsocketMessageHook
from mitmproxy.test import tflow
from mitmproxy.websocket import WebSocketData, WebSocketMessage
from wsproto.frame_protocol import Opcode

from headroom_core import compress
from headroom_core.model import Reason, Rewritten, Skipped
from headroom_core.pipeline import decide
from headroom_core.settings import Settings
from headroom_proxy import addon as addon_module
from headroom_proxy import bodies, rewriter, views, worker
from headroom_proxy.ledger import Ledger
from tests.addon_rig import LISTENER, Rig, Start, listener_flow, make_rig, request_flow
from tests.conversations import surely_rewritten

LONG = surely_rewritten(1)
BILLING = [{"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1.330; cch=00000;"}, {"type": "text", "text": "You are"}]
SUBSCRIPTION = {"authorization": "Bearer sk-ant-oat01-madeup"}
CODINGS = ["", "gzip", "deflate", "br", "zstd"]


def body(*texts: str, **more: Any) -> bytes:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "what is open?"}]
    for number, text in enumerate(texts):
        messages.append({"role": "assistant", "content": [{"type": "tool_use", "id": f"t{number}", "name": "search", "input": {}}]})
        messages.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"t{number}", "content": text}]})
    return json.dumps({"model": "m", "messages": messages, **more}).encode()


BODY = body(LONG)
EXPECTED = compress(BODY, "api.anthropic.com", "/v1/messages").body


def content(flow: HTTPFlow) -> bytes:
    """The request's body as the provider decodes it."""
    assert flow.request.raw_content is not None
    return bodies.decode(flow.request.raw_content, bodies.coding_of(flow.request.headers.get("content-encoding")))


# Rewriting


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_request_is_rewritten_in_its_own_coding(rig: Rig, coding: str) -> None:
    flow = await rig.send(request_flow(BODY, coding=coding))

    assert content(flow) == EXPECTED
    assert flow.request.raw_content is not None
    assert flow.request.headers["content-length"] == str(len(flow.request.raw_content))
    assert flow.request.headers.get("content-encoding", "") == coding


@pytest.mark.parametrize("coding", CODINGS)
async def test_what_came_can_be_shown_and_reverted(rig: Rig, coding: str) -> None:
    rig.context.master.addons.add(View())
    flow = request_flow(BODY, coding=coding)
    raw = flow.request.raw_content

    await rig.send(flow)

    assert flow.modified()
    assert "1 of 1 tool outputs" in flow.comment
    flow.revert()
    assert flow.request.raw_content == raw
    assert flow.request.headers["content-length"] == str(len(raw or b""))


async def test_where_nobody_can_see_what_came_it_is_not_kept_twice(rig: Rig) -> None:
    flow = request_flow(BODY)

    await rig.send(flow)

    assert content(flow) == EXPECTED
    assert not flow.modified()


async def test_a_request_without_length_gets_none(rig: Rig) -> None:
    flow = request_flow(BODY)
    del flow.request.headers["content-length"]

    await rig.send(flow)

    assert content(flow) == EXPECTED
    assert "content-length" not in flow.request.headers


@pytest.mark.parametrize("coding", CODINGS)
async def test_where_nothing_is_rewritten_not_a_byte_and_no_header_changes(rig: Rig, coding: str) -> None:
    flow = request_flow(body("short"), coding=coding)
    before = flow.request.copy()

    await rig.send(flow)

    assert (flow.request.raw_content, flow.request.headers) == (before.raw_content, before.headers)
    assert not flow.modified()
    assert flow.comment == ""


async def test_a_large_output_is_decided_in_the_pool(rig: Rig) -> None:
    text = json.dumps([{"id": number, "status": "open", "note": f"number {number}"} for number in range(3000)])
    assert len(text) > rewriter.INLINE_TEXT

    flow = await rig.send(request_flow(body(text)))

    assert content(flow) == compress(body(text), "api.anthropic.com", "/v1/messages").body


async def test_a_large_body_is_looked_through_in_the_pool(rig: Rig) -> None:
    big = body(LONG, "x" * (rewriter.INLINE_BODY + 1))

    flow = await rig.send(request_flow(big))

    assert content(flow) == compress(big, "api.anthropic.com", "/v1/messages").body


async def test_openai(rig: Rig) -> None:
    messages = [
        {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": LONG},
    ]
    raw = json.dumps({"model": "gpt", "messages": messages}).encode()

    flow = await rig.send(request_flow(raw, host="api.openai.com", path="/v1/chat/completions"))

    assert content(flow) == compress(raw, "api.openai.com", "/v1/chat/completions").body != raw


@pytest.mark.parametrize(
    ("given", "why"),
    [
        pytest.param({"method": "GET"}, "method", id="get"),
        pytest.param({"path": "/v1/messages/count_tokens"}, "path", id="another-path"),
        pytest.param({"host": "www.example.org"}, "host", id="another-host"),
    ],
)
async def test_other_requests_are_not_looked_at(rig: Rig, given: dict[str, str], why: str) -> None:
    del why
    flow = request_flow(BODY, **given)  # type: ignore[arg-type]  # names and texts
    before = flow.request.copy()

    await rig.send(flow)

    assert (flow.request.raw_content, flow.request.headers) == (before.raw_content, before.headers)
    assert rig.addon._live == {}


async def test_requests_of_our_hosts_that_are_none_of_ours_are_not_held_up(rig: Rig) -> None:
    flow = await rig.send(request_flow(b"x", path="/api/event_logging/v2/batch"))
    assert flow.request.stream is True
    other = await rig.send(request_flow(b"x", host="www.example.org"))
    assert other.request.stream is False


async def test_a_host_of_the_user(start: Start) -> None:
    rig = await start(headroom_hosts="llm.example.com=anthropic")
    flow = await rig.send(request_flow(BODY, host="llm.example.com"))
    assert content(flow) == EXPECTED


async def test_the_same_output_is_decided_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []
    real = decide

    def counted(job: Any, settings: Settings) -> Any:
        asked.append(job.key)
        return real(job, settings)

    monkeypatch.setattr(worker, "decide", counted)
    for _ in range(3):
        assert content(await rig.send(request_flow(BODY))) == EXPECTED
    assert len(asked) == 1


async def test_another_start_sends_what_was_sent_before(start: Start) -> None:
    first = await start()
    flow = await first.send(request_flow(BODY))
    await first.settled()
    key = compress(BODY, "api.anthropic.com", "/v1/messages").outcomes[0].key
    assert first.store.forms([key]) == {key: compress(BODY, "api.anthropic.com", "/v1/messages").outcomes[0].result}
    assert first.store.original(compress(BODY, "api.anthropic.com", "/v1/messages").outcomes[0].content_id) == LONG
    await first.addon.done()

    second = await start()
    again = await second.send(request_flow(BODY))

    assert content(again) == content(flow)
    assert not compress_called(second, again)


def compress_called(rig: Rig, flow: HTTPFlow) -> bool:
    result = rig.addon._live[flow.id].result
    assert result is not None
    return any(outcome.new for outcome in result.outcomes)


# What must not be changed


def reason(rig: Rig, flow: HTTPFlow) -> str:
    return str(rig.addon._live[flow.id].reason)


async def test_a_replayed_request_is_left_as_it_is(rig: Rig) -> None:
    flow = request_flow(BODY)
    flow.is_replay = "request"

    await rig.send(flow)

    assert flow.request.raw_content == BODY
    assert reason(rig, flow) == Reason.REPLAYED_FLOW


async def test_a_flow_that_was_rewritten_is_left_as_it_is_when_it_comes_again(rig: Rig) -> None:
    flow = await rig.send(request_flow(BODY))
    sent = flow.request.raw_content
    again = request_flow(sent or b"")

    await rig.send(again)

    assert again.request.raw_content == sent


async def test_a_streamed_request_says_so(rig: Rig) -> None:
    flow = request_flow(BODY)
    flow.request.raw_content = None

    await rig.send(flow)

    assert flow.request.raw_content is None
    assert reason(rig, flow) == Reason.STREAMED_REQUEST


@pytest.mark.parametrize("mode", ["audit", "simulate"])
async def test_a_mode_that_only_observes(start: Start, mode: str) -> None:
    rig = await start(headroom_mode=mode)
    flow = await rig.send(request_flow(BODY))

    assert flow.request.raw_content == BODY
    assert not flow.modified()
    await rig.answer(flow)
    record = await rig.record(flow)
    assert (record.changed, record.reason, record.mode) == (False, Reason.AUDIT_MODE, mode)
    assert record.tokens_before == record.tokens_after > 0
    assert record.outputs[0].tokens_after < record.outputs[0].tokens_before


@pytest.mark.parametrize(
    ("system", "headers", "option", "changed"),
    [
        pytest.param(BILLING, SUBSCRIPTION, "", False, id="mark-and-login"),
        pytest.param(BILLING, {"authorization": "bearer sk-ant-oat01-madeup"}, "", False, id="scheme-in-lower-case"),
        pytest.param(BILLING, SUBSCRIPTION, "optimize", True, id="switched-on-by-the-user"),
        pytest.param(BILLING, {"x-api-key": "sk-ant-api03-madeup"}, "", True, id="mark-and-api-key"),
        pytest.param("You are", SUBSCRIPTION, "", True, id="login-without-mark"),
        pytest.param("You are", {}, "", True, id="neither"),
    ],
)
async def test_a_clients_mark_with_a_subscription_login_is_only_observed(
    start: Start, system: Any, headers: dict[str, str], option: str, changed: bool
) -> None:
    rig = await start(headroom_subscription=option)
    raw = body(LONG, system=system)

    flow = await rig.send(request_flow(raw, headers=headers))

    assert (flow.request.raw_content != raw) == changed
    assert (reason(rig, flow) == Reason.SUBSCRIPTION_AUDIT) == (not changed)
    assert json.loads(content(flow))["system"] == system


async def test_a_header_cannot_switch_the_subscription_rule_off(rig: Rig) -> None:
    raw = body(LONG, system=BILLING)
    flow = await rig.send(request_flow(raw, headers={**SUBSCRIPTION, "x-headroom-mode": "optimize", "x-headroom-subscription": "optimize"}))
    assert flow.request.raw_content == raw


# Overrides


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"path": "/v1/messages/count_tokens"},
        {"path": "/v1/models", "method": "GET"},
        {"host": "api.openai.com", "path": "/v1/responses"},
    ],
    ids=["messages", "counting", "models", "responses"],
)
async def test_headers_of_ours_never_leave(rig: Rig, given: dict[str, Any]) -> None:
    flow = request_flow(BODY, headers={"X-Headroom-Mode": "audit", "x-headroom-anything": "x", "x-other": "stays"}, **given)

    # Where a request is streamed, its headers leave right after this hook.
    await rig.hook(HttpRequestHeadersHook(flow))

    assert [name for name in flow.request.headers if name.lower().startswith("x-headroom")] == []
    assert flow.request.headers["x-other"] == "stays"


async def test_a_header_decides_for_its_request_alone(rig: Rig) -> None:
    flow = await rig.send(request_flow(BODY, headers={"x-headroom-mode": "audit"}))
    other = await rig.send(request_flow(BODY))

    assert flow.request.raw_content == BODY
    assert reason(rig, flow) == Reason.AUDIT_MODE
    assert content(other) == EXPECTED


async def test_a_level_for_one_request(rig: Rig) -> None:
    raw = body(json.dumps([{"id": number, "score": number % 7, "text": f"entry number {number * 7919 % 1000}"} for number in range(600)]))

    flow = await rig.send(request_flow(raw, headers={"x-headroom-level": "lossless"}))

    assert content(flow) == compress(raw, "api.anthropic.com", "/v1/messages", Settings(level="lossless")).body
    assert content(flow) != compress(raw, "api.anthropic.com", "/v1/messages").body


# Fail open


@pytest.mark.parametrize(
    ("raw", "coding"),
    [
        pytest.param(bodies.encode(BODY, "gzip")[:-9], "gzip", id="gzip-cut-off"),
        pytest.param(bodies.encode(BODY, "zstd")[:-9], "zstd", id="zstd-cut-off"),
        pytest.param(bodies.encode(BODY, "br")[:-9], "br", id="br-cut-off"),
        pytest.param(BODY, "gzip", id="said-to-be-gzip"),
        pytest.param(BODY, "snappy", id="unknown-coding"),
        pytest.param(bodies.encode(BODY, "gzip"), "gzip, gzip", id="two-codings"),
    ],
)
async def test_a_body_that_cannot_be_decoded_leaves_as_it_came(rig: Rig, raw: bytes, coding: str) -> None:
    flow = request_flow(raw, headers={"content-encoding": coding})
    before = flow.request.copy()

    await rig.send(flow)

    assert (flow.request.raw_content, flow.request.headers) == (before.raw_content, before.headers)
    await rig.answer(flow)
    record = await rig.record(flow)
    assert record.reason == Reason.UNDECODABLE_BODY
    assert record.error
    assert record.bytes_before == record.bytes_after == len(raw)


def _boom(*_: Any, **__: Any) -> Any:
    raise ValueError("a bug of ours")


async def _boom_async(*_: Any, **__: Any) -> Any:
    raise ValueError("a bug of ours")


FAILURES = [
    pytest.param(bodies, "decode", _boom, id="decoding"),
    pytest.param(bodies, "encode", _boom, id="encoding"),
    pytest.param(rewriter, "plan_for", _boom, id="planning"),
    pytest.param(rewriter, "assemble", _boom, id="assembling"),
    pytest.param(views, "mark", _boom, id="marking"),
    pytest.param(addon_module, "match", _boom, id="matching"),
    pytest.param(addon_module, "take_overrides", _boom, id="overrides"),
]


@pytest.mark.parametrize("coding", ["", "gzip"])
@pytest.mark.parametrize(("module", "name", "broken"), FAILURES)
async def test_whatever_breaks_the_request_leaves_as_it_came(  # noqa: PLR0913, PLR0917  # by parametrize
    rig: Rig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, module: Any, name: str, broken: Any, coding: str
) -> None:
    flow = request_flow(BODY, coding=coding)
    before = flow.request.copy()

    monkeypatch.setattr(module, name, broken)
    await rig.send(flow)

    assert (flow.request.raw_content, flow.request.headers) == (before.raw_content, before.headers)
    assert [record.levelno for record in caplog.records if "ValueError" in record.getMessage()] == [logging.WARNING]
    # The next request is none the worse for it.
    monkeypatch.undo()
    assert content(await rig.send(request_flow(BODY, coding=coding))) == EXPECTED


@pytest.mark.parametrize(("module", "name", "broken"), FAILURES[:5])
async def test_what_broke_is_in_the_flow_log(rig: Rig, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, broken: Any) -> None:
    flow = request_flow(BODY)
    monkeypatch.setattr(module, name, broken)
    await rig.send(flow)
    monkeypatch.undo()

    await rig.answer(flow)

    record = await rig.record(flow)
    assert record.reason == Reason.INTERNAL_ERROR
    assert "ValueError" in record.error
    assert (record.changed, record.status, record.bytes_before == record.bytes_after) == (False, 200, True)


async def test_a_compressor_that_breaks_costs_one_output_only(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    real = decide

    def picky(job: Any, settings: Settings) -> Any:
        if b"1000" in job.literal:
            raise RecursionError("too deep")
        return real(job, settings)

    monkeypatch.setattr(worker, "decide", picky)
    flow = await rig.send(request_flow(body(LONG, surely_rewritten(2))))

    result = rig.addon._live[flow.id].result
    assert result is not None
    assert [type(outcome.result) for outcome in result.outcomes] == [Skipped, Rewritten]
    assert result.outcomes[0].result == Skipped(Reason.INTERNAL_ERROR)
    sent = content(flow)
    # And stays as it was in this conversation, also when the bug is gone.
    monkeypatch.undo()
    assert content(await rig.send(request_flow(body(LONG, surely_rewritten(2))))) == sent


async def test_accounting_that_breaks_costs_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ledger, "count", _boom_async)
    flow = await rig.send(request_flow(BODY))
    await rig.answer(flow)

    record = await rig.record(flow)

    assert content(flow) == EXPECTED
    assert record.changed
    assert not record.tokens_exact
    # The text that left may name the original: it must be there whatever became of the counts.
    assert rig.store.original(record.outputs[0].content_id) == LONG


async def test_a_data_folder_that_cannot_be_made_costs_nothing(start: Start, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    rig = await start(tmp_path / "file" / "data")

    flow = await rig.send(request_flow(BODY))

    assert content(flow) == EXPECTED
    assert await rig.answer(flow) == [b"{}", b""]


async def test_the_client_that_gives_up_leaves_nothing_behind(rig: Rig) -> None:
    flow = await rig.send(request_flow(BODY))
    flow.error = tflow.terr("client disconnected")

    await rig.hook(HttpErrorHook(flow))

    record = await rig.record(flow)
    assert (record.error, record.status) == ("client disconnected", None)
    assert rig.addon._live == {}


# Responses and the flow log

STREAM = [
    (
        b'event: message_start\ndata: {"type":"message_start","message":{"model":"m-1","usage":{"input_tokens":3,'
        b'"cache_read_input_tokens":2000,"cache_creation_input_tokens":100,"output_tokens":1}}}\n\n'
    ),
    b'event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"hi"}}\n\n',
    b'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":42}}\n\n',
    b'event: message_stop\ndata: {"type":"message_stop"}\n\n',
]


async def test_a_stream_passes_chunk_by_chunk_and_is_read_for_usage(rig: Rig) -> None:
    flow = await rig.send(request_flow(body(LONG, stream=True), headers={"user-agent": "claude-cli/2.1.330 (external, cli)"}))

    passed = await rig.answer(flow, STREAM, content_type="text/event-stream; charset=utf-8")

    assert passed == [*STREAM, b""]
    record = await rig.record(flow)
    assert (record.input_tokens, record.cache_read_tokens, record.cache_write_tokens, record.output_tokens) == (3, 2000, 100, 42)
    assert (record.client, record.streamed, record.status, record.billed_model) == ("claude-cli/2.1.330", True, 200, "m-1")


async def test_the_row_of_a_request(rig: Rig) -> None:
    flow = await rig.send(request_flow(body(LONG, "short"), path="/v1/messages?beta=true"))
    await rig.answer(flow, [b'{"model":"m-1","usage":{"input_tokens":3,"output_tokens":4}}'])

    record = await rig.record(flow)

    assert (record.host, record.provider, record.path, record.mode) == ("api.anthropic.com", "anthropic", "/v1/messages", "optimize")
    assert (record.changed, record.reason, record.error) == (True, "", "")
    assert record.bytes_before == len(body(LONG, "short"))
    assert record.bytes_after == len(content(flow))
    assert record.tokens_exact
    assert record.outputs_total == 2
    assert record.outputs_rewritten == 1
    first, second = record.outputs
    assert (first.tool, first.position, first.result, first.compressor) == (
        "search",
        "messages.2.content.0.content",
        "rewritten",
        "json_records",
    )
    assert (second.result, second.reason) == ("skipped", Reason.TOO_SMALL)
    assert record.tokens_before - record.tokens_after == first.tokens_before - first.tokens_after > 0
    assert 0 < record.overhead_ms < 10_000
    assert record.duration_ms >= 0


async def test_bytes_saved_by_the_outputs_are_those_of_the_request(rig: Rig) -> None:
    flow = await rig.send(request_flow(body(LONG, surely_rewritten(2), "short")))
    await rig.answer(flow)

    record = await rig.record(flow)

    saved = sum(output.bytes_before - output.bytes_after for output in record.outputs)
    assert saved == record.bytes_before - record.bytes_after


@pytest.mark.parametrize("status", [400, 401, 429, 500, 529])
async def test_an_answer_of_any_status_passes(rig: Rig, status: int) -> None:
    flow = await rig.send(request_flow(BODY))
    answer = b'{"type":"error","error":{"type":"overloaded_error","message":"no"}}'

    assert await rig.answer(flow, [answer], status=status) == [answer, b""]
    assert (await rig.record(flow)).status == status


async def test_no_header_value_is_stored(rig: Rig) -> None:
    secrets = {"authorization": "Bearer sk-secret-1", "x-api-key": "sk-secret-2", "cookie": "sk-secret-3", "x-other": "sk-secret-4"}
    flow = await rig.send(request_flow(BODY, headers=secrets, path="/v1/messages?key=sk-secret-5"))
    await rig.answer(flow)
    await rig.settled()

    stored = b"".join(path.read_bytes() for path in rig.directory.iterdir())
    assert b"sk-secret" not in stored
    assert b"api.anthropic.com" in stored


async def test_the_log_can_be_switched_off(start: Start) -> None:
    rig = await start(headroom_flow_log="false")
    flow = await rig.send(request_flow(BODY))
    await rig.answer(flow)
    await rig.settled()

    assert content(flow) == EXPECTED
    assert not (rig.directory / "flows.db").exists() or flow.id.encode() not in (rig.directory / "flows.db").read_bytes()


async def test_a_response_of_our_hosts_is_never_held_up(rig: Rig) -> None:
    flow = await rig.send(request_flow(b"{}", path="/v1/models", method="GET"))
    flow.response = Response.make(200)
    await rig.hook(HttpResponseHeadersHook(flow))
    assert flow.response.stream is True

    other = await rig.send(request_flow(b"{}", host="www.example.org"))
    other.response = Response.make(200)
    await rig.hook(HttpResponseHeadersHook(other))
    assert other.response.stream is False


async def test_ending_writes_what_is_still_to_be_written(start: Start) -> None:
    rig = await start()
    flow = await rig.send(request_flow(BODY))
    await rig.answer(flow)

    async with asyncio.timeout(4):  # Longer means that a task hangs.
        await rig.addon.done()

    assert flow.id.encode() in b"".join(path.read_bytes() for path in rig.directory.glob("flows.db*"))
    await rig.addon.done()
    # What still comes passes as it is.
    late = await rig.send(request_flow(BODY))
    assert late.request.raw_content == BODY


async def test_long_websocket_conversations_do_not_grow(rig: Rig) -> None:
    for host, kept in (("api.openai.com", views.MAX_MESSAGES), ("www.example.org", 500)):
        flow = request_flow(b"", host=host, path="/v1/responses", method="GET")
        flow.websocket = WebSocketData()
        for number in range(500):
            flow.websocket.messages.append(WebSocketMessage(Opcode.TEXT, from_client=True, content=str(number).encode()))
            await rig.hook(WebsocketMessageHook(flow))
        assert len(flow.websocket.messages) == kept
        assert flow.websocket.messages[-1].content == b"499"


# Base URL


@pytest.mark.parametrize(
    ("path", "headers", "host"),
    [
        ("/v1/messages?beta=true", {}, "api.anthropic.com"),
        ("/v1/messages/count_tokens", {}, "api.anthropic.com"),
        ("/v1/chat/completions", {}, "api.openai.com"),
        ("/v1/models", {}, "api.openai.com"),
        ("/v1/models", {"anthropic-version": "2023-06-01"}, "api.anthropic.com"),
    ],
)
async def test_a_request_to_the_port_goes_to_its_provider(rig: Rig, path: str, headers: dict[str, str], host: str) -> None:
    flow = listener_flow(BODY, path, headers=headers)

    await rig.send(flow)

    assert flow.response is None
    assert (flow.request.scheme, flow.request.host, flow.request.port, flow.request.path) == ("https", host, 443, path)
    assert flow.request.headers["host"].partition(":")[0] == host
    if path.startswith("/v1/messages?"):
        assert content(flow) == EXPECTED


@pytest.mark.parametrize(
    ("host", "headers"),
    [
        pytest.param("evil.example", {}, id="name-that-resolves-here"),
        pytest.param("127.0.0.1.evil.example", {}, id="name-like-an-address"),
        pytest.param("192.168.1.7", {}, id="another-machine"),
        pytest.param("0.0.0.0", {}, id="any-address"),  # noqa: S104  # a Host header, no socket
        pytest.param("127.0.0.1", {"origin": "https://evil.example"}, id="page"),
        pytest.param("127.0.0.1", {"origin": "null"}, id="page-without-name"),
        pytest.param("localhost", {"sec-fetch-site": "cross-site"}, id="cross-site"),
        pytest.param("localhost", {"sec-fetch-site": "same-site"}, id="same-site"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/messages", "/health", "/other"])
async def test_web_pages_and_foreign_hosts_are_refused(rig: Rig, host: str, headers: dict[str, str], path: str) -> None:
    flow = listener_flow(BODY, path, host=host, headers=headers)

    await rig.send(flow)

    assert flow.response is not None
    assert flow.response.status_code == 403
    assert flow.request.host == host
    assert flow.request.raw_content == BODY


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "LOCALHOST", "::1"])
async def test_health(rig: Rig, host: str) -> None:
    flow = listener_flow(b"", "/health?x", host=host, method="GET")
    await rig.send(flow)
    assert flow.response is not None
    answer = json.loads(flow.response.content or b"")
    assert (flow.response.status_code, answer["status"], answer["mode"]) == (200, "healthy", "optimize")


async def test_an_unknown_path_of_the_port(rig: Rig) -> None:
    flow = await rig.send(listener_flow(b"", "/v2/thing?secret=1", method="GET"))
    assert flow.response is not None
    assert flow.response.status_code == 404
    assert b"/v2/thing" in (flow.response.content or b"")
    assert b"secret" not in (flow.response.content or b"")


async def test_a_proxied_request_to_another_port_is_not_ours(rig: Rig) -> None:
    flow = listener_flow(BODY, "/v1/messages", port=LISTENER + 1)
    await rig.send(flow)
    assert (flow.response, flow.request.host, flow.request.raw_content) == (None, "127.0.0.1", BODY)


# Options


@pytest.mark.parametrize(
    "given",
    [
        "headroom_level=Lossless",
        "headroom_min_tokens_to_crush=many",
        "headroom_hosts=llm.example.com",
        "headroom_tools={",
        "headroom_flow_log=maybe",
    ],
)
async def test_a_bad_option_ends_the_start_with_one_line_that_names_it(
    given: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rig = make_rig(tmp_path, [given])
    rig.addon.running()

    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 1
    assert given.partition("=")[0] in errors[0]
    assert "\n" not in errors[0]
    assert not rig.addon._active
    flow = await rig.send(request_flow(BODY))
    assert flow.request.raw_content == BODY


async def test_a_misspelt_option_ends_the_start_with_one_line_that_names_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    rig = make_rig(tmp_path, ["headroom_levle=lossless", "other_addons_option=1"])
    rig.addon.running()

    errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert errors == ["Headroom: headroom_levle: no such option; did you mean headroom_level?"]
    assert not rig.addon._active


async def test_a_bad_option_at_run_time_is_refused_and_the_old_value_stays(rig: Rig) -> None:
    with pytest.raises(exceptions.OptionsError, match="headroom_level"):
        rig.context.options.update(headroom_level="none")

    assert rig.context.options.headroom_level == ""
    assert content(await rig.send(request_flow(BODY))) == EXPECTED


async def test_options_can_be_changed_at_run_time(rig: Rig) -> None:
    rig.context.options.update(headroom_mode="audit")
    assert (await rig.send(request_flow(BODY))).request.raw_content == BODY

    rig.context.options.update(headroom_mode="optimize", headroom_hosts="llm.example.com=anthropic")
    assert content(await rig.send(request_flow(BODY, host="llm.example.com"))) == EXPECTED
    assert any("llm" in pattern for pattern in rig.context.options.allow_hosts)

    rig.context.options.update(headroom_hosts="")
    assert not any("llm" in pattern for pattern in rig.context.options.allow_hosts)
    assert (await rig.send(request_flow(BODY, host="llm.example.com"))).request.raw_content == BODY


@pytest.mark.parametrize(("status", "streams"), [(200, True), (404, True), (101, False)])
async def test_what_is_no_request_for_an_answer_streams_but_an_upgrade(rig: Rig, status: int, streams: bool) -> None:
    flow = request_flow(b"", path="/v1/responses")
    flow.request.method = "GET"
    await rig.send(flow)

    flow.response = Response.make(status, b"")
    await rig.hook(HttpResponseHeadersHook(flow))

    assert bool(flow.response.stream) is streams


async def test_what_only_a_start_can_change_is_said(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.context.options.update(headroom_workers="3", headroom_level="lossless")

    warned = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warned == ["Headroom: headroom_workers takes effect at the next start"]


@pytest.mark.parametrize("name", ["Content-Digest", "Content-MD5", "Digest"])
async def test_a_body_that_a_header_vouches_for_is_left_alone(rig: Rig, name: str) -> None:
    flow = request_flow(BODY)
    flow.request.headers[name] = "of the body as it came"

    await rig.send(flow)

    assert flow.request.raw_content == BODY
    assert rig.addon._live[flow.id].reason is Reason.BODY_DIGEST


async def test_hosts_that_the_user_allows_stay_allowed(start: Start) -> None:
    rig = await start(allow_hosts=[r"^www\.example\.org"])
    first = list(rig.context.options.allow_hosts)
    assert first[0] == r"^www\.example\.org"
    assert views.matches_any(first[1:], "api.anthropic.com:443")

    rig.context.options.update(headroom_hosts="llm.example.com=openai")
    rig.context.options.update(headroom_hosts="")

    assert list(rig.context.options.allow_hosts) == first


async def test_a_host_that_the_user_allows_himself_stays_allowed_when_we_let_go_of_it(start: Start) -> None:
    own = r"^llm\.example\.com(:\d+)?$"
    rig = await start(allow_hosts=[own], headroom_hosts="llm.example.com=openai")
    rig.context.options.update(headroom_hosts="")
    assert own in rig.context.options.allow_hosts


async def test_the_start_is_told(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    await start(headroom_mode="audit", headroom_subscription="optimize", stream_large_bodies="1m")

    lines = [record.getMessage() for record in caplog.records if record.name.startswith("headroom")]
    active = next(line for line in lines if "active" in line)
    assert "mode=audit" in active
    assert "optimize" in active
    assert any("stream_large_bodies" in line for line in lines)


async def test_removing_the_addon_while_the_proxy_runs(rig: Rig) -> None:
    """What mitmproxy does when the -s script is edited or taken away: it calls `done` without awaiting."""
    rig.context.master.addons.remove(rig.addon)
    await asyncio.sleep(0)
    assert not rig.addon._active


async def test_files_are_for_their_owner_only(rig: Rig) -> None:
    flow = await rig.send(request_flow(BODY))
    await rig.answer(flow)
    await rig.settled()
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in [rig.directory, *rig.directory.iterdir()]}
    assert set(modes.values()) == {"0o700", "0o600"}
