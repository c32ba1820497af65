"""What runs in the pool's processes: pure functions of the core, by batch. Imports no mitmproxy."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Sequence

import orjson

from headroom_core.model import Job, RawRequest, Reason, Skipped
from headroom_core.pipeline import Decision, Plan, decide, plan
from headroom_core.providers import EventCache
from headroom_core.settings import Settings
from headroom_core.tokens import counter
from headroom_proxy.edge import Edge

# What a model does not read as text: pictures and files in base64, signatures, sealed reasoning.
_NO_TEXT = {"data", "signature", "encrypted_content", "image_url", "cache_control", "thinking_signature"}
_PARENT_SECONDS = 2.0
_events = EventCache()


def start(proxy: int) -> None:
    """What each process does first: let the process `proxy` go before it, and end when that is gone, however it ended."""
    if hasattr(os, "nice"):
        os.nice(5)
    # Records are many small containers without cycles: looking through them for cycles again and again costs a quarter.
    gc.set_threshold(100_000, 20, 20)
    threading.Thread(target=_end_with_parent, args=(proxy,), daemon=True).start()


def ready() -> int:
    """The process id; a task that only waits for a process to be there."""
    return os.getpid()


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_SECONDS)
    os._exit(0)


def decide_all(jobs: Sequence[Job], settings: Settings) -> dict[bytes, Decision]:
    """The decisions of some jobs by key."""
    return {job.key: decide_safely(job, settings) for job in jobs}


def decide_safely(job: Job, settings: Settings) -> Decision:
    """The decision of one job; a bug in a compressor leaves this one output as it came, and no other."""
    with Edge("a compressor"):
        return decide(job, settings)
    return Skipped(Reason.INTERNAL_ERROR)


def plan_large(request: RawRequest, settings: Settings) -> Plan:
    """A large body looked through."""
    return plan(request, settings, _events)


def count_all(texts: Sequence[str | bytes]) -> tuple[list[int], bool]:
    """Tokens of each text, and whether the counts are exact. Bytes are a message's JSON, counted by its texts."""
    tokens = counter()
    return [tokens.count(text if isinstance(text, str) else message_text(text)) for text in texts], tokens.exact


def message_text(message: bytes) -> str:
    """The texts and numbers of a JSON value, a line each; the raw text of one that orjson refuses."""
    try:
        value = orjson.loads(message)
    except orjson.JSONDecodeError:
        return message.decode("utf-8", "replace")
    found: list[str] = []
    # No recursion: a tool call's arguments may be nested deeper than Python's stack.
    waiting: list[object] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, dict):
            waiting += [inner for name, inner in reversed(one.items()) if name not in _NO_TEXT]
        elif isinstance(one, list):
            waiting += reversed(one)
        elif one is not None:
            found.append(str(one))
    return "\n".join(found)
