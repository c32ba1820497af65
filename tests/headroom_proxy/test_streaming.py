"""Responses pass byte for byte, whatever they are; what they say was billed is read from a copy."""

from __future__ import annotations

import gzip
import json
import logging
import zlib
from collections.abc import Callable
from typing import Any

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from headroom_core.model import Usage
from headroom_core.providers import match
from headroom_proxy import streaming
from headroom_proxy.streaming import UsageTap

EVENTS = "text/event-stream; charset=utf-8"
JSON = "application/json"


def sse(*events: dict[str, Any], named: bool) -> bytes:
    lines = ((f"event: {event['type']}\n" if named else "") + f"data: {json.dumps(event)}\n\n" for event in events)
    return "".join(lines).encode()


def message_start(**usage: int) -> dict[str, Any]:
    return {"type": "message_start", "message": {"id": "msg_1", "model": "claude-x", "usage": usage}}


ANTHROPIC = sse(
    message_start(input_tokens=7, cache_read_input_tokens=4000, cache_creation_input_tokens=50, output_tokens=1),
    {"type": "ping"},
    *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": f'wörd {n} 😀 "usage" '}} for n in range(80)),
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 321}},
    {"type": "message_stop"},
    named=True,
)
OPENAI = (
    sse(
        *({"id": "c", "model": "gpt-x", "choices": [{"delta": {"content": f"w{n}"}}], "usage": None} for n in range(80)),
        {
            "id": "c",
            "model": "gpt-x",
            "choices": [],
            "usage": {"prompt_tokens": 50, "completion_tokens": 9, "prompt_tokens_details": {"cached_tokens": 40}},
        },
        named=False,
    )
    + b"data: [DONE]\n\n"
)
WHOLE = json.dumps(
    {
        "id": "msg_1",
        "model": "claude-x",
        "content": [{"type": "text", "text": "x" * 500}],
        "usage": {"input_tokens": 5, "output_tokens": 6},
    },
    indent=1,
).encode()

ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "identity": lambda data: data,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstandard.compress,
}


def usage(provider: str, tap: UsageTap) -> Usage:
    found = match("api.anthropic.com", "/v1/messages") if provider == "anthropic" else match("api.openai.com", "/v1/chat/completions")
    assert found is not None
    return found.read_usage(tap.events())


ANSWERS = [
    pytest.param("anthropic", EVENTS, ANTHROPIC, Usage(7, 4000, 50, 321, model="claude-x"), id="anthropic-stream"),
    pytest.param(
        "anthropic", EVENTS, ANTHROPIC.replace(b"\n", b"\r\n"), Usage(7, 4000, 50, 321, model="claude-x"), id="anthropic-stream-crlf"
    ),
    pytest.param("openai", EVENTS, OPENAI, Usage(10, 40, None, 9, model="gpt-x"), id="openai-stream"),
    pytest.param(
        "openai",
        EVENTS,
        OPENAI.rstrip(b"\n").removesuffix(b"\n\ndata: [DONE]"),
        Usage(10, 40, None, 9, model="gpt-x"),
        id="no-last-line-end",
    ),
    pytest.param("anthropic", JSON, WHOLE, Usage(5, None, None, 6, model="claude-x"), id="json"),
]


@pytest.mark.parametrize(("provider", "content_type", "answer", "billed"), ANSWERS)
@pytest.mark.parametrize("coding", sorted(ENCODERS))
@settings(max_examples=15)
@given(data=st.data())
def test_chunks_pass_unchanged_and_usage_is_found_however_they_are_cut(  # noqa: PLR0913, PLR0917  # by parametrize
    provider: str, content_type: str, answer: bytes, billed: Usage, coding: str, data: st.DataObject
) -> None:
    raw = ENCODERS[coding](answer)
    tap = UsageTap(content_type, coding)

    for chunk in chunked(raw, data):
        passed = tap(chunk)
        assert passed is chunk
    assert tap(b"") == b""

    assert usage(provider, tap) == billed
    assert tap.bytes_seen == len(raw)
    assert tap.unreadable == ""


def chunked(raw: bytes, data: st.DataObject) -> list[bytes]:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=12)))
    return [raw[start:end] for start, end in zip([0, *cuts], [*cuts, len(raw)], strict=True)]


@pytest.mark.parametrize("coding", sorted(ENCODERS))
def test_byte_by_byte(coding: str) -> None:
    tap = UsageTap(EVENTS, coding)
    for byte in ENCODERS[coding](ANTHROPIC):
        tap(bytes([byte]))
    assert usage("anthropic", tap) == Usage(7, 4000, 50, 321, model="claude-x")


