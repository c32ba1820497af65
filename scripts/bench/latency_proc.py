"""CPU time and memory of processes, from Linux' /proc; elsewhere everything is 0."""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path

_TICK_MS = 1000 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 10.0
_PROC = Path("/proc")


def cpu_ms(pid: int) -> float:
    """User and system time so far, all threads, in steps of 10 ms."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) * _TICK_MS if fields else 0.0


def descendants(pid: int) -> list[int]:
    """The processes that descend from `pid`."""
    parents = {int(entry.name): int(fields[1]) for entry in _PROC.glob("[0-9]*") if (fields := _stat(int(entry.name)))}
    found: list[int] = []
    newest = {pid}
    while newest:
        newest = {child for child, parent in parents.items() if parent in newest}
        found += sorted(newest)
    return found


def rss_mb(pid: int) -> float:
    """Resident memory in MB (10^6 bytes), shared pages included."""
    return _kilobytes(pid, "status", "VmRSS")


def private_mb(pid: int) -> float:
    """Memory in MB that ends with the process: neither shared nor file-backed and clean."""
    return _kilobytes(pid, "smaps_rollup", "Private_Dirty")


def settle(pids: list[int], quiet: float = 0.01, limit: float = 2.0) -> None:
    """Wait until none of the processes has run for `quiet` seconds, so that one arm's background work does not slow the other."""
    deadline = time.monotonic() + limit
    last = -1
    while time.monotonic() < deadline:
        now = sum(map(_run_nanoseconds, pids))
        if now == last:
            return
        last = now
        time.sleep(quiet)


def _run_nanoseconds(pid: int) -> int:
    total = 0
    for task in (_PROC / str(pid) / "task").glob("*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            total += int((task / "schedstat").read_text().split()[0])
    return total


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on: the name before them may hold blanks."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _kilobytes(pid: int, file: str, name: str) -> float:
    try:
        found = re.search(rf"^{name}:\s*(\d+) kB", (_PROC / str(pid) / file).read_text(), re.MULTILINE)
    except OSError:
        return 0.0
    return int(found[1]) * 1024 / 1e6 if found else 0.0
