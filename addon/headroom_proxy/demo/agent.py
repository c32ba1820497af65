"""A small agent on a provider's own SDK: `python -m headroom_proxy.demo.agent anthropic|openai`.

It is set up as any program of a user's: the SDK finds the proxy, the CA and the key in the environment. Its tools return what was
recorded. For each request it prints one line of JSON: {"new", "first_event_ms", "prompt_tokens", "cached_tokens"}; a request that
fails ends it with status 1 and {"error"}.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from headroom_proxy.demo.recording import Recording, load

MODELS = {"anthropic": "claude-sonnet-5-5", "openai": "gpt-6.2-sol"}
MAX_OUTPUT = 1024
_CACHE = {"type": "ephemeral"}
_SECONDS = 20.0


@dataclass(slots=True)
class Turn:
    """What came back for one request: calls as (id, tool, arguments)."""

    calls: list[tuple[str, str, dict[str, Any]]]
    first_event_ms: float
    prompt_tokens: int
    cached_tokens: int


class Agent(Protocol):
    """One provider's way of holding a conversation."""

    def ask(self, text: str) -> None:
        """Add what the person says."""

    def result(self, call_id: str, text: str) -> None:
        """Add a tool output."""

    def send(self) -> Turn:
        """Send the conversation, streaming; the reply becomes part of it."""


class AnthropicAgent:
    """Anthropic Messages, with cache breakpoints where coding agents set them: the system prompt and the newest block."""

    def __init__(self, recording: Recording) -> None:
        import anthropic  # noqa: PLC0415 - only the one SDK that is asked for

        self._client = anthropic.Anthropic(max_retries=0, timeout=_SECONDS)
        self._system = [{"type": "text", "text": recording.system, "cache_control": _CACHE}]
        self._tools = [
            {"name": tool["name"], "description": tool["description"], "input_schema": tool["parameters"]} for tool in recording.tools
        ]
        self._messages: list[dict[str, Any]] = []

    def ask(self, text: str) -> None:
        """Add what the person says."""
        self._messages.append({"role": "user", "content": [{"type": "text", "text": text}]})

    def result(self, call_id: str, text: str) -> None:
        """Add a tool output."""
        self._messages.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": call_id, "content": text}]})

    def send(self) -> Turn:
        """Send the conversation, streaming; the reply becomes part of it."""
        *older, newest = self._messages
        marked = {**newest, "content": [newest["content"][0] | {"cache_control": _CACHE}]}
        started = time.perf_counter()
        arguments: dict[str, Any] = {"system": self._system, "tools": self._tools, "messages": [*older, marked]}
        with self._client.messages.stream(model=MODELS["anthropic"], max_tokens=MAX_OUTPUT, **arguments) as stream:
            first_event_ms = _drain(stream, started)
            message = stream.get_final_message()
        content = [block.model_dump(include={"type", "text", "id", "name", "input"}) for block in message.content]
        self._messages.append({"role": "assistant", "content": content})
        usage = message.usage
        cached, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
        calls = [(block["id"], block["name"], block["input"]) for block in content if block["type"] == "tool_use"]
        return Turn(calls, first_event_ms, usage.input_tokens + cached + written, cached)


class OpenAIAgent:
    """OpenAI Chat Completions, which caches by itself."""

    def __init__(self, recording: Recording) -> None:
        import openai  # noqa: PLC0415 - only the one SDK that is asked for

        self._client = openai.OpenAI(max_retries=0, timeout=_SECONDS)
        self._tools = [{"type": "function", "function": tool} for tool in recording.tools]
        self._messages: list[dict[str, Any]] = [{"role": "system", "content": recording.system}]

    def ask(self, text: str) -> None:
        """Add what the person says."""
        self._messages.append({"role": "user", "content": text})

    def result(self, call_id: str, text: str) -> None:
        """Add a tool output."""
        self._messages.append({"role": "tool", "tool_call_id": call_id, "content": text})

    def send(self) -> Turn:
        """Send the conversation, streaming; the reply becomes part of it."""
        started = time.perf_counter()
        arguments: dict[str, Any] = {"tools": self._tools, "messages": self._messages, "stream_options": {"include_usage": True}}
        with self._client.chat.completions.stream(model=MODELS["openai"], **arguments) as stream:
            first_event_ms = _drain(stream, started)
            completion = stream.get_final_completion()
        message = completion.choices[0].message
        reply: dict[str, Any] = {"role": "assistant", "content": message.content}
        wanted = [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or ()]
        if wanted:
            functions = [{"id": call, "type": "function", "function": {"name": tool, "arguments": text}} for call, tool, text in wanted]
            reply["tool_calls"] = functions
        self._messages.append(reply)
        usage = completion.usage
        details = usage.prompt_tokens_details if usage else None
        calls = [(call, tool, json.loads(text)) for call, tool, text in wanted]
        return Turn(calls, first_event_ms, usage.prompt_tokens if usage else 0, (details.cached_tokens if details else 0) or 0)


AGENTS: dict[str, type[AnthropicAgent | OpenAIAgent]] = {"anthropic": AnthropicAgent, "openai": OpenAIAgent}


def converse(agent: Agent, recording: Recording) -> Iterator[dict[str, Any]]:
    """Hold the whole conversation; a line for each request."""
    for text in recording.asks:
        agent.ask(text)
        new = "question"
        while True:
            turn = agent.send()
            yield {
                "new": new,
                "first_event_ms": turn.first_event_ms,
                "prompt_tokens": turn.prompt_tokens,
                "cached_tokens": turn.cached_tokens,
            }
            if not turn.calls:
                break
            for call_id, tool, arguments in turn.calls:
                new, output = recording.tool_result(tool, arguments)
                agent.result(call_id, output)


def main(provider: str) -> int:
    """The conversation with one provider. Returns the exit status."""
    recording = load()
    agent = AGENTS[provider](recording)
    failures = _failures(provider)
    try:
        for line in converse(agent, recording):
            print(json.dumps(line), flush=True)
    except failures as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
        return 1
    return 0


def _failures(provider: str) -> tuple[type[Exception], ...]:
    if provider == "anthropic":
        import anthropic  # noqa: PLC0415 - only the one SDK that is asked for

        return (anthropic.AnthropicError,)
    import openai  # noqa: PLC0415 - only the one SDK that is asked for

    return (openai.OpenAIError,)


def _drain(events: Iterable[object], started: float) -> float:
    """Read a stream to its end. Returns the milliseconds until its first event."""
    first = 0.0
    for _ in events:
        first = first or (time.perf_counter() - started) * 1000
    return round(first, 2)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
