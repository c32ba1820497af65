"""Tables that are text already: rows come back, and the choice holds for them too."""

from __future__ import annotations

import csv
import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom_core.compressors.text_tables import TextTable
from headroom_core.model import Ask, Rewritten, Skipped
from headroom_core.settings import Settings
from tests.decoders import read_text_table, text_table

LOSSLESS = Settings(level="lossless")
HEADER = ["id", "city", "amount", "note"]


def rows(count: int = 30) -> list[list[str]]:
    source = random.Random(5)
    return [[str(1000 + n), source.choice(["Oslo", "Lima"]), f"{source.uniform(1, 99):.2f}", ""] for n in range(count)]


def csv_text(body: list[list[str]], delimiter: str = ",") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows([HEADER, *body])
    return out.getvalue()


def psql_text(body: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(HEADER, *body, strict=True)]

    def line(row: list[str]) -> str:
        return " " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))

    return "\n".join([line(HEADER), "+".join("-" * (width + 2) for width in widths), *map(line, body), f"({len(body)} rows)", ""])


def mysql_text(body: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(HEADER, *body, strict=True)]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"

    def line(row: list[str]) -> str:
        return "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"

    return "\n".join([rule, line(HEADER), rule, *map(line, body), rule, f"{len(body)} rows in set (0.00 sec)"])


def markdown_text(body: list[list[str]]) -> str:
    return "\n".join(
        ["| " + " | ".join(row) + " |" for row in [HEADER]] + ["|---|---|--:|---|"] + ["| " + " | ".join(row) + " |" for row in body]
    )


@pytest.mark.parametrize("form", [csv_text, psql_text, mysql_text, markdown_text], ids=lambda form: form.__name__)
def test_rows_come_back(form: object) -> None:
    text = form(rows())  # type: ignore[operator]
    assert TextTable().fit(text, Ask()) > 0
    result = TextTable().compress(text, Ask(), LOSSLESS, "id")
    assert isinstance(result, Rewritten)
    assert result.lossless
    assert text_table(result.text) == read_text_table(text)


CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\x00", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=8)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.lists(CELLS | st.sampled_from(["1.10", "-0", "007", "true", "a,b", 'q"q', "@1 x", "=1"]), min_size=4, max_size=4),
        min_size=12,
        max_size=25,
    )
)
def test_any_csv_comes_back(body: list[list[str]]) -> None:
    text = csv_text(body)
    result = TextTable().compress(text, Ask(), LOSSLESS, "id")
    if isinstance(result, Rewritten):
        assert text_table(result.text) == read_text_table(text)


def test_the_row_that_is_asked_for_is_kept_and_the_rest_counted() -> None:
    text = csv_text(rows(500))
    result = TextTable().compress(text, Ask("what is the amount of 1234?"), Settings(), "abc")
    assert isinstance(result, Rewritten)
    assert not result.lossless
    assert "\n1234," in result.text
    assert f"{result.items_total - result.items_kept} of 500" in result.text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Dear all,\nwe met, as agreed,\nand talked, long, about it.\n" * 5, id="prose-with-commas"),
        pytest.param("a,b,c\n1,2,3\n" * 2, id="few-rows"),
        pytest.param("a,a,c\n" + "1,2,3\n" * 20, id="two-columns-of-one-name"),
        pytest.param("1,2,3\n" * 20, id="no-header"),
    ],
)
def test_left_alone(text: str) -> None:
    assert isinstance(TextTable().compress(text, Ask(), LOSSLESS, "id"), Skipped)
