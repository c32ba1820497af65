"""A request that was rejected once it was rewritten gets a second try as it came; a real server on loopback answers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from mitmproxy.http import HTTPFlow, Response
from mitmproxy.proxy.layers.http._hooks import HttpResponseHeadersHook, HttpResponseHook

from headroom_core.model import Reason
from headroom_proxy import bodies, resend
from tests.addon_rig import Rig, Start, request_flow
from tests.conversations import surely_rewritten

HOST = "127.0.0.1"


def body(question: str = "what is open?") -> bytes:
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": question},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "search", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": surely_rewritten(1)}]},
    ]
    return json.dumps({"model": "m", "messages": messages}).encode()


@dataclass
class Provider:
    """Answers a body with the status that `judge` gives it."""

    judge: Callable[[bytes], int]
    port: int = 0
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        content = await reader.readexactly(int(headers.get("content-length", "0")))
        self.received.append((headers, content))
        status = self.judge(content)
        answer = json.dumps({"model": "m-1", "usage": {"input_tokens": status, "output_tokens": 1}}).encode()
        writer.write(b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (status, len(answer), answer))
        await writer.drain()
        writer.close()


@asynccontextmanager
async def serving(judge: Callable[[bytes], int]) -> AsyncIterator[Provider]:
    provider = Provider(judge)
    server = await asyncio.start_server(provider.handle, HOST, 0)
    provider.port = server.sockets[0].getsockname()[1]
    async with server:
        yield provider


def flow_to(provider: Provider, raw: bytes, *, coding: str = "") -> HTTPFlow:
    flow = request_flow(raw, host=HOST, coding=coding)
    flow.request.scheme, flow.request.port = "http", provider.port
    return flow


@pytest.fixture
async def rig(start: Start) -> Rig:
    """The loopback server is a provider here."""
    return await start(headroom_hosts=f"{HOST}=anthropic")


async def exchange(rig: Rig, flow: HTTPFlow, status: int) -> int:
    """A request whose rewritten form the provider answered with `status`; returns what the client gets."""
    await rig.send(flow)
    flow.response = Response.make(status, b'{"error":"the first answer"}', {"content-type": "application/json"})
    await rig.hook(HttpResponseHeadersHook(flow))
    await rig.hook(HttpResponseHook(flow))
    return flow.response.status_code


@pytest.mark.parametrize("coding", ["", "gzip", "zstd"])
@pytest.mark.parametrize("status", sorted(resend.REJECTED))
async def test_the_original_is_taken(rig: Rig, status: int, coding: str) -> None:
    async with serving(lambda content: 200 if bodies.decode(content, coding or "identity") == body() else status) as provider:
        flow = flow_to(provider, body(), coding=coding)

        assert await exchange(rig, flow, status) == 200

        ((headers, content),) = provider.received
        assert bodies.decode(content, coding or "identity") == body()
        assert headers.get("content-encoding", "") == coding
        assert headers["content-length"] == str(len(content))
        record = await rig.record(flow)
        assert (record.status, record.changed, record.reason) == (200, False, Reason.REWRITE_REJECTED)
        assert record.input_tokens == 200
        assert record.bytes_before == record.bytes_after
        assert record.tokens_before == record.tokens_after


async def test_the_conversation_is_left_alone_from_then_on(rig: Rig) -> None:
    async with serving(lambda content: 200 if content == body() else 400) as provider:
        await exchange(rig, flow_to(provider, body()), 400)

        again, other = flow_to(provider, body()), flow_to(provider, body("another question"))
        await rig.send(again)
        await rig.send(other)

        assert again.request.raw_content == body()
        assert rig.addon._live[again.id].reason == Reason.LEFT_ALONE
        assert other.request.raw_content != body("another question")


async def test_an_original_that_is_rejected_too_was_not_our_doing(rig: Rig) -> None:
    async with serving(lambda _: 400) as provider:
        flow = flow_to(provider, body())
        assert await exchange(rig, flow, 400) == 400
        assert len(provider.received) == 1
        again = await rig.send(flow_to(provider, body()))
        assert again.request.raw_content != body()


@pytest.mark.parametrize("status", [200, 401, 403, 404, 429, 500, 529])
async def test_other_answers_pass_at_once(rig: Rig, status: int) -> None:
    async with serving(lambda _: 200) as provider:
        flow = flow_to(provider, body())
        assert await exchange(rig, flow, status) == status
        assert provider.received == []
        assert flow.response is not None
        assert callable(flow.response.stream)


async def test_a_request_that_was_not_rewritten_is_never_sent_twice(rig: Rig) -> None:
    async with serving(lambda _: 200) as provider:
        flow = flow_to(provider, b'{"messages":[]}')
        assert await exchange(rig, flow, 400) == 400
        assert provider.received == []


async def test_without_an_answer_to_the_original_the_first_answer_passes(rig: Rig) -> None:
    async with serving(lambda _: 200) as provider:
        flow = flow_to(provider, body())
    # Nobody listens there any more.
    assert await exchange(rig, flow, 400) == 400
    assert flow.response is not None
    assert flow.response.content == b'{"error":"the first answer"}'
    assert (await rig.record(flow)).status == 400


def test_conversations_that_are_left_alone_are_bounded() -> None:
    names = resend.LeftAlone()
    for number in range(5_000):
        names.add(str(number))
    assert "4999" in names
    assert "0" not in names
    assert len(names._names) <= 1000
    names.add("")
    assert "" not in names
