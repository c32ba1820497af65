"""Made-up requests of known shape, some spelt by hand with odd spacing and escapes, so that untouched bytes are told from others."""

from __future__ import annotations

import itertools
import json
import random
from typing import Any

ANTHROPIC_URL = "https://api.anthropic.com/v1/messages"
OPENAI_URL = "https://api.openai.com/v1/chat/completions"
ANTHROPIC_HEADERS = {"content-type": "application/json", "x-api-key": "dummy", "anthropic-version": "2023-06-01"}
SYSTEM = "Answer with the id of the record. " * 200
"""More than 1,024 tokens: the smallest prompt that a provider caches."""
QUESTION = "Which record of the search has the best score?"
OPENAI_HEADERS = {"content-type": "application/json", "authorization": "Bearer dummy"}

_questions = itertools.count(1)
_WORDS = [
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "fjord",
    "grove",
    "heath",
    "inlet",
    "jetty",
    "knoll",
    "larch",
    "marsh",
    "north",
    "ocean",
    "plain",
    "quarry",
    "ridge",
    "slope",
    "tundra",
]


def records(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Uniform records, as a search tool gives them; record k has the id `rec-{1000 + k}`."""
    pick = random.Random(seed)
    return [
        {
            "id": f"rec-{1000 + index}",
            "title": " ".join(pick.choices(_WORDS, k=4)),
            "region": pick.choice(["eu-west", "us-east"]),
            "score": round(pick.random(), 3),
            "active": pick.random() < 0.9,
        }
        for index in range(count)
    ]


def tool_text(count: int = 200, seed: int = 0) -> str:
    """A tool's output that is worth rewriting: a JSON array of records."""
    return json.dumps(records(count, seed))


def anthropic_conversation(texts: list[str], question: str = QUESTION) -> dict[str, Any]:
    """A conversation in which each text is the output of one call, newest last."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": question}]
    for index, text in enumerate(texts):
        call = {"type": "tool_use", "id": f"toolu_{index}", "name": "search", "input": {"query": f"page {index}"}}
        result = {"type": "tool_result", "tool_use_id": f"toolu_{index}", "content": text}
        messages += [{"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    return {"model": "claude-sonnet-4-6", "max_tokens": 100, "system": SYSTEM, "tools": [ANTHROPIC_TOOL], "messages": messages}


def openai_conversation(texts: list[str], question: str = QUESTION) -> dict[str, Any]:
    """The same for Chat Completions."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
    for index, text in enumerate(texts):
        function = {"name": "search", "arguments": json.dumps({"query": f"page {index}"})}
        messages += [
            {"role": "assistant", "content": None, "tool_calls": [{"id": f"call_{index}", "type": "function", "function": function}]},
            {"role": "tool", "tool_call_id": f"call_{index}", "content": text},
        ]
    return {"model": "gpt-5", "tools": [OPENAI_TOOL], "messages": messages}


ANTHROPIC_TOOL: dict[str, Any] = {
    "name": "search",
    "description": "Search the records.",
    "input_schema": {"type": "object", "properties": {"query": {"type": "string"}}},
}
OPENAI_TOOL: dict[str, Any] = {
    "type": "function",
    "function": {"name": "search", "parameters": {"type": "object", "properties": {"query": {"type": "string"}}}},
}


def literal(text: str) -> bytes:
    """The text as a JSON string, in the spelling that httpx2 and the SDKs use."""
    return json.dumps(text, ensure_ascii=False).encode()


def anthropic_bytes(result_literal: bytes, *, extra: bytes = b"", before: bytes = b"") -> bytes:
    """A hand-spelt Messages body around the literal of one tool result: no JSON writer would space it like this.

    `extra` stands among the top-level keys, `before` among the blocks before the result. Each call asks another question, so that
    each body is a conversation of its own.
    """
    return b"".join(
        [
            b'{ "model":"claude-sonnet-4-6",\t"max_tokens" : 100,\r\n "temperature": 1.10,',
            extra,
            b'"messages":[{"role":"user","content":"Best score, asks %s? caf\\u00e9 \\/ \xf0\x9f\x8c\xb2"},' % _name(),
            b'{"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"c2ln\\u003d"},',
            b'{"type":"tool_use","id":"toolu_1","name":"search","input":{"q" :1E2}}]},\n',
            b'{"content":[',
            before,
            b'{"content":',
            result_literal,
            b' , "tool_use_id":"toolu_1","type":"tool_result"}],"role":"user"}]  }\n',
        ]
    )


def _name() -> bytes:
    """Another one at each call, without digits: a number in a question is a wish for so many records."""
    return bytes(ord("a") + int(digit) for digit in str(next(_questions)))


def replaced(original: bytes, sent: bytes, result_literal: bytes) -> str:
    """The text that stands in `sent` in place of the literal.

    AssertionError unless it is shorter, and all bytes around it are those of `original`.
    """
    start = original.index(result_literal)
    assert original.count(result_literal) == 1
    end = start + len(result_literal)
    assert sent[:start] == original[:start]
    rest = original[end:]
    assert sent.endswith(rest)
    text = json.loads(sent[start : len(sent) - len(rest)])
    assert isinstance(text, str)
    assert len(text) < len(json.loads(result_literal))
    return text
