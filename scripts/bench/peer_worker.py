"""One compressor behind JSON lines: run by scripts/bench/peers.py within the environment that the compressor is installed in.

    PYTHON peer_worker.py ARM

Reads on stdin, a line each: {"steps": [{"role": "user" | "assistant" | "call" | "result", "text", "name", "arguments"}, ...]}.
Writes a line each: {"texts": the tool outputs as they would be sent, "seconds", "parse": seconds of orjson on the same request,
"bytes": of the request}, or {"error"}. On the clock is only the compressor's own call, with the request in the form that it asks
for; turning it into that form and reading the answer is not. First comes {"ready": true}.

Nothing of the project is imported but by the arms `ours-*`: the file must start in any peer's environment.
"""

from __future__ import annotations

import copy
import importlib
import importlib.metadata
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from typing import Any

Steps = list[dict[str, Any]]
Arm = Callable[[Steps], tuple[list[str], float]]
"""Steps of a conversation to its tool outputs as they would be sent, and the seconds that this took."""

_ANTHROPIC_MODEL = "claude-sonnet-4-5-20250929"
_OPENAI_MODEL = "gpt-4o"


def anthropic_messages(steps: Steps) -> list[dict[str, Any]]:
    """The conversation as Anthropic Messages."""
    made: list[dict[str, Any]] = []
    for number, step in enumerate(steps):
        if step["role"] == "call":
            block = {"type": "tool_use", "id": f"toolu_{number}", "name": step["name"], "input": step["arguments"]}
            made.append({"role": "assistant", "content": [block]})
        elif step["role"] == "result":
            made.append(
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"toolu_{number - 1}", "content": step["text"]}]}
            )
        else:
            made.append({"role": step["role"], "content": step["text"]})
    return made


def openai_messages(steps: Steps) -> list[dict[str, Any]]:
    """The conversation as OpenAI Chat Completions."""
    made: list[dict[str, Any]] = []
    for number, step in enumerate(steps):
        if step["role"] == "call":
            function = {"name": step["name"], "arguments": json.dumps(step["arguments"])}
            made.append(
                {"role": "assistant", "content": None, "tool_calls": [{"id": f"call_{number}", "type": "function", "function": function}]}
            )
        elif step["role"] == "result":
            made.append({"role": "tool", "tool_call_id": f"call_{number - 1}", "content": step["text"]})
        else:
            made.append({"role": step["role"], "content": step["text"]})
    return made


def request_body(messages: list[dict[str, Any]]) -> bytes:
    """A request with these messages."""
    request = {"model": _ANTHROPIC_MODEL, "max_tokens": 1024, "messages": messages}
    return json.dumps(request, ensure_ascii=False).encode("utf-8", "surrogatepass")


def tool_results(messages: list[dict[str, Any]], steps: Steps) -> list[str]:
    """The tool outputs in these messages, in the order of the steps; empty text for one that is gone."""
    found: dict[str, str] = {}
    for message in messages:
        content = message.get("content")
        if message.get("role") == "tool":
            found[message["tool_call_id"].rpartition("_")[2]] = _text(content)
        elif isinstance(content, list):
            results = (block for block in content if isinstance(block, dict) and block.get("type") == "tool_result")
            found.update({block["tool_use_id"].rpartition("_")[2]: _text(block.get("content")) for block in results})
    return [found.get(str(number - 1), "") for number, step in enumerate(steps) if step["role"] == "result"]


def _text(content: Any) -> str:
    if isinstance(content, list):
        return "".join(block.get("text", "") for block in content)
    return content if isinstance(content, str) else ""


def ours(level: str) -> Arm:
    """This project."""
    core = importlib.import_module("headroom_core")
    settings = core.Settings(level=level)

    def run(steps: Steps) -> tuple[list[str], float]:
        body = request_body(anthropic_messages(steps))
        started = time.perf_counter()
        result = core.compress(body, host="api.anthropic.com", path="/v1/messages", settings=settings)
        seconds = time.perf_counter() - started
        return tool_results(json.loads(result.body)["messages"], steps), seconds

    return run


