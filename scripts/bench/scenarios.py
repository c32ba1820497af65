"""The made-up cases of the compression bench: four large tool outputs with a question each time, and a conversation of 50 turns."""

from __future__ import annotations

import random
from collections.abc import Callable

from scripts.bench import records, texts
from scripts.bench.cases import Case, Needle, Step, asked
from scripts.bench.records import Made

SEED = 20261123
TURNS = 50

type Maker = Callable[[random.Random, int], Made]

SINGLE: dict[str, tuple[Maker, int]] = {
    "search": (records.search, 1000),
    "logs": (records.logs, 500),
    "nested": (records.nested, 150),
    "database": (records.database, 1000),
}

# What one turn of the conversation brings. Of moderate size: agents shorten what is over about 30 kB themselves.
_TURN: tuple[tuple[Maker, int], ...] = (
    (records.search, 40),
    (texts.source, 120),
    (records.logs, 50),
    (texts.short, 1),
    (texts.hits, 60),
    (records.database, 60),
    (texts.test_run, 60),
    (records.nested, 14),
    (texts.service_log, 90),
    (texts.listing, 50),
)

KINDS = (*SINGLE, "conversation")


def scenarios() -> list[Case]:
    """All of them. The same in every run."""
    return [case for kind in SINGLE for case in single(kind)] + [conversation()]


def single(kind: str) -> list[Case]:
    """A case for each question about one content of this kind."""
    maker, count = SINGLE[kind]
    made = maker(random.Random(f"{SEED} {kind}"), count)
    cases: list[Case] = []
    for number, question in enumerate(made.questions):
        needles = tuple(Needle(text, question.kind, question.semantic) for text in question.needles)
        steps = asked(question.text, made.tool, made.arguments, made.content)
        cases.append(Case(f"{kind}-{number}-{question.kind}", kind, steps, needles, made_up=True))
    return cases


def conversation(turns: int = TURNS) -> Case:
    """One request with the whole conversation. Each turn asks a question before its call; all answers must still be readable at the end."""
    chance = random.Random(f"{SEED} conversation")
    steps: list[Step] = []
    needles: list[Needle] = []
    for turn in range(turns):
        maker, count = _TURN[turn % len(_TURN)]
        made = maker(chance, count)
        question = made.questions[turn // len(_TURN) % len(made.questions)]
        steps += [
            *asked(question.text, made.tool, made.arguments, made.content),
            Step("assistant", f"Noted, that answers question {turn + 1}."),
        ]
        needles += [Needle(text, question.kind, question.semantic, turn) for text in question.needles]
    return Case(
        "conversation-50-turns", "conversation", (*steps, Step("user", "Thank you. Sum up what you found.")), tuple(needles), made_up=True
    )
