"""Lossless JSON forms give back the exact data: values, spelled numbers, order of records, absent against null."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom_core.compressors.exact_json import NotExactError, parse
from headroom_core.compressors.json_records import JsonRecords
from headroom_core.model import Ask, Reason, Rewritten, Skipped
from headroom_core.settings import Settings
from tests.decoders import json_document, parse_exact

LOSSLESS = Settings(level="lossless")

TEXTS = st.text(max_size=12) | st.sampled_from(
    [
        "",
        " ",
        "a,b",
        "007",
        "1.10",
        "-0",
        "null",
        "true",
        "=x",
        "@1",
        "[x]",
        "{y}",
        "a;b",
        "x=y",
        "a:b",
        "a|b",
        '"q"',
        "a\nb",
        "é",
        "<t1>",
        "[headroom:",
    ]
)
SCALARS = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
NAMES = st.sampled_from(["id", "name", "a.b", "x y", "", "k:v", "w=1", "tags", "p|q", '"', "<t1>"])
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12)
RECORDS = st.lists(st.dictionaries(NAMES, VALUES, max_size=5), min_size=3, max_size=12)


def written(text: str) -> str:
    result = JsonRecords().compress(text, Ask(), LOSSLESS, "id")
    assert isinstance(result, Rewritten)
    assert result.lossless
    return result.text


@settings(max_examples=400, deadline=None)
@given(RECORDS, st.sampled_from(["list", "inside", "keyed"]))
def test_any_records_come_back(records: list[object], place: str) -> None:
    value: object = records
    if place == "inside":
        value = {"total": 3, "results": records, "next": None}
    elif place == "keyed":
        value = {f"k{number}": record for number, record in enumerate(records)}
    text = json.dumps(value)
    assert json_document(written(text)) == parse_exact(text)


URLS = st.builds(
    lambda base, number: f"{base}{number}",
    st.sampled_from(["https://api.example.test/v1/items/", "/usr/local/share/things/", "x"]),
    st.integers(0, 40),
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries({"n": st.integers(0, 40), "url": URLS | TEXTS, "long": st.sampled_from(["a" * 30, "b c" * 12, "@1 x"])}),
        min_size=4,
        max_size=20,
    )
)
def test_aliases_and_fields_made_of_others_come_back(records: list[dict[str, object]]) -> None:
    for record in records:
        record["more"] = f"{record['url']}/more{{?x}}"
        record["site"] = f"https://example.test/things/{record['n']}"
    text = json.dumps(records)
    assert json_document(written(text)) == parse_exact(text)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=5) | SCALARS, min_size=3, max_size=12))
def test_mixed_lists_come_back(values: list[object]) -> None:
    text = json.dumps(values)
    assert json_document(written(text)) == parse_exact(text)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(SCALARS, min_size=width, max_size=width), min_size=8, max_size=14)),
    st.booleans(),
)
def test_lists_of_lists_and_columns_come_back(rows: list[list[object]], by_column: bool) -> None:
    value: object = {f"name {number}": list(column) for number, column in enumerate(zip(*rows, strict=True))} if by_column else rows
    text = json.dumps({"x": value})
    assert json_document(written(text)) == parse_exact(text)


@settings(max_examples=150, deadline=None)
@given(RECORDS, st.sampled_from([None, 2]), st.integers(1, 3))
def test_json_in_strings_comes_back(records: list[object], indent: int | None, depth: int) -> None:
    value: object = records
    for _ in range(depth):
        value = {"content": [{"type": "text", "text": json.dumps(value, indent=indent)}]}
    text = json.dumps(value)
    assert json_document(written(text)) == parse_exact(text)


@settings(max_examples=100, deadline=None)
@given(st.lists(TEXTS, min_size=8, max_size=30))
def test_lists_of_texts_come_back(texts: list[str]) -> None:
    text = json.dumps(texts)
    assert json_document(written(text)) == parse_exact(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            '[{"n":1.10,"m":1E400},{"n":1.1,"m":-0},{"n":12345678901234567890123,"m":1e5}]' + " " * 200, id="numbers-keep-their-spelling"
        ),
        pytest.param(
            '[{"a":1},{"a":1.0},{"a":true},{"b":"padding so that a table is made of it"},{"a":null},{}]' * 1 + " " * 300,
            id="types-are-told-apart",
        ),
        pytest.param(
            json.dumps([{"o": {}, "l": []}, {"o": {"x": 1}, "l": [{}]}, {"o": {}, "l": [{"q": "long enough for a table" * 6}]}]),
            id="empty-things",
        ),
        pytest.param(json.dumps([{"same": 1, "too": [1, {"a": "x" * 99}]}] * 5), id="all-constant"),
    ],
)
def test_awkward_data_comes_back(text: str) -> None:
    assert json_document(written(text)) == parse_exact(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param('{"a":1,"a":2}', "same key twice", id="duplicate-key"),
        pytest.param('["\\ud800"]', "surrogate", id="lone-surrogate"),
        pytest.param("[NaN]", "NaN", id="not-a-number"),
        pytest.param("[" * 5000 + "]" * 5000, "recursion", id="too-deep"),
        pytest.param("[1,2", "", id="cut-off"),
    ],
)
def test_what_cannot_be_held_exactly_is_left_alone(text: str, why: str) -> None:
    result = JsonRecords().compress(text, Ask(), LOSSLESS, "id")
    assert isinstance(result, Skipped)
    assert result.reason is Reason.NO_COMPRESSOR_FITS
    assert why in result.detail
    with pytest.raises(NotExactError):
        parse(text)
