"""The providers' answers: which wire shape a request speaks, what is replied, what it costs."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

from headroom_proxy.local_upstream import anthropic_messages, openai_chat
from headroom_proxy.local_upstream.conversation import Asked, Reply, default_reply
from headroom_proxy.local_upstream.model import Answer, Received
from headroom_proxy.local_upstream.prefix_cache import PrefixCache

_BAD_SHAPE = (KeyError, TypeError, AttributeError, ValueError, RecursionError)


class Providers:
    """Answers as Anthropic Messages and OpenAI Chat Completions do, with one prompt cache for its lifetime.

    `reply` decides what the assistant does; a `Script` is one.
    """

    def __init__(self, reply: Callable[[Asked], Reply] = default_reply) -> None:
        self._reply = reply
        self._cache = PrefixCache()

    def __call__(self, received: Received) -> Answer:
        """The answer; a body that the provider would refuse gets its 400, an unknown path its 404."""
        path = received.path.split("?", 1)[0]
        provider = anthropic_messages if "anthropic" in received.host or "/messages" in path else openai_chat
        try:
            if received.method == "POST" and path == "/v1/messages":
                return self._anthropic(received)
            if received.method == "POST" and path == "/v1/messages/count_tokens":
                return anthropic_messages.token_count(anthropic_messages.bill(received.json(), PrefixCache()).total)
            if received.method == "POST" and path == "/v1/chat/completions":
                return self._openai(received)
        except _BAD_SHAPE as error:
            return _error(provider, 400, f"{type(error).__name__}: {error}")
        return _error(provider, 404, f"Not found: {received.method} {path}")

    def _anthropic(self, received: Received) -> Answer:
        body = received.json()
        asked = anthropic_messages.asked(body)
        billed = anthropic_messages.bill(body, self._cache)
        reply = self._reply(asked)
        return (anthropic_messages.stream if asked.stream else anthropic_messages.whole)(asked, reply, billed)

    def _openai(self, received: Received) -> Answer:
        body = received.json()
        asked = openai_chat.asked(body)
        billed = openai_chat.bill(body, self._cache)
        reply = self._reply(asked)
        if not asked.stream:
            return openai_chat.whole(asked, reply, billed)
        include_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        return openai_chat.stream(asked, reply, billed, include_usage=include_usage)


def _error(provider: ModuleType, status: int, message: str) -> Answer:
    answer: Answer = provider.error(status, message)
    return answer
