"""What `headroom show` prints: the facts of a request, and the texts of its new tool outputs before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from headroom_core.flow_log import StoredForm
from headroom_core.flow_log.results import FlowDetail, OutputRow
from headroom_core.model import Rewritten
from headroom_proxy.commands.terminal import ARROW, moment, percent, print_line, printable, words

_LINES = 20
_CHARACTERS = 2_000
_INDENT = "    "


@dataclass(frozen=True, slots=True)
class ShownOutput:
    """A tool output with its stored texts; None: not stored, or expired."""

    row: OutputRow
    form: StoredForm | None


def print_flow(out: Console, flow: FlowDetail, outputs: Sequence[ShownOutput], *, full: bool) -> None:
    """Print all of it; texts are cut to their beginning unless `full`."""
    print_line(out, f"Request {printable(flow.id)}", "bold")
    for name, text in _facts(flow):
        print_line(out, f"  {name:<13}{printable(text)}")
    for number, output in enumerate(outputs, 1):
        _print_output(out, number, output, full=full)
    earlier = flow.outputs_total - len(outputs)
    if earlier > 0:
        print_line(out, f"\n{earlier} more tool outputs came with earlier requests of this conversation and are logged there.", "dim")


def _facts(flow: FlowDetail) -> list[tuple[str, str]]:
    exact = "" if flow.tokens_exact else ", estimated by length"
    facts = [
        ("time", moment(flow.started_at)),
        ("client", flow.client or "-"),
        ("to", f"{flow.host}{flow.path} ({flow.provider}, {flow.model or 'no model'}{', streamed' if flow.streamed else ''})"),
        ("conversation", flow.conversation or "-"),
        ("tokens", _change(flow.tokens_before, flow.tokens_after) + exact),
        ("bytes", _change(flow.bytes_before, flow.bytes_after)),
        ("tool outputs", f"{flow.outputs_total} in the request, {flow.outputs_rewritten} rewritten, {len(flow.outputs)} new"),
        ("answer", f"status {flow.status or '-'} after {flow.duration_ms:,.0f} ms; {flow.overhead_ms:.1f} ms added"),
        ("billed", _billed(flow)),
        ("left as is", words(flow.reason)),
        ("cache miss", words(flow.cache_miss_reason)),
        ("error", flow.error),
    ]
    return [(name, text) for name, text in facts if text]


def _billed(flow: FlowDetail) -> str:
    parts = {
        "input": flow.input_tokens,
        "cache read": flow.cache_read_tokens,
        "cache write": flow.cache_write_tokens,
        "output": flow.output_tokens,
        "of it reasoning": flow.reasoning_tokens,
    }
    return ", ".join(f"{name} {count:,}" for name, count in parts.items() if count is not None)


def _change(before: int, after: int) -> str:
    saved = f" ({percent(1 - after / before)} saved)" if before and after != before else ""
    return f"{before:,} {ARROW} {after:,}{saved}"


def _print_output(out: Console, number: int, output: ShownOutput, *, full: bool) -> None:
    row = output.row
    print_line(out, f"\n{number}. {printable(row.tool) or 'unknown tool'}  {printable(row.position)}", "bold")
    if row.result == "skipped":
        print_line(out, f"   left as it came: {words(row.reason)}; {row.tokens_before:,} tokens", "yellow")
        return
    kind = "lossless" if row.lossless else f"kept {row.items_kept:,} of {row.items_total:,} records"
    print_line(out, f"   {printable(row.compressor)}, {kind}; tokens {_change(row.tokens_before, row.tokens_after)}")
    print_line(out, f"   original: headroom get {printable(row.content_id)}", "dim")
    if output.form is None:
        print_line(out, "   the texts are not in the store (any more)", "yellow")
        return
    _print_text(out, "before", output.form.original, "red", full=full)
    after = output.form.result
    _print_text(out, "after", after.text if isinstance(after, Rewritten) else None, "green", full=full)


def _print_text(out: Console, name: str, text: str | None, style: str, *, full: bool) -> None:
    print_line(out, f"   {name}:", style)
    if text is None:
        print_line(out, f"{_INDENT}not in the store (any more)", "yellow")
        return
    shown = text if full else _beginning(text)
    for line in printable(shown).split("\n"):
        print_line(out, f"{_INDENT}{line}")
    if len(shown) < len(text):
        print_line(out, f"{_INDENT}... {len(text) - len(shown):,} more characters; --full prints them", "dim")


def _beginning(text: str) -> str:
    return "\n".join(text[:_CHARACTERS].split("\n")[:_LINES])
