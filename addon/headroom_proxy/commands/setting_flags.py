"""Command-line flags from the settings: one loop, no second list."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import click

from headroom_core.errors import SettingsError
from headroom_core.settings import Settings, parse_settings
from headroom_proxy.options import default_text


def setting_flags[F: Callable[..., Any]](command: F) -> F:
    """A flag for each setting; the command gets `settings`. A bad value ends it with one line that names the flag."""

    @functools.wraps(command)
    def wrapped(**values: Any) -> Any:
        texts = {name: values.pop(name) for name in Settings.model_fields}
        return command(**values, settings=settings_from(texts))

    for name, field in reversed(Settings.model_fields.items()):
        flag = "--" + name.replace("_", "-")
        wrapped = click.option(flag, name, default="", metavar="VALUE", help=f"{field.description}. Default: {default_text(name)}.")(
            wrapped
        )
    return wrapped  # type: ignore[return-value]


def settings_from(texts: dict[str, str]) -> Settings:
    """Settings from flag texts; ends the command on a bad one."""
    try:
        return parse_settings(texts)
    except SettingsError as error:
        raise click.ClickException(f"--{str(error).replace('_', '-', 1)}") from error
