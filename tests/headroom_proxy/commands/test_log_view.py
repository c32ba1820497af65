from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from headroom_core.flow_log.records import flow_row
from headroom_core.flow_log.results import FlowRow
from headroom_core.model import FlowRecord, Usage
from headroom_proxy.commands.log_view import print_log
from tests.flow_log_rig import record


def row(one: FlowRecord) -> FlowRow:
    return FlowRow.model_validate(flow_row(one))


def shown(*records: FlowRecord, width: int = 160) -> list[str]:
    screen = io.StringIO()
    out = Console(file=screen, force_terminal=True, width=width, markup=False, highlight=False, color_system=None)
    print_log(out, [row(one) for one in records], {one.id: one.id[:8] for one in records})
    lines = screen.getvalue().splitlines()
    assert all(cell_len(line) <= width for line in lines)
    assert len(lines) == 2 + len(records)
    return lines[2:]


def test_a_request_is_one_line_with_all_that_matters() -> None:
    (line,) = shown(record(0xABC, reason="audit_mode"))
    expected = ["00000abc", "claude-cli/2.1.330", "anthropic", "claude-sonnet-4-5", "2.0k→1.2k", "37.5%", "900", "200", "3.5", "audit mode"]
    assert [*line.split()[1:-2], " ".join(line.split()[-2:])] == expected


@pytest.mark.parametrize("width", [80, 100, 140])
def test_a_request_is_one_line_at_any_width(width: int) -> None:
    long = record(
        1,
        model="claude-sonnet-4-5-20250929-with-more",
        client="a-client-of-a-very-long-name/1.2.3",
        error="connection closed by the upstream",
    )
    lines = shown(long, record(2, reason="subscription_audit", tokens_before=123_456, tokens_after=98_765), width=width)
    assert "123k→98.8k" in lines[1]
    assert "00000002" in lines[1]


def test_nothing_changed_saves_nothing() -> None:
    (line,) = shown(record(1, changed=False, tokens_after=2000))
    assert "2.0k→2.0k      -" in line


def test_estimates_and_what_was_not_reported_are_marked() -> None:
    (line,) = shown(record(1, tokens_exact=False, usage=Usage(), status=None))
    assert "~2.0k→1.2k" in line
    assert line.split()[-3:] == ["-", "-", "3.5"]


def test_error_and_cache_miss_stand_beside_the_reason() -> None:
    (line,) = shown(record(1, reason="paused", error="cut\noff", usage=Usage(cache_miss_reason="tools_changed")))
    assert line.endswith("paused; cut off; cache miss: tools changed")


def test_a_hostile_client_name_cannot_steer_the_terminal() -> None:
    (line,) = shown(record(1, client="x\x1b[2J[bold]y"))
    assert "x␛[2J[bold]y" in line
