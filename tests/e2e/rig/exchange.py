"""One request without and with the proxy, compared."""

from __future__ import annotations

import httpx2

from headroom_proxy.local_upstream import LocalUpstream, Received
from tests.e2e.rig.proxy import Proxy, direct_client
from tests.e2e.rig.traffic import ANTHROPIC_URL

_CHANGES_BY_ITSELF = {"date", "request-id", "x-request-id"}


def exchange(
    proxy: Proxy, upstream: LocalUpstream, raw: bytes, headers: dict[str, str], url: str = ANTHROPIC_URL
) -> tuple[Received, httpx2.Response]:
    """Send a request without and with the proxy and compare headers and answers; returns what went through the proxy."""
    with direct_client(upstream) as client:
        direct_response = client.post(url, headers=headers, content=raw)
    with proxy.client() as client:
        response = client.post(url, headers=headers, content=raw)
    direct, request = upstream.received
    assert direct.raw == raw
    assert (response.status_code, response.content) == (direct_response.status_code, direct_response.content)
    assert kept(response.headers.multi_items()) == kept(direct_response.headers.multi_items())
    assert [pair for pair in request.headers if pair[0] != "content-length"] == [
        pair for pair in direct.headers if pair[0] != "content-length"
    ]
    assert request.header("content-length") == str(len(request.raw))
    return request, response


def kept(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers if name not in _CHANGES_BY_ITSELF]
