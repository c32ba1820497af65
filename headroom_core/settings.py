"""The settings, declared once: mitmproxy options, CLI flags and the README's table are loops over `Settings`.

Nothing here reads the environment or a file; the shells around the core do that and pass values in.
"""

from __future__ import annotations

import hashlib
import re
from functools import cached_property
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from headroom_core.errors import SettingsError

type Mode = Literal["optimize", "audit", "simulate"]
type Level = Literal["balanced", "lossless"]


WIRE_FORMATS = ("anthropic", "openai")
"""Names of the wire formats that a host can be said to speak; a test holds them equal to the providers' names."""

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?")


class ToolProfile(BaseModel):
    """What differs for one tool. A field left out keeps the general setting."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    skip_compression: bool = False
    level: Level | None = None
    max_items: int | None = Field(default=None, ge=5, le=10_000)


class Settings(BaseModel):
    """All settings with their defaults. `Settings(level="lossless")` raises pydantic's ValidationError on bad values."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mode: Mode = Field(default="optimize", description="optimize: rewrite; audit: only observe and log; simulate: say what would happen")
    level: Level = Field(
        default="balanced", description="balanced: lossless first, then choose records; lossless: never leave anything out"
    )
    subscription: Literal["audit", "optimize"] = Field(
        default="audit",
        description="requests that carry a client's integrity mark together with a subscription login: audit only observes them",
    )
    hosts: tuple[str, ...] = Field(
        default=(), description="more hosts to decrypt, as HOST=FORMAT with FORMAT one of anthropic, openai; comma-separated"
    )
    min_tokens_to_crush: int = Field(
        default=200, ge=0, le=1_000_000, description="tool outputs below this size (estimated tokens) stay as they are"
    )
    max_items_after_crush: int = Field(default=15, ge=5, le=10_000, description="records kept at least, where records are chosen")
    first_items: int = Field(default=3, ge=0, le=1_000, description="records kept from the beginning of a collection")
    last_items: int = Field(default=2, ge=0, le=1_000, description="records kept from the end of a collection")
    aliases: bool = Field(default=True, description="name long beginnings of urls, paths and timestamps, and long repeated values, once")
    variance_threshold: float = Field(
        default=2.0, gt=0, le=100, description="standard deviations from the mean that make a number an outlier"
    )
    tools: dict[str, ToolProfile] = Field(
        default_factory=dict, description='per-tool profiles as JSON, such as {"Read": {"skip_compression": true}}'
    )
    data_dir: str = Field(default="", description="folder of the flow log and the content store; empty: the platform's data folder")
    flow_log: bool = Field(default=True, description="write the flow log")
    retention_days: int = Field(default=7, ge=1, le=3650, description="days after which stored originals and rewritten forms expire")
    store_megabytes: int = Field(default=512, ge=1, le=1_000_000, description="size cap of the content store")
    workers: int = Field(default=2, ge=1, le=64, description="processes that compress what is too large for the event loop")

    @field_validator("hosts")
    @classmethod
    def _check_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for pair in hosts:
            host, _, wire_format = pair.partition("=")
            if _HOST.fullmatch(host) is None or wire_format not in WIRE_FORMATS:
                raise ValueError(f"{pair!r} is not HOST=FORMAT with FORMAT one of {', '.join(WIRE_FORMATS)}")
        return hosts

    def rewrite_digest(self) -> bytes:
        """8 bytes that differ where two settings may rewrite differently.

        Only values that differ from their default count: a setting that a later version adds, or whose default stays,
        leaves the digest, and so the conversations in flight, as they were.
        """
        return self._digest

    @cached_property
    def _digest(self) -> bytes:
        relevant = self.model_dump(include=REWRITE_FIELDS, exclude_defaults=True, mode="json")
        return hashlib.blake2b(orjson.dumps(relevant, option=orjson.OPT_SORT_KEYS), digest_size=8).digest()

    def with_changes(self, **changes: Any) -> Settings:
        """These settings with some fields set to other valid values."""
        return self.model_validate(self.model_dump() | changes)

    def for_tool(self, name: str) -> Settings:
        """These settings with the profile of the tool `name` applied."""
        profile = self.tools.get(name)
        if profile is None:
            return self
        changes: dict[str, Any] = {}
        if profile.level is not None:
            changes["level"] = profile.level
        if profile.max_items is not None:
            changes["max_items_after_crush"] = profile.max_items
        return self.with_changes(**changes)

    def skips(self, name: str) -> bool:
        """Whether the outputs of the tool `name` are left alone."""
        profile = self.tools.get(name)
        return profile is not None and profile.skip_compression


REWRITE_FIELDS = {
    "level",
    "min_tokens_to_crush",
    "max_items_after_crush",
    "first_items",
    "last_items",
    "variance_threshold",
    "aliases",
    "tools",
}


def parse_settings(values: dict[str, str]) -> Settings:
    """Settings from option texts by field name, as the addon's options and the CLI give them.

    Raises SettingsError with one line that names the first option at fault. An empty text means the default.
    """
    parsed: dict[str, Any] = {}
    for name, text in values.items():
        if name not in Settings.model_fields:
            raise SettingsError(f"{name}: no such setting")
        if text.strip():
            parsed[name] = _from_text(name, text.strip())
    try:
        return Settings(**parsed)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        raise SettingsError(_one_line(f"{name}={values.get(name, '')}: {_sentence(first)}")) from error


def _from_text(name: str, text: str) -> object:
    if name == "hosts":
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if name == "tools":
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise SettingsError(_one_line(f"{name}={text}: not JSON ({error})")) from error
    return text


def _sentence(error: Any) -> str:
    inner = ".".join(str(part) for part in error["loc"][1:])
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{inner}: {message}" if inner else message


def _one_line(text: str) -> str:
    return " ".join(text.split())
