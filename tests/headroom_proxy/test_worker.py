"""What runs in the processes: pure, by batch, and no failure of one job is another's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from headroom_core import compress
from headroom_core.model import Ask, Job, RawRequest, Reason, Rewritten, Skipped
from headroom_core.pipeline import decide, plan
from headroom_core.providers import EventCache
from headroom_core.settings import Settings
from headroom_core.tokens import counter
from headroom_proxy import worker
from headroom_proxy.pool import Pool
from tests.conversations import WIRES, surely_rewritten

ROOT = Path(__file__).parents[2]


def job(number: int) -> Job:
    return Job(bytes([number]), json.dumps(surely_rewritten(number)).encode(), Ask("which?", "search", "{}"), f"id{number}")


def body(*texts: str) -> bytes:
    uses = [{"type": "tool_use", "id": f"t{n}", "name": "search", "input": {}} for n, _ in enumerate(texts)]
    results = [{"type": "tool_result", "tool_use_id": f"t{n}", "content": text} for n, text in enumerate(texts)]
    return json.dumps({"messages": [{"role": "assistant", "content": uses}, {"role": "user", "content": results}]}).encode()


def test_decisions_by_key() -> None:
    jobs = [job(1), job(2)]
    assert worker.decide_all(jobs, Settings()) == {one.key: decide(one, Settings()) for one in jobs}
    assert worker.decide_all([], Settings()) == {}


def test_a_job_that_breaks_is_no_other_jobs_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    def picky(one: Job, settings: Settings) -> Rewritten | Skipped:
        if one.key == b"\x01":
            raise RecursionError
        return decide(one, settings)

    monkeypatch.setattr(worker, "decide", picky)
    decided = worker.decide_all([job(1), job(2)], Settings())
    assert decided[b"\x01"] == Skipped(Reason.INTERNAL_ERROR)
    assert isinstance(decided[b"\x02"], Rewritten)


async def test_what_crosses_to_a_process_comes_back_the_same(pool: Pool) -> None:
    """Jobs, settings, plans and decisions are pickled on the way."""
    raw = body(surely_rewritten(1), "\ud800 short")
    request = RawRequest(*WIRES["anthropic"], raw)
    settings = Settings(tools={"Read": {"level": "lossless"}}, hosts=("a.example=openai",))

    assert await pool.run(30, worker.plan_large, request, settings) == plan(request, settings, EventCache())
    assert await pool.run(30, worker.decide_all, [job(1)], settings) == worker.decide_all([job(1)], settings)
    skipped = Job(b"k", b'"\xff"', Ask(), "id")
    assert (await pool.run(30, worker.decide_all, [skipped], settings))[b"k"] == Skipped(Reason.UNDECODABLE_TEXT)


def test_a_process_plans_as_the_core_does() -> None:
    raw = body(surely_rewritten(1))
    planned = worker.plan_large(RawRequest(*WIRES["anthropic"], raw), Settings())
    assert planned.keys == tuple(outcome.key for outcome in compress(raw, *WIRES["anthropic"]).outcomes)
    refused = worker.plan_large(RawRequest(*WIRES["anthropic"], b"{"), Settings())
    assert refused.reason is not None
    assert refused.reason.reason is Reason.NOT_JSON


def test_counting() -> None:
    message = json.dumps({"role": "user", "content": [{"type": "text", "text": "hello world"}]}).encode()
    counts, exact = worker.count_all(["hello world", message, "", b"not json"])
    assert exact
    assert counts == [counter().count("hello world"), counter().count("user\ntext\nhello world"), 0, counter().count("not json")]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (b'{"role":"user","content":"hi"}', "user\nhi"),
        (b'{"a":{"b":[1,2.5,true,null,"x"]}}', "1\n2.5\nTrue\nx"),
        (b'{"type":"image","source":{"type":"base64","media_type":"image/png","data":"aaaa"}}', "image\nbase64\nimage/png"),
        (b'{"type":"thinking","thinking":"hm","signature":"sssss"}', "thinking\nhm"),
        (b'{"type":"image_url","image_url":{"url":"data:..."}}', "image_url"),
        (b'{"text":"x","cache_control":{"type":"ephemeral"}}', "x"),
        (b'{"content":"<|endoftext|>"}', "<|endoftext|>"),
        (b'"\\ud800"', '"\\ud800"'),
        (b"\xff", "\ufffd"),
        (b"", ""),
        (b"[" * 3000, "[" * 3000),
    ],
)
def test_what_a_model_reads_of_a_message(message: bytes, text: str) -> None:
    assert worker.message_text(message) == text


def test_deep_messages_are_counted() -> None:
    """3,000 levels around a text must not lose the counts of all other texts in the batch."""
    for levels in (100, 400, 900, 1000, 1020, 3000):
        counts, _ = worker.count_all(["hello", b"[" * levels + b'"x"' + b"]" * levels])
        assert counts[0] == counter().count("hello")
        assert counts[1] > 0


def test_a_process_loads_no_mitmproxy() -> None:
    """It would cost 100 MB and half a second each."""
    heavy = {"mitmproxy", "cryptography", "sqlite3"}
    code = f"import sys, headroom_proxy.worker; print([name for name in sys.modules if name.partition('.')[0] in {heavy}])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env={"PYTHONPATH": f"{ROOT}:{ROOT / 'addon'}"}
    )
    assert done.stdout.strip() == "[]"
