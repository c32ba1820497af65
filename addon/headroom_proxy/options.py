"""The core's settings as mitmproxy options: one loop, no second list.

Every option is a text for mitmproxy and is parsed here: mitmproxy drops an addon without a word when a typed option of a
script gets a wrong value on the command line, and does not check `choices` there.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from mitmproxy import optmanager
from mitmproxy.addonmanager import Loader

from headroom_core.errors import SettingsError
from headroom_core.settings import Settings, parse_settings

PREFIX = "headroom_"


def declare(loader: Loader) -> None:
    """Register an option for each setting; an empty text stands for the default."""
    for name, field in Settings.model_fields.items():
        loader.add_option(PREFIX + name, str, "", f"{field.description}. Default: {default_text(name)}")


def read(options: optmanager.OptManager) -> Settings:
    """The settings that the options say. Raises SettingsError whose message begins with the option's name."""
    values = {name: str(getattr(options, PREFIX + name)) for name in Settings.model_fields}
    try:
        return parse_settings(values)
    except SettingsError as error:
        raise SettingsError(f"{PREFIX}{error}") from error


def misspelt(deferred: Iterable[str]) -> list[str]:
    """A line for each option of ours that nobody declared."""
    lines = []
    for name in deferred:
        if name.startswith(PREFIX):
            near = difflib.get_close_matches(name.removeprefix(PREFIX), Settings.model_fields, n=1)
            lines.append(f"{name}: no such option" + (f"; did you mean {PREFIX}{near[0]}?" if near else ""))
    return lines


def default_text(name: str) -> str:
    """A setting's default as an option would spell it."""
    value = Settings.model_fields[name].get_default(call_default_factory=True)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | tuple):
        return "none"
    return str(value) or "none"
