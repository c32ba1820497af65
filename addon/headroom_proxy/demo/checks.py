"""What must hold after the demo's conversations, judged by what the upstream received and what the flow log says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from headroom_proxy.demo.recording import AskedRecord, Recording
from headroom_proxy.demo.result import AgentLine, Check, OutputResult, RequestResult
from headroom_proxy.demo.survival import survives
from headroom_proxy.demo.wire import Sent

_SAMPLE_WIDTH = 300


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run left: by provider what arrived, and what was logged of each request."""

    recording: Recording
    sent: Mapping[str, Sequence[Sent]]
    seen: Sequence[AgentLine]
    logged: Sequence[RequestResult]
    outputs: Sequence[OutputResult]
    """Of one conversation: the other has the same ones."""


def run_checks(evidence: Evidence) -> list[Check]:
    """All checks, in the order in which they are shown."""
    return [_asked(evidence, fact) for fact in evidence.recording.asked] + [
        _errors(evidence),
        _words(evidence),
        _prefix(evidence),
        _cached(evidence),
        _saved(evidence),
        _logged(evidence),
    ]


def sample(evidence: Evidence) -> list[str]:
    """Some lines of the first asked record's output as it arrived: beginning, the record itself, the end."""
    fact = evidence.recording.asked[0]
    lines = next(_texts(evidence, fact.output)).splitlines()
    marker = str(fact.record[fact.key])
    asked = next((index for index, line in enumerate(lines) if marker in line), 0)
    left_out = next((index for index, line in enumerate(lines) if "left out" in line and index > asked), len(lines) - 1)
    wanted = [*range(5), *range(asked - 1, asked + 2), *range(left_out - 1, left_out + 5)]
    found: list[str] = []
    last = -1
    for index in sorted({index for index in wanted if 0 <= index < len(lines)}):
        found += ["..."] if index > last + 1 else []
        found.append(lines[index][:_SAMPLE_WIDTH])
        last = index
    return found


def _asked(evidence: Evidence, fact: AskedRecord) -> Check:
    found = sum(survives(fact.record, fact.key, text) for text in _texts(evidence, fact.output))
    expected = len(evidence.sent)
    yes = "yes" if found == expected else "no"
    line = f"{yes}, all {len(fact.record)} fields in {found} of {expected} conversations ({fact.key} {fact.record[fact.key]})"
    return Check(name="asked_record", passed=found == expected, line=line)


def _errors(evidence: Evidence) -> Check:
    facts = evidence.recording.errors
    kept = min(sum(survives(fact.record, fact.key, text) for fact in facts) for text in _texts(evidence, facts[0].output))
    return Check(name="errors", passed=kept == len(facts), line=f"{kept} of {len(facts)}, all fields; the question names none of them")


def _words(evidence: Evidence) -> Check:
    recording = evidence.recording
    expected = [recording.system, *(turn.get("human") or turn["says"] for turn in recording.turns)]
    right = total = 0
    for sent in evidence.sent.values():
        for request in sent:
            total += 1
            right += list(request.words) == expected[: len(request.words)]
    return Check(name="words", passed=right == total, line=f"system, human, assistant: unchanged in {right} of {total} requests")


def _prefix(evidence: Evidence) -> Check:
    same = total = 0
    for sent in evidence.sent.values():
        for earlier, later in pairwise(sent):
            total += 1
            same += earlier.messages == later.messages[: len(earlier.messages)]
    return Check(name="prefix", passed=same == total, line=f"stands unchanged in {same} of {total} follow-up requests")


def _cached(evidence: Evidence) -> Check:
    """From the third request on (before it the prompt is too short to be cached) all that was sent before is read from the cache."""
    right = total = 0
    for provider in evidence.sent:
        lines = [line for line in evidence.seen if line.provider == provider]
        for earlier, later in pairwise(lines[1:]):
            total += 1
            right += later.cached_tokens >= 0.95 * earlier.prompt_tokens
    return Check(name="cache", passed=right == total, line=f"read what was sent before (95% or more) in {right} of {total} requests")


def _saved(evidence: Evidence) -> Check:
    """Each tool output counts once, whatever number of requests carried it."""
    before = sum(output.tokens_before for output in evidence.outputs)
    sent = sum(output.tokens_sent for output in evidence.outputs)
    share = 100 * (before - sent) / before if before else 0.0
    line = f"{before:,} tokens of tool outputs became {sent:,}, {share:.0f}% less, each counted once"
    return Check(name="saved", passed=sent < before, line=line)


def _logged(evidence: Evidence) -> Check:
    logged, seen = len(evidence.logged), len(evidence.seen)
    return Check(name="logged", passed=logged == seen, line=f"{logged} of {seen} requests")


def _texts(evidence: Evidence, output: str) -> Iterator[str]:
    """The output as each conversation's last request carried it."""
    index = evidence.recording.output_names.index(output)
    for sent in evidence.sent.values():
        yield sent[-1].outputs[index] if sent and index < len(sent[-1].outputs) else ""
