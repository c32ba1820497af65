"""A request that a provider rejected once it was rewritten is sent again as it came.

mitmproxy's own replay does the sending, so that upstream proxies, certificates and its other options hold for it too.
"""

from __future__ import annotations

from collections import OrderedDict

from mitmproxy import ctx
from mitmproxy.addons.clientplayback import ReplayHandler
from mitmproxy.http import HTTPFlow

RESENT = "headroom_resent"
"""Metadata of the second flow: no hook of ours touches it."""

REJECTED = {400, 413, 422}
_MAX_CONVERSATIONS = 1000


class LeftAlone:
    """Conversations that are not rewritten any more. Bounded: the oldest are forgotten, and rejected again if need be."""

    def __init__(self) -> None:
        self._names: OrderedDict[str, None] = OrderedDict()

    def add(self, conversation: str) -> None:
        """Leave a conversation alone from now on."""
        self._names[conversation] = None
        if len(self._names) > _MAX_CONVERSATIONS:
            self._names.popitem(last=False)

    def __contains__(self, conversation: str) -> bool:
        return bool(conversation) and conversation in self._names


async def send_original(flow: HTTPFlow, raw: bytes) -> bool:
    """Send the flow's request with its original body `raw`; its response becomes the flow's. False if there was none."""
    again = flow.copy()
    again.metadata = {RESENT: True}
    again.comment = "headroom: the original, after the rewritten request was rejected"
    again.response = again.error = None
    again.is_replay = "request"
    again.request.raw_content = raw
    if "content-length" in again.request.headers:
        again.request.headers["content-length"] = str(len(raw))
    await ReplayHandler(again, ctx.options).replay()
    if again.response is None:
        return False
    flow.response = again.response
    return True
