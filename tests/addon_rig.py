"""A rig for the addon: mitmproxy's own test context, real flows, and a real flow log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

from mitmproxy import connection
from mitmproxy.addons.proxyserver import Proxyserver
from mitmproxy.hooks import Hook
from mitmproxy.http import Headers, HTTPFlow, Request, Response
from mitmproxy.proxy.layers.http._hooks import HttpRequestHeadersHook, HttpRequestHook, HttpResponseHeadersHook, HttpResponseHook
from mitmproxy.test import taddons, tflow

from headroom_core.flow_log import StoreReader, open_flow_log, queries
from headroom_core.flow_log.results import FlowDetail
from headroom_proxy import bodies
from headroom_proxy.addon import HeadroomAddon
from headroom_proxy.pool import Pool

LISTENER = 8787
ANTHROPIC = "api.anthropic.com"


def borrowed(executor: Executor) -> Pool:
    """A pool whose processes outlive it."""

    class Borrowed(Pool):
        async def close(self) -> None:
            pass

    made = Borrowed(2)
    made._executor = executor
    return made


@dataclass
class Rig:
    """A running addon."""

    addon: HeadroomAddon
    context: taddons.context
    directory: Path

    async def send(self, flow: HTTPFlow) -> HTTPFlow:
        """The request hooks, as mitmproxy calls them."""
        await self.hook(HttpRequestHeadersHook(flow))
        await self.hook(HttpRequestHook(flow))
        return flow

    async def hook(self, event: Hook) -> None:
        """One hook as mitmproxy calls it, but that an exception ends the test."""
        await self.context.master.addons.invoke_addon(self.addon, event)

    async def answer(
        self,
        flow: HTTPFlow,
        chunks: Iterable[bytes] = (b"{}",),
        *,
        status: int = 200,
        content_type: str = "application/json",
        coding: str = "",
    ) -> list[bytes]:
        """The response hooks; returns what the client would get."""
        flow.response = Response.make(status, b"", {"content-type": content_type, **({"content-encoding": coding} if coding else {})})
        await self.hook(HttpResponseHeadersHook(flow))
        stream = flow.response.stream
        passed = [stream(chunk) if callable(stream) else chunk for chunk in [*chunks, b""]]
        await self.hook(HttpResponseHook(flow))
        return [bytes(one) for one in passed if isinstance(one, bytes)]

    async def settled(self) -> None:
        """Wait until all that runs beside the requests is done and written."""
        async with asyncio.timeout(30):
            while self.addon._tasks:
                await asyncio.gather(*self.addon._tasks)
            assert await asyncio.to_thread(self.addon._writer.flush, 20)

    async def record(self, flow: HTTPFlow) -> FlowDetail:
        """The flow log's row of a flow that has ended."""
        await self.settled()
        with open_flow_log(self.directory) as log:
            assert log is not None
            found = queries.flow(log, flow.id)
        assert found is not None
        return found

    @property
    def store(self) -> StoreReader:
        return StoreReader(self.directory)


type Start = Callable[..., Awaitable[Rig]]


def make_rig(directory: Path, given: Iterable[str] = (), **options: object) -> Rig:
    """An addon that is loaded and configured but not running. `given` are texts as after `--set`."""
    made = HeadroomAddon()
    context = taddons.context(Proxyserver())
    context.options.set(*given, defer=True)
    context.master.addons.add(made)
    context.options.update(headroom_data_dir=str(directory), **options)
    return Rig(made, context, directory)


def request_flow(  # noqa: PLR0913  # a request has that many parts
    body: bytes,
    *,
    host: str = ANTHROPIC,
    path: str = "/v1/messages",
    method: str = "POST",
    headers: dict[str, str] | None = None,
    coding: str = "",
) -> HTTPFlow:
    """A request within a TLS tunnel."""
    raw = bodies.encode(body, coding)
    named = {"host": host, "content-type": "application/json", **(headers or {}), "content-length": str(len(raw))}
    if coding:
        named["content-encoding"] = coding
    fields = Headers([(name.encode(), value.encode()) for name, value in named.items()])
    request = Request(host, 443, method.encode(), b"https", b"", path.encode(), b"HTTP/1.1", fields, raw, None, 1.0, 2.0)
    client = tflow.tclient_conn()
    client.tls = True
    client.sockname = ("127.0.0.1", LISTENER)
    flow = HTTPFlow(client, connection.Server(address=(host, 443)))
    flow.request = request
    return flow


def listener_flow(  # noqa: PLR0913  # a request has that many parts
    body: bytes,
    path: str,
    *,
    host: str = "127.0.0.1",
    port: int = LISTENER,
    headers: dict[str, str] | None = None,
    method: str = "POST",
) -> HTTPFlow:
    """A request in origin form to the proxy's own port, as a base-URL client sends it."""
    flow = request_flow(body, host=host, path=path, headers={"host": f"{host}:{port}", **(headers or {})}, method=method)
    flow.request.scheme = "http"
    flow.request.port = port
    flow.client_conn.tls = False
    return flow
