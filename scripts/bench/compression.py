#!/usr/bin/env python
"""How far tool outputs shrink and what stays readable: this project beside its peers, on real outputs and made-up ones.

    .venv/bin/python scripts/bench/compression.py [--ours-only] [--kinds a,b] [--limit N] [--json OUT] [--chart PNG]
    .venv/bin/python scripts/bench/compression.py --time-by-size

Each arm is a process of its own; a peer's lives in an environment that is made once, in the user's cache folder. First each arm sees
each case once: this gives tokens and needles. Then come the times: rounds of the same contents with a salt, so that no cache knows
them, all arms in turn on each; the best round counts. Ratios hold, absolutes drift with the machine.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from headroom_core.tokens import counter
from scripts.bench import by_size, chart
from scripts.bench.cases import Case, load_corpus, pick
from scripts.bench.peers import ARMS, ROOT, Arm, PeerError, Reply, Worker
from scripts.bench.report import Found, report
from scripts.bench.scenarios import KINDS, scenarios
from scripts.bench.scoring import Cell, Scorer, Timing, by_kind, by_question

ROUNDS = 3
_ENOUGH = 4.0
"""Seconds that an arm may take for one case in all; it gets fewer rounds where they are long."""


def main() -> None:
    """Measure, then print."""
    options = _options()
    out, err = Console(width=None if sys.stdout.isatty() else 150), Console(stderr=True)
    arms = _arms(options)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        Progress(*columns, console=err, transient=True, disable=not sys.stderr.isatty()) as bar,
        contextlib.ExitStack() as stack,
    ):
        if options.time_by_size:
            workers, missing = _start(arms, stack, bar, limit=180)
            points = _by_size(workers, bar)
        else:
            cases = _cases(options)
            workers, missing = _start(arms, stack, bar, limit=60)
            found = Found(arms, missing)
            _measure(found, cases, workers, bar, 0 if options.no_times else ROUNDS)
    if options.time_by_size:
        by_size.report(out, points)
        for name, reason in missing.items():
            out.print(f"no figures for {name}: {reason}", markup=False)
        _write(options.json, by_size.as_json(points))
        return
    report(out, found)
    _write(options.json, _figures(found))
    if options.chart:
        chart.draw(found, options.chart)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours-only", action="store_true", help="no peers: fast, and installs nothing")
    parser.add_argument("--arms", type=_names, default=[], help=f"only these, comma-separated: {', '.join(arm.name for arm in ARMS)}")
    parser.add_argument("--kinds", type=_names, default=[], help=f"only these kinds of output; scenarios are {', '.join(KINDS)}")
    parser.add_argument("--limit", type=int, help="at most so many cases of the corpus, and of the scenarios, by turns from each kind")
    parser.add_argument("--corpus", type=Path, default=ROOT.parent / "shared" / "corpus", help="folder of real tool outputs")
    parser.add_argument("--no-times", action="store_true", help="tokens and needles only")
    parser.add_argument("--time-by-size", action="store_true", help="time against size instead, ours unless --arms names others")
    parser.add_argument("--json", type=Path, help="write all figures to this file")
    parser.add_argument("--chart", type=Path, help="write a PNG to this file; needs the extra `bench`")
    options = parser.parse_args()
    unknown = set(options.arms) - {arm.name for arm in ARMS}
    if unknown:
        parser.error(f"no such arm: {', '.join(sorted(unknown))}")
    if options.chart and importlib.util.find_spec("matplotlib") is None:
        parser.error("--chart needs matplotlib: pip install 'headroom-mitmproxy[bench]'")
    return options


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _arms(options: argparse.Namespace) -> list[Arm]:
    only_ours = options.ours_only or (options.time_by_size and not options.arms)
    return [arm for arm in ARMS if (not options.arms or arm.name in options.arms) and (arm.ours or not only_ours)]


def _cases(options: argparse.Namespace) -> list[Case]:
    if (options.corpus / "tool_outputs").is_dir():
        real = load_corpus(options.corpus)
    else:
        print(f"No corpus at {options.corpus}: only the made-up scenarios run.", file=sys.stderr)
        real = []
    cases = pick(real, options.kinds, options.limit) + pick(scenarios(), options.kinds, options.limit)
    if not cases:
        sys.exit(f"No case of these kinds. There are: {', '.join(dict.fromkeys(case.kind for case in [*real, *scenarios()]))}")
    return cases


def _start(arms: Sequence[Arm], stack: contextlib.ExitStack, bar: Progress, limit: float) -> tuple[list[Worker], dict[str, str]]:
    workers: list[Worker] = []
    missing: dict[str, str] = {}
    task = bar.add_task("setting up", total=len(arms))
    for arm in arms:
        bar.update(task, description=f"setting up {arm.name}")
        try:
            workers.append(stack.enter_context(Worker(arm, limit=limit)))
        except PeerError as error:
            missing[arm.name] = str(error)
        bar.advance(task)
    bar.remove_task(task)
    return workers, missing


def _measure(found: Found, cases: Sequence[Case], workers: Sequence[Worker], bar: Progress, rounds: int) -> None:
    scorer = Scorer(counter())
    task = bar.add_task("compressing", total=len(cases) * len(workers))
    for worker in workers:
        for case in cases:
            found.rows.append(scorer.score(worker.arm.name, case, worker.ask(case)))
            bar.advance(task)
    task = bar.add_task("timing", total=len(cases))
    for number, case in enumerate(cases):
        # A salt of its own for each round of each case: several cases ask about one content.
        found.timings += _timed(case, workers, range(number * rounds + 1, (number + 1) * rounds + 1))
        bar.advance(task)


def _timed(case: Case, workers: Sequence[Worker], salts: Sequence[int]) -> list[Timing]:
    replies: dict[str, list[Reply]] = {worker.arm.name: [] for worker in workers}
    for salt in salts:
        fresh = case.salted(salt)
        for worker in workers:
            own = replies[worker.arm.name]
            if sum(reply.seconds for reply in own) < _ENOUGH:
                own.append(worker.ask(fresh))
    good = {name: [reply for reply in own if not reply.error] for name, own in replies.items()}
    return [
        Timing(name, case, min(reply.seconds for reply in own), own[0].size, min(reply.parse_seconds for reply in own))
        for name, own in good.items()
        if own
    ]


def _by_size(workers: Sequence[Worker], bar: Progress) -> list[by_size.Point]:
    task = bar.add_task("timing", total=len(workers) * len(by_size.INPUTS) * len(by_size.SIZES))
    return by_size.measure(workers, step=lambda: bar.advance(task))


def _figures(found: Found) -> dict[str, Any]:
    timings = {(timing.arm, timing.case.name): timing for timing in found.timings}
    figures: dict[str, Any] = {
        "tokens": "o200k_base" if counter().exact else "estimate",
        "python": platform.python_version(),
        "missing": found.missing,
        "notes": {arm.name: arm.note for arm in found.arms if arm.note},
    }
    for part, made_up in (("corpus", False), ("scenarios", True)):
        rows = {arm.name: found.of(arm, made_up=made_up) for arm in found.arms}
        figures[part] = {
            "by_kind": {arm: _cells(by_kind(own)) for arm, own in rows.items()},
            "by_question": {arm: _cells(by_question(own)) for arm, own in rows.items()},
        }
    figures["rows"] = [
        {
            "arm": row.arm,
            "case": row.case.name,
            "kind": row.case.kind,
            "made_up": row.case.made_up,
            "before": row.before,
            "after": row.after,
            "needles": len(row.kept),
            "missed": [needle.text for needle, kept in zip(row.case.needles, row.kept, strict=True) if not kept],
            "changed": row.changed,
            "grown": row.grown,
            "error": row.error,
            "ms_per_100_kb": round(timing.per_100_kb, 3) if (timing := timings.get((row.arm, row.case.name))) else None,
            "orjson_parses": round(timing.parses, 1) if timing else None,
        }
        for row in found.rows
    ]
    return figures


def _cells(cells: dict[str, Cell]) -> dict[str, Any]:
    return {
        name: {
            "saved": round(cell.saved, 2),
            "saved_sum": round(cell.saved_sum, 2),
            "kept": cell.hits,
            "needles": cell.needles,
            "cases": cell.cases,
        }
        for name, cell in cells.items()
    }


def _write(path: Path | None, figures: Any) -> None:
    if path is not None:
        path.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
