"""What mitmproxy's own interfaces hold and show of our flows: a mark, and a bound on how many they keep."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable

from mitmproxy.addons.view import View
from mitmproxy.flow import Flow
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


class FlowList:
    """Bounds what mitmweb or the console keeps; mitmdump keeps nothing. Each flow is measured once, when it ends."""

    def __init__(self) -> None:
        # Ids and not flows: what a person cleared from the list must not live on here.
        self._sizes: OrderedDict[str, int] = OrderedDict()
        self._total = 0

    def ended(self, flow: HTTPFlow, view: View | None) -> None:
        """Take a flow up, and forget the oldest unmarked ones beyond the bound."""
        if view is None:
            return
        size = _size(flow)
        self._total += size - self._sizes.pop(flow.id, 0)
        self._sizes[flow.id] = size
        drop: list[Flow] = []
        while len(self._sizes) > MAX_FLOWS or self._total > MAX_FLOW_BYTES:
            oldest_id, freed = self._sizes.popitem(last=False)
            self._total -= freed
            oldest = view.get_by_id(oldest_id)
            # What a person has marked stays, as long as that person keeps it.
            if oldest is not None and not oldest.marked:
                drop.append(oldest)
        if drop:
            view.remove(drop)


def matches_any(patterns: Iterable[str], host: str) -> bool:
    """Whether one of mitmproxy's host patterns matches."""
    return any(re.search(pattern, host, re.IGNORECASE) for pattern in patterns)


def _size(flow: HTTPFlow) -> int:
    request = len(flow.request.raw_content or b"")
    response = len(flow.response.raw_content or b"") if flow.response else 0
    # mitmproxy holds the body that came as well, for Revert.
    kept = flow.metadata.get(METADATA)
    backup = int(kept["bytes_before"]) if isinstance(kept, dict) else 0
    return request + response + backup
