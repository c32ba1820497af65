"""The words that our forms begin with, and the line that stands where records were left out. Keep the wording stable."""

from __future__ import annotations

MARK = "[headroom:"
"""Begins each rewritten text: how a text of ours is known, by us and by whoever reads a log."""


def omission(count: int, total: int, what: str, kept: str, content_id: str) -> str:
    """The line that says what was left out, why the rest was kept, and how to get the whole back."""
    return f"{MARK} {count} of {total} {what} left out here; kept are {kept}; the full output: headroom get {content_id}]"


def gap(count: int) -> str:
    """Stands between kept lines for `count` lines that are left out there."""
    return f"…{count}"
