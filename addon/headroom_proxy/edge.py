"""The edge where whatever breaks in this program stops: the traffic goes on as it came, and the log says why."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Self

logger = logging.getLogger(__name__)


class Edge:
    """`with Edge("hook") as edge:` lets no exception out; `edge.error` names what happened, empty if nothing did.

    Mitmproxy itself survives a failing hook, but not a failing stream callback (the client hangs), and neither tells the
    flow log. Warnings and not errors: an error logged while mitmproxy starts would end it.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self.error = ""

    def __enter__(self) -> Self:
        """Enter the guarded part."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> bool:
        """Swallow and log an Exception; let cancellation and exits through."""
        if error is None or not isinstance(error, Exception):
            return False
        self.error = f"{type(error).__name__} in {self._place}"
        logger.warning("Headroom: %s; the traffic goes on unchanged", self.error, exc_info=(type(error), error, trace))
        return True
