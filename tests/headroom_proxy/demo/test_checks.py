"""Each check fails where what it is about went wrong. The evidence is a small conversation, then damaged."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from headroom_proxy.demo.checks import Evidence, run_checks, sample
from headroom_proxy.demo.recording import AskedRecord, Recording
from headroom_proxy.demo.result import AgentLine, OutputResult, RequestResult
from headroom_proxy.demo.wire import Sent

RECORDS: list[dict[str, Any]] = [{"id": f"r-{number}", "level": "error" if number % 5 == 0 else "info"} for number in range(20)]
TABLE = "\n".join(["id,level", *(f"{record['id']},{record['level']}" for record in RECORDS)])
TURNS: list[dict[str, Any]] = [
    {"human": "What of r-7?"},
    {"says": "I look.", "tool": "http_get", "arguments": {}, "output": "log"},
    {"says": "It is fine."},
    {"human": "Thanks."},
    {"says": "Bye."},
]
RECORDING = Recording(
    system="Be brief.",
    tools=[],
    turns=TURNS,
    outputs={"log": json.dumps(RECORDS)},
    asked=[AskedRecord("log", "id", RECORDS[7])],
    errors=[AskedRecord("log", "id", record) for record in RECORDS if record["level"] == "error"],
)
ASK, LOOK, RESULT, FINE, THANKS = "ask", "look", f"result {TABLE}", "fine", "thanks"


def conversation(table: str = TABLE) -> list[Sent]:
    return [
        Sent([ASK], [], ["Be brief.", "What of r-7?"]),
        Sent([ASK, LOOK, RESULT], [table], ["Be brief.", "What of r-7?", "I look."]),
        Sent([ASK, LOOK, RESULT, FINE, THANKS], [table], ["Be brief.", "What of r-7?", "I look.", "It is fine.", "Thanks."]),
    ]


def request(provider: str, prompt: int, cached: int) -> RequestResult:
    return RequestResult(
        provider=provider,
        new="question",
        first_event_ms=1,
        prompt_tokens=prompt,
        cached_tokens=cached,
        flow_id="f",
        tokens_before=prompt,
        tokens_sent=prompt,
        tokens_exact=True,
        overhead_ms=1,
    )


def evidence(**changed: Any) -> Evidence:
    rows = [request(provider, *pair) for provider in ("anthropic", "openai") for pair in ((10, 0), (2000, 0), (2100, 2000))]
    seen = [AgentLine.model_validate(row.model_dump(include=set(AgentLine.model_fields))) for row in rows]
    output = OutputResult(
        name="log", tool="http_get", tokens_before=900, tokens_sent=300, compressor="c", left_alone="", records_total=20, records_kept=20
    )
    whole = Evidence(RECORDING, {"anthropic": conversation(), "openai": conversation()}, seen, rows, [output])
    return replace(whole, **changed)


def failed(found: Evidence) -> list[str]:
    return [check.name for check in run_checks(found) if not check.passed]


def test_all_pass_on_whole_evidence() -> None:
    assert failed(evidence()) == []


def test_the_lines_count_what_was_found() -> None:
    lines = {check.name: check.line for check in run_checks(evidence())}
    assert lines["errors"].startswith("4 of 4")
    assert lines["asked_record"].startswith("yes, all 2 fields in 2 of 2")
    assert lines["saved"].startswith("900 tokens of tool outputs became 300, 67% less")


def test_a_lost_asked_record_in_one_conversation_is_seen() -> None:
    sent = {"anthropic": conversation(), "openai": conversation(TABLE.replace("r-7,info\n", ""))}
    assert failed(evidence(sent=sent)) == ["asked_record"]


def test_one_lost_error_is_seen() -> None:
    sent = {"anthropic": conversation(TABLE.replace("r-15,error\n", "")), "openai": conversation()}
    assert failed(evidence(sent=sent)) == ["errors"]
    assert next(check.line for check in run_checks(evidence(sent=sent)) if check.name == "errors").startswith("3 of 4")


def test_a_changed_word_is_seen() -> None:
    changed = conversation()
    changed[1] = replace(changed[1], words=["Be brief", *changed[1].words[1:]])
    assert failed(evidence(sent={"anthropic": changed, "openai": conversation()})) == ["words"]


def test_a_changed_prefix_is_seen() -> None:
    changed = conversation()
    changed[2] = replace(changed[2], messages=[ASK, LOOK, "another result", FINE, THANKS])
    assert failed(evidence(sent={"anthropic": changed, "openai": conversation()})) == ["prefix"]


def test_a_prefix_that_was_not_read_from_the_cache_is_seen() -> None:
    seen = list(evidence().seen)
    seen[2] = seen[2].model_copy(update={"cached_tokens": 1000})
    assert failed(evidence(seen=seen)) == ["cache"]


def test_nothing_saved_is_seen() -> None:
    outputs = [evidence().outputs[0].model_copy(update={"tokens_sent": 900})]
    assert failed(evidence(outputs=outputs)) == ["saved"]


def test_a_request_that_was_not_logged_is_seen() -> None:
    assert failed(evidence(logged=evidence().logged[:-1])) == ["logged"]


@pytest.mark.parametrize("sent", [{"anthropic": [], "openai": []}, {"anthropic": conversation()[:1], "openai": conversation()}])
def test_a_conversation_that_broke_off_is_no_success(sent: dict[str, list[Sent]]) -> None:
    assert {"asked_record", "errors"} <= set(failed(evidence(sent=sent)))


def test_the_sample_shows_the_beginning_the_asked_record_and_the_end() -> None:
    lines = sample(evidence())
    assert lines[0] == "id,level"
    assert "r-7,info" in lines
    assert lines[-1] == "r-19,info"
    assert "..." in lines
