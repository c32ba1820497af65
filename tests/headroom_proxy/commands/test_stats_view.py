from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from headroom_core.flow_log.results import Billed, BilledModel, CacheMisses, NamedSavings, Savings, SkippedOutputs, SkippedRequests, Totals
from headroom_proxy.commands.stats_view import print_totals


def savings(name: str, before: int = 1_234_567, after: int = 234_567, not_applied: int = 0) -> NamedSavings:
    return NamedSavings(name=name, outputs=1200, rewritten=900, tokens_before=before, tokens_after=after, not_applied=not_applied)


def billed(model: str) -> BilledModel:
    return BilledModel(
        provider="p", model=model, requests=9, input_tokens=1000, cache_read_tokens=9000, cache_write_tokens=0, output_tokens=50
    )


TOTALS = Totals(
    requests=1234,
    changed=1000,
    failed=3,
    estimated=2,
    first_at=0.0,
    last_at=86_400.0,
    savings=Savings(outputs=1200, rewritten=900, tokens_before=1_234_567, tokens_after=234_567, not_applied=5000),
    tools=(savings("mcp__a_server_of_a_long_name__and_a_tool", not_applied=5000), savings("Bash")),
    compressors=(savings("json_records"),),
    skipped_outputs=(SkippedOutputs(reason="too_small", outputs=300, tokens=4000),),
    skipped_requests=(SkippedRequests(reason="audit_mode", requests=234),),
    billed=Billed(requests=18, input_tokens=2000, cache_read_tokens=18_000, cache_write_tokens=0, output_tokens=100),
    models=(billed("claude-sonnet-4-5-20250929"), billed("gpt-5.1")),
    cache_misses=(CacheMisses(reason="tools_changed", requests=7),),
)


def plain(capsys: pytest.CaptureFixture[str], totals: Totals) -> list[str]:
    print_totals(Console(file=io.StringIO()), totals)
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_all_that_is_known_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    lines = plain(capsys, TOTALS)
    for expected in (
        "requests 1,234, of these 1,000 changed, 3 failed",
        "tool outputs 1,200, of these 900 rewritten; each is counted once",
        "their tokens 1,234,567 → 234,567, 1,000,000 saved (81.0%)",
        "audit only 5,000 more tokens would be saved where requests are only observed",
        "estimates the tokens of 2 requests are estimated by length",
        "Bash 1,200 900 1,234,567 234,567 1,000,000 81.0% 0",
        "json_records 1,200 900 1,234,567 234,567 1,000,000 81.0%",
        "gpt-5.1 9 1,000 9,000 0 50 90.0%",
        "all 18 2,000 18,000 0 100 90.0%",
        "too small 300 4,000",
        "audit mode 234",
        "cache miss: tools changed 7",
    ):
        assert expected in lines


def test_what_has_nothing_to_say_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    lines = plain(capsys, Totals(requests=1))
    assert lines == [
        "requests 1, of these 0 changed",
        "tool outputs 0, of these 0 rewritten; each is counted once",
        "their tokens 0 → 0, 0 saved (0.0%)",
    ]


def test_only_the_first_ten_are_shown_and_it_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    lines = plain(capsys, TOTALS.model_copy(update={"tools": tuple(savings(f"tool{number}") for number in range(12))}))
    assert "By tool (top 10 of 12)" in lines
    assert sum(line.startswith(("tool1", "tool9")) for line in lines) == 2
    assert not any(line.startswith("tool11 ") for line in lines)


@pytest.mark.parametrize("width", [80, 100, 140])
def test_tables_fit_the_terminal_with_all_their_numbers(width: int) -> None:
    screen = io.StringIO()
    print_totals(Console(file=screen, force_terminal=True, width=width, markup=False, highlight=False, color_system=None), TOTALS)
    text = screen.getvalue()
    assert all(cell_len(line) <= max(width, 85) for line in text.splitlines())
    assert ("1.2M" if width == 80 else "1,234,567") in text
    assert text.count("81.0%") == 4
    assert "90.0%" in text
