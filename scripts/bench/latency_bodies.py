"""Request bodies for scripts/bench/latency.py: made by a seed, in the shape of real agent conversations (Anthropic Messages)."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

_WORDS = [
    "order",
    "cache",
    "index",
    "retry",
    "queue",
    "token",
    "batch",
    "shard",
    "route",
    "worker",
    "session",
    "replica",
    "cursor",
    "digest",
    "stream",
    "window",
]
_PATHS = ("/v1/orders", "/v1/customers", "/v1/search", "/v1/carts", "/healthz")


def small(number: int) -> bytes:
    """About 0.5 kB: a question, no tool output."""
    text = f"Question {number}: which of the two retry policies is the better one for a queue with slow consumers, and why?"
    return _body([{"role": "user", "content": text}], tools=False)


def seen_conversation(size: int, seed: int) -> list[dict[str, Any]]:
    """The messages of a conversation of about `size` bytes that ends with a tool result."""
    chance = random.Random(seed)
    messages: list[dict[str, Any]] = [{"role": "user", "content": f"Find out why the checkout is slow (case {seed})."}]
    total = 0
    while total < size:
        turn = _turn(chance, min(10_000, size - total))
        messages += turn
        total += len(json.dumps(turn))
    return messages


def with_question(messages: list[dict[str, Any]], number: int) -> bytes:
    """The conversation with a new question at its end: nothing in it is new but that."""
    asked = [{"role": "assistant", "content": "Noted."}, {"role": "user", "content": f"And now look at case {number}."}]
    return _body([*messages, *asked])


def growing(start: int, step: int, turns: int, seed: int) -> Iterator[bytes]:
    """Bodies of one conversation: from `start` bytes on, each has `step` bytes of new tool output more than the one before."""
    chance = random.Random(seed + 1)
    messages = seen_conversation(start, seed)
    for _ in range(turns):
        messages += _turn(chance, step)
        yield _body(messages)


def one_large_output(size: int, seed: int) -> bytes:
    """A conversation whose only tool output is a JSON array of about `size` bytes that was never seen before."""
    chance = random.Random(seed)
    question = {
        "role": "user",
        "content": f"Which requests of run {seed} failed, and what became of request {chance.getrandbits(48):012x}?",
    }
    return _body([question, *_call(chance, "http_get", {"url": f"/log?run={seed}"}, _records(chance, size))])


def _turn(chance: random.Random, size: int) -> list[dict[str, Any]]:
    """A call and its result, of one of the kinds that agents get."""
    kind = chance.randrange(4)
    if kind == 0:
        return _call(chance, "http_get", {"url": f"/log?page={chance.randrange(1000)}"}, _records(chance, size))
    if kind == 1:
        return _call(chance, "read_file", {"path": f"/srv/app/{chance.choice(_WORDS)}.py"}, _source(chance, size))
    if kind == 2:
        return _call(chance, "run_command", {"command": "journalctl -u app"}, _log(chance, size))
    return _call(chance, "run_command", {"command": f"grep -rn {chance.choice(_WORDS)} ."}, _hits(chance, size))


def _call(chance: random.Random, name: str, arguments: dict[str, str], output: str) -> list[dict[str, Any]]:
    call = f"toolu_{chance.getrandbits(96):024x}"
    use = {"type": "tool_use", "id": call, "name": name, "input": arguments}
    result = {"type": "tool_result", "tool_use_id": call, "content": output}
    return [
        {"role": "assistant", "content": [{"type": "text", "text": f"I look at the {chance.choice(_WORDS)}."}, use]},
        {"role": "user", "content": [result]},
    ]


def _records(chance: random.Random, size: int) -> str:
    records: list[str] = []
    total = 2
    while total < size:
        failed = chance.random() < 0.02
        record = {
            "time": f"2026-11-23T10:{chance.randrange(60):02}:{chance.randrange(60):02}.{chance.randrange(1000):03}Z",
            "level": "error" if failed else "info",
            "service": "orders",
            "host": f"app-{chance.randrange(4)}",
            "request_id": f"{chance.getrandbits(64):016x}",
            "path": f"{chance.choice(_PATHS)}/{chance.randrange(10_000)}",
            "status": 503 if failed else 200,
            "duration_ms": round(chance.lognormvariate(3, 0.7), 2),
            "error": f"upstream {chance.choice(_WORDS)} timed out" if failed else None,
        }
        records.append(json.dumps(record))
        total += len(records[-1]) + 2
    return f"[{', '.join(records)}]"


def _source(chance: random.Random, size: int) -> str:
    lines = (
        f"    {chance.choice(_WORDS)}_{chance.randrange(100)} = self.{chance.choice(_WORDS)}({chance.choice(_WORDS)!r})"
        for _ in range(size // 30)
    )
    return _cut((f"{number}\t{line}" for number, line in enumerate(lines, 1)), size)


def _log(chance: random.Random, size: int) -> str:
    return _cut((f"Nov 23 10:{n % 60:02}:{chance.randrange(60):02} app[81]: {_sentence(chance)}" for n in range(size // 40)), size)


def _hits(chance: random.Random, size: int) -> str:
    return _cut((f"./src/{chance.choice(_WORDS)}/{chance.choice(_WORDS)}.py:{n}: {_sentence(chance)}" for n in range(size // 40)), size)


def _sentence(chance: random.Random) -> str:
    return " ".join(chance.choices(_WORDS, k=7))


def _cut(lines: Iterator[str], size: int) -> str:
    return "\n".join(lines)[:size]


def _body(messages: list[dict[str, Any]], *, tools: bool = True) -> bytes:
    body: dict[str, Any] = {"model": "claude-sonnet-5-5", "max_tokens": 1024, "system": "You look into incidents. " * 10}
    if tools:
        schema = {"type": "object", "properties": {"path": {"type": "string"}, "url": {"type": "string"}, "command": {"type": "string"}}}
        body["tools"] = [
            {"name": name, "description": "A tool.", "input_schema": schema} for name in ("http_get", "read_file", "run_command")
        ]
    return json.dumps(body | {"messages": messages}, ensure_ascii=False).encode()
