from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom_core.flow_log import texts
from headroom_core.flow_log.texts import pack, unpack

ANY_TEXT = st.text(st.characters(codec=None, categories=None))  # lone surrogates too


@given(ANY_TEXT)
def test_any_text_comes_back(text: str) -> None:
    assert unpack(pack(text)) == text


@given(ANY_TEXT, st.integers(1, 9))
def test_slices_end_anywhere(text: str, size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(texts, "_SLICE", size)
        assert unpack(pack(text)) == text


def test_a_lone_surrogate_and_a_nul_are_kept() -> None:
    assert unpack(pack("a\ud800b\0c\udfff")) == "a\ud800b\0c\udfff"


def test_ten_megabytes_come_back_much_smaller() -> None:
    text = '{"id": 1, "name": "é😀"}\n' * 400_000
    packed = pack(text)
    assert unpack(packed) == text
    assert len(packed) < len(text) // 100


@pytest.mark.parametrize("length", [0, 1, 5, -1])
def test_a_cut_frame_is_a_value_error(length: int) -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack(pack("some text that is long enough to be cut" * 10)[:length])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_text_or_a_value_error(data: bytes) -> None:
    try:
        assert isinstance(unpack(data), str)
    except ValueError as error:
        assert str(error)  # noqa: PT017  # both ways are right
