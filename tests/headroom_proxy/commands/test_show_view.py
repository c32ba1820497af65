from __future__ import annotations

import io

import pytest
from rich.console import Console

from headroom_core.flow_log import StoredForm
from headroom_core.flow_log.records import flow_row, output_row
from headroom_core.flow_log.results import FlowDetail, OutputRow
from headroom_core.model import FlowRecord, OutputRecord, Usage
from headroom_proxy.commands.show_view import ShownOutput, print_flow
from tests.flow_log_rig import form, output, record


def shown(capsys: pytest.CaptureFixture[str], one: FlowRecord, *forms: StoredForm | None, full: bool = False) -> str:
    row = flow_row(one)
    outputs = [OutputRow.model_validate(output_row(row, each)) for each in one.outputs]
    detail = FlowDetail.model_validate({**row, "outputs": outputs})
    print_flow(
        Console(file=io.StringIO()), detail, [ShownOutput(each, stored) for each, stored in zip(outputs, forms, strict=True)], full=full
    )
    return capsys.readouterr().out


def skipped() -> OutputRecord:
    return output(2, result="skipped", reason="too_small", tool="Read", tokens_before=12, tokens_after=12)


def test_the_facts_of_a_request(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, record(1, reason="audit_mode", error="cut off"))
    assert "Request 00000001-0000-4000-8000-000000000000\n" in out
    assert "to           api.anthropic.com/v1/messages (anthropic, claude-sonnet-4-5, streamed)\n" in out
    assert "tokens       2,000 → 1,250 (37.5% saved)\n" in out
    assert "answer       status 200 after 1,234 ms; 3.5 ms added\n" in out
    assert "billed       input 12, cache read 900, cache write 338, output 77\n" in out
    assert "left as is   audit mode\n" in out
    assert "error        cut off\n" in out


def test_what_is_not_known_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, record(1, usage=Usage(), status=None, tokens_exact=False, tokens_after=2000))
    assert "billed" not in out
    assert "status - after" in out
    assert "tokens       2,000 → 2,000, estimated by length\n" in out


def test_before_and_after_of_each_output(capsys: pytest.CaptureFixture[str]) -> None:
    lossy = output(1, lossless=False, items_total=1000, items_kept=15)
    out = shown(capsys, record(1, outputs=(lossy, skipped()), outputs_total=5), form(1, text="short", original="line 1\nline 2"), None)
    assert "1. Bash  messages.2.content.0.content\n" in out
    assert "json_records, kept 15 of 1,000 records; tokens 1,000 → 250 (75.0% saved)\n" in out
    assert "original: headroom get c0ffee\n" in out
    assert "   before:\n    line 1\n    line 2\n   after:\n    short\n" in out
    assert "2. Read  messages.2.content.0.content\n   left as it came: too small; 12 tokens\n" in out
    assert "3 more tool outputs came with earlier requests" in out


def test_long_texts_are_cut_and_say_so_unless_all_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    original = "\n".join(f"line {number}" for number in range(100))
    one = record(1, outputs=(output(1),))
    out = shown(capsys, one, form(1, text="x" * 5000, original=original))
    assert "    line 19\n" in out
    assert "line 20" not in out
    assert "    ... 640 more characters; --full prints them\n" in out
    assert "    ... 3,000 more characters; --full prints them\n" in out
    whole = shown(capsys, one, form(1, text="x" * 5000, original=original), full=True)
    assert "    line 99\n" in whole
    assert "x" * 5000 in whole
    assert "--full" not in whole


def test_texts_that_expired_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    one = record(1, outputs=(output(1),))
    assert "the texts are not in the store (any more)" in shown(capsys, one, None)
    assert "   before:\n    not in the store (any more)\n   after:\n    a form\n" in shown(capsys, one, form(1, original=None))


def test_a_text_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(capsys, record(1, outputs=(output(1, tool="\x1b]0;t\x07"),)), form(1, text="\x1b[2J", original="a\ud800\rb"))
    assert "␛]0;t␇" in out
    assert "␛[2J" in out
    assert "a�␍b" in out
    assert "\x1b" not in out
