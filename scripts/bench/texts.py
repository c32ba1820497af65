"""Made-up tool outputs by a seed: what an agent's shell gives, with questions as in records.py."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from scripts.bench.records import ACTIONS, TOPICS, Made, Question

_LOCALS = ("limit", "cursor", "payload", "attempt", "deadline", "bucket", "window", "digest")


def hits(chance: random.Random, count: int) -> Made:
    """Search hits in source files, by file."""
    lines: list[str] = []
    while len(lines) < count:
        path = f"src/{chance.choice(TOPICS)}/{chance.choice(ACTIONS)}.py"
        numbers = sorted(chance.sample(range(10, 900), chance.randrange(2, 9)))
        lines += [f"{path}:{number}:    {_local(chance)} = retry_{_local(chance)}(self.{_local(chance)})" for number in numbers]
    place = _middle_place(chance, len(lines))
    name = f"retry_budget_{chance.randrange(100, 999)}"
    lines[place] = f"src/{chance.choice(TOPICS)}/budget.py:{chance.randrange(20, 80)}:def {name}(attempts: int) -> float:"
    questions = (Question("lookup", f"Where is {name} defined?", (lines[place],)),)
    return Made("run_command", {"command": "grep -rn retry_ src"}, "\n".join(lines), questions)


def service_log(chance: random.Random, count: int) -> Made:
    """A service's log as text; few errors, one line of a kind of its own."""
    time = datetime(2026, 11, 21, 6, 30, tzinfo=UTC)
    lines: list[str] = []
    for _ in range(count):
        time += timedelta(milliseconds=chance.randrange(10, 3000))
        what = f"served /v1/{chance.choice(TOPICS)}/{chance.randrange(1000, 9999)} in {chance.randrange(3, 90)} ms"
        lines.append(f"{time:%Y-%m-%d %H:%M:%S},{chance.randrange(1000):03} INFO worker-{chance.randrange(8)} {what}")
    failed, odd = chance.sample(range(count // 5, count - count // 5), 2)
    lines[failed] = f"{lines[failed][:23]} ERROR worker-3 payment {chance.getrandbits(32):08x} rejected: signature does not match"
    lines[odd] = f"{lines[odd][:23]} INFO worker-7 rotated key {chance.getrandbits(32):08x} ahead of time"
    questions = (
        Question("error", "Did anything fail in this log?", (lines[failed][24:],)),
        Question("anomaly", "Is there a line unlike all the others?", (lines[odd][24:],)),
        Question("aggregate", "From when to when does the log run?", (lines[0][:19], lines[-1][:19])),
        Question("error", "Was somebody's transfer turned down?", (lines[failed][24:],), semantic=True),
    )
    return Made("run_command", {"command": "tail -n 200 service.log"}, "\n".join(lines), questions)


def test_run(chance: random.Random, count: int) -> Made:
    """A verbose test run with one failure."""
    names = [f"tests/test_{chance.choice(TOPICS)}.py::test_{chance.choice(ACTIONS)}_{number}" for number in range(count)]
    place = _middle_place(chance, count)
    lines = [f"{name} {'FAILED' if number == place else 'PASSED'} [{100 * number // count:3}%]" for number, name in enumerate(names)]
    claim = f"E       AssertionError: expected {chance.randrange(1000, 9999)} tokens, got {chance.randrange(1000, 9999)}"
    report = ["=" * 30 + " FAILURES " + "=" * 30, f"____ {names[place]} ____", ">       assert budget.left == expected", claim]
    end = [f"FAILED {names[place]}", f"===== 1 failed, {count - 1} passed in {chance.uniform(2, 40):.2f}s ====="]
    questions = (Question("error", "Which test failed, and why?", (names[place], claim[8:])),)
    return Made("run_command", {"command": "pytest -v"}, "\n".join(["collected items", *lines, *report, *end]), questions)


def listing(chance: random.Random, count: int) -> Made:
    """A long directory listing."""
    rows: list[str] = []
    for number in range(count):
        size = chance.randrange(200, 90_000)
        day, minute, name = chance.randrange(1, 22), chance.randrange(60), f"{chance.choice(TOPICS)}_{number}.py"
        rows.append(f"-rw-r--r-- 1 app app {size:>8} Nov {day:2} 10:{minute:02} {name}")
    place = _middle_place(chance, count)
    huge = chance.randrange(80_000_000, 99_000_000)
    rows[place] = f"-rw-r--r-- 1 app app {huge:>8} Nov 12 03:14 core.{chance.randrange(1000, 9999)}"
    name = rows[place].split()[-1]
    questions = (
        Question("anomaly", "What takes so much room in this folder?", (name, str(huge))),
        Question("toplist", "Which file is the largest?", (name, str(huge))),
    )
    return Made("run_command", {"command": "ls -l build"}, "\n".join([f"total {huge // 1000}", *rows]), questions)


def source(chance: random.Random, count: int) -> Made:
    """A source file with line numbers, as agents read it."""
    lines: list[str] = []
    while len(lines) < count:
        topic, local = chance.choice(TOPICS), _local(chance)
        lines += [
            f"def {chance.choice(ACTIONS)}_{topic}_{len(lines)}({local}: int) -> int:",
            f'    """How many of the {topic} are left."""',
        ]
        lines += [f"    {local} += {_local(chance).upper()}_{chance.randrange(9)}" for _ in range(chance.randrange(2, 6))]
        lines += [f"    return {local}", "", ""]
    place = _middle_place(chance, len(lines))
    value = chance.randrange(10_000, 99_999)
    lines[place] = f"BACKOFF_CEILING_MS = {value}"
    questions = (
        Question("lookup", "What is BACKOFF_CEILING_MS set to?", (lines[place],)),
        Question("lookup", "How long do we wait at most before another try?", (lines[place],), semantic=True),
    )
    text = "\n".join(f"{number}\t{line}" for number, line in enumerate(lines, 1))
    return Made("read_file", {"path": f"src/{chance.choice(TOPICS)}.py"}, text, questions)


def short(chance: random.Random, _: int) -> Made:
    """A few words, as most calls of an agent give."""
    commit = f"{chance.getrandbits(28):07x}"
    what = f"{chance.choice(TOPICS).title()} {chance.choice(ACTIONS)}"
    text = f"[main {commit}] {what}\n 2 files changed, {chance.randrange(3, 60)} insertions(+)"
    return Made("run_command", {"command": "git commit -a"}, text, (Question("lookup", "Under which hash was it committed?", (commit,)),))


def _local(chance: random.Random) -> str:
    return chance.choice(_LOCALS)


def _middle_place(chance: random.Random, count: int) -> int:
    return chance.randrange(count // 5, count - count // 5)
