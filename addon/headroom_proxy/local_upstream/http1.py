"""The local upstream's HTTP/1.1 side, over h11: keep-alive, chunked bodies both ways, `Expect: 100-continue`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from http.client import responses

import h11

from headroom_proxy.local_upstream.bodies import CutOffError, content, paced
from headroom_proxy.local_upstream.model import Answer, Received

_READ_SIZE = 256 * 1024


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, respond: Callable[[Received], Awaitable[Answer]]) -> None:
    """Answer the requests of one connection until the client, an answer or a protocol error ends it."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_READ_SIZE)
    with contextlib.suppress(h11.RemoteProtocolError):
        while (request := await _read_request(connection, reader, writer)) is not None:
            answer = await respond(request)
            try:
                await _send(connection, writer, answer)
            except CutOffError:
                writer.transport.abort()
                return
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                return
            connection.start_next_cycle()


async def _read_request(connection: h11.Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Received | None:
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                writer.write(_bytes(connection, h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue")))
            connection.receive_data(await reader.read(_READ_SIZE))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return _received(head, bytes(body))
        else:
            return None


def _received(head: h11.Request, body: bytes) -> Received:
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers)
    host = next((value for name, value in headers if name == "host"), "")
    version = f"HTTP/{head.http_version.decode()}"
    return Received(head.method.decode(), host, head.target.decode("latin-1"), headers, body, content(body, headers), version)


async def _send(connection: h11.Connection, writer: asyncio.StreamWriter, answer: Answer) -> None:
    reason = responses.get(answer.status, "").encode()
    writer.write(_bytes(connection, h11.Response(status_code=answer.status, headers=list(answer.headers), reason=reason)))
    async for piece in paced(answer.chunks):
        writer.write(_bytes(connection, h11.Data(data=piece)))
        await writer.drain()
    writer.write(_bytes(connection, h11.EndOfMessage()))
    await writer.drain()


def _bytes(connection: h11.Connection, event: h11.Event) -> bytes:
    return connection.send(event) or b""
