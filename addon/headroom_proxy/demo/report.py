"""The demo's tables on a terminal, for somebody who sees them for the first time. Fits 80 columns."""

from __future__ import annotations

import shutil
import statistics
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from headroom_proxy.demo.agent import MODELS
from headroom_proxy.demo.recording import Recording
from headroom_proxy.demo.result import Check, DemoResult, OutputResult, RequestResult
from headroom_proxy.paths import addon_script

_TITLES = {"anthropic": "Anthropic Messages", "openai": "OpenAI Chat Completions"}
_NEW = {
    "question": "the person's question",
    "request_log": "request log (JSON)",
    "licence_fields": "grep -rn",
    "source": "source file",
    "tests": "pytest run",
    "pip_list": "pip list (JSON)",
    "site_packages": "ls -l",
    "git_log": "git log --stat",
    "packages": "package facts (JSON)",
}
_CHECKS = {
    "answered": "Answered",
    "asked_record": "Asked record found",
    "errors": "Error records kept",
    "words": "All other text",
    "prefix": "What was sent before",
    "cache": "Prompt cache",
    "saved": "Saved",
    "logged": "In the flow log",
}


def introduce(console: Console, recording: Recording) -> None:
    """What is going to happen."""
    way = Text("agent --HTTPS_PROXY--> mitmdump -s headroom_addon.py ----> local upstream", style="bold")
    story = (
        "An agent looks for a fault in a small web service: it reads the service's request log, greps, reads source, runs the tests."
        " Its tool outputs are real, recorded from real commands. Its SDK knows nothing of Headroom but a proxy and a CA:"
    )
    upstream = (
        "The local upstream stands in for the provider: the same API, a real prompt cache, but no model; its replies are part of the"
        " recording, and its first answer takes 1.5 s, as a model's might. No key, no network."
    )
    asks = Text.assemble(("The person asks: ", "bold"), (recording.asks[0], "italic"))
    console.print(Panel(Group(story, "", way, "", upstream, "", asks), title="headroom demo", title_align="left", box=box.ROUNDED))


def report(console: Console, result: DemoResult) -> None:
    """All that was found."""
    for provider, title in _TITLES.items():
        rows = [row for row in result.requests if row.provider == provider]
        if rows:
            console.print(_requests(f"{title}, {MODELS[provider]}, streamed", rows))
    console.print(_legend(result.requests))
    console.print(_outputs(result.outputs))
    _sample(console, result.sample, result.asked)
    console.print(_checks(result.checks))
    _conclude(console, result)


def _requests(title: str, rows: Sequence[RequestResult]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    table.add_column("#", justify="right")
    table.add_column("new in this request")
    for name in ("tokens", "sent", "saved", "cached", "added"):
        table.add_column(name, justify="right")
    for number, row in enumerate(rows, 1):
        table.add_row(
            str(number),
            _NEW.get(row.new, row.new),
            f"{row.tokens_before:,}",
            f"{row.tokens_sent:,}",
            _share(row.tokens_before, row.tokens_sent),
            _cached(row),
            f"{row.overhead_ms:.1f} ms",
        )
    return table


def _legend(rows: Sequence[RequestResult]) -> Table:
    """What the columns say."""
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0), style="dim")
    if not rows:
        return table
    held = [row.overhead_ms for row in rows]
    most = max(rows, key=lambda row: row.overhead_ms)
    estimated = "" if all(row.tokens_exact for row in rows) else ", estimated by length: no vocabulary was found"
    table.add_row("tokens", f"the whole request as the agent sent it (o200k_base{estimated})")
    table.add_row("sent", "what left the proxy; history is sent again with each request")
    cached = "read from the prompt cache, which providers bill at about a tenth: the upstream's own count, and its share of the prompt"
    table.add_row("cached", cached)
    times = f"median {statistics.median(held):.1f} ms, most {most.overhead_ms:.1f} ms ({_NEW.get(most.new, most.new)})"
    table.add_row("added", f"time the addon held the request: {times}; without mitmproxy's own 2 ms or so")
    return table


def _outputs(outputs: Sequence[OutputResult]) -> Table:
    table = Table(title="What became of each tool output", box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    table.add_column("tool output")
    for name in ("tokens", "sent", "saved"):
        table.add_column(name, justify="right")
    table.add_column("how, or why not")
    for output in outputs:
        table.add_row(
            _NEW.get(output.name, output.name),
            f"{output.tokens_before:,}",
            f"{output.tokens_sent:,}",
            _share(output.tokens_before, output.tokens_sent),
            _how(output),
        )
    return table


def _how(output: OutputResult) -> Text:
    if output.left_alone:
        return Text(output.left_alone.replace("_", " "), style="dim")
    if output.records_kept < output.records_total:
        return Text(f"{output.records_kept} of {output.records_total} records kept")
    return Text(f"{output.compressor.replace('_', ' ')}, lossless")


def _sample(console: Console, sample: Sequence[str], asked: str) -> None:
    """What the upstream got in place of the first output, each line cut to the terminal's width."""
    console.print("[bold]The request log, as the upstream received it[/] [dim](excerpt; bold: the record asked about)[/]")
    for line in sample:
        console.print(Text(f"  {line}", style="bold" if asked in line else ""), no_wrap=True, overflow="ellipsis")
    console.print()


def _checks(checks: Sequence[Check]) -> Table:
    table = Table(
        title="What was kept, on the wire", box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False, show_header=False
    )
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        mark = Text("ok", style="bold green") if check.passed else Text("FAILED", style="bold red")
        table.add_row(mark, _CHECKS[check.name], check.line)
    return table


def _conclude(console: Console, result: DemoResult) -> None:
    """The verdict, and what to do next. Lines to copy are left whole."""
    if result.passed:
        console.print(f"[bold green]All {len(result.checks)} checks passed[/] in {result.seconds:.1f} s.\n")
    headroom = _headroom()
    lines = [Text(f"Flow log in {result.data_dir}", style="bold"), f"  {headroom} log --data-dir {result.data_dir}"]
    if shown := next((row for row in result.requests if row.tokens_sent < row.tokens_before), None):
        lines.append(f"  {headroom} show {shown.flow_id[:8]} --data-dir {result.data_dir}")
    lines += [Text("With an agent of your own", style="bold"), f"  {headroom} proxy"]
    lines.append("  HTTPS_PROXY=http://127.0.0.1:8787 NODE_EXTRA_CA_CERTS=~/.mitmproxy/mitmproxy-ca-cert.pem claude")
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)


def _headroom() -> str:
    """The command as it can be typed here: a `headroom` on PATH may be another program's."""
    installed = Path(sysconfig.get_path("scripts")) / "headroom"
    on_path = shutil.which("headroom")
    if on_path and Path(on_path).resolve() == installed.resolve():
        return "headroom"
    checkout = addon_script().parent.parent / "scripts" / "headroom"
    return str(checkout if checkout.exists() else installed)


def _cached(row: RequestResult) -> str:
    return f"{row.cached_tokens:,} {100 * row.cached_tokens / row.prompt_tokens:3.0f}%" if row.cached_tokens else "-"


def _share(before: int, after: int) -> str:
    return f"{100 * (before - after) / before:.0f}%" if before > after else "-"
