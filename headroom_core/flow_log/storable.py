"""Values as SQLite can hold them. What comes from a network can be of any size and shape; one odd value must not cost a batch."""

from __future__ import annotations

import math

_MAX_CHARACTERS = 2_000
_MAX_INTEGER = 10**12
"""Far above any count of bytes or tokens, and low enough that a sum over millions of rows stays within 64 bits."""


def short_text(text: str) -> str:
    r"""The text with lone surrogates spelled `\ud800`, cut to 2,000 characters."""
    if len(text) > _MAX_CHARACTERS:
        text = text[: _MAX_CHARACTERS - 1] + "…"
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def whole(number: int) -> int:
    """The number, held within a range that SQLite can store and sum."""
    return max(-_MAX_INTEGER, min(_MAX_INTEGER, int(number)))


def whole_or_none(number: int | None) -> int | None:
    """Like `whole`; None stays None, which says "not reported"."""
    return None if number is None else whole(number)


def finite(number: float) -> float:
    """The number, or 0.0 in place of NaN and infinities, which neither a NOT NULL column nor JSON can hold."""
    number = float(number)
    return number if math.isfinite(number) else 0.0
