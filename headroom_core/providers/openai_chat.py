"""OpenAI Chat Completions: `POST /v1/chat/completions`, spoken by many other hosts too.

Tool outputs are the contents of messages with role "tool", and of the older role "function".
Shapes after the types of openai-python 3.54: `prompt_tokens` includes what was read from the cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from headroom_core.model import DecodedRequest, RawRequest, Usage
from headroom_core.providers.conversation import Call, EventCache, Human, Mark, Output, mark, read_messages
from headroom_core.providers.json_spans import Spans, is_array, is_string, items, part
from headroom_core.providers.usage_fields import count, mapping, text

NAME = "openai"
HOSTS = (r"api\.openai\.com", r"[a-z]{2}\.api\.openai\.com")
_ABSENT = msgspec.Raw(b"null")


class _Body(msgspec.Struct):
    messages: list[msgspec.Raw]
    model: str = ""
    stream: bool | None = False


class _Message(msgspec.Struct):
    role: str = ""
    content: msgspec.Raw = _ABSENT
    tool_call_id: str = ""
    name: str | None = ""
    tool_calls: msgspec.Raw = _ABSENT
    function_call: msgspec.Raw = _ABSENT


class _Function(msgspec.Struct):
    name: str = ""
    arguments: msgspec.Raw = _ABSENT


class _Custom(msgspec.Struct):
    name: str = ""
    input: msgspec.Raw = _ABSENT


class _ToolCall(msgspec.Struct):
    id: str = ""
    function: _Function = msgspec.field(default_factory=_Function)
    custom: _Custom = msgspec.field(default_factory=_Custom)


class _Part(msgspec.Struct):
    type: str = ""
    text: msgspec.Raw = _ABSENT


_BODY = msgspec.json.Decoder(_Body)
_MESSAGE = msgspec.json.Decoder(_Message)
_TOOL_CALL = msgspec.json.Decoder(_ToolCall)
_FUNCTION = msgspec.json.Decoder(_Function)
_PART = msgspec.json.Decoder(_Part)


class OpenAIChat:
    """The wire format of OpenAI's Chat Completions API."""

    name = NAME
    hosts: tuple[str, ...] = HOSTS

    def matches(self, path: str) -> bool:
        """Whether a path (without query) carries this format."""
        return path.endswith("/chat/completions")

    def decode(self, request: RawRequest, cache: EventCache) -> DecodedRequest:
        """What the body holds. Raises RequestFormatError."""
        spans = Spans(request.body)
        body = spans.decode(_BODY)
        talk = read_messages(NAME, spans, body.messages, _read_message, cache)
        return DecodedRequest(NAME, body.model, bool(body.stream), talk.messages, talk.outputs, talk.name)

    def read_usage(self, events: Iterable[object]) -> Usage:
        """Usage from a whole answer, or from the data of a stream's events in order; later figures win."""
        usage: dict[str, object] = {}
        model = ""
        for event in events:
            outer = mapping(event)
            model = text(outer.get("model")) or model
            usage |= mapping(outer.get("usage"))
        prompt = mapping(usage.get("prompt_tokens_details"))
        read, written = count(prompt.get("cached_tokens")), count(prompt.get("cache_write_tokens"))
        total = count(usage.get("prompt_tokens"))
        return Usage(
            input_tokens=None if total is None else max(0, total - (read or 0) - (written or 0)),
            cache_read_tokens=read,
            cache_write_tokens=written,
            output_tokens=count(usage.get("completion_tokens")),
            reasoning_tokens=count(mapping(usage.get("completion_tokens_details")).get("reasoning_tokens")),
            model=model,
        )


def _read_message(raw: msgspec.Raw) -> Iterator[Mark]:
    message = part(_MESSAGE, raw)
    if message is None:
        return
    if message.role == "assistant":
        yield from _read_calls(raw, message)
    elif message.role == "user":
        for _, literal in _texts(message.content):
            yield mark(Human, raw, literal)
    elif message.role in {"tool", "function"}:
        # The older role "function" has no call id: its call is the latest of that name.
        call_id = message.tool_call_id if message.role == "tool" else _function_id(message.name or "")
        if is_string(message.content):
            yield mark(Output, raw, message.content, id=call_id, path=("content",))
            return
        for index, literal in _texts(message.content):
            yield mark(Output, raw, literal, id=call_id, path=("content", index, "text"))


def _read_calls(raw: msgspec.Raw, message: _Message) -> Iterator[Mark]:
    for call_raw in items(message.tool_calls) or ():
        call = part(_TOOL_CALL, call_raw)
        if call is None:
            continue
        if call.function.arguments is not _ABSENT:
            yield mark(Call, raw, call.function.arguments, id=call.id, name=call.function.name)
        elif call.custom.input is not _ABSENT:
            yield mark(Call, raw, call.custom.input, id=call.id, name=call.custom.name)
    function = part(_FUNCTION, message.function_call)
    if function is not None and function.arguments is not _ABSENT:
        yield mark(Call, raw, function.arguments, id=_function_id(function.name), name=function.name)


def _texts(content: msgspec.Raw) -> Iterator[tuple[int, msgspec.Raw]]:
    if is_string(content):
        yield 0, content
    elif is_array(content):
        for index, part_raw in enumerate(items(content) or ()):
            inner = part(_PART, part_raw)
            if inner is not None and inner.type == "text" and inner.text is not _ABSENT:
                yield index, inner.text


def _function_id(name: str) -> str:
    return f"function:{name}"
