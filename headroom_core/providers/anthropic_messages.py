"""Anthropic Messages: `POST /v1/messages`.

Tool outputs are the texts of `tool_result` blocks in user messages. Everything else (thinking with its signature,
server tools' results, documents, images, citations) is never looked into.
Shapes after the types of anthropic-python 2.12; usage after the API reference's "Messages" and "Streaming" pages:
`input_tokens` there already excludes what was read from or written to the cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from headroom_core.model import DecodedRequest, JsonPath, RawRequest, Usage
from headroom_core.providers.conversation import Call, EventCache, Human, Mark, Output, mark, read_messages
from headroom_core.providers.json_spans import Spans, is_array, is_string, items, part
from headroom_core.providers.usage_fields import count, mapping, text

NAME = "anthropic"
HOSTS = (r"api\.anthropic\.com",)
_ABSENT = msgspec.Raw(b"null")


class _Body(msgspec.Struct):
    messages: list[msgspec.Raw]
    model: str = ""
    stream: bool | None = False
    system: msgspec.Raw = _ABSENT


class _Message(msgspec.Struct):
    role: str = ""
    content: msgspec.Raw = _ABSENT


class _Block(msgspec.Struct):
    type: str = ""
    text: msgspec.Raw = _ABSENT
    id: str = ""
    name: str = ""
    input: msgspec.Raw = _ABSENT
    tool_use_id: str = ""
    content: msgspec.Raw = _ABSENT


_BODY = msgspec.json.Decoder(_Body)
_MESSAGE = msgspec.json.Decoder(_Message)
_BLOCK = msgspec.json.Decoder(_Block)


class AnthropicMessages:
    """The wire format of Anthropic's Messages API."""

    name = NAME
    hosts: tuple[str, ...] = HOSTS

    def matches(self, path: str) -> bool:
        """Whether a path (without query) carries this format."""
        return path.endswith("/v1/messages")

    def decode(self, request: RawRequest, cache: EventCache) -> DecodedRequest:
        """What the body holds. Raises RequestFormatError."""
        spans = Spans(request.body)
        body = spans.decode(_BODY)
        talk = read_messages(NAME, spans, body.messages, _read_message, cache)
        return DecodedRequest(NAME, body.model, bool(body.stream), talk.messages, talk.outputs, talk.name, _has_billing_mark(body.system))

    def read_usage(self, events: Iterable[object]) -> Usage:
        """Usage from a whole answer, or from the data of a stream's events in order; later figures win."""
        usage: dict[str, int] = {}
        model = miss = ""
        for event in events:
            outer = mapping(event)
            message = mapping(outer.get("message")) or outer
            model = text(message.get("model")) or model
            miss = text(mapping(mapping(message.get("diagnostics")).get("cache_miss_reason")).get("type")) or miss
            reported = mapping(outer.get("usage")) or mapping(message.get("usage"))
            usage |= {key: value for key, raw in reported.items() if (value := count(raw)) is not None}
        return Usage(
            input_tokens=usage.get("input_tokens"),
            cache_read_tokens=usage.get("cache_read_input_tokens"),
            cache_write_tokens=usage.get("cache_creation_input_tokens"),
            output_tokens=usage.get("output_tokens"),
            model=model,
            cache_miss_reason=miss,
        )


def _read_message(raw: msgspec.Raw) -> Iterator[Mark]:
    message = part(_MESSAGE, raw)
    if message is None or message.role not in {"user", "assistant"} or not _held(message.content):
        return
    human = message.role == "user"
    if is_string(message.content):
        if human:
            yield mark(Human, raw, message.content)
        return
    for index, block_raw in enumerate(items(message.content) or ()):
        block = part(_BLOCK, block_raw)
        if block is None:
            continue
        if block.type == "text" and human and _held(block.text):
            yield mark(Human, raw, block.text)
        elif block.type == "tool_use" and not human and _held(block.input):
            yield mark(Call, raw, block.input, id=block.id, name=block.name)
        elif block.type == "tool_result" and human and _held(block.content):
            yield from _read_result(raw, block, ("content", index, "content"))


def _read_result(raw: msgspec.Raw, block: _Block, path: JsonPath) -> Iterator[Mark]:
    if is_string(block.content):
        yield mark(Output, raw, block.content, id=block.tool_use_id, path=path)
        return
    for number, inner_raw in enumerate(items(block.content) or ()):
        inner = part(_BLOCK, inner_raw)
        if inner is not None and inner.type == "text" and _held(inner.text):
            yield mark(Output, raw, inner.text, id=block.tool_use_id, path=(*path, number, "text"))


def _held(raw: msgspec.Raw) -> bool:
    return raw is not _ABSENT


def _has_billing_mark(system: msgspec.Raw) -> bool:
    """Claude Code's first system block, whose text is a header line with a mark over the body."""
    blocks = items(system) if is_array(system) else None
    first = part(_BLOCK, blocks[0]) if blocks else None
    return first is not None and bytes(memoryview(first.text)[:40]).startswith(b'"x-anthropic-billing-header:')
