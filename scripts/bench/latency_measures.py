"""The measures of scripts/bench/latency.py. Both arms run all the time and take turns, so that what the machine does meets both."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from scripts.bench.latency_bodies import one_large_output, small, with_question
from scripts.bench.latency_proc import cpu_ms, descendants, private_mb, rss_mb, settle
from scripts.bench.latency_rig import Connection, Mitmdump

type Tick = Callable[[], None]

_RATE_SECONDS = 2.0
_WARM_UP = 5
_LIMIT_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Arms:
    """The two that are compared."""

    bare: Mitmdump
    addon: Mitmdump

    def settle(self) -> None:
        """Wait until neither arm nor a worker of theirs has anything left to do."""
        settle([pid for arm in (self.bare, self.addon) for pid in (arm.pid, *descendants(arm.pid))])


@dataclass(frozen=True, slots=True)
class Paired:
    """The same requests through both arms, one after the other. Milliseconds; `extra` is addon less bare, request by request."""

    name: str
    size: int
    requests: int
    bare_p50: float
    bare_p95: float
    addon_p50: float
    addon_p95: float
    extra_p50: float
    extra_p95: float
    bare_cpu: float
    addon_cpu: float
    workers_cpu: float


@dataclass(frozen=True, slots=True)
class Throughput:
    """Requests a second over several connections at once, the median of some rounds."""

    connections: int
    size: int
    bare: float
    addon: float


@dataclass(frozen=True, slots=True)
class Heavy:
    """How many heavy requests at once, each with a new output of how many bytes, how many times."""

    number: int
    size: int
    rounds: int


@dataclass(frozen=True, slots=True)
class Light:
    """Small requests while many heavy ones are under way, and how long a heavy one takes. Milliseconds."""

    heavy: int
    heavy_size: int
    requests: int
    p50: float
    worst: float
    heavy_p50: float


@dataclass(frozen=True, slots=True)
class Memory:
    """MB: resident memory of mitmdump; of its worker processes and their helpers, resident and private, with their number."""

    main: float
    workers: int
    workers_rss: float
    workers_private: float


def paired(name: str, bodies: Iterable[bytes], arms: Arms, tick: Tick, *, stream: bool = False) -> Paired:
    """Each body through both arms; the first few are not counted. It ends early where it takes too long.

    With `stream`, the time is that of the first byte.
    """
    connections = {arm.name: Connection(arm) for arm in (arms.bare, arms.addon)}
    workers = descendants(arms.addon.pid)
    times: dict[str, list[float]] = {arm: [] for arm in connections}
    sizes: list[int] = []
    cpu: list[float] = []
    ended = time.perf_counter() + _LIMIT_SECONDS
    for number, body in enumerate(bodies):
        if number == _WARM_UP:
            cpu = _cpu(arms, workers)
        for arm in (arms.bare, arms.addon) if number % 2 else (arms.addon, arms.bare):
            arms.settle()
            first, last = connections[arm.name].send(body, stream=stream)
            if number >= _WARM_UP:
                times[arm.name].append(first if stream else last)
        sizes.append(len(body))
        tick()
        if time.perf_counter() > ended and number > _WARM_UP:
            break
    arms.settle()
    bare, addon = times[arms.bare.name], times[arms.addon.name]
    spent = [(after - before) / len(bare) for before, after in zip(cpu, _cpu(arms, workers), strict=True)]
    for connection in connections.values():
        connection.close()
    extra = [late - early for late, early in zip(addon, bare, strict=True)]
    mean = round(statistics.mean(sizes))
    return Paired(name, mean, len(bare), *_middle_and_high(bare), *_middle_and_high(addon), *_middle_and_high(extra), *spent)


def throughput(conversations: Sequence[list[dict[str, object]]], arms: Arms, rounds: int, tick: Tick) -> Throughput:
    """A connection for each conversation, all at once; each request brings a new question."""
    rates: dict[str, list[float]] = {arms.bare.name: [], arms.addon.name: []}
    size = len(with_question(conversations[0], 0))
    for number in range(rounds):
        for arm in (arms.bare, arms.addon):
            arms.settle()
            bodies = [[with_question(one, number * 100 + n) for n in range(8)] for one in conversations]
            rates[arm.name].append(_rate(arm, bodies))
            tick()
    bare, addon = (statistics.median(rates[arm.name]) for arm in (arms.bare, arms.addon))
    return Throughput(len(conversations), size, bare, addon)


def light_beside_heavy(arm: Mitmdump, arms: Arms, heavy: Heavy, tick: Tick) -> Light:
    """Small requests one after the other while heavy ones, whose output was never seen before, are under way."""
    light_times: list[float] = []
    heavy_times: list[float] = []
    light = Connection(arm)
    light.send(small(0))
    for number in range(heavy.rounds):
        bodies = [one_large_output(heavy.size, 10_000 * (number + 1) + n) for n in range(heavy.number)]
        connections = [Connection(arm) for _ in bodies]
        arms.settle()
        threads = [
            threading.Thread(target=lambda one=one, body=body: heavy_times.append(one.send(body)[1]))
            for one, body in zip(connections, bodies, strict=True)
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            light_times.append(light.send(small(len(light_times)))[1])
            time.sleep(0.001)
        for connection in connections:
            connection.close()
        tick()
    light.close()
    return Light(
        heavy.number, len(bodies[0]), len(light_times), statistics.median(light_times), max(light_times), statistics.median(heavy_times)
    )


def memory(arm: Mitmdump) -> Memory:
    """What the arm's processes hold now."""
    workers = descendants(arm.pid)
    return Memory(rss_mb(arm.pid), len(workers), sum(map(rss_mb, workers)), sum(map(private_mb, workers)))


def _rate(arm: Mitmdump, bodies: Sequence[Sequence[bytes]]) -> float:
    connections = [Connection(arm) for _ in bodies]
    for connection, own in zip(connections, bodies, strict=True):
        connection.send(own[0])
    done = [0] * len(bodies)
    ended = time.perf_counter() + _RATE_SECONDS

    def load(index: int) -> None:
        while time.perf_counter() < ended:
            connections[index].send(bodies[index][done[index] % len(bodies[index])])
            done[index] += 1

    started = time.perf_counter()
    threads = [threading.Thread(target=load, args=(index,)) for index in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = sum(done) / (time.perf_counter() - started)
    for connection in connections:
        connection.close()
    return rate


def _cpu(arms: Arms, workers: Sequence[int]) -> list[float]:
    return [cpu_ms(arms.bare.pid), cpu_ms(arms.addon.pid), sum(map(cpu_ms, workers))]


def _middle_and_high(values: Sequence[float]) -> tuple[float, float]:
    return statistics.median(values), statistics.quantiles(values, n=20, method="inclusive")[-1]
