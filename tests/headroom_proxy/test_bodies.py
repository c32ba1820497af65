"""Content codings: decoded whole or not at all, within a bound, and encoded again."""

from __future__ import annotations

import gzip
import time
import zlib

import brotli
import pytest
import zstandard
from hypothesis import example, given
from hypothesis import strategies as st

from headroom_proxy import bodies
from headroom_proxy.bodies import BodyError, coding_of, decode, encode

CODINGS = ["gzip", "deflate", "br", "zstd"]
BODY = b'{"messages": [' + b", ".join(b'{"role": "user", "content": "%d"}' % number for number in range(200)) + b"]}"


@given(st.binary(max_size=2000), st.sampled_from([*CODINGS, "identity"]))
@example(b"", "zstd")
@example(b"", "gzip")
def test_what_is_encoded_is_decoded(body: bytes, coding: str) -> None:
    assert decode(encode(body, coding), coding) == body


def test_a_plain_body_is_the_same_object() -> None:
    assert decode(BODY, "identity") is BODY
    assert encode(BODY, "identity") is BODY


@pytest.mark.parametrize("coding", CODINGS)
def test_other_encoders_bodies_are_read(coding: str) -> None:
    written = {
        "gzip": [gzip.compress(BODY), gzip.compress(BODY, 1), _gzip_with_name(BODY)],
        "deflate": [zlib.compress(BODY, 9)],
        "br": [brotli.compress(BODY, quality=11), brotli.compress(BODY, quality=0)],
        "zstd": [zstandard.compress(BODY), _zstd_in_pieces(BODY), zstandard.compress(BODY[:100]) + zstandard.compress(BODY[100:])],
    }
    for raw in written[coding]:
        assert decode(raw, coding) == BODY


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_cut_off_anywhere_is_refused(coding: str) -> None:
    raw = encode(BODY, coding)
    for length in range(len(raw)):
        with pytest.raises(BodyError):
            decode(raw[:length], coding)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("behind", [b"\0", b"more", b"\xff" * 100])
def test_a_body_with_something_behind_it_is_refused(coding: str, behind: bytes) -> None:
    with pytest.raises(BodyError):
        decode(encode(BODY, coding) + behind, coding)


def test_a_second_frame_that_is_cut_off_is_refused() -> None:
    first, second = zstandard.compress(BODY), zstandard.compress(BODY)
    with pytest.raises(BodyError):
        decode(first + second[:-3], "zstd")


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("said", CODINGS)
def test_another_coding_than_was_said_is_refused(coding: str, said: str) -> None:
    if coding != said:
        with pytest.raises(BodyError):
            decode(encode(BODY, coding), said)


@given(st.binary(max_size=300), st.sampled_from(CODINGS))
def test_garbage_is_refused_or_decoded_but_never_raises_anything_else(raw: bytes, coding: str) -> None:
    try:
        decode(raw, coding)
    except BodyError as error:
        assert str(error)  # noqa: PT017  # either is fine


@pytest.mark.parametrize("coding", ["snappy", "gzip, br", "compress", "x-gzip", ""])
def test_unknown_codings_are_refused(coding: str) -> None:
    with pytest.raises(BodyError, match="unknown content coding"):
        decode(BODY, coding)


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(("gzip", lambda size: gzip.compress(b"\0" * size, 1)), id="gzip"),
        pytest.param(("deflate", lambda size: zlib.compress(b"\0" * size, 1)), id="deflate"),
        pytest.param(("br", lambda size: brotli.compress(b"\0" * size, quality=1)), id="br"),
        pytest.param(("zstd", lambda size: zstandard.compress(b"\0" * size)), id="zstd"),
        pytest.param(("zstd", lambda size: zstandard.compress(b"\0" * (size // 8)) * 8), id="zstd-frames"),
        pytest.param(("identity", lambda size: b"\0" * size), id="identity"),
    ],
)
def test_a_few_bytes_do_not_become_gigabytes(bomb: tuple[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_DECODED", 1_000_000)
    coding, make = bomb
    assert callable(make)
    with pytest.raises(BodyError, match="more than"):
        decode(make(8_000_000), coding)
    assert len(decode(make(1_000_000), coding)) == 1_000_000


def test_a_bomb_costs_no_more_memory_than_the_bound() -> None:
    """3 GB behind 100 kB: whoever decodes it whole needs seconds and more memory than there is."""
    raw = zstandard.compress(b"\0" * 100_000_000) * 30
    before = time.perf_counter()
    with pytest.raises(BodyError, match="more than"):
        decode(raw, "zstd")
    assert time.perf_counter() - before < 2


def test_decoding_is_linear() -> None:
    """Twice the body must not take four times as long; ten times it is told apart from a hundred times."""
    noise = [zstandard.compress(bytes(zlib.crc32(number.to_bytes(4)) % 251 for number in range(size))) for size in (200_000, 2_000_000)]
    small, large = (min(_seconds(raw) for _ in range(3)) for raw in noise)
    assert large < 40 * small + 0.01


def _seconds(raw: bytes) -> float:
    before = time.perf_counter()
    decode(raw, "zstd")
    return time.perf_counter() - before


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        (None, "identity"),
        ("", "identity"),
        (" ", "identity"),
        ("GZIP", "gzip"),
        (" br ", "br"),
        ("identity", "identity"),
        ("gzip, br", "gzip, br"),
    ],
)
def test_the_coding_that_a_header_names(header: str | None, coding: str) -> None:
    assert coding_of(header) == coding


def test_gzip_has_no_time_in_it() -> None:
    """Two runs give the same bytes."""
    assert encode(BODY, "gzip")[4:8] == b"\0\0\0\0"


def _gzip_with_name(body: bytes) -> bytes:
    plain = gzip.compress(body, mtime=7)
    return plain[:3] + b"\x08" + plain[4:10] + b"name\0" + plain[10:]


def _zstd_in_pieces(body: bytes) -> bytes:
    """As a streaming encoder writes: no size in the frame, flushed in between, with a checksum."""
    writer = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    return b"".join(
        [writer.compress(body[:50]), writer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK), writer.compress(body[50:]), writer.flush()]
    )
