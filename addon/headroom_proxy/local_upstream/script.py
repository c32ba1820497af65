"""Replies written beforehand, so that a real agent can be led through a conversation."""

from __future__ import annotations

from collections.abc import Sequence

from headroom_proxy.local_upstream.conversation import Asked, Call, Reply, Say


class Script:
    """Turn k of a conversation gets `turns[k]`; after the last one the assistant says `the_end`.

    The turn is counted in the request itself, so that retries and side requests shift nothing. A turn that calls a tool which the
    request does not offer (an agent asking for a title) is answered with a text in place of the call.
    """

    def __init__(self, turns: Sequence[Say | Call | Reply], the_end: str = "Done.") -> None:
        self._turns: tuple[Reply, ...] = tuple((turn,) if isinstance(turn, (Say, Call)) else tuple(turn) for turn in turns)
        self._the_end: Reply = (Say(the_end),)

    def __call__(self, asked: Asked) -> Reply:
        """The reply to a request."""
        reply = self._turns[asked.turn] if asked.turn < len(self._turns) else self._the_end
        if all(isinstance(part, Say) or part.name in asked.tools for part in reply):
            return reply
        return self._the_end
