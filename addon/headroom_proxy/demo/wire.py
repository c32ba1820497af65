"""What the upstream received, brought to one form for both providers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headroom_proxy.local_upstream import Received

HOSTS = {"anthropic": "api.anthropic.com", "openai": "api.openai.com"}


@dataclass(frozen=True, slots=True)
class Sent:
    """One request on the wire: its messages without cache marks, the texts of its tool outputs, and all other texts."""

    messages: Sequence[Any]
    outputs: Sequence[str]
    words: Sequence[str]


def sent_to(provider: str, received: Sequence[Received]) -> list[Sent]:
    """The provider's requests, in order."""
    return [_sent(one.json()) for one in received if one.host == HOSTS[provider] and one.method == "POST"]


def _sent(body: dict[str, Any]) -> Sent:
    outputs: list[str] = []
    words = _texts(body.get("system"))
    for message in body["messages"]:
        if message["role"] == "tool":
            outputs.append("\n".join(_texts(message["content"])))
            continue
        content = message.get("content")
        blocks = content if isinstance(content, list) else []
        outputs += ["\n".join(_texts(block["content"])) for block in blocks if block["type"] == "tool_result"]
        words += _texts(content)
    return Sent([_without_marks(message) for message in body["messages"]], outputs, words)


def _texts(content: object) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [block["text"] for block in content if block.get("type") == "text"] if isinstance(content, list) else []


def _without_marks(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_marks(inner) for key, inner in value.items() if key != "cache_control"}
    return [_without_marks(inner) for inner in value] if isinstance(value, list) else value
