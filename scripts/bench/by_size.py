"""Time against size: the same kind of tool output at growing sizes, ordinary and adversarial. Linear means that ms/MB stays level."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from scripts.bench import records, texts
from scripts.bench.cases import Case, asked
from scripts.bench.peers import PeerError, Worker

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
RUNS = 3
_STEEP = 2.0
"""Times dearer by the megabyte at the largest size than at 100 kB: from here on it is marked."""

type Make = Callable[[random.Random, int], str]


def _rows(chance: random.Random, size: int) -> str:
    return records.database(chance, max(20, size // 190)).content


def _nested(chance: random.Random, size: int) -> str:
    return records.nested(chance, max(20, size // 690)).content


def _log(chance: random.Random, size: int) -> str:
    return texts.service_log(chance, max(20, size // 72)).content


def _source(chance: random.Random, size: int) -> str:
    return texts.source(chance, max(20, size // 22)).content


def _one_string(chance: random.Random, size: int) -> str:
    return json.dumps({"blob": f"{chance.getrandbits(size * 4):x}"})


def _many_keys(chance: random.Random, size: int) -> str:
    return json.dumps({f"key-{chance.getrandbits(64):016x}": number for number in range(size // 32)})


def _small_arrays(chance: random.Random, size: int) -> str:
    return json.dumps([[chance.randrange(10**6)] for _ in range(size // 10)])


def _deep(chance: random.Random, size: int) -> str:
    return "[" * (size // 2) + str(chance.getrandbits(30)) + "]" * (size // 2)


def _strangers(chance: random.Random, size: int) -> str:
    return json.dumps([{f"f{chance.getrandbits(40):x}": chance.randrange(10**6) for _ in range(5)} for _ in range(size // 120)])


def _one_line(chance: random.Random, size: int) -> str:
    return " ".join(f"{chance.choice(records.TOPICS)}={chance.randrange(10**6)}" for _ in range(size // 14))


INPUTS: dict[str, Make] = {
    "database rows": _rows,
    "nested users": _nested,
    "text log": _log,
    "source file": _source,
    "one long string": _one_string,
    "an object of many keys": _many_keys,
    "one-element arrays": _small_arrays,
    "arrays, all nested": _deep,
    "records with nothing in common": _strangers,
    "text in one line": _one_line,
}


@dataclass(frozen=True, slots=True)
class Point:
    """One measurement: the best of several fresh contents."""

    arm: str
    name: str
    size: int
    seconds: float | None
    error: str = ""

    @property
    def per_mb(self) -> float | None:
        """Milliseconds a megabyte."""
        return None if self.seconds is None else self.seconds * 1e3 / self.size * 1e6


def measure(workers: Sequence[Worker], sizes: Sequence[int] = SIZES, step: Callable[[], None] = lambda: None) -> list[Point]:
    """All inputs at all sizes; larger sizes of an input are not tried where one has failed."""
    points: list[Point] = []
    for name, make in INPUTS.items():
        for worker in workers:
            for size in sizes:
                points.append(_point(worker, name, make, size))
                step()
                if points[-1].error:
                    break
    return points


def _point(worker: Worker, name: str, make: Make, size: int) -> Point:
    best: float | None = None
    length = size
    for run in range(RUNS):
        content = make(random.Random(f"{name} {size} {run}"), size)
        length = len(content.encode())
        case = Case(f"{name}-{size}-{run}", name, asked("What is in it?", "tool", {}, content), ())
        try:
            reply = worker.ask(case)
        except PeerError as error:
            return Point(worker.arm.name, name, length, None, str(error))
        if reply.error:
            return Point(worker.arm.name, name, length, None, reply.error)
        best = reply.seconds if best is None else min(best, reply.seconds)
    return Point(worker.arm.name, name, length, best)


def growth(points: Sequence[Point]) -> float | None:
    """How many times dearer by the megabyte the largest size is than 100 kB or the smallest above it."""
    timed = [(point.size, point.per_mb) for point in points if point.per_mb is not None]
    usual = [cost for size, cost in timed if size >= SIZES[1] // 2]
    return usual[-1] / usual[0] if len(usual) > 1 and usual[0] else None


def report(console: Console, points: Sequence[Point]) -> None:
    """A table for each arm."""
    for arm in dict.fromkeys(point.arm for point in points):
        own = [point for point in points if point.arm == arm]
        sizes = max((len([point for point in own if point.name == name]) for name in INPUTS), default=0)
        table = Table(title=f"{arm}: ms per MB by size", box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
        table.add_column("")
        for size in SIZES[:sizes]:
            table.add_column(f"{size / 1e6:g} MB" if size >= 1_000_000 else f"{size // 1000} kB", justify="right")
        table.add_column("growth", justify="right")
        for name in INPUTS:
            line = [point for point in own if point.name == name]
            texts_ = [point.error or f"{point.per_mb:.1f}" for point in line]
            texts_ += [""] * (sizes - len(texts_))
            grown = growth(line)
            mark = "" if grown is None else f"[bold red]{grown:.2f}[/]" if grown > _STEEP else f"{grown:.2f}"
            table.add_row(name, *texts_, mark)
        console.print(table)
    console.print("growth: ms/MB at the largest size over that at 100 kB; 1 is linear. Best of several fresh contents each.", style="dim")


def as_json(points: Sequence[Point]) -> list[dict[str, object]]:
    """For --json."""
    return [asdict(point) | {"ms_per_mb": point.per_mb} for point in points]