@given(
    st.lists(st.binary(max_size=200), max_size=8),
    st.sampled_from([EVENTS, JSON, "text/html", "", "application/x-ndjson"]),
    st.sampled_from([*ENCODERS, "", "snappy", "gzip, br"]),
)
def test_garbage_passes_and_never_raises(chunks: list[bytes], content_type: str, coding: str) -> None:
    tap = UsageTap(content_type, coding)
    for chunk in chunks:
        assert tap(chunk) is chunk
    assert isinstance(tap.events(), list)
    assert isinstance(usage("anthropic", tap), Usage)
    assert isinstance(usage("openai", tap), Usage)


@given(st.sampled_from(sorted(ENCODERS)), st.data())
def test_an_answer_that_breaks_passes_as_it_is(coding: str, data: st.DataObject) -> None:
    raw = bytearray(ENCODERS[coding](ANTHROPIC))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    tap = UsageTap(EVENTS, coding)
    for chunk in chunked(bytes(raw[: data.draw(st.integers(0, len(raw)))]), data):
        assert tap(chunk) is chunk
    assert isinstance(usage("anthropic", tap), Usage)


def test_what_was_read_before_the_stream_broke_counts() -> None:
    tap = UsageTap(EVENTS, "identity")
    tap(ANTHROPIC[:400])
    assert usage("anthropic", tap) == Usage(7, 4000, 50, 1, model="claude-x")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_what_was_read_before_the_coding_broke_counts_and_is_told(coding: str) -> None:
    tap = UsageTap(EVENTS, coding)
    pieces = {
        "gzip": _flushed(zlib.compressobj(wbits=31)),
        "deflate": _flushed(zlib.compressobj()),
        "br": brotli.compress(ANTHROPIC),
        "zstd": zstandard.compress(ANTHROPIC),
    }
    tap(pieces[coding])
    for _ in range(3):
        tap(b"\xff\xfe\xfd" * 50)
    assert usage("anthropic", tap).cache_read_tokens == 4000
    assert tap.unreadable or coding in {"gzip", "deflate"}


def _flushed(compressor: Any) -> bytes:
    written: bytes = compressor.compress(ANTHROPIC) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return written


@pytest.mark.parametrize("content_type", ["text/html", "image/png", "", "application/octet-stream"])
def test_other_kinds_are_not_read(content_type: str) -> None:
    tap = UsageTap(content_type, "identity")
    tap(WHOLE)
    assert tap.events() == []
    assert tap.bytes_seen == len(WHOLE)


@pytest.mark.parametrize("content_type", ["Text/Event-Stream", "TEXT/EVENT-STREAM;charset=utf-8", "application/JSON"])
def test_the_name_of_a_kind_is_case_insensitive(content_type: str) -> None:
    """RFC 9110, 8.3.1."""
    tap = UsageTap(content_type, "identity")
    tap(WHOLE if "json" in content_type.lower() else ANTHROPIC)
    assert tap.events()


def test_an_unknown_coding_is_passed_and_not_read() -> None:
    tap = UsageTap(EVENTS, "snappy")
    assert tap(ANTHROPIC) is ANTHROPIC
    assert tap.events() == []


def test_a_json_answer_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "MAX_JSON", 10_000)
    tap = UsageTap(JSON, "identity")
    for _ in range(30):
        tap(b"x" * 1000)
    assert (tap.events(), len(tap._rest), tap.bytes_seen) == ([], 0, 30_000)
    assert "too long" in tap.unreadable


def test_a_line_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "MAX_LINE", 10_000)
    tap = UsageTap(EVENTS, "identity")
    tap(ANTHROPIC)
    for _ in range(30):
        tap(b"x" * 1000)
    assert len(tap._rest) == 0
    assert "too long" in tap.unreadable
    assert usage("anthropic", tap).cache_read_tokens == 4000


def test_lines_that_name_usage_are_kept_first_and_last() -> None:
    tap = UsageTap(EVENTS, "identity")
    tap(sse(message_start(input_tokens=7, cache_read_input_tokens=9), named=True))
    for number in range(5_000):
        tap(sse({"type": "message_delta", "usage": {"output_tokens": number}}, named=True))
    assert len(tap._kept) <= streaming.MAX_LINES
    assert usage("anthropic", tap) == Usage(7, 9, None, 4_999, model="claude-x")


def test_a_bug_of_ours_is_told_once_and_the_client_gets_all(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: UsageTap) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(UsageTap, "_keep_lines", broken)
    tap = UsageTap(EVENTS, "identity")
    assert [tap(chunk) for chunk in (b"a\n", b"b\n", b"c\n", b"")] == [b"a\n", b"b\n", b"c\n", b""]
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "RuntimeError" in tap.unreadable


def test_why_the_cache_missed_is_found() -> None:
    start = message_start(input_tokens=7)
    start["message"]["diagnostics"] = {"cache_miss_reason": {"type": "tools_changed"}}
    tap = UsageTap(EVENTS, "identity")
    tap(sse(start, named=True))
    assert usage("anthropic", tap).cache_miss_reason == "tools_changed"
