from __future__ import annotations

import io
import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from headroom_proxy.commands.terminal import (
    Cell,
    Column,
    Row,
    compact,
    moment,
    percent,
    print_json,
    print_line,
    print_table,
    printable,
    short_moment,
    words,
)

COLUMNS = [Column("time"), Column("model", flexible=True), Column("tokens", right=True), Column("reason", flexible=True)]
ROWS: list[Row] = [
    ("12:00:00", Cell("a-model-with-a-very-long-name-indeed", "cyan"), "1.2k", ""),
    ("12:00:01", "[red]x[/red]", "145k→138k", "a reason of some words"),
]


def on_a_terminal(width: int) -> tuple[Console, io.StringIO]:
    screen = io.StringIO()
    return Console(file=screen, force_terminal=True, width=width, markup=False, highlight=False, emoji=False, color_system=None), screen


@given(st.text(st.characters(codec=None, categories=None)))
def test_no_text_can_steer_the_terminal(text: str) -> None:
    shown = printable(text)
    assert len(shown) == len(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", shown)
    shown.encode()


def test_sound_text_is_shown_as_it_is() -> None:
    assert printable("é 😀\tx\ny") == "é 😀\tx\ny"


def test_an_escape_sequence_is_made_visible() -> None:
    assert printable("\x1b[31mred\r\n") == "␛[31mred␍\n"


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (999, "999"), (1000, "1.0k"), (45_678, "45.7k"), (99_949, "99.9k"), (99_960, "100k"), (123_456, "123k"), (999_499, "999k"),
     (999_999, "1.0M"), (1_234_567, "1.2M"), (10**12, "1.0T"), (-45_678, "-45.7k")],
)  # fmt: skip
def test_numbers_are_shown_in_three_digits_or_so(number: int, text: str) -> None:
    assert compact(number) == text


@given(st.integers(-(10**18), 10**18))
def test_a_shown_number_is_short(number: int) -> None:
    assert len(compact(abs(number))) <= 5


def test_shares_and_reasons() -> None:
    assert percent(0.3006) == "30.1%"
    assert words("no_tool_output") == "no tool output"


def test_times_say_what_today_does_not() -> None:
    now = time.time()
    assert short_moment(now) == time.strftime("%H:%M:%S", time.localtime(now))
    assert short_moment(0) == time.strftime("%Y-%m-%d", time.localtime(0))
    assert moment(now) == time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))


def test_another_day_of_this_year_is_shown_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    then = time.mktime((2026, 11, 21, 9, 30, 0, 0, 0, -1))
    now = time.localtime(then + 2 * 86_400)
    real = time.localtime
    monkeypatch.setattr("headroom_proxy.commands.terminal.time.localtime", lambda *at: real(*at) if at else now)
    assert short_moment(then) == "11-21 09:30"


def test_in_a_pipe_a_table_is_aligned_text(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(Console(file=io.StringIO()), COLUMNS, ROWS, "Title")
    assert capsys.readouterr().out == (
        "\nTitle\n"
        "time      model                                    tokens  reason\n"
        "12:00:00  a-model-with-a-very-long-name-indeed       1.2k\n"
        "12:00:01  [red]x[/red]                          145k→138k  a reason of some words\n"
    )


@pytest.mark.parametrize("width", [50, 60, 80, 140])
def test_on_a_terminal_no_line_is_too_long_and_fixed_columns_are_whole(width: int) -> None:
    out, screen = on_a_terminal(width)
    print_table(out, COLUMNS, ROWS, "Title")
    lines = screen.getvalue().splitlines()
    assert all(cell_len(line) <= width for line in lines)
    assert len(lines) == 6
    assert "145k→138k" in lines[5]
    assert "12:00:00" in lines[4]


def test_on_a_wide_terminal_nothing_is_cut_and_markup_is_text() -> None:
    out, screen = on_a_terminal(140)
    print_table(out, COLUMNS, ROWS)
    assert "a-model-with-a-very-long-name-indeed" in screen.getvalue()
    assert "[red]x[/red]" in screen.getvalue()
    assert "…" not in screen.getvalue()


def test_on_a_narrow_terminal_long_texts_are_cut_visibly() -> None:
    out, screen = on_a_terminal(60)
    print_table(out, COLUMNS, ROWS)
    assert "a-model-with-a-ver…" in screen.getvalue()


def test_wide_characters_do_not_break_the_columns() -> None:
    out, screen = on_a_terminal(40)
    print_table(
        out, [Column("name", flexible=True), Column("n", right=True)], [("模型模型模型模型模型模型模型模型模型模型模型", "1"), ("x", "2")]
    )
    assert all(cell_len(line) <= 40 for line in screen.getvalue().splitlines())


def test_a_long_line_is_not_wrapped_by_us() -> None:
    out, screen = on_a_terminal(20)
    print_line(out, "x" * 50)
    assert screen.getvalue() == "x" * 50 + "\n"


def test_json_is_ascii_and_any_text_comes_back(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"text": "\ud800é\x1b"})
    out = capsys.readouterr().out
    assert out.isascii()
    assert "\x1b" not in out
    assert json.loads(out) == {"text": "\ud800é\x1b"}
