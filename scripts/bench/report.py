"""The compression bench in tables: our levels beside the peers, cells in which a peer is ahead marked."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.table import Table

from scripts.bench.peers import Arm
from scripts.bench.scoring import Cell, Row, Timing, ahead, by_kind, by_question, faster

LEGEND = (
    "Cells: per cent of tokens saved (o200k_base; each content once, the mean over its questions) / per cent of needles kept.\n"
    "▲ a peer is ahead: neither of our levels saves as much and keeps as many needles, or both are slower."
    " △ it saves more, but keeps fewer needles than both."
)


@dataclass(slots=True)
class Found:
    """All that a run found."""

    arms: list[Arm]
    missing: dict[str, str] = field(default_factory=dict)
    """Why an arm has no figures, by its name."""
    rows: list[Row] = field(default_factory=list)
    timings: list[Timing] = field(default_factory=list)

    def of(self, arm: Arm, *, made_up: bool) -> list[Row]:
        """An arm's rows on the corpus, or on the scenarios."""
        return [row for row in self.rows if row.arm == arm.name and row.case.made_up == made_up]

    def times(self, arm: Arm, *, made_up: bool) -> list[Timing]:
        """An arm's times on the corpus, or on the scenarios."""
        return [timing for timing in self.timings if timing.arm == arm.name and timing.case.made_up == made_up]


def report(console: Console, found: Found) -> None:
    """Print all tables."""
    for name, made_up in (("corpus", False), ("scenarios", True)):
        if not any(row.case.made_up == made_up for row in found.rows):
            continue
        rows = {arm.name: found.of(arm, made_up=made_up) for arm in found.arms}
        _cells(console, f"{name}: by kind of output", found, {arm: by_kind(own) for arm, own in rows.items()}, sums=True)
        _cells(console, f"{name}: by kind of question", found, {arm: by_question(own) for arm, own in rows.items()})
        _times(console, name, found, made_up=made_up)
    console.print(LEGEND, style="dim")
    _remarks(console, found)


def _table(title: str, found: Found) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    table.add_column("")
    for arm in found.arms:
        table.add_column(arm.name, justify="right", header_style="bold" if arm.ours else "dim", no_wrap=True)
    return table


def _cells(console: Console, title: str, found: Found, cells: Mapping[str, Mapping[str, Cell]], *, sums: bool = False) -> None:
    table = _table(title, found)
    names = dict.fromkeys(name for own in cells.values() for name in own)
    for name in names:
        row = {arm: own.get(name) for arm, own in cells.items()}
        any_cell = next(cell for cell in row.values() if cell is not None)
        ours = [cell for arm in found.arms if arm.ours and (cell := row[arm.name]) is not None]
        texts = [_marked(arm, row[arm.name], ours) for arm in found.arms]
        table.add_row(f"{name} ({any_cell.cases})", *texts, end_section=name == "all")
    if sums and "all" in names:
        plain = [f"{cell.saved_sum:.1f} / {cell.kept:.0f}" if (cell := cells[arm.name].get("all")) else "-" for arm in found.arms]
        table.add_row("all, plain sum as corpus_score.py", *plain)
    console.print(table)


def _marked(arm: Arm, cell: Cell | None, ours: Sequence[Cell]) -> str:
    if cell is None:
        return "-"
    mark = "" if arm.ours else ahead(cell, ours)
    return f"[bold red]{mark}[/] {cell.text}" if mark else cell.text


def _times(console: Console, name: str, found: Found, *, made_up: bool) -> None:
    times = {arm.name: found.times(arm, made_up=made_up) for arm in found.arms}
    if not any(times.values()):
        return
    table = _table(f"{name}: ms per 100 kB of new content, median (in orjson parses of the request)", found)
    kinds = dict.fromkeys(timing.case.kind for own in times.values() for timing in own)
    for kind in [*kinds, "all"]:
        own = {arm: [timing for timing in group if kind in ("all", timing.case.kind)] for arm, group in times.items()}
        medians = {arm: _median(group, lambda timing: timing.per_100_kb) for arm, group in own.items()}
        ours = [median for arm in found.arms if arm.ours and (median := medians[arm.name]) is not None]
        texts = [_time(arm, medians[arm.name], _median(own[arm.name], lambda timing: timing.parses), ours) for arm in found.arms]
        table.add_row(kind, *texts)
    console.print(table)


def _time(arm: Arm, median: float | None, parses: float | None, ours: Sequence[float]) -> str:
    if median is None or parses is None:
        return "-"
    mark = "" if arm.ours else faster(median, ours)
    text = f"{median:.1f} ({parses:.0f})"
    return f"[bold red]{mark}[/] {text}" if mark else text


def _median(timings: Sequence[Timing], of: Callable[[Timing], float]) -> float | None:
    return statistics.median(map(of, timings)) if timings else None


def _remarks(console: Console, found: Found) -> None:
    for name, reason in found.missing.items():
        console.print(f"[bold red]no figures for {name}:[/] {reason}", highlight=False)
    for arm in found.arms:
        own = [row for row in found.rows if row.arm == arm.name]
        grown = [row.case.name for row in own if row.grown]
        failed = [f"{row.case.name}: {row.error}" for row in own if row.error]
        if grown:
            console.print(f"{arm.name}: GROWN {len(grown)} of {len(own)}: {', '.join(grown[:6])}", highlight=False, markup=False)
        if failed:
            console.print(
                f"{arm.name}: FAILED {len(failed)} of {len(own)}, counted as unchanged: {failed[0]}", highlight=False, markup=False
            )
    for arm in found.arms:
        if arm.note:
            console.print(f"{arm.name}: {arm.note}", style="dim", highlight=False, markup=False)
