"""The servers of the local upstream: TLS on loopback, and the CONNECT proxy that leads every host to it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from headroom_proxy.local_upstream import http1
from headroom_proxy.local_upstream.certificates import make_server_context
from headroom_proxy.local_upstream.http2 import Http2Connection
from headroom_proxy.local_upstream.model import Answer, Received
from headroom_proxy.local_upstream.providers import Providers

_LOOPBACK = "127.0.0.1"
_PIPE_SIZE = 256 * 1024


class LocalUpstream:
    """Plays `hosts` on 127.0.0.1 while the context is open; everything runs in one background thread.

    `answer` is called in worker threads, several at a time; None means a fresh `Providers()`. Where it raises, the client gets a 500
    with the traceback. `directory` holds the certificate files.
    """

    def __init__(self, hosts: Sequence[str], directory: Path, answer: Callable[[Received], Answer] | None = None) -> None:
        self.answer: Callable[[Received], Answer] = answer or Providers()
        """May be replaced while it runs."""
        self.port = 0
        """Of the TLS server."""
        self.proxy_url = ""
        """The CONNECT proxy, for `mitmdump --mode upstream:URL`."""
        directory.mkdir(parents=True, exist_ok=True)
        self._tls, self.ca_file = make_server_context(hosts, directory)
        self._received: list[Received] = []
        self._tunnels: list[str] = []
        self._open: set[asyncio.StreamWriter] = set()
        self._ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), name="local-upstream", daemon=True)

    @property
    def received(self) -> list[Received]:
        """A copy of the requests so far, in the order in which their bodies were complete."""
        return list(self._received)

    @property
    def tunnels(self) -> list[str]:
        """`host:port` of each CONNECT so far."""
        return list(self._tunnels)

    def forget(self) -> None:
        """Empty `received` and `tunnels`."""
        self._received.clear()
        self._tunnels.clear()

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the local upstream did not start")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._loop and self._stop:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        tls = await asyncio.start_server(self._serve_tls, _LOOPBACK, 0, ssl=self._tls)
        proxy = await asyncio.start_server(self._serve_connect, _LOOPBACK, 0)
        self.port = tls.sockets[0].getsockname()[1]
        self.proxy_url = f"http://{_LOOPBACK}:{proxy.sockets[0].getsockname()[1]}"
        self._ready.set()
        await self._stop.wait()
        tls.close()
        proxy.close()
        for writer in self._open:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _respond(self, request: Received) -> Answer:
        self._received.append(request)
        answering = asyncio.ensure_future(asyncio.to_thread(self.answer, request))
        await asyncio.wait([answering])
        if error := answering.exception():
            text = "".join(traceback.format_exception(error))
            return Answer.whole(500, text.encode(), [("content-type", "text/plain; charset=utf-8")])
        return answering.result()

    async def _serve_tls(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            if tls.selected_alpn_protocol() == "h2":
                await Http2Connection(reader, writer, self._respond).serve()
            else:
                await http1.serve(reader, writer, self._respond)
        writer.close()
        self._open.discard(writer)

    async def _serve_connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            method, target, _ = head.split(b"\r\n", 1)[0].split(b" ", 2)
            if method == b"CONNECT":
                self._tunnels.append(target.decode())
                upstream_reader, upstream_writer = await asyncio.open_connection(_LOOPBACK, self.port)
                self._open.add(upstream_writer)
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await asyncio.gather(_pipe(reader, upstream_writer), _pipe(upstream_reader, writer))
                self._open.discard(upstream_writer)
            else:
                writer.write(b"HTTP/1.1 501 Not Implemented\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        writer.close()
        self._open.discard(writer)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(_PIPE_SIZE):
            writer.write(data)
            await writer.drain()
    writer.close()
