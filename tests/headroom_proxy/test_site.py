"""What the proxy's own port answers by itself."""

from __future__ import annotations

import json

from headroom_core import __version__
from headroom_core.settings import Settings
from headroom_proxy import site


def test_health() -> None:
    first, second = (site.health(Settings(mode="audit", level="lossless")) for _ in range(2))
    facts = json.loads(first.content or b"")
    assert {key: facts[key] for key in ("status", "version", "mode", "level")} == {
        "status": "healthy",
        "version": __version__,
        "mode": "audit",
        "level": "lossless",
    }
    assert json.loads(second.content or b"")["uptime_seconds"] >= facts["uptime_seconds"] >= 0
    assert first.headers["content-type"] == "application/json"
    assert first.headers["cache-control"] == "no-store"


def test_unknown_path() -> None:
    answer = site.unknown_path('/v2/x"<script>')
    assert answer.status_code == 404
    error = json.loads(answer.content or b"")["error"]
    assert '/v2/x"<script>' in error["message"]
    assert "/v1/messages" in error["message"]
    assert answer.headers["content-type"] == "application/json"


def test_refused() -> None:
    answer = site.refused()
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers
    assert json.loads(answer.content or b"")["error"]["type"] == "permission_error"
