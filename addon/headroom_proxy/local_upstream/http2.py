"""The local upstream's HTTP/2 side, over h2: streams answered at the same time, flow control both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions

from headroom_proxy.local_upstream.bodies import CutOffError, content, paced
from headroom_proxy.local_upstream.model import Answer, Headers, Received

_READ_SIZE = 256 * 1024


@dataclass(slots=True)
class _Stream:
    headers: Headers
    body: bytearray = field(default_factory=bytearray)
    task: asyncio.Task[None] | None = None


class Http2Connection:
    """One connection of a client, from its preface to its end."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, respond: Callable[[Received], Awaitable[Answer]]
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._respond = respond
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        self._streams: dict[int, _Stream] = {}
        self._window_opened = asyncio.Event()

    async def serve(self) -> None:
        """Answer requests until the client leaves."""
        self._h2.initiate_connection()
        await self._flush()
        try:
            while data := await self._reader.read(_READ_SIZE):
                for event in self._h2.receive_data(data):
                    self._handle(event)
                await self._flush()
        except h2.exceptions.ProtocolError:
            await self._flush()
        finally:
            for stream in self._streams.values():
                if stream.task:
                    stream.task.cancel()

    async def _flush(self) -> None:
        self._writer.write(self._h2.data_to_send())
        await self._writer.drain()

    def _handle(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived(stream_id=int(number), headers=headers):
                self._streams[number] = _Stream(tuple((str(name), str(value)) for name, value in headers or ()))
            case h2.events.DataReceived(stream_id=int(number), data=data, flow_controlled_length=length):
                self._streams[number].body += data or b""
                self._h2.acknowledge_received_data(length or 0, number)
            case h2.events.StreamEnded(stream_id=int(number)):
                self._streams[number].task = asyncio.create_task(self._answer(number, self._streams[number]))
            case h2.events.StreamReset(stream_id=int(number)):
                stream = self._streams.pop(number, None)
                if stream and stream.task:
                    stream.task.cancel()
            case h2.events.WindowUpdated() | h2.events.RemoteSettingsChanged():
                self._window_opened.set()
            case _:
                pass

    async def _answer(self, number: int, stream: _Stream) -> None:
        pseudo = {name: value for name, value in stream.headers if name.startswith(":")}
        headers = tuple((name, value) for name, value in stream.headers if not name.startswith(":"))
        raw = bytes(stream.body)
        request = Received(
            pseudo[":method"], pseudo.get(":authority", ""), pseudo[":path"], headers, raw, content(raw, headers), "HTTP/2.0"
        )
        answer = await self._respond(request)
        try:
            self._h2.send_headers(number, [(":status", str(answer.status)), *answer.headers])
            await self._flush()
            async for piece in paced(answer.chunks):
                await self._send_data(number, piece)
            self._h2.end_stream(number)
        except CutOffError:
            self._h2.reset_stream(number, h2.errors.ErrorCodes.INTERNAL_ERROR)
        except (h2.exceptions.StreamClosedError, ConnectionError):
            return
        await self._flush()
        self._streams.pop(number, None)

    async def _send_data(self, number: int, data: bytes) -> None:
        sent = 0
        while sent < len(data):
            room = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size)
            if room <= 0:
                self._window_opened.clear()
                await self._window_opened.wait()
                continue
            self._h2.send_data(number, data[sent : sent + room])
            sent += room
            await self._flush()
