"""What mitmproxy's own interfaces hold and show of our flows: a mark, and a bound on how many they keep."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mitmproxy.addons.view import View
from mitmproxy.http import HTTPFlow
from mitmproxy.websocket import WebSocketMessage

from headroom_core.model import Rewritten
from headroom_core.pipeline import CompressionResult

MAX_FLOWS = 2000
MAX_FLOW_BYTES = 256 * 1024 * 1024
MAX_MESSAGES = 100

METADATA = "headroom"


def mark(flow: HTTPFlow, result: CompressionResult) -> None:
    """A comment that says what was done; `metadata` stays small and plain, so that flow files can hold it."""
    rewritten = sum(isinstance(outcome.result, Rewritten) for outcome in result.outcomes)
    before, after = len(result.original), len(result.body)
    flow.comment = f"headroom: {before:,} to {after:,} bytes, {rewritten} of {len(result.outcomes)} tool outputs rewritten"
    flow.metadata[METADATA] = {"bytes_before": before, "bytes_after": after, "rewritten": rewritten}


def trim_messages(messages: list[WebSocketMessage]) -> None:
    """Forget all but the newest WebSocket messages."""
    if len(messages) > MAX_MESSAGES:
        del messages[:-MAX_MESSAGES]


def trim_flows(view: View | None) -> None:
    """Forget the oldest unmarked flows of mitmweb or the console beyond the bound; mitmdump keeps none."""
    if view is None:
        return
    flows = list(view._store.values())  # noqa: SLF001 - the view has no public list of all its flows
    spare = len(flows) - MAX_FLOWS
    size = sum(map(_size, flows))
    drop = []
    for flow in flows:
        if spare <= 0 and size <= MAX_FLOW_BYTES:
            break
        if not flow.marked and isinstance(flow, HTTPFlow) and flow.response is not None:
            drop.append(flow)
            spare -= 1
            size -= _size(flow)
    if drop:
        view.remove(drop)


def matches_any(patterns: Iterable[str], host: str) -> bool:
    """Whether one of mitmproxy's host patterns matches."""
    return any(re.search(pattern, host, re.IGNORECASE) for pattern in patterns)


def _size(flow: object) -> int:
    if not isinstance(flow, HTTPFlow):
        return 0
    request = len(flow.request.raw_content or b"")
    response = len(flow.response.raw_content or b"") if flow.response else 0
    return 2 * request + response if flow.modified() else request + response
