"""From replies to figures: tokens saved, needles kept, time; and where a peer is ahead of us."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from headroom_core.tokens import TokenCounter
from scripts.bench.cases import QUESTIONS, SEMANTIC, Case, Needle, readable
from scripts.bench.peers import Reply

# Differences below these are no difference: percentage points, and share of a time.
_SAME_SAVED = 0.05
_SAME_KEPT = 0.05
_SAME_TIME = 0.1


@dataclass(frozen=True, slots=True)
class Row:
    """What one arm made of one case. A reply with an error counts as the outputs unchanged, as a proxy would send them."""

    arm: str
    case: Case
    before: int
    after: int
    kept: tuple[bool, ...]
    """By needle of the case."""
    changed: bool
    error: str = ""

    @property
    def grown(self) -> bool:
        """More tokens than before."""
        return self.after > self.before


@dataclass(frozen=True, slots=True)
class Timing:
    """The best of several first sights of one case by one arm."""

    arm: str
    case: Case
    seconds: float
    size: int
    parse_seconds: float

    @property
    def per_100_kb(self) -> float:
        """Milliseconds for 100 kB of request."""
        return self.seconds * 1e3 / max(self.size, 1) * 1e5

    @property
    def parses(self) -> float:
        """In units of one orjson parse of the same bytes."""
        return self.seconds / self.parse_seconds


class Scorer:
    """Counts each text once."""

    def __init__(self, counter: TokenCounter) -> None:
        self._counter = counter
        self._known: dict[str, int] = {}

    def tokens(self, text: str) -> int:
        """Tokens in o200k_base."""
        if text not in self._known:
            self._known[text] = self._counter.count(text)
        return self._known[text]

    def score(self, arm: str, case: Case, reply: Reply) -> Row:
        """One arm's figures for one case."""
        came = case.outputs
        sent = list(reply.texts) if not reply.error else came
        before, after = (sum(map(self.tokens, outputs)) for outputs in (came, sent))
        return Row(arm, case, before, after, tuple(readable(case.needles, sent)), sent != came, reply.error)


@dataclass(frozen=True, slots=True)
class Cell:
    """One arm on some cases: per cent of tokens saved and of needles kept."""

    saved: float
    """Each content once, by the mean over its questions; contents weigh by their tokens."""
    saved_sum: float
    """The plain sum over cases, as corpus_score.py prints it: a content with many questions weighs more."""
    kept: float
    hits: int
    needles: int
    cases: int

    @property
    def text(self) -> str:
        """For a table."""
        return f"{self.saved:.1f} / {self.kept:.0f}" if self.needles else f"{self.saved:.1f} / -"


def cell(rows: Sequence[Row], asks: Callable[[Needle], bool] = lambda _: True) -> Cell | None:
    """The figures of these rows, with the needles that `asks` picks; None where there are none."""
    if not rows:
        return None
    by_content: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_content[row.case.content].append(row)
    before = sum(group[0].before for group in by_content.values())
    after = sum(statistics.fmean(row.after for row in group) for group in by_content.values())
    hits = [kept for row in rows for needle, kept in zip(row.case.needles, row.kept, strict=True) if asks(needle)]
    plain = _saved(sum(row.before for row in rows), sum(row.after for row in rows))
    kept = 100 * sum(hits) / len(hits) if hits else 100.0
    return Cell(_saved(before, after), plain, kept, sum(hits), len(hits), len(rows))


def _saved(before: float, after: float) -> float:
    return 100 * (1 - after / before) if before else 0.0


def by_kind(rows: Sequence[Row]) -> dict[str, Cell]:
    """Figures by kind of output, in the order in which the kinds come; last `all`."""
    kinds = dict.fromkeys(row.case.kind for row in rows)
    groups = {kind: [row for row in rows if row.case.kind == kind] for kind in kinds}
    if len(kinds) > 1:
        groups["all"] = list(rows)
    return {name: made for name, group in groups.items() if (made := cell(group)) is not None}


def by_question(rows: Sequence[Row]) -> dict[str, Cell]:
    """Figures by kind of question; `semantic` are the questions of all kinds in other words than the record's."""
    tests: dict[str, Callable[[Needle], bool]] = {name: _of_kind(name) for name in QUESTIONS}
    tests[SEMANTIC] = lambda needle: needle.semantic
    groups = {name: [row for row in rows if any(map(asks, row.case.needles))] for name, asks in tests.items()}
    return {name: made for name, group in groups.items() if (made := cell(group, tests[name])) is not None}


def _of_kind(name: str) -> Callable[[Needle], bool]:
    return lambda needle: needle.question == name


def ahead(peer: Cell, ours: Iterable[Cell]) -> str:
    """▲ none of our levels saves as much and keeps as many needles as the peer; △ likewise, but the peer keeps fewer than any of them."""
    levels = list(ours)
    if not levels or any(_as_good(level, peer) for level in levels):
        return ""
    return "▲" if any(peer.kept >= level.kept - _SAME_KEPT for level in levels) else "△"


def _as_good(level: Cell, peer: Cell) -> bool:
    return level.saved >= peer.saved - _SAME_SAVED and level.kept >= peer.kept - _SAME_KEPT


def faster(peer: float, ours: Iterable[float]) -> str:
    """▲ where the peer takes clearly less than each of our levels."""
    times = list(ours)
    return "▲" if times and peer < min(times) * (1 - _SAME_TIME) else ""
