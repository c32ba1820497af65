"""A run of the demo: upstream, proxy, one agent after the other, then the evidence."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from headroom_core.errors import HeadroomError
from headroom_core.flow_log import open_flow_log
from headroom_core.flow_log.queries import flow, recent
from headroom_core.flow_log.results import FlowDetail, OutputRow
from headroom_proxy.demo.checks import Evidence, run_checks, sample
from headroom_proxy.demo.proxy_process import ProxyProcess, clean_environment
from headroom_proxy.demo.recording import Recording, load
from headroom_proxy.demo.result import AgentLine, Check, DemoResult, OutputResult, RequestResult
from headroom_proxy.demo.wire import HOSTS, sent_to
from headroom_proxy.local_upstream import Answer, LocalUpstream, Providers, Received, Script

type Progress = Callable[[str, int, int], None]
"""Called with what happens now, and how many requests of how many are done."""

FIRST_ANSWER_SECONDS = 1.5
_ENOUGH = 1000
_AGENT_SECONDS = 25.0


class DemoError(HeadroomError):
    """The demo could not be carried through. The message is one line."""


def run(folder: Path, progress: Progress, mitmdump_args: Sequence[str] = ()) -> DemoResult:
    """Carry the demo through; `folder` (empty) keeps the flow log. Raises HeadroomError with one line."""
    started = time.perf_counter()
    recording = load()
    total = len(recording.replies) * len(HOSTS)
    seen: list[AgentLine] = []
    progress("starting the local upstream and mitmdump", 0, total)
    with (
        TemporaryDirectory(prefix="headroom-demo-keys-") as keys,
        LocalUpstream(list(HOSTS.values()), Path(keys) / "upstream", _Unhurried(Providers(Script(recording.replies)))) as upstream,
    ):
        with ProxyProcess(folder, Path(keys) / "proxy", upstream, mitmdump_args) as proxy:
            for provider in HOSTS:
                progress(f"{provider}: starting the agent", len(seen), total)
                for line in _agent(provider, proxy):
                    seen.append(line)
                    progress(f"{provider}: {line.new.replace('_', ' ')}", len(seen), total)
        progress("reading the flow log", total, total)
        sent = {provider: sent_to(provider, upstream.received) for provider in HOSTS}
        rows = _flow_rows(proxy.data)
    requests, outputs = _requests(seen, rows), _outputs(rows, recording)
    evidence = Evidence(recording, sent, seen, requests, outputs)
    checks = [_complete(seen, total), *run_checks(evidence)]
    return DemoResult(
        passed=all(check.passed for check in checks),
        seconds=round(time.perf_counter() - started, 2),
        requests=requests,
        outputs=outputs,
        checks=checks,
        sample=sample(evidence),
        asked=str(recording.asked[0].record[recording.asked[0].key]),
        folder=str(folder),
        data_dir=str(proxy.data),
        proxy_command=proxy.command,
    )


class _Unhurried:
    """The first answer takes FIRST_ANSWER_SECONDS, as a model's would at least: time in which the addon starts its workers."""

    def __init__(self, answer: Callable[[Received], Answer]) -> None:
        self._answer = answer
        self._pause = FIRST_ANSWER_SECONDS

    def __call__(self, received: Received) -> Answer:
        pause, self._pause = self._pause, 0.0
        answer = self._answer(received)
        return replace(answer, chunks=(pause, *answer.chunks)) if pause else answer


def _agent(provider: str, proxy: ProxyProcess) -> Iterator[AgentLine]:
    """The agent as a process, in an environment with nothing of ours but the proxy and its CA."""
    keys = {"ANTHROPIC_API_KEY": "none-needed", "OPENAI_API_KEY": "none-needed"}
    environment = clean_environment(HTTPS_PROXY=proxy.url, SSL_CERT_FILE=str(proxy.ca_file), **keys)
    command = [sys.executable, "-m", "headroom_proxy.demo.agent", provider]
    errors = proxy.log_file.with_name(f"agent-{provider}.log")
    with errors.open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True)
    deadline = time.monotonic() + _AGENT_SECONDS
    try:
        for text in process.stdout or ():
            line = json.loads(text)
            if "error" in line:
                raise DemoError(f"{provider}: {line['error']} (see {proxy.log_file})")
            yield AgentLine(provider=provider, **line)
            if time.monotonic() > deadline:
                raise DemoError(f"{provider}: the conversation takes more than {_AGENT_SECONDS:.0f} s")
        if process.wait() != 0:
            raise DemoError(f"{provider}: the agent ended with status {process.returncode} (see {errors})")
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def _flow_rows(directory: Path) -> list[FlowDetail]:
    with open_flow_log(directory) as db:
        if db is None:
            return []
        details = [flow(db, row.id) for row in reversed(recent(db, _ENOUGH))]
    return [detail for detail in details if detail is not None]


def _requests(seen: list[AgentLine], rows: list[FlowDetail]) -> list[RequestResult]:
    """The agents' lines beside the log's rows: both are in order, one request after the other."""
    found: list[RequestResult] = []
    for provider, host in HOSTS.items():
        lines = [line for line in seen if line.provider == provider]
        for line, row in zip(lines, [row for row in rows if row.host == host], strict=False):
            log = {
                "flow_id": row.id,
                "tokens_before": row.tokens_before,
                "tokens_sent": row.tokens_after,
                "tokens_exact": row.tokens_exact,
                "overhead_ms": row.overhead_ms,
            }
            found.append(RequestResult.model_validate(line.model_dump() | log))
    return found


def _outputs(rows: list[FlowDetail], recording: Recording) -> list[OutputResult]:
    """Each tool output of the first conversation; the second has the same ones."""
    first = next(iter(HOSTS.values()))
    outputs = [(row, output) for row in rows if row.host == first for output in row.outputs]
    return [_output(name, row, output) for name, (row, output) in zip(recording.output_names, outputs, strict=False)]


def _output(name: str, row: FlowDetail, output: OutputRow) -> OutputResult:
    applied = row.changed and output.result == "rewritten"
    return OutputResult(
        name=name,
        tool=output.tool,
        tokens_before=output.tokens_before,
        tokens_sent=output.tokens_after if applied else output.tokens_before,
        compressor=output.compressor if applied else "",
        left_alone="" if applied else output.reason or row.reason,
        records_total=output.items_total,
        records_kept=output.items_kept if applied else output.items_total,
    )


def _complete(seen: list[AgentLine], total: int) -> Check:
    return Check(name="answered", passed=len(seen) == total, line=f"{len(seen)} of {total} requests, each streamed")
