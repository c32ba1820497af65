"""Anthropic Messages on the wire: whole messages, server-sent events, errors.

Source: anthropic-python 2.12 `types/`, and docs.anthropic.com "Streaming messages", "Errors", "Prompt caching".
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from headroom_core.tokens import counter
from headroom_proxy.local_upstream.conversation import Asked, Call, Reply, Say, text_pieces
from headroom_proxy.local_upstream.model import Answer
from headroom_proxy.local_upstream.prefix_cache import Billed, PrefixCache, has_mark, segment

_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}
_BILLING_MARK = "x-anthropic-billing-header"


def asked(body: dict[str, Any]) -> Asked:
    """What the body asks for. Raises KeyError, TypeError, AttributeError or ValueError where it is of another shape."""
    messages = tuple(dict(message) for message in body["messages"])
    _check_pairs(messages)
    tools = frozenset(str(tool["name"]) for tool in body.get("tools") or () if "name" in tool)
    return Asked("anthropic", str(body["model"]), messages, tools, bool(body.get("stream")))


def _check_pairs(messages: Sequence[dict[str, Any]]) -> None:
    calls: set[str] = set()
    for index, message in enumerate(messages):
        for block in message["content"] if isinstance(message["content"], list) else ():
            if block["type"] == "tool_use":
                calls.add(block["id"])
            elif block["type"] == "tool_result" and block["tool_use_id"] not in calls:
                raise ValueError(
                    f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: {block['tool_use_id']}."
                    " Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
                )


def bill(body: dict[str, Any], cache: PrefixCache) -> Billed:
    """Cached up to the last block that carries a `cache_control` (here: to the end of its message); without one, nothing is."""
    system = body.get("system") or []
    if isinstance(system, list):
        # Claude Code's billing header differs in each request; it is no part of the cached prompt.
        system = [block for block in system if not str(block.get("text", "")).startswith(_BILLING_MARK)]
    segments = [segment(value, ends_cached=has_mark(value)) for value in (body.get("tools") or [], system, *body["messages"])]
    if has_mark({"cache_control": body.get("cache_control")}):
        segments[-1] = replace(segments[-1], ends_cached=True)
    return cache.bill(f"anthropic {body['model']}", segments)


def whole(asked: Asked, reply: Reply, billed: Billed) -> Answer:
    """The answer to a request that does not stream."""
    message = _message(asked, billed)
    message["content"] = [_block(part) for part in reply]
    message["stop_reason"] = _stop_reason(reply)
    message["usage"]["output_tokens"] = _output_tokens(reply)
    return _json(200, message)


def stream(asked: Asked, reply: Reply, billed: Billed) -> Answer:
    """The answer as events, one event a chunk."""
    headers = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"), _request_id())
    return Answer(200, headers, tuple(_events(asked, reply, billed)))


def error(status: int, message: str, headers: Sequence[tuple[str, str]] = ()) -> Answer:
    """An error in the provider's shape."""
    return _json(status, {"type": "error", "error": {"type": _KINDS[status], "message": message}}, headers)


def token_count(tokens: int) -> Answer:
    """The answer of `/v1/messages/count_tokens`."""
    return _json(200, {"input_tokens": tokens})


def _events(asked: Asked, reply: Reply, billed: Billed) -> Iterator[bytes]:
    yield _event("message_start", message=_message(asked, billed))
    for index, part in enumerate(reply):
        empty: dict[str, Any] = {"text": ""} if isinstance(part, Say) else {"input": {}}
        yield _event("content_block_start", index=index, content_block=_block(part) | empty)
        if index == 0:
            yield _event("ping")
        for delta in _deltas(part):
            yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    usage = _usage(billed) | {"output_tokens": _output_tokens(reply)}
    yield _event("message_delta", delta={"stop_reason": _stop_reason(reply), "stop_sequence": None}, usage=usage)
    yield _event("message_stop")


def _deltas(part: Say | Call) -> Iterator[dict[str, str]]:
    if isinstance(part, Say):
        for piece in text_pieces(part.text):
            yield {"type": "text_delta", "text": piece}
    else:
        for piece in ("", *text_pieces(json.dumps(part.arguments))):
            yield {"type": "input_json_delta", "partial_json": piece}


def _event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind} | fields)}\n\n".encode()


def _message(asked: Asked, billed: Billed) -> dict[str, Any]:
    return {
        "model": asked.model,
        "id": f"msg_01{secrets.token_hex(11)}",
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _usage(billed),
    }


def _usage(billed: Billed) -> dict[str, Any]:
    return {
        "input_tokens": billed.fresh,
        "cache_creation_input_tokens": billed.written,
        "cache_read_input_tokens": billed.read,
        "cache_creation": {"ephemeral_5m_input_tokens": billed.written, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 1,
        "service_tier": "standard",
    }


def _block(part: Say | Call) -> dict[str, Any]:
    if isinstance(part, Say):
        return {"type": "text", "text": part.text}
    return {"type": "tool_use", "id": f"toolu_01{secrets.token_hex(11)}", "name": part.name, "input": dict(part.arguments)}


def _stop_reason(reply: Reply) -> str:
    return "tool_use" if any(isinstance(part, Call) for part in reply) else "end_turn"


def _output_tokens(reply: Reply) -> int:
    return sum(counter().count(part.text if isinstance(part, Say) else json.dumps(dict(part.arguments))) for part in reply)


def _json(status: int, value: dict[str, Any], headers: Sequence[tuple[str, str]] = ()) -> Answer:
    return Answer.whole(status, json.dumps(value).encode(), [("content-type", "application/json"), _request_id(), *headers])


def _request_id() -> tuple[str, str]:
    return ("request-id", f"req_01{secrets.token_hex(11)}")
