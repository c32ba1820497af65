"""What the proxy's own port answers by itself."""

from __future__ import annotations

import time

import orjson
from mitmproxy.http import Response

from headroom_core import __version__
from headroom_core.settings import Settings
from headroom_proxy.routing import KNOWN_PATHS

_STARTED = time.monotonic()
_NO_CACHE = {"content-type": "application/json", "cache-control": "no-store"}


def health(settings: Settings) -> Response:
    """The answer to `/health`."""
    facts = {
        "status": "healthy",
        "version": __version__,
        "mode": settings.mode,
        "level": settings.level,
        "uptime_seconds": round(time.monotonic() - _STARTED, 1),
    }
    return Response.make(200, orjson.dumps(facts), _NO_CACHE)


def unknown_path(path: str) -> Response:
    """The answer to a path that no provider has."""
    text = f"{path} is no path that Headroom knows. Base-URL clients reach {', '.join(KNOWN_PATHS)}; other hosts through the proxy."
    return Response.make(404, orjson.dumps({"error": {"type": "not_found_error", "message": text}}), _NO_CACHE)


def refused() -> Response:
    """The answer to a web page, or to a host name that is not this machine's loopback."""
    text = "Headroom's port serves programs on this machine: the Host must be loopback, and web pages are refused."
    return Response.make(403, orjson.dumps({"error": {"type": "permission_error", "message": text}}), _NO_CACHE)
