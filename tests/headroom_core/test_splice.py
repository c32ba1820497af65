"""Edits in place: what is named changes, everything else is the same bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom_core.splice import Edit, splice

BODY = '{"a": "é😀", "b" : 1.10}'.encode()


def test_no_edits_give_the_very_same_object() -> None:
    assert splice(BODY, []) is BODY


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        pytest.param([(0, 0, b">")], b">abcdef", id="insert-at-the-start"),
        pytest.param([(6, 6, b"<")], b"abcdef<", id="insert-at-the-end"),
        pytest.param([(0, 6, b"")], b"", id="delete-all"),
        pytest.param([(1, 2, b"BB"), (2, 3, b"")], b"aBBdef", id="edits-that-touch"),
        pytest.param([(0, 1, b"1"), (5, 6, b"6")], b"1bcde6", id="first-and-last"),
    ],
)
def test_edits(edits: list[Edit], expected: bytes) -> None:
    assert splice(b"abcdef", edits) == expected


def test_offsets_are_bytes_not_characters() -> None:
    start = BODY.index("é".encode())

    assert splice(BODY, [(start, start + 6, b"e")]) == b'{"a": "e", "b" : 1.10}'


@pytest.mark.parametrize(
    "edits",
    [
        pytest.param([(2, 4, b""), (3, 5, b"")], id="overlapping"),
        pytest.param([(4, 5, b""), (1, 2, b"")], id="out-of-order"),
        pytest.param([(4, 2, b"")], id="end-before-start"),
    ],
)
def test_edits_that_make_no_sense_are_refused(edits: list[Edit]) -> None:
    with pytest.raises(ValueError, match="overlap or are out of order"):
        splice(b"abcdef", edits)


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=8), st.lists(st.binary(max_size=5), min_size=4, max_size=4))
def test_pieces_between_edits_are_the_bodys_own(body: bytes, places: list[int], replacements: list[bytes]) -> None:
    bounds = sorted(min(place, len(body)) for place in places)
    pairs = list(zip(bounds[::2], bounds[1::2], strict=False))
    edits = [(start, end, new) for (start, end), new in zip(pairs, replacements, strict=False)]

    done = splice(body, edits)

    expected, at = bytearray(), 0
    for start, end, new in edits:
        expected += body[at:start] + new
        at = end
    assert done == bytes(expected) + body[at:]
