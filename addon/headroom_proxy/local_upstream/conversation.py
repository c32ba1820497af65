"""What a request asks for and what is replied, whatever the wire shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Say:
    """A text of the assistant."""

    text: str


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool that the request offers."""

    name: str
    arguments: Mapping[str, Any]


type Reply = Sequence[Say | Call]
"""One turn of the assistant: texts and calls, in this order."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for the assistant's next turn."""

    provider: Literal["anthropic", "openai"]
    model: str
    messages: tuple[dict[str, Any], ...]
    tools: frozenset[str]
    stream: bool

    @property
    def turn(self) -> int:
        """How many turns the assistant has had in this conversation: a retry gets the same number."""
        return sum(message.get("role") == "assistant" for message in self.messages)


def default_reply(asked: Asked) -> Reply:
    """A text that only says how long the conversation is."""
    return (Say(f"This conversation has {len(asked.messages)} messages, and this is the local upstream's answer to them."),)


def text_pieces(text: str) -> list[str]:
    """The text in word-sized pieces, as a streaming model gives it."""
    words = text.split(" ")
    return [word if index == 0 else f" {word}" for index, word in enumerate(words)]
