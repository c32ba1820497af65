"""The addon: mitmproxy's hooks to the core and back. Whatever fails, the request leaves as it came."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable

from mitmproxy import ctx, exceptions
from mitmproxy.addonmanager import Loader
from mitmproxy.http import HTTPFlow, Response

from headroom_core import __version__
from headroom_core.bounded_cache import BoundedCache
from headroom_core.errors import SettingsError
from headroom_core.flow_log import StoredForm, StoreReader, Writer, data_directory
from headroom_core.model import RawRequest, Reason, Rewritten
from headroom_core.pipeline import CompressionResult, original_text
from headroom_core.providers import Provider, match
from headroom_core.settings import Settings
from headroom_proxy import bodies, options, resend, routing, site, views
from headroom_proxy.edge import Edge
from headroom_proxy.ledger import Ledger
from headroom_proxy.live import Counts, LiveFlow, Logged, flow_record
from headroom_proxy.overrides import take_overrides
from headroom_proxy.pool import Pool
from headroom_proxy.rewriter import Rewriter
from headroom_proxy.streaming import UsageTap

logger = logging.getLogger(__name__)

_CLOSE_SECONDS = 5.0
_LARGE_CODED = 4_000
_DIGESTS = ("content-digest", "repr-digest", "digest", "content-md5")
_SWITCHING_PROTOCOLS = 101
_AT_START = ("workers", "data_dir", "retention_days", "store_megabytes")
_HOST_BYTES = 100
_HOSTS_SEEN = 100_000


class HeadroomAddon:
    """One instance lives as long as the proxy."""

    name = "headroom"

    def __init__(self) -> None:
        self._settings = Settings()
        self._active = self._refused = False
        self._own_hosts: list[str] = []
        self._hosts_seen = BoundedCache[str, bool](_HOSTS_SEEN)
        self._live: dict[str, LiveFlow] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._flow_list = views.FlowList()
        self._left_alone = resend.LeftAlone()
        self._logged = Logged()

    def load(self, loader: Loader) -> None:
        """Declare the options."""
        options.declare(loader)

    def configure(self, updated: Iterable[str]) -> None:
        """Take the options up. A bad one ends the start with one line, and is refused at run time."""
        if not any(name.startswith(options.PREFIX) for name in updated):
            return
        try:
            settings = options.read(ctx.options)
        except SettingsError as error:
            if self._active:
                raise exceptions.OptionsError(str(error)) from error
            self._refuse(str(error))
            return
        before, self._settings = self._settings, settings
        if self._active:
            for name in _AT_START:
                if getattr(before, name) != getattr(settings, name):
                    logger.warning("Headroom: %s%s takes effect at the next start", options.PREFIX, name)
            self._allow_hosts()

    def running(self) -> None:
        """Start what works beside the event loop, and say that the addon is there."""
        for line in options.misspelt(ctx.options.deferred):
            self._refuse(line)
        if self._refused:
            return
        self._allow_hosts()
        if ctx.options.stream_large_bodies:
            logger.warning("Headroom: stream_large_bodies is set; larger requests are passed on before they can be rewritten")
        directory = data_directory(self._settings)
        self._writer = Writer(directory, self._settings, lambda line: logger.warning("Headroom: %s", line))
        self._writer.start()
        self._store = StoreReader(directory)
        self._pool = Pool(self._settings.workers)
        # Counting needs the vocabulary, some 50 MB: one process of its own holds it.
        self._counting = Pool(1)
        self._ledger = Ledger(self._counting)
        self._rewriter = Rewriter(self._pool, self._store, self._writer.touch)
        self._active = True
        settings = self._settings
        logger.info(
            "Headroom %s active: mode=%s, level=%s, subscription logins: %s, data in %s",
            __version__,
            settings.mode,
            settings.level,
            settings.subscription,
            directory,
        )

    def requestheaders(self, flow: HTTPFlow) -> None:
        """Send base-URL requests to their provider; don't hold up what is none of ours."""
        with Edge("requestheaders"):
            if routing.is_for_listener(flow):
                self._route(flow)
            if flow.response is not None or not self._active or resend.RESENT in flow.metadata or not self._is_ours(flow):
                return
            settings = take_overrides(flow.request.headers, self._settings)
            provider = self._provider(flow)
            if provider is None:
                flow.request.stream = True
            else:
                if self._pool.is_cold():
                    self._start(self._pool.warm_up())
                self._live[flow.id] = LiveFlow(provider, settings, flow.request.path.partition("?")[0])

    async def request(self, flow: HTTPFlow) -> None:
        """Rewrite a request to a provider."""
        live = self._live.get(flow.id)
        if live is None:
            return
        started = time.perf_counter()
        raw, length = flow.request.raw_content, flow.request.headers.get("content-length")
        with Edge("request") as edge:
            await self._handle(flow, live)
        if edge.error:
            live.reason, live.error, live.changed, live.result = Reason.INTERNAL_ERROR, edge.error, False, None
            flow.request.raw_content = raw
            if length is not None:
                flow.request.headers["content-length"] = length
        live.overhead_ms = (time.perf_counter() - started) * 1000

    def responseheaders(self, flow: HTTPFlow) -> None:
        """Let the response stream, with a copy read for usage."""
        if flow.response is None or resend.RESENT in flow.metadata:
            return
        with Edge("responseheaders"):
            live = self._live.get(flow.id)
            if live is not None:
                live.rejected = live.changed and flow.response.status_code in resend.REJECTED
                live.tap = _tap(flow.response)
                if not live.rejected:
                    flow.response.stream = live.tap
            elif self._is_ours(flow) and flow.response.status_code != _SWITCHING_PROTOCOLS:
                flow.response.stream = True

    async def response(self, flow: HTTPFlow) -> None:
        """The response has ended; where it refuses what we sent, the original gets its turn."""
        live = self._live.get(flow.id)
        if live is not None and live.rejected:
            with Edge("sending the original"):
                await self._send_original(flow, live)
        self._finish(flow)

    def error(self, flow: HTTPFlow) -> None:
        """The connection broke, before or within the response."""
        self._finish(flow)

    def websocket_message(self, flow: HTTPFlow) -> None:
        """Keep a long conversation from growing without end: mitmproxy itself forgets no message."""
        if flow.websocket is not None and self._is_ours(flow):
            views.trim_messages(flow.websocket.messages)

    def done(self) -> Awaitable[None]:
        """Write what is still to be written.

        No coroutine function: mitmproxy calls this without awaiting it when a script is reloaded, and refuses one there.
        """
        was_active, self._active = self._active, False
        return asyncio.ensure_future(self._close() if was_active else asyncio.sleep(0))

    async def _close(self) -> None:
        self._ledger.hurry()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CLOSE_SECONDS)
        await asyncio.to_thread(self._writer.close, _CLOSE_SECONDS)
        await asyncio.gather(self._pool.close(), self._counting.close())

    def _refuse(self, line: str) -> None:
        # mitmproxy ends a start in which an error was logged; an exception would add a traceback.
        self._refused = True
        logger.error("Headroom: %s", line)

    def _provider(self, flow: HTTPFlow) -> Provider | None:
        if flow.request.method != "POST":
            return None
        return match(flow.request.pretty_host, flow.request.path, self._settings.hosts)

    def _is_ours(self, flow: HTTPFlow) -> bool:
        host = flow.request.pretty_host
        known = self._hosts_seen.get(host)
        if known is None:
            known = views.matches_any(self._own_hosts, host)
            self._hosts_seen.put(host, known, _HOST_BYTES)
        return known

    def _route(self, flow: HTTPFlow) -> None:
        if not routing.is_trusted_origin(flow):
            flow.response = site.refused()
            return
        path = flow.request.path
        if path.partition("?")[0] == "/health":
            flow.response = site.health(self._settings)
            return
        host = routing.base_url_host(path, anthropic_headers="anthropic-version" in flow.request.headers)
        if host is None:
            flow.response = site.unknown_path(path.partition("?")[0])
        else:
            routing.send_to(flow, host)

    async def _handle(self, flow: HTTPFlow, live: LiveFlow) -> None:
        request = flow.request
        raw = request.raw_content
        if raw is None:
            live.reason = Reason.STREAMED_REQUEST
            return
        coding = bodies.coding_of(request.headers.get("content-encoding"))
        live.bytes_before = len(raw)
        try:
            body = await _off_loop(bodies.decode, raw, coding)
        except bodies.BodyError as error:
            live.reason, live.error = Reason.UNDECODABLE_BODY, str(error)
            return
        live.bytes_before = len(body)
        asked = RawRequest(request.pretty_host, request.path, body)
        live.plan = await self._rewriter.plan(live.provider, asked, live.settings)
        result = await self._rewriter.rewrite(asked, live.plan, live.settings)
        if result.reason:
            live.reason, live.error = result.reason.reason, result.reason.detail
        blocked = _blocked(flow, live, self._left_alone)
        if blocked:
            live.reason = blocked
        elif result.changed:
            live.original = raw
            _replace(flow, await _off_loop(bodies.encode, result.body, coding))
            views.mark(flow, result)
            live.changed = True
        live.result = result
        self._keep(result, body)

    async def _send_original(self, flow: HTTPFlow, live: LiveFlow) -> None:
        if not await resend.send_original(flow, live.original) or flow.response is None:
            return
        live.tap = _tap(flow.response)
        live.tap(flow.response.raw_content or b"")
        if flow.response.status_code in resend.REJECTED:
            return
        live.reason, live.changed = Reason.REWRITE_REJECTED, False
        if live.plan is not None and live.plan.decoded is not None:
            self._left_alone.add(live.plan.decoded.conversation)
        logger.warning(
            "Headroom: the provider rejected a rewritten request and took the original; this conversation is left alone from now on"
        )

    def _keep(self, result: CompressionResult, body: bytes) -> None:
        """Have the forms that were decided now, and their originals, written to disk."""
        forms = [
            StoredForm(one.key, one.result, one.content_id, original_text(body, one.output) if isinstance(one.result, Rewritten) else None)
            for one in result.outcomes
            if one.new
        ]
        if forms:
            self._writer.put_forms(forms)

    def _finish(self, flow: HTTPFlow) -> None:
        live = self._live.pop(flow.id, None)
        if live is not None and self._settings.flow_log:
            self._start(self._log(flow, live))
        with Edge("the flow list"):
            self._flow_list.ended(flow, ctx.master.addons.get("view"))

    async def _log(self, flow: HTTPFlow, live: LiveFlow) -> None:
        """Count the request's tokens and write its row."""
        counts = Counts(0, 0, {}, exact=False)
        with Edge("counting"):
            if live.result is not None:
                counts = await self._ledger.count(live, live.result.original)
        with Edge("the flow log"):
            self._writer.put_flow(flow_record(flow, live, counts, self._logged))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        async def guarded() -> None:
            with Edge("a task"):
                await work

        task = asyncio.get_running_loop().create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _allow_hosts(self) -> None:
        """Decrypt the known hosts and no others, beside what the user allows."""
        theirs = list(ctx.options.allow_hosts)
        if self._own_hosts and theirs[-len(self._own_hosts) :] == self._own_hosts:
            del theirs[-len(self._own_hosts) :]
        self._own_hosts = routing.host_patterns(self._settings.hosts)
        self._hosts_seen = BoundedCache[str, bool](_HOSTS_SEEN)
        ctx.options.update(allow_hosts=[*theirs, *self._own_hosts])


