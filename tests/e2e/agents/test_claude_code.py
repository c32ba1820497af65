"""The real Claude Code, led by a script, through the real mitmdump: its tool results are rewritten and nothing else is."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mitmproxy.http import HTTPFlow
from mitmproxy.io import FlowReader

from headroom_proxy.local_upstream import Call, LocalUpstream, Providers, Received, Say, Script
from tests.e2e.rig.agents import installed
from tests.e2e.rig.flow_log import Row
from tests.e2e.rig.proxy import Proxy
from tests.e2e.rig.traffic import records

# Claude Code itself replaces outputs of more than about 30 kB by a preview.
RECORDS = 180
BILLING_MARK = "x-anthropic-billing-header"


@dataclass(frozen=True)
class Run:
    """What one run of the agent left behind: its own output, the requests of its main loop, and both forms of each body."""

    output: str
    requests: list[Received]
    originals: list[bytes]
    rows: list[Row]
    log: str

    def messages(self, index: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.requests[index].json()["messages"]
        return found


@pytest.fixture(scope="module")
def run(session_upstream: LocalUpstream, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("claude-code")
    project = folder / "project"
    project.mkdir()
    for name, seed in (("first.json", 1), ("second.json", 2)):
        (project / name).write_text(json.dumps(records(RECORDS, seed)))
    bash = [Call("Bash", {"command": f"cat {name}", "description": "Show the records"}) for name in ("first.json", "second.json")]
    session_upstream.forget()
    session_upstream.answer = Providers(Script([[Say("I look at the file."), bash[0]], bash[1], Say("The agent is at its end.")]))
    flows = folder / "flows"
    with Proxy(session_upstream, folder / "proxy", arguments=["-w", str(flows)]) as proxy:
        output = ask(proxy, project, folder / "home")
        requests = [request for request in session_upstream.received if is_main_loop(request)]
        rows = proxy.flow_log.flows(len(requests))
    return Run(output, requests, list(originals(flows)), rows, proxy.log)


def ask(proxy: Proxy, project: Path, home: Path) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "HTTPS_PROXY": proxy.url,
        "NODE_EXTRA_CA_CERTS": str(proxy.ca_file),
        "ANTHROPIC_API_KEY": "dummy",
        "DISABLE_TELEMETRY": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    done = subprocess.run(
        [installed("@anthropic-ai/claude-code", "claude"), "-p", "Which record has the best score?", "--allowedTools", "Bash"],
        cwd=project,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr + proxy.log
    return done.stdout


def is_main_loop(request: Received) -> bool:
    return request.method == "POST" and request.path.startswith("/v1/messages?") and bool(request.json().get("tools"))


def originals(flows: Path) -> Iterator[bytes]:
    """The bodies as the agent sent them: mitmproxy keeps both forms of an edited flow."""
    with flows.open("rb") as stored:
        for flow in FlowReader(stored).stream():
            assert isinstance(flow, HTTPFlow)
            if flow.modified():
                flow.revert()
            body = flow.request.content or b""
            if flow.request.path.startswith("/v1/messages?") and json.loads(body).get("tools"):
                yield body


def without_marks(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Messages without cache marks, which the agent moves by itself."""
    for message in messages:
        for block in message["content"] if isinstance(message["content"], list) else ():
            block.pop("cache_control", None)
    return messages


def results(body: bytes) -> list[str]:
    """The texts of all tool results."""
    return list(_results(body))


def _results(body: bytes) -> Iterator[str]:
    for message in json.loads(body)["messages"]:
        for block in message["content"] if isinstance(message["content"], list) else ():
            if block["type"] == "tool_result":
                yield block["content"]


def test_it_finishes_its_work(run: Run) -> None:
    assert "The agent is at its end." in run.output
    assert len(run.requests) == len(run.originals) == 3
    assert all(row["client"].startswith("claude-cli/") for row in run.rows)
    assert all(row["status"] == 200 and row["streamed"] for row in run.rows)
    assert "Traceback" not in run.log


def test_what_it_read_leaves_in_fewer_bytes(run: Run) -> None:
    assert [len(results(request.content)) for request in run.requests] == [0, 1, 2]
    before, after = results(run.originals[-1]), results(run.requests[-1].content)
    for index, (original, sent) in enumerate(zip(before, after, strict=True), 1):
        assert json.loads(original) == records(RECORDS, index)
        assert len(sent) < len(original) / 2
        assert "rec-1000" in sent
    assert [row["outputs_rewritten"] for row in run.rows] == [0, 1, 2]


def test_all_other_bytes_are_its_own(run: Run) -> None:
    for original, request in zip(run.originals, run.requests, strict=True):
        left = request.content
        for text, sent in zip(results(original), results(request.content), strict=True):
            left = left.replace(json.dumps(sent, ensure_ascii=False).encode(), json.dumps(text, ensure_ascii=False).encode(), 1)
        assert left == original
        assert json.loads(original)["system"][0]["text"].startswith(BILLING_MARK)


def test_each_request_begins_with_the_one_before(run: Run) -> None:
    for index in (0, 1):
        earlier, later = without_marks(run.messages(index)), without_marks(run.messages(index + 1))
        assert later[: len(earlier)] == earlier
    # The upstream has a cache of exact prefixes and finds each request's again.
    cached = [row["cache_read_tokens"] for row in run.rows]
    assert 0 <= cached[0] < cached[1] < cached[2]