def headroom_020() -> Arm:
    """headroom-ai 0.2.0: the transforms of its pipeline with its own defaults, in the only request format whose results it reads."""
    logging.disable(logging.CRITICAL)
    config = importlib.import_module("headroom.config")
    transforms = importlib.import_module("headroom.transforms")
    crusher = importlib.import_module("headroom.transforms.smart_crusher")
    defaults = config.HeadroomConfig()
    pipeline = transforms.TransformPipeline(
        transforms=[
            transforms.CacheAligner(defaults.cache_aligner),
            transforms.SmartCrusher(
                crusher.SmartCrusherConfig(max_items_after_crush=15, min_tokens_to_crush=200),
                relevance_config=config.RelevanceScorerConfig(tier="bm25"),
            ),
            transforms.RollingWindow(defaults.rolling_window),
        ],
        provider=importlib.import_module("headroom").OpenAIProvider(),
    )

    def run(steps: Steps) -> tuple[list[str], float]:
        messages = openai_messages(steps)
        started = time.perf_counter()
        # A limit that the window never reaches: what is measured is the crusher.
        result = pipeline.apply(messages, _OPENAI_MODEL, model_limit=10**7)
        return tool_results(result.messages, steps), time.perf_counter() - started

    return run


def headroom_042() -> Arm:
    """headroom-ai 0.42.0: `compress` with its defaults."""
    logging.disable(logging.CRITICAL)
    compress = importlib.import_module("headroom").compress

    def run(steps: Steps) -> tuple[list[str], float]:
        messages = copy.deepcopy(anthropic_messages(steps))
        started = time.perf_counter()
        result = compress(messages, model=_ANTHROPIC_MODEL)
        return tool_results(result.messages, steps), time.perf_counter() - started

    return run


def secondwind() -> Arm:
    """secondwind: a whole request, each in a session of its own; without a resolver it offloads nothing."""
    session = importlib.import_module("secondwind").Session

    def run(steps: Steps) -> tuple[list[str], float]:
        request = json.loads(request_body(anthropic_messages(steps)))
        with session() as own:
            started = time.perf_counter()
            result = own.rewrite(request)
            seconds = time.perf_counter() - started
        return tool_results(result["request"]["messages"], steps), seconds

    return run


def llmtrim(preset: str) -> Arm:
    """llmtrim: a whole request at a time."""
    module = importlib.import_module("llmtrim")

    def run(steps: Steps) -> tuple[list[str], float]:
        body = request_body(anthropic_messages(steps)).decode()
        started = time.perf_counter()
        output = module.compress(body, module.Provider.ANTHROPIC, preset)
        seconds = time.perf_counter() - started
        return tool_results(json.loads(output.request_json)["messages"], steps), seconds

    return run


ARMS: dict[str, Callable[[], Arm]] = {
    "ours-lossless": lambda: ours("lossless"),
    "ours-balanced": lambda: ours("balanced"),
    "headroom-0.2.0": headroom_020,
    "headroom-0.42.0": headroom_042,
    "secondwind": secondwind,
    "llmtrim-safe": lambda: llmtrim("safe"),
    "llmtrim-auto": lambda: llmtrim("auto"),
}


def answer(arm: Arm, steps: Steps) -> dict[str, Any]:
    """The reply to one line."""
    body = request_body(anthropic_messages(steps))
    try:
        texts, seconds = arm(steps)
    except Exception as error:  # noqa: BLE001 -- whatever a peer raises is a result of the bench
        return {"error": f"{type(error).__name__}: {str(error)[:200]}"}
    return {"texts": texts, "seconds": seconds, "parse": parse_seconds(body), "bytes": len(body)}


def parse_seconds(body: bytes) -> float:
    """What orjson takes for this request, at best."""
    loads = importlib.import_module("orjson").loads
    times: list[float] = []
    for _ in range(3):
        started = time.perf_counter()
        loads(body)
        times.append(time.perf_counter() - started)
    return max(min(times), 1e-6)


def main() -> None:
    """Serve until stdin ends."""
    # What a peer prints goes to stderr: stdout is for the replies.
    with os.fdopen(os.dup(1), "w", encoding="utf-8", errors="surrogatepass") as replies:
        os.dup2(2, 1)
        arm = ARMS[sys.argv[1]]()
        replies.write('{"ready": true}\n')
        replies.flush()
        for line in sys.stdin.buffer:
            reply = answer(arm, json.loads(line)["steps"])
            replies.write(json.dumps(reply) + "\n")
            replies.flush()


if __name__ == "__main__":
    main()
