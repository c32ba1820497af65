"""What the compression bench asks: conversations with tool outputs, and strings that must still be readable in them.

The definitions are those of ../shared/measure/corpus_score.py and of the corpus' README, so that figures can be laid side by side.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

QUESTIONS = ("lookup", "error", "anomaly", "aggregate", "toplist")
SEMANTIC = "semantic"
"""Not a sixth kind beside the others: questions of any kind whose words differ from the record's."""

_WORD = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True)
class Step:
    """One message of a conversation. A call is followed by its result."""

    role: Literal["user", "assistant", "call", "result"]
    text: str = ""
    name: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Needle:
    """A string that has to be readable for a question to be answered."""

    text: str
    question: str
    semantic: bool = False
    output: int = 0
    """Which of the conversation's tool outputs holds it."""


@dataclass(frozen=True, slots=True)
class Case:
    """A conversation that is sent once, with what must be readable in its tool outputs."""

    name: str
    kind: str
    steps: tuple[Step, ...]
    needles: tuple[Needle, ...]
    made_up: bool = False

    @property
    def outputs(self) -> list[str]:
        """The tool outputs as they came."""
        return [step.text for step in self.steps if step.role == "result"]

    @property
    def content(self) -> str:
        """What several questions about the same outputs have in common."""
        return hashlib.sha256("\0".join(self.outputs).encode("utf-8", "surrogatepass")).hexdigest()

    def salted(self, salt: int) -> Case:
        """The same in shape and size, in content that no cache has seen."""
        changed = (replace(step, text=salt_text(step.text, salt)) if step.role == "result" else step for step in self.steps)
        return replace(self, steps=tuple(changed))


def asked(query: str, tool: str, arguments: Mapping[str, Any], content: str) -> tuple[Step, ...]:
    """A question, the call it leads to, and its result."""
    return (Step("user", query), Step("call", name=tool, arguments=arguments), Step("result", content))


def load_corpus(folder: Path) -> list[Case]:
    """The corpus' tool outputs; needles that are too short or too frequent to count are left out."""
    return [_corpus_case(json.loads(path.read_text())) for path in sorted((folder / "tool_outputs").glob("*.json"))]


def _corpus_case(record: dict[str, Any]) -> Case:
    weak = set(record.get("weak_needles") or ())
    question, semantic = record.get("kind_of_question", "lookup"), bool(record.get("semantic"))
    return Case(
        record["id"],
        record["kind"],
        asked(record["query"], record.get("tool_name") or "tool", record.get("tool_input") or {}, record["content"]),
        tuple(Needle(text, question, semantic) for text in record["needles"] if text not in weak),
    )


def readable(needles: Sequence[Needle], outputs: Sequence[str]) -> list[bool]:
    """Whether each needle can still be read: as it was, or at least all its words.

    The second, since a factored column parts a value between header and row. It also forgives outputs in which the words
    stand far apart, those of all compressors alike.
    """
    words = [set(_WORD.findall(output)) for output in outputs]
    return [_readable(needle.text, outputs[needle.output], words[needle.output]) for needle in needles]


def _readable(needle: str, output: str, words: set[str]) -> bool:
    parts = _WORD.findall(needle)
    return needle in output or (bool(parts) and words.issuperset(parts))


def pick(cases: Iterable[Case], kinds: Sequence[str], limit: int | None) -> list[Case]:
    """The cases of these kinds (none named: of all); at most `limit`, by turns from each kind."""
    chosen = [case for case in cases if not kinds or case.kind in kinds]
    seen: Counter[str] = Counter()
    rounds: list[tuple[int, int]] = []
    for place, case in enumerate(chosen):
        rounds.append((seen[case.kind], place))
        seen[case.kind] += 1
    first = sorted(rounds)[:limit]
    return [chosen[place] for place in sorted(place for _, place in first)]


_PLAIN_WORD = re.compile(r"(?<![\\A-Za-z])[a-z]{6,}(?![A-Za-z])")
_LAST_NUMBER = re.compile(r"[1-9][0-9]{3,}(?=[^0-9]*\Z)")


def salt_text(text: str, salt: int) -> str:
    """`text` with its rarest plain word turned into another of the same length, wherever it stands.

    The rarest, since a frequent one may be a key or a level that a compressor knows. A text without words has its last number changed.
    Different salts from 1 to 300 million give different texts, but for those without words.
    """
    counts = Counter(_PLAIN_WORD.findall(text))
    if counts:
        rarest = min(counts, key=lambda word: (counts[word], len(word), word))
        turned = "".join(chr((ord(letter) - 97 + salt // 26**place) % 26 + 97) for place, letter in enumerate(rarest))
        return re.sub(rf"(?<![\\A-Za-z]){rarest}(?![A-Za-z])", turned, text)
    if _LAST_NUMBER.search(text):
        return _LAST_NUMBER.sub(lambda number: _another(number[0], salt), text, count=1)
    return f"{text} {salt}"


def _another(number: str, salt: int) -> str:
    """A number of as many digits, without a leading zero."""
    least = 10 ** (len(number) - 1)
    return str((int(number) - least + salt) % (9 * least) + least)
