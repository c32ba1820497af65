"""Which traffic is whose: hosts to decrypt, and where a request to the proxy's own port is meant to go.

A request in origin form (`POST /v1/messages` to the listener itself) comes from a client whose base URL is this proxy.
It is answered only for a loopback Host and no web page's origin: a page in a browser must not reach a provider through
it, nor by a name that resolves to this machine.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from mitmproxy.http import HTTPFlow
from mitmproxy.proxy.mode_specs import RegularMode, UpstreamMode

from headroom_core.providers import PROVIDERS

ANTHROPIC = "api.anthropic.com"
OPENAI = "api.openai.com"
KNOWN_PATHS = ("/v1/messages", "/v1/chat/completions", "/health")

_OPENAI_PATHS = ("/v1/chat/", "/v1/responses", "/v1/models", "/v1/embeddings", "/v1/completions", "/v1/files", "/v1/moderations")
_HTTPS = 443


def host_patterns(more_hosts: Iterable[str]) -> list[str]:
    """Patterns for mitmproxy's `allow_hosts`, which sees `host:port`: whole names, any port."""
    patterns = {pattern for provider in PROVIDERS for pattern in provider.hosts}
    patterns |= {pair.partition("=")[0].replace(".", r"\.") for pair in more_hosts}
    return [rf"^{pattern}(:\d+)?$" for pattern in sorted(patterns)]


def is_for_listener(flow: HTTPFlow) -> bool:
    """Whether a request was sent to the proxy's port itself and not through it."""
    request = flow.request
    if not isinstance(flow.client_conn.proxy_mode, RegularMode | UpstreamMode):
        return False
    # Requests inside a CONNECT tunnel have this form too, but not the listener's own port.
    return request.first_line_format == "relative" and not flow.client_conn.tls and request.port == flow.client_conn.sockname[1]


def is_trusted_origin(flow: HTTPFlow) -> bool:
    """Whether a request to the listener comes from a program on this machine and not from a web page."""
    headers = flow.request.headers
    return _is_loopback(flow.request.host) and "origin" not in headers and headers.get("sec-fetch-site", "none") == "none"


def base_url_host(path: str, *, anthropic_headers: bool) -> str | None:
    """The provider's host for a path asked of the listener; None if no provider has it."""
    bare = path.partition("?")[0]
    if bare.startswith("/v1/messages") or (anthropic_headers and bare.startswith("/v1/")):
        return ANTHROPIC
    return OPENAI if bare.startswith(_OPENAI_PATHS) else None


def send_to(flow: HTTPFlow, host: str) -> None:
    """Send a request of the listener to a provider over TLS."""
    flow.request.scheme = "https"
    flow.request.host = host
    flow.request.port = _HTTPS


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
