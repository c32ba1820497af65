"""Providers: one wire format a file. A new one is a file and a line in `PROVIDERS`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

from headroom_core.model import DecodedRequest, RawRequest, Usage
from headroom_core.providers.anthropic_messages import AnthropicMessages
from headroom_core.providers.conversation import EventCache
from headroom_core.providers.openai_chat import OpenAIChat

__all__ = ["PROVIDERS", "EventCache", "Provider", "match"]


class Provider(Protocol):
    """One wire format: which requests speak it, what a request holds, what an answer says was billed."""

    name: str
    hosts: tuple[str, ...]
    """Regular expressions for whole host names that are known to speak it."""

    def matches(self, path: str) -> bool:
        """Whether a path (without query) carries this format."""

    def decode(self, request: RawRequest, cache: EventCache) -> DecodedRequest:
        """What the body holds. Raises RequestFormatError."""

    def read_usage(self, events: Iterable[object]) -> Usage:
        """Usage from a whole answer, or from the data of a stream's events in order."""


PROVIDERS: tuple[Provider, ...] = (AnthropicMessages(), OpenAIChat())


def match(host: str, path: str, more_hosts: Iterable[str] = ()) -> Provider | None:
    """The provider that a request goes to; `more_hosts` are HOST=FORMAT pairs of the user."""
    bare = path.partition("?")[0]
    name = host.lower()
    for pair in more_hosts:
        extra_host, _, wire_format = pair.partition("=")
        if extra_host.lower() == name:
            return next((provider for provider in PROVIDERS if provider.name == wire_format and provider.matches(bare)), None)
    for provider in PROVIDERS:
        if provider.matches(bare) and any(re.fullmatch(pattern, name) for pattern in provider.hosts):
            return provider
    return None
