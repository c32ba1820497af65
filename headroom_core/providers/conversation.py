"""What the providers' decoders share: the events of a message, and the fold of events into tool outputs.

A message's events depend on its bytes alone, so they are remembered by its digest; what an output's form depends on
beyond that (its call, the last human text) comes from the messages before it and from nothing else: the prefix rule.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from headroom_core.bounded_cache import BoundedCache
from headroom_core.digests import digest, digest_text
from headroom_core.model import JsonPath, MessageSpan, ToolCall, ToolOutput
from headroom_core.providers.json_spans import Spans, decode_literal, inner_offset

_BETWEEN = frozenset(b", \n\r\t")
MAX_QUERY = 4000
MAX_ARGUMENTS = 2000

# Agents add blocks of their own to the human's messages and take them away again in later requests; they are nobody's
# question, and a query that held them would change the form of everything after it.
_CLIENT_NOTE = re.compile(
    r"<(system-reminder|environment_context|user_instructions|command-[a-z]+|local-command-[a-z]+)>.*?(?:</\1>|\Z)\s*", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call of the model."""

    id: str
    call: ToolCall
    digest: bytes


@dataclass(frozen=True, slots=True)
class Human:
    """A text of the human."""

    text: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Output:
    """A tool output's string literal, by its place in the message."""

    call_id: str
    path: JsonPath
    start: int
    end: int
    digest: bytes
    name: str = ""
    """The tool's name where the output itself says it."""


type Event = Call | Human | Output
type MessageReader = Callable[[msgspec.Raw], Iterable[Mark]]


@dataclass(frozen=True, slots=True)
class Step:
    """What one message of a conversation adds to it."""

    calls: tuple[Call, ...] = ()
    human: Human | None = None
    """Its last human text."""
    outputs: tuple[ToolOutput, ...] = ()
    first_human: str = ""
    """Hex digest of its first human text."""


_NOTHING = Step()
_NOBODY = Human("", digest(b""))


@dataclass(slots=True)
class _Seen:
    """A conversation's latest body, read: the next one usually begins with the same bytes."""

    body: bytes
    messages: list[MessageSpan]
    steps: list[Step]

    def shared(self, body: bytes) -> int:
        """How many leading messages `body` has in common, byte for byte, given that its first one stands at the same place."""
        length = min(len(self.body), len(body))
        differs = np.frombuffer(self.body, np.uint8, length) != np.frombuffer(body, np.uint8, length)
        first = int(differs.argmax())
        same = first if length and differs[first] else length
        # The byte behind it belongs to what must be the same: 5 is no message where 57 stands.
        return bisect_right(self.messages, same - 1, key=lambda message: message.end)


@dataclass(slots=True)
class EventCache:
    """What was read before: events by message digest and wire format, and the latest bodies by their first message."""

    entries: BoundedCache[tuple[str, bytes], tuple[Event, ...]] = field(default_factory=lambda: BoundedCache(4_000_000))
    recent: BoundedCache[tuple[str, int, bytes], _Seen] = field(default_factory=lambda: BoundedCache(12_000_000))


@dataclass(frozen=True, slots=True)
class Conversation:
    """The messages of a request as a decoder needs them."""

    messages: tuple[MessageSpan, ...]
    outputs: tuple[ToolOutput, ...]
    name: str
    """Hex digest of the first human text; empty if there is none."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a reader found something in a message; the events are made of the body's own bytes there.

    The reader may see a copy in which escapes of surrogates are others: what it decodes serves for names and shapes only.
    """

    kind: type[Call | Human | Output]
    start: int
    end: int
    id: str = ""
    name: str = ""
    path: JsonPath = ()


def mark(kind: type[Call | Human | Output], message: msgspec.Raw, value: msgspec.Raw, **named: Any) -> Mark:
    """A mark for a value that was parsed from a message."""
    start = inner_offset(message, value)
    return Mark(kind, start, start + len(memoryview(value)), **named)


