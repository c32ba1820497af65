"""JSON Lines and JSON among other words: what surrounds the values stays, the values come back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom_core.compressors.json_text import JsonAmongText, JsonLines
from headroom_core.model import Ask, Reason, Rewritten, Skipped
from headroom_core.settings import Settings
from tests.decoders import json_among_text, json_lines, normal_text, read_json_lines

LOSSLESS = Settings(level="lossless")
ROWS = [{"id": number, "name": f"thing {number}", "kind": "same", "ok": number % 3 == 0} for number in range(40)]
SCALARS = st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=8)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "c d"]), SCALARS, min_size=1), min_size=4, max_size=20), st.booleans())
def test_json_lines_come_back(records: list[object], cut: bool) -> None:
    text = "\n".join(json.dumps(record) for record in records) + "\n"
    if cut:
        text += '{"a": "cut of'
    result = JsonLines().compress(text, Ask(), LOSSLESS, "id")
    if isinstance(result, Rewritten):
        assert result.lossless
        assert json_lines(result.text) == read_json_lines(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("Found:\n```json\n" + json.dumps(ROWS, indent=2) + "\n```\nDone.", id="fenced"),
        pytest.param(
            "2026-01-01 INFO start\n" + json.dumps({"total": 40, "rows": ROWS}) + "\n2026-01-01 INFO end\n", id="behind-log-lines"
        ),
        pytest.param(json.dumps(ROWS) + "\n" + json.dumps({"more": ROWS}), id="two-documents"),
        pytest.param("[not json\n" + json.dumps(ROWS) + "\n{neither}\n[1, 2]", id="beside-what-only-looks-like-it"),
        pytest.param("x\n" + json.dumps([{"text": json.dumps({"rows": ROWS})}]), id="json-in-a-string"),
    ],
)
def test_json_among_text_comes_back(text: str) -> None:
    result = JsonAmongText().compress(text, Ask(), LOSSLESS, "id")
    assert isinstance(result, Rewritten)
    assert len(result.text) < len(text)
    assert json_among_text(result.text) == normal_text(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("plain words\nand more", id="no-json"),
        pytest.param("see\n" + json.dumps({"a": 1, "b": [1, 2]}), id="json-without-a-collection"),
        pytest.param("<t1> stands here already\n" + json.dumps(ROWS), id="a-mark-of-ours-in-the-text"),
        pytest.param("\n".join(["[" * 50] * 2000), id="lines-of-brackets"),
    ],
)
def test_left_alone(text: str) -> None:
    result = JsonAmongText().compress(text, Ask(), LOSSLESS, "id")
    assert isinstance(result, Skipped)
    assert result.reason is Reason.NO_COMPRESSOR_FITS


def test_a_chosen_form_says_so() -> None:
    rows = [{"id": f"rec-{number}", "value": number * 3.5, "note": f"nothing special about it {number}"} for number in range(300)]
    result = JsonAmongText().compress("result:\n" + json.dumps(rows), Ask("show rec-177"), Settings(), "abc")
    assert isinstance(result, Rewritten)
    assert not result.lossless
    assert "rec-177," in result.text
    assert "headroom get abc" in result.text
