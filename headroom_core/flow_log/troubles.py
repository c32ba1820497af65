"""Saying once what doesn't work, and again only after it worked in between."""

from __future__ import annotations

from collections.abc import Callable


class Troubles:
    """Owned by one thread. Two places with one cause, such as both files in a read-only folder, make one warning."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        self._warn = warn
        self._causes: dict[str, str] = {}

    def failed(self, place: str, cause: str, line: str) -> None:
        """Warn with `line`, unless this place is known not to work, or another doesn't for the same cause."""
        known = place in self._causes or cause in self._causes.values()
        self._causes.setdefault(place, cause)
        if not known:
            self._warn(line)

    def worked(self, place: str) -> None:
        """The place works: its next failure is news."""
        self._causes.pop(place, None)
