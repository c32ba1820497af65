"""The table of `headroom log`: one line a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console

from headroom_core.flow_log.results import FlowRow
from headroom_proxy.commands.terminal import ARROW, Cell, Column, compact, percent, print_table, printable, short_moment, words

_WIDE = 120
_BAD_STATUS = 400


@dataclass(frozen=True, slots=True)
class _Part:
    column: Column
    cell: Callable[[FlowRow], Cell | str]
    narrow: bool = True
    """Shown on a narrow terminal too."""


def print_log(out: Console, rows: Sequence[FlowRow], short: Mapping[str, str]) -> None:
    """Print the requests in the given order; `short` has the id to show for each."""
    parts = _parts(short)
    if out.is_terminal and out.width < _WIDE:
        parts = [part for part in parts if part.narrow]
    print_table(out, [part.column for part in parts], [[part.cell(row) for part in parts] for row in rows])


def _parts(short: Mapping[str, str]) -> list[_Part]:
    return [
        _Part(Column("time"), lambda row: short_moment(row.started_at)),
        _Part(Column("id"), lambda row: Cell(printable(short[row.id]), "cyan")),
        _Part(Column("client", flexible=True), lambda row: printable(row.client), narrow=False),
        _Part(Column("provider"), lambda row: printable(row.provider), narrow=False),
        _Part(Column("model", flexible=True), lambda row: printable(row.model)),
        _Part(Column("tokens", right=True), tokens),
        _Part(Column("saved", right=True), saved),
        _Part(Column("cached", right=True), lambda row: "-" if row.cache_read_tokens is None else compact(row.cache_read_tokens)),
        _Part(Column("status", right=True), _status),
        _Part(Column("ms", right=True), lambda row: f"{row.overhead_ms:.1f}", narrow=False),
        _Part(Column("reason", flexible=True), _reason),
    ]


def tokens(row: FlowRow) -> str:
    """Tokens before and after; estimates by length are marked."""
    mark = "" if row.tokens_exact else "~"
    return f"{mark}{compact(row.tokens_before)}{ARROW}{compact(row.tokens_after)}"


def saved(row: FlowRow) -> Cell:
    """Share of the tokens that did not leave."""
    if not row.changed or not row.tokens_before:
        return Cell("-", "dim")
    return Cell(percent(1 - row.tokens_after / row.tokens_before), "green")


def _status(row: FlowRow) -> Cell:
    bad = row.status is None or row.status >= _BAD_STATUS
    return Cell("-" if row.status is None else str(row.status), "red" if bad else "")


def _reason(row: FlowRow) -> Cell:
    parts = [words(row.reason), printable(row.error), row.cache_miss_reason and f"cache miss: {words(row.cache_miss_reason)}"]
    return Cell("; ".join(part for part in parts if part).replace("\n", " "), "red" if row.error else "yellow")
