"""OpenAI Chat Completions on the wire: whole completions, chunks, errors.

Source: openai-python 3.54 `types/chat/`, and platform.openai.com "Chat", "Error codes", "Prompt caching".
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator, Sequence
from typing import Any

from headroom_core.tokens import counter
from headroom_proxy.local_upstream.conversation import Asked, Call, Reply, Say, text_pieces
from headroom_proxy.local_upstream.model import Answer
from headroom_proxy.local_upstream.prefix_cache import Billed, PrefixCache, segment

_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    404: "invalid_request_error",
    429: "rate_limit_error",
    500: "server_error",
    503: "server_error",
}
_CACHE_STEP = 128
"""Cached tokens are reported in steps of this size (documentation, "Prompt caching")."""


def asked(body: dict[str, Any]) -> Asked:
    """What the body asks for. Raises KeyError, TypeError, AttributeError or ValueError where it is of another shape."""
    messages = tuple(dict(message) for message in body["messages"])
    _check_pairs(messages)
    tools = frozenset(str(tool["function"]["name"]) for tool in body.get("tools") or () if "function" in tool)
    return Asked("openai", str(body["model"]), messages, tools, bool(body.get("stream")))


def _check_pairs(messages: Sequence[dict[str, Any]]) -> None:
    calls: set[str] = set()
    for index, message in enumerate(messages):
        calls.update(call["id"] for call in message.get("tool_calls") or ())
        if message["role"] == "tool" and message["tool_call_id"] not in calls:
            raise ValueError(
                "Invalid parameter: messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
                f" (messages.[{index}].role)"
            )


def bill(body: dict[str, Any], cache: PrefixCache) -> Billed:
    """Cached by itself, in whole steps; writing costs nothing extra and is not reported."""
    segments = [segment(value, ends_cached=True) for value in (body.get("tools") or [], *body["messages"])]
    billed = cache.bill(f"openai {body['model']}", segments)
    read = billed.read - billed.read % _CACHE_STEP
    return Billed(read, 0, billed.total - read)


def whole(asked: Asked, reply: Reply, billed: Billed) -> Answer:
    """The answer to a request that does not stream."""
    message: dict[str, Any] = {"role": "assistant", "content": _text(reply) or None, "refusal": None, "annotations": []}
    if calls := _calls(reply):
        message["tool_calls"] = calls
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": _finish_reason(reply)}
    completion = _head(asked, "chat.completion") | {"choices": [choice], "usage": _usage(billed, reply)}
    return _json(200, completion)


def stream(asked: Asked, reply: Reply, billed: Billed, *, include_usage: bool) -> Answer:
    """The answer as chunks; usage comes in a last chunk without choices, only where `stream_options.include_usage` asks for it."""
    headers = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"), _request_id())
    return Answer(200, headers, tuple(_chunks(asked, reply, billed, include_usage=include_usage)))


def error(status: int, message: str, headers: Sequence[tuple[str, str]] = ()) -> Answer:
    """An error in the provider's shape."""
    return _json(status, {"error": {"message": message, "type": _KINDS[status], "param": None, "code": None}}, headers)


def _chunks(asked: Asked, reply: Reply, billed: Billed, *, include_usage: bool) -> Iterator[bytes]:
    head = _head(asked, "chat.completion.chunk")
    usage = {"usage": None} if include_usage else {}

    def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return _data(head | {"choices": [choice]} | usage)

    yield chunk({"role": "assistant", "content": "", "refusal": None})
    if text := _text(reply):
        for piece in text_pieces(text):
            yield chunk({"content": piece})
    for index, call in enumerate(_calls(reply)):
        arguments = call["function"]["arguments"]
        yield chunk({"tool_calls": [{"index": index} | call | {"function": call["function"] | {"arguments": ""}}]})
        for piece in text_pieces(arguments):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    yield chunk({}, _finish_reason(reply))
    if include_usage:
        yield _data(head | {"choices": [], "usage": _usage(billed, reply)})
    yield b"data: [DONE]\n\n"


def _data(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def _head(asked: Asked, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{secrets.token_hex(14)}",
        "object": kind,
        "created": int(time.time()),
        "model": asked.model,
        "service_tier": "default",
        "system_fingerprint": "fp_local_upstream",
    }


def _text(reply: Reply) -> str:
    return "".join(part.text for part in reply if isinstance(part, Say))


def _calls(reply: Reply) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{secrets.token_hex(12)}",
            "type": "function",
            "function": {"name": part.name, "arguments": json.dumps(dict(part.arguments))},
        }
        for part in reply
        if isinstance(part, Call)
    ]


def _finish_reason(reply: Reply) -> str:
    return "tool_calls" if any(isinstance(part, Call) for part in reply) else "stop"


def _usage(billed: Billed, reply: Reply) -> dict[str, Any]:
    output = sum(counter().count(part.text if isinstance(part, Say) else json.dumps(dict(part.arguments))) for part in reply)
    return {
        "prompt_tokens": billed.total,
        "completion_tokens": output,
        "total_tokens": billed.total + output,
        "prompt_tokens_details": {"cached_tokens": billed.read, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _json(status: int, value: dict[str, Any], headers: Sequence[tuple[str, str]] = ()) -> Answer:
    return Answer.whole(status, json.dumps(value).encode(), [("content-type", "application/json"), _request_id(), *headers])


def _request_id() -> tuple[str, str]:
    return ("x-request-id", f"req_{secrets.token_hex(16)}")
