"""Prompt caching as the providers bill it: what was sent before, as an exact prefix, is read; the rest is fresh."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from headroom_core.tokens import counter

SMALLEST_PREFIX = 1024
"""Tokens below which nothing is cached (both providers' documentation, for most models)."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of the prompt: all tools, the system prompt, or one message."""

    text: str
    """JSON that is equal where the provider sees equal prompts."""
    words: str
    """The words that the provider counts tokens of."""
    ends_cached: bool
    """The end of this piece is a cache breakpoint."""


@dataclass(frozen=True, slots=True)
class Billed:
    """Prompt tokens by price."""

    read: int
    written: int
    fresh: int

    @property
    def total(self) -> int:
        """All prompt tokens."""
        return self.read + self.written + self.fresh


class PrefixCache:
    """Remembers the prefixes of every prompt for as long as it lives. Safe to use from several threads."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()
        self._sizes: dict[bytes, int] = {}
        self._lock = threading.Lock()

    def bill(self, scope: str, segments: Sequence[Segment]) -> Billed:
        """What the prompt costs now; its prefixes up to the last breakpoint are cached from then on.

        `scope` keeps apart what shares no cache, such as models.
        """
        last = max((index + 1 for index, segment in enumerate(segments) if segment.ends_cached), default=0)
        with self._lock:
            sizes = [self._tokens(segment) for segment in segments]
            prefixes = _chained(scope, segments[:last])
            cached = sum(sizes[:last])
            read = max((sum(sizes[: index + 1]) for index, prefix in enumerate(prefixes) if prefix in self._seen), default=0)
            if cached < SMALLEST_PREFIX:
                return Billed(0, 0, sum(sizes))
            self._seen.update(prefixes)
        if read < SMALLEST_PREFIX:
            read = 0
        return Billed(read, cached - read, sum(sizes) - cached)

    def _tokens(self, segment: Segment) -> int:
        key = _digest(b"", segment.text)
        if key not in self._sizes:
            self._sizes[key] = counter().count(segment.words)
        return self._sizes[key]


def segment(value: Any, *, ends_cached: bool) -> Segment:
    """A piece of the prompt from its JSON value. Cache marks are no part of the prompt."""
    bare = _without_marks(value)
    return Segment(json.dumps(bare, ensure_ascii=False, sort_keys=True), "\n".join(_words(bare)), ends_cached)


def has_mark(value: Any) -> bool:
    """Whether a `cache_control` stands anywhere in the value."""
    if isinstance(value, dict):
        return bool(value.get("cache_control")) or any(has_mark(inner) for inner in value.values())
    return isinstance(value, list) and any(has_mark(inner) for inner in value)


def _without_marks(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_marks(inner) for key, inner in value.items() if key != "cache_control"}
    return [_without_marks(inner) for inner in value] if isinstance(value, list) else value


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            # Pictures and files are billed by their size in pixels or pages, not by the length of their base64.
            if key != "data":
                yield str(key)
                yield from _words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words(inner)
    else:
        yield str(value)


def _chained(scope: str, segments: Sequence[Segment]) -> list[bytes]:
    prefixes: list[bytes] = []
    digest = _digest(b"", scope)
    for segment in segments:
        digest = _digest(digest, segment.text)
        prefixes.append(digest)
    return prefixes


def _digest(before: bytes, text: str) -> bytes:
    return hashlib.blake2b(before + text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
