"""The tables of `headroom stats`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console

from headroom_core.flow_log.results import Billed, NamedSavings, Totals
from headroom_proxy.commands.terminal import ARROW, Cell, Column, Row, compact, moment, percent, print_line, print_table, printable, words

_TOP = 10
_NARROW = 100


def print_totals(out: Console, totals: Totals) -> None:
    """Print all tables that have something to say."""
    for name, text in _facts(totals):
        print_line(out, f"{name:<14}{text}")
    _print_savings(out, "By tool", "tool", totals.tools)
    _print_savings(out, "By compressor", "compressor", totals.compressors)
    _print_billed(out, totals)
    _print_reasons(out, totals)


def _facts(totals: Totals) -> list[tuple[str, str]]:
    savings = totals.savings
    failed = f", {totals.failed:,} failed" if totals.failed else ""
    facts = [("requests", f"{totals.requests:,}, of these {totals.changed:,} changed{failed}")]
    if totals.first_at is not None and totals.last_at is not None:
        facts.append(("from", f"{moment(totals.first_at)} to {moment(totals.last_at)}"))
    facts.append(("tool outputs", f"{savings.outputs:,}, of these {savings.rewritten:,} rewritten; each is counted once"))
    saved = f"{savings.tokens_saved:,} saved ({percent(savings.share_saved)})"
    facts.append(("their tokens", f"{savings.tokens_before:,} {ARROW} {savings.tokens_after:,}, {saved}"))
    if savings.not_applied:
        facts.append(("audit only", f"{savings.not_applied:,} more tokens would be saved where requests are only observed"))
    if totals.estimated:
        facts.append(("estimates", f"the tokens of {totals.estimated:,} requests are estimated by length"))
    return facts


def _print_savings(out: Console, title: str, kind: str, groups: Sequence[NamedSavings]) -> None:
    if not groups:
        return
    observed = any(group.not_applied for group in groups)
    columns = [Column(kind, flexible=True)]
    columns += [Column(name, right=True) for name in ("outputs", "rewritten", "before", "after", "saved", "share")]
    if observed:
        columns.append(Column("audit only", right=True))
    rows = [_savings_row(_number(out), group, observed=observed) for group in groups[:_TOP]]
    print_table(out, columns, rows, f"{title}{_top_of(groups)}")


def _savings_row(number: Callable[[int], str], group: NamedSavings, *, observed: bool) -> Row:
    counts = (group.outputs, group.rewritten, group.tokens_before, group.tokens_after)
    cells: list[Cell | str] = [Cell(printable(group.name) or "unknown", "cyan"), *map(number, counts)]
    cells += [Cell(number(group.tokens_saved), "green"), Cell(percent(group.share_saved), "green")]
    return [*cells, number(group.not_applied)] if observed else cells


def _print_billed(out: Console, totals: Totals) -> None:
    if not totals.billed.requests:
        return
    columns = [Column("model", flexible=True)]
    columns += [Column(name, right=True) for name in ("requests", "input", "cache read", "cache write", "output", "cached")]
    named: list[tuple[str, Billed]] = [(printable(one.model), one) for one in totals.models[:_TOP]]
    if len(totals.models) > 1:
        named.append(("all", totals.billed))
    rows = [_billed_row(_number(out), name, one) for name, one in named]
    print_table(out, columns, rows, f"Billed, as the provider reports it{_top_of(totals.models)}")


def _billed_row(number: Callable[[int], str], name: str, billed: Billed) -> Row:
    counts = (billed.requests, billed.input_tokens, billed.cache_read_tokens, billed.cache_write_tokens, billed.output_tokens)
    return [Cell(name, "cyan"), *map(number, counts), percent(billed.share_cached)]


def _print_reasons(out: Console, totals: Totals) -> None:
    outputs: list[Row] = [(Cell(words(one.reason), "yellow"), f"{one.outputs:,}", f"{one.tokens:,}") for one in totals.skipped_outputs]
    if outputs:
        columns = [Column("reason"), Column("outputs", right=True), Column("tokens", right=True)]
        print_table(out, columns, outputs, "Tool outputs left as they came")
    counted = [(words(one.reason), one.requests) for one in totals.skipped_requests]
    counted += [(f"cache miss: {words(one.reason)}", one.requests) for one in totals.cache_misses]
    requests: list[Row] = [(Cell(reason, "yellow"), f"{count:,}") for reason, count in counted]
    if requests:
        print_table(out, [Column("reason"), Column("requests", right=True)], requests, "Requests left as they came, and cache misses")


def _number(out: Console) -> Callable[[int], str]:
    return compact if out.is_terminal and out.width < _NARROW else "{:,}".format


def _top_of(groups: Sequence[object]) -> str:
    return f" (top {_TOP} of {len(groups)})" if len(groups) > _TOP else ""