def _replace(flow: HTTPFlow, content: bytes) -> None:
    """Give a request another body, already in its content coding.

    The original is kept where somebody can see and revert the change: in mitmweb, the console, a saved flow. It costs a
    fifth of what the addon does, which plain mitmdump need not spend.
    """
    saved = "save_stream_file" in ctx.options and ctx.options.save_stream_file
    if saved or ctx.master.addons.get("view") is not None:
        flow.backup()
    flow.request.raw_content = content
    if "content-length" in flow.request.headers:
        flow.request.headers["content-length"] = str(len(content))


def _tap(response: Response) -> UsageTap:
    return UsageTap(response.headers.get("content-type", ""), bodies.coding_of(response.headers.get("content-encoding")))


def _blocked(flow: HTTPFlow, live: LiveFlow, left_alone: resend.LeftAlone) -> Reason | None:
    """Why a request must not be changed, whatever was found in it."""
    if flow.is_replay == "request":
        return Reason.REPLAYED_FLOW
    if live.settings.mode != "optimize":
        return Reason.AUDIT_MODE
    if any(name in flow.request.headers for name in _DIGESTS):
        return Reason.BODY_DIGEST
    decoded = live.plan.decoded if live.plan else None
    if decoded is not None and decoded.conversation in left_alone:
        return Reason.LEFT_ALONE
    login = flow.request.headers.get("authorization", "").lower().startswith("bearer sk-ant-oat")
    if decoded is not None and decoded.billing_mark and login and live.settings.subscription != "optimize":
        return Reason.SUBSCRIPTION_AUDIT
    return None


async def _off_loop(task: Callable[[bytes, str], bytes], data: bytes, coding: str) -> bytes:
    """Code or decode in a thread where it takes time: these libraries let go of the GIL."""
    if coding == "identity" or len(data) < _LARGE_CODED:
        return task(data, coding)
    return await asyncio.to_thread(task, data, coding)
