"""Streams of the providers, in any content coding and with any piece changed."""

from __future__ import annotations

import json
from collections.abc import Callable

from headroom_proxy.local_upstream import Answer, Piece, Providers, Received
from tests.e2e.rig.codings import flushed
from tests.e2e.rig.traffic import (
    ANTHROPIC_HEADERS,
    ANTHROPIC_URL,
    OPENAI_HEADERS,
    OPENAI_URL,
    anthropic_conversation,
    openai_conversation,
    tool_text,
)


def streaming_request(provider: str) -> tuple[str, dict[str, str], bytes]:
    """Address, headers and body of a request that is worth rewriting and asks for a stream with usage."""
    if provider == "anthropic":
        conversation = anthropic_conversation([tool_text(seed=40)]) | {"stream": True}
        return ANTHROPIC_URL, ANTHROPIC_HEADERS, json.dumps(conversation).encode()
    conversation = openai_conversation([tool_text(seed=41)]) | {"stream": True, "stream_options": {"include_usage": True}}
    return OPENAI_URL, OPENAI_HEADERS, json.dumps(conversation).encode()


def events_of(answer: Answer) -> list[bytes]:
    """The pieces of an answer that knows no waiting."""
    pieces = list(answer.chunks)
    assert all(isinstance(piece, bytes) for piece in pieces)
    return [piece for piece in pieces if isinstance(piece, bytes)]


def answer_with(coding: str, change: Callable[[list[bytes]], list[Piece]], sent: list[bytes]) -> Callable[[Received], Answer]:
    """The provider's own stream in a coding, changed by `change`; what goes out is added to `sent`."""
    providers = Providers()

    def answer(received: Received) -> Answer:
        plain = providers(received)
        pieces = change(list(flushed(events_of(plain), coding)))
        sent.extend(piece for piece in pieces if isinstance(piece, bytes))
        headers = plain.headers if coding == "identity" else (*plain.headers, ("content-encoding", coding))
        return Answer(plain.status, headers, pieces)

    return answer
