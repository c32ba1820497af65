"""Settings for one request, as `x-headroom-*` headers. They are taken off before the request leaves."""

from __future__ import annotations

from mitmproxy.http import Headers

from headroom_core.errors import SettingsError
from headroom_core.settings import Settings, parse_settings

PREFIX = "x-headroom-"
ALLOWED = {"mode", "level"}


def take_overrides(headers: Headers, settings: Settings) -> Settings:
    """The settings for this request; a header that means nothing is dropped all the same."""
    values: dict[str, str] = {}
    for name in [name for name in headers if name.lower().startswith(PREFIX)]:
        field = name.lower().removeprefix(PREFIX).replace("-", "_")
        if field in ALLOWED:
            values[field] = headers[name]
        del headers[name]
    if not values:
        return settings
    try:
        parsed = parse_settings(values)
    except SettingsError:
        return settings
    return settings.with_changes(**{name: getattr(parsed, name) for name in values})
