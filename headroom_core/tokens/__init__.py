"""How many tokens a text has: tiktoken behind one door.

Rule of the room: nothing here touches the network. tiktoken's own `get_encoding` downloads a missing vocabulary through
`requests`, which obeys HTTPS_PROXY: from inside the proxy that is a deadlock. So the vocabulary is read from this machine
(`vocabulary.find`), and where there is none, `counter()` gives an estimate that says so (`exact` is False).
"""

from __future__ import annotations

import functools
import threading
from typing import Protocol

from headroom_core.tokens.estimate import EstimatingCounter
from headroom_core.tokens.exact import TiktokenCounter
from headroom_core.tokens.vocabulary import O200K_BASE, find

__all__ = ["EstimatingCounter", "TiktokenCounter", "TokenCounter", "build_counter", "counter"]


class TokenCounter(Protocol):
    """Counts tokens. Any text may be given: text that spells a special token counts as text, lone surrogates are allowed."""

    @property
    def encoding(self) -> str:
        """Name of the tiktoken encoding, such as o200k_base. Other providers' own tokenizers count differently."""

    @property
    def exact(self) -> bool:
        """False: no vocabulary was to be had, counts are estimates."""

    def count(self, text: str) -> int:
        """The number of tokens of `text`."""


_building = threading.Lock()


def counter() -> TokenCounter:
    """The counter of this process. The first call takes about half a second: make it where nothing waits."""
    with _building:
        return _counter()


@functools.cache
def _counter() -> TokenCounter:
    return build_counter()


def build_counter() -> TokenCounter:
    """A counter of its own: exact where a vocabulary is found on this machine, else an estimate."""
    data = find(O200K_BASE)
    return EstimatingCounter(O200K_BASE.name) if data is None else TiktokenCounter(O200K_BASE, data)
