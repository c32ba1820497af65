#!/usr/bin/env python
"""What the addon costs: bare mitmdump against mitmdump with the addon, on the same bodies, in one run.

    .venv/bin/python scripts/bench/latency.py [--json] [--quick]

Loopback only; bounded in number and time (under 3 minutes). The arms take turns request by request; before each request both arms and
the addon's workers are idle, so that counting tokens in the background of one request is not measured as a delay of the next (CPU
times show it). Bodies are made by a seed in the shape of agent conversations; see latency_bodies.py. Ratios hold, absolutes drift with
the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import mitmproxy.version
import orjson
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from scripts.bench.latency_bodies import growing, one_large_output, seen_conversation, small, with_question
from scripts.bench.latency_measures import Arms, Heavy, Light, Memory, Paired, light_beside_heavy, memory, paired, throughput
from scripts.bench.latency_rig import STREAM_CHUNKS, STREAM_PAUSE, Mitmdump, Upstream

_LIGHT_ROUNDS = 6
_HEAVY = 20
_CONNECTIONS = 8
_RATE_ROUNDS = 5


def main() -> None:
    """Measure, then print."""
    parser = argparse.ArgumentParser(description="Bare mitmdump against mitmdump with the addon.")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--quick", action="store_true", help="a fraction of the requests: to see that it works, not for figures")
    options = parser.parse_args()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        found = _measure(bar, 25 if options.quick else 1)
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        _report(Console(), found)


def _measure(bar: Progress, less: int) -> dict[str, Any]:
    """All figures. `less` divides the number of requests."""
    started = time.perf_counter()
    plan = _bodies(less)
    rounds = max(1, _LIGHT_ROUNDS // less)
    rate_rounds = max(1, _RATE_ROUNDS // less)
    total = sum(len(bodies) for _, bodies, _ in plan) + 2 * (rounds + rate_rounds)
    task = bar.add_task("starting", total=total)

    def tick() -> None:
        bar.advance(task)

    with (
        tempfile.TemporaryDirectory(prefix="headroom-latency-") as scratch,
        Upstream(Path(scratch)) as upstream,
        Mitmdump("bare", Path(scratch), upstream, addon=False) as bare,
        Mitmdump("addon", Path(scratch), upstream, addon=True) as addon,
    ):
        arms = Arms(bare, addon)
        arms.settle()
        time.sleep(1)
        arms.settle()
        idle = {arm.name: memory(arm) for arm in (bare, addon)}
        rows: list[Paired] = []
        for name, bodies, stream in plan:
            bar.update(task, description=name)
            rows.append(paired(name, bodies, arms, tick, stream=stream))
        bar.update(task, description=f"{_CONNECTIONS} connections at once")
        conversations = [seen_conversation(200_000, seed) for seed in range(100, 100 + _CONNECTIONS)]
        rate = throughput(conversations, arms, rate_rounds, tick)
        bar.update(task, description=f"a light request beside {_HEAVY} heavy ones")
        light = {arm.name: light_beside_heavy(arm, arms, Heavy(_HEAVY, 270_000, rounds), tick) for arm in (bare, addon)}
        arms.settle()
        loaded = {arm.name: memory(arm) for arm in (bare, addon)}
    return {
        "machine": {
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "mitmproxy": mitmproxy.version.VERSION,
            "load": os.getloadavg()[0],
        },
        "requests": [asdict(row) for row in rows],
        "throughput": asdict(rate),
        "light": {name: asdict(one) for name, one in light.items()},
        "memory": {
            "idle": {name: asdict(one) for name, one in idle.items()},
            "loaded": {name: asdict(one) for name, one in loaded.items()},
        },
        "orjson_parse_780_kb_ms": _parse_ms(plan[3][1][-1]),
        "seconds": round(time.perf_counter() - started, 1),
    }


def _bodies(less: int) -> list[tuple[str, list[bytes], bool]]:
    """Name, bodies, and whether the first byte of a stream is what counts."""
    seen = seen_conversation(200_000, 1)
    turns = max(8, 40 // less)
    return [
        ("0.5 kB", [small(n) for n in range(305 // less)], False),
        ("200 kB, seen", [with_question(seen, n) for n in range(205 // less)], False),
        ("200 kB, all new", [one_large_output(200_000, n) for n in range(max(8, 35 // less))], False),
        ("780 kB, 10 kB new", list(growing(780_000 - 5_000 * turns, 10_000, turns, 2)), False),
        ("first byte, 0.5 kB", [small(10_000 + n) for n in range(max(8, 30 // less))], True),
        ("first byte, 200 kB", [with_question(seen, 10_000 + n) for n in range(max(8, 30 // less))], True),
    ]


def _parse_ms(body: bytes) -> float:
    times = []
    for _ in range(20):
        started = time.perf_counter()
        orjson.loads(body)
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


def _report(console: Console, found: dict[str, Any]) -> None:
    machine = found["machine"]
    console.print(
        f"[bold]bare mitmdump {machine['mitmproxy']} against mitmdump with the addon[/] "
        f"({machine['cores']} cores, Python {machine['python']}, load at the end {machine['load']:.1f}, {found['seconds']:.0f} s)\n"
    )
    rows = [Paired(**row) for row in found["requests"]]
    console.print(_requests(rows))
    console.print(_cpu(rows))
    console.print(_goals(found, rows))
    console.print(_memory(found["memory"]))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=number > 0)
    return table


def _requests(rows: list[Paired]) -> Table:
    table = _table("One request after the other, p50 / p95 in milliseconds", "body", "n", "bare", "addon", "extra")
    for row in rows:
        pairs = ((row.bare_p50, row.bare_p95), (row.addon_p50, row.addon_p95), (row.extra_p50, row.extra_p95))
        table.add_row(row.name, str(row.requests), *(f"{middle:.2f} / {high:.2f}" for middle, high in pairs))
    table.caption = (
        f"extra: addon less bare, request by request. First byte of streams of {STREAM_CHUNKS} chunks, {STREAM_PAUSE * 1000:.0f} ms apart."
        " Bare mitmdump holds a stream back until its end. seen: only the question at its end is new; all new: one JSON array."
    )
    table.caption_justify = "left"
    return table


def _cpu(rows: list[Paired]) -> Table:
    table = _table("CPU time a request, milliseconds", "body", "bare mitmdump", "with the addon", "worker processes")
    for row in rows:
        table.add_row(row.name, *(f"{value:.1f}" for value in (row.bare_cpu, row.addon_cpu, row.workers_cpu)))
    return table


def _goals(found: dict[str, Any], rows: list[Paired]) -> Table:
    """The figures that DESIGN section 8 sets a goal for."""
    rate, light = found["throughput"], {name: Light(**one) for name, one in found["light"].items()}
    parse = found["orjson_parse_780_kb_ms"]
    share = 100 * rate["addon"] / rate["bare"]
    more = {state: found["memory"][state]["addon"]["main"] - found["memory"][state]["bare"]["main"] for state in ("idle", "loaded")}
    addon, bare = light["addon"], light["bare"]
    table = Table(title="Goals", box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    for column in ("what", "found", "goal", ""):
        table.add_column(column)
    lines = [
        ("0.5 kB request", f"{rows[0].extra_p50:.2f} ms over bare", "under 0.3 ms", rows[0].extra_p50 < 0.3),
        (
            "780 kB turn, 10 kB new",
            f"{rows[3].extra_p50:.2f} ms over bare = {rows[3].extra_p50 / parse:.1f} orjson parses",
            "under 5 x",
            rows[3].extra_p50 < 5 * parse,
        ),
        (
            f"{rate['connections']} connections, {rate['size'] // 1000} kB",
            f"{rate['bare']:.0f} requests/s bare, {rate['addon']:.0f} addon = {share:.0f}%",
            "over 85%",
            share > 85,
        ),
        (
            f"light beside {addon.heavy} heavy",
            f"p50 {addon.p50:.1f}, worst {addon.worst:.1f} ms (bare {bare.p50:.1f}, {bare.worst:.1f})",
            "under 15 ms",
            addon.worst < 15,
        ),
        (f"the heavy ones, {addon.heavy_size // 1000} kB", f"p50 {addon.heavy_p50:.0f} ms (bare {bare.heavy_p50:.0f})", "", None),
        (
            "memory of mitmdump",
            f"{more['idle']:+.0f} MB idle, {more['loaded']:+.0f} MB loaded",
            "under +60 MB",
            max(more.values()) < 60,
        ),
    ]
    for what, value, goal, met in lines:
        table.add_row(what, value, goal, "" if met is None else "[green]met[/]" if met else "[bold red]not met[/]")
    return table


def _memory(states: dict[str, dict[str, dict[str, float]]]) -> Table:
    title = "Memory, MB (workers: with their helper processes)"
    table = _table(title, "", "mitmdump RSS", "worker processes", "their RSS", "of it private")
    for state, arms in states.items():
        for name, values in arms.items():
            one = Memory(**values)  # type: ignore[arg-type]  # JSON knows one kind of number
            table.add_row(f"{name}, {state}", f"{one.main:.0f}", str(one.workers), f"{one.workers_rss:.0f}", f"{one.workers_private:.0f}")
    return table


if __name__ == "__main__":
    main()
