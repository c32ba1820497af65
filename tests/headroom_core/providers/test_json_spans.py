"""Where values stand in a body, and string literals read and written."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headroom_core.errors import RequestFormatError
from headroom_core.model import Reason
from headroom_core.providers.json_spans import Spans, decode_literal, encode_literal, inner_offset, is_array, is_string, items, part
from tests.json_writing import Style, write

_LIST: msgspec.json.Decoder[list[msgspec.Raw]] = msgspec.json.Decoder(list[msgspec.Raw])
_MAP = msgspec.json.Decoder(dict[str, msgspec.Raw])

# Lone surrogates as well: JavaScript clients send them.
ANY_TEXT = st.text(st.characters() | st.sampled_from('"\\/\n\x00\x7f\u2028😀\ud83d\ude00'), max_size=30)
STYLES = st.builds(
    Style,
    comma=st.sampled_from([",", " , ", ",\n\t"]),
    colon=st.sampled_from([":", " : "]),
    inside=st.sampled_from(["", " ", "\r\n"]),
    ascii=st.booleans(),
    slashes=st.booleans(),
    capitals=st.booleans(),
)


@given(st.lists(ANY_TEXT, min_size=1, max_size=6), STYLES)
def test_offsets_lead_to_the_values_own_bytes(texts: list[str], style: Style) -> None:
    literals = [write(text, style).encode() for text in texts]
    body = style.inside.encode() + write([{"k": text} for text in texts], style).encode() + b" "
    spans = Spans(body)

    raws = spans.decode(_LIST)
    for raw, literal in zip(raws, literals, strict=True):
        start = spans.offset(raw)
        inner = part(_MAP, raw)
        assert inner is not None
        end = start + len(memoryview(raw))
        assert body[start:end].startswith(b"{")
        assert body[start:end].endswith(b"}")
        place = start + inner_offset(raw, inner["k"])
        assert body[place : place + len(literal)] == literal


def test_a_body_with_a_lone_surrogate_keeps_its_offsets() -> None:
    body = b'["\\ud800", "\\ud83d\\ude00", "\\\\ud800", "\xc3\xa9", 1]'
    spans = Spans(body)

    found = [body[(at := spans.offset(raw)) : at + len(memoryview(raw))] for raw in spans.decode(_LIST)]

    assert found == [b'"\\ud800"', b'"\\ud83d\\ude00"', b'"\\\\ud800"', b'"\xc3\xa9"', b"1"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.NOT_JSON),
        (b" ", Reason.NOT_JSON),
        (b"[", Reason.NOT_JSON),
        (b'["\\ud800"', Reason.NOT_JSON),
        (b"[" * 200_000, Reason.NOT_JSON),
        (b"{}", Reason.UNEXPECTED_SHAPE),
        (b'"\\ud800"', Reason.UNEXPECTED_SHAPE),
        (b"\x00", Reason.NOT_JSON),
    ],
)
def test_what_cannot_be_read_is_refused_with_a_reason(body: bytes, reason: Reason) -> None:
    with pytest.raises(RequestFormatError) as refused:
        Spans(body).decode(_LIST)
    assert refused.value.reason == reason


def test_parts_of_another_shape_are_none() -> None:
    raw = msgspec.Raw(b'{"a":1}')
    assert items(raw) is None
    assert part(_LIST, raw) is None
    assert items(msgspec.Raw(b"[" + b"[" * 150_000 + b"]" * 150_000 + b"]")) is None


@pytest.mark.parametrize(
    ("json_text", "string", "array"), [(b'"x"', True, False), (b"[1]", False, True), (b"{}", False, False), (b"null", False, False)]
)
def test_kinds(json_text: bytes, string: bool, array: bool) -> None:
    raw = msgspec.Raw(json_text)
    assert (is_string(raw), is_array(raw)) == (string, array)


@given(ANY_TEXT)
def test_a_text_comes_back_from_its_literal(text: str) -> None:
    literal = encode_literal(text)
    # A high and a low surrogate side by side are one character once they have been JSON.
    assert decode_literal(literal) == json.loads(json.dumps(text))
    assert b"\n" not in literal
    assert json.loads(literal) == json.loads(json.dumps(text))


@given(ANY_TEXT, STYLES)
def test_a_literal_in_any_spelling_is_read(text: str, style: Style) -> None:
    assert decode_literal(write(text, style).encode()) == json.loads(json.dumps(text))


@pytest.mark.parametrize("literal", [b'"\xff"', b'"\x00"', b'"\n"', b'"', b"", b"5", b"null", b'"\\x"', b'"a" "b"', b"'a'"])
def test_what_is_no_string_is_none(literal: bytes) -> None:
    assert decode_literal(literal) is None


def test_non_ascii_text_stays_short() -> None:
    assert encode_literal("é😀/") == '"é😀/"'.encode()
    assert encode_literal("\ud800é") == b'"\\ud800\\u00e9"'