def event_of(found: Mark, message: memoryview) -> Event | None:
    """The event at a mark; None for what is no text, or was added by the client itself."""
    value = message[found.start : found.end]
    if found.kind is Call:
        arguments = bytes(value)
        shown = arguments[:MAX_ARGUMENTS].decode("utf-8", "replace")
        named = found.name.encode("utf-8", "surrogatepass")
        return Call(found.id, ToolCall(found.name, shown), digest(named + b"\0" + arguments))
    if found.kind is Human:
        return _human(bytes(value))
    return Output(found.id, found.path, found.start, found.end, digest(value), found.name) if bytes(value[:1]) == b'"' else None


def _human(literal: bytes) -> Human | None:
    """A human text with its middle cut out where it is long; None for what a client added by itself."""
    text = decode_literal(literal)
    text = _CLIENT_NOTE.sub("", text).strip() if text else ""
    if not text:
        return None
    if len(text) > MAX_QUERY:
        text = f"{text[: MAX_QUERY // 2]}\n{text[-MAX_QUERY // 2 :]}"
    return Human(text, digest_text(text))


def read_messages(wire_format: str, spans: Spans, raws: Sequence[msgspec.Raw], reader: MessageReader, cache: EventCache) -> Conversation:
    """The places of the messages and of all tool outputs in them, in order, under `("messages", index, ...)`."""
    if not raws:
        return Conversation((), (), "")
    body = memoryview(spans.body)
    start = spans.offset(raws[0])
    name = (wire_format, start, digest(body[start : start + len(memoryview(raws[0]))]))
    known = cache.recent.get(name)
    shared = min(known.shared(spans.body), len(raws)) if known else 0
    messages, steps = (known.messages[:shared], known.steps[:shared]) if known else ([], [])
    fold = _Fold(steps)
    end = messages[-1].end if messages else start
    for index in range(shared, len(raws)):
        # Elements of an array stand in order with nothing but these signs between them.
        start = end
        while spans.body[start] in _BETWEEN:
            start += 1
        end = start + len(memoryview(raws[index]))
        message = body[start:end]
        span = MessageSpan(start, end, digest(message))
        events = cache.entries.get((wire_format, span.digest))
        if events is None:
            events = _read(raws[index], message, reader)
            cache.entries.put((wire_format, span.digest), events, 200 + sum(map(_cost, events)))
        messages.append(span)
        steps.append(fold.step(("messages", index), start, events))
    cache.recent.put(name, _Seen(spans.body, messages, steps), len(spans.body) + 600 * len(messages))
    outputs = tuple(output for step in steps for output in step.outputs)
    return Conversation(tuple(messages), outputs, next((step.first_human for step in steps if step.first_human), ""))


def _read(raw: msgspec.Raw, message: memoryview, reader: MessageReader) -> tuple[Event, ...]:
    return tuple(event for found in reader(raw) if (event := event_of(found, message)) is not None)


class _Fold:
    """The state that a conversation carries from message to message."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._calls: dict[str, Call] = {call.id: call for step in steps for call in step.calls}
        self._human = next((step.human for step in reversed(steps) if step.human), _NOBODY)

    def step(self, path: JsonPath, start: int, events: Sequence[Event]) -> Step:
        """What the next message adds."""
        calls: list[Call] = []
        outputs: list[ToolOutput] = []
        first_human = ""
        human = None
        for event in events:
            if isinstance(event, Call):
                self._calls[event.id] = event
                calls.append(event)
            elif isinstance(event, Human):
                self._human = human = event
                first_human = first_human or event.digest.hex()
            else:
                outputs.append(self._output(path, start, event))
        return Step(tuple(calls), human, tuple(outputs), first_human) if calls or human or outputs else _NOTHING

    def _output(self, path: JsonPath, start: int, event: Output) -> ToolOutput:
        call = self._calls.get(event.call_id)
        tool = call.call if call else ToolCall(event.name, "") if event.name else None
        context = (call.digest if call else digest_text(event.name)) + self._human.digest
        return ToolOutput((*path, *event.path), start + event.start, start + event.end, event.digest, tool, self._human.text, context)


def _cost(event: Event) -> int:
    if isinstance(event, Human):
        return 150 + 2 * len(event.text)
    return 400 + (2 * len(event.call.arguments) if isinstance(event, Call) else 0)
