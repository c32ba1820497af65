"""Responses pass through as they come, whatever befalls the copy that is read for usage. Asserted by order, not by a clock."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator

import anthropic
import httpx2
import openai
import pytest

from headroom_proxy.local_upstream import Answer, LocalUpstream, Piece, Providers, Received
from tests.e2e.rig.codings import encoded, flushed
from tests.e2e.rig.proxy import Proxy
from tests.e2e.rig.streams import answer_with, events_of, streaming_request
from tests.e2e.rig.traffic import (
    ANTHROPIC_HEADERS,
    ANTHROPIC_URL,
    anthropic_conversation,
    openai_conversation,
    tool_text,
)

VERSIONS = pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
STREAM_CODINGS = pytest.mark.parametrize("coding", ["identity", "gzip", "br", "zstd"])
PROVIDERS = pytest.mark.parametrize("provider", ["anthropic", "openai"])


@VERSIONS
@STREAM_CODINGS
@PROVIDERS
def test_the_first_chunk_is_there_before_the_last_is_sent(
    proxy: Proxy, upstream: LocalUpstream, provider: str, coding: str, http2: bool
) -> None:
    go_on = threading.Event()
    sent: list[bytes] = []
    upstream.answer = answer_with(coding, lambda pieces: [pieces[0], go_on, *pieces[1:]], sent)
    url, headers, body = streaming_request(provider)

    with proxy.client(http2=http2) as client, client.stream("POST", url, headers=headers, content=body) as response:
        chunks = response.iter_raw()
        got = next(chunks)
        assert got == sent[0]
        go_on.set()
        got += b"".join(chunks)

    assert got == b"".join(sent)
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    row = proxy.flow_log.flow()
    assert (row["status"], row["streamed"], row["error"]) == (200, 1, "")
    assert row["output_tokens"] > 0
    assert row["input_tokens"] > 0


def test_sdk_streams_word_by_word(proxy: Proxy, upstream: LocalUpstream) -> None:
    words = threading.Semaphore(0)

    class Word:
        """Set as soon as the client has said that it has the word before."""

        def is_set(self) -> bool:
            return words.acquire(blocking=False)

    def one_at_a_time(pieces: list[bytes]) -> list[Piece]:
        paced: list[Piece] = []
        for piece in pieces:
            paced += [piece, Word()] if b"text_delta" in piece else [piece]
        return paced

    upstream.answer = answer_with("identity", one_at_a_time, [])
    with proxy.client() as client:
        sdk = anthropic.Anthropic(api_key="dummy", http_client=client, max_retries=0)
        with sdk.messages.stream(**anthropic_conversation([tool_text(seed=42)])) as stream:
            seen = []
            for text in stream.text_stream:
                seen.append(text)
                words.release()
    assert "".join(seen).endswith("answer to them.")


@VERSIONS
def test_events_may_be_cut_anywhere(proxy: Proxy, upstream: LocalUpstream, http2: bool) -> None:
    def byte_by_byte(pieces: list[bytes]) -> list[Piece]:
        whole = b"".join(pieces)
        return [whole[index : index + 1] for index in range(len(whole))]

    sent: list[bytes] = []
    upstream.answer = answer_with("identity", byte_by_byte, sent)
    url, headers, body = streaming_request("anthropic")
    with proxy.client(http2=http2) as client:
        assert client.post(url, headers=headers, content=body).content == b"".join(sent)
    row = proxy.flow_log.flow()
    assert row["output_tokens"] > 1
    assert row["input_tokens"] > 0


def _plain_said_to_be_gzip(pieces: list[bytes]) -> list[bytes]:
    return pieces


def _gzip_with_a_broken_middle(pieces: list[bytes]) -> list[bytes]:
    coded = list(flushed(pieces, "gzip"))
    return [coded[0], b"\xff" * 200, *coded[1:]]


def _gzip_without_its_end(pieces: list[bytes]) -> list[bytes]:
    return list(flushed(pieces, "gzip"))[:-2]


def _more_after_the_end(pieces: list[bytes]) -> list[bytes]:
    return [*flushed(pieces, "gzip"), b"trailing bytes"]


@VERSIONS
@pytest.mark.parametrize("garble", [_plain_said_to_be_gzip, _gzip_with_a_broken_middle, _gzip_without_its_end, _more_after_the_end])
def test_a_copy_that_cannot_be_read_hangs_nobody(
    proxy: Proxy, upstream: LocalUpstream, garble: Callable[[list[bytes]], list[bytes]], http2: bool
) -> None:
    providers = Providers()
    sent: list[bytes] = []
    go_on = threading.Event()

    def answer(received: Received) -> Answer:
        plain = providers(received)
        sent.extend(garble(events_of(plain)))
        return Answer(200, (*plain.headers, ("content-encoding", "gzip")), [*sent[:-1], go_on, sent[-1]])

    upstream.answer = answer
    url, headers, body = streaming_request("anthropic")
    with proxy.client(http2=http2, timeout=10) as client, client.stream("POST", url, headers=headers, content=body) as response:
        chunks = response.iter_raw()
        got = next(chunks)
        go_on.set()
        got += b"".join(chunks)

    assert got == b"".join(sent)
    assert response.headers["content-encoding"] == "gzip"
    row = proxy.flow_log.flow()
    assert (row["status"], row["changed"]) == (200, 1)


@pytest.mark.parametrize(
    "events",
    [
        b"data: {not json\n\ndata: [DONE]\n\n",
        b'event: message_start\ndata: {"type":"message_start","message":{"usage":"none"}}\n\n',
        b'data: {"usage":{"input_tokens":"many","output_tokens":-5,"cache_read_input_tokens":1e400}}\n\n',
        b'data: {"usage":[[[1]]],"message":7}\n\n',
        b"\xff\xfe\x00" * 100,
        b'data: "\xed\xa0\x80 usage"\n\n',
        b'data: {"usage":' + b"[" * 100_000 + b"\n\n",
        b"",
        b"\n" * 1000,
        b'data: {"usage":{"input_tokens":5,"output_tokens":7}}',
    ],
    ids=[
        "not JSON",
        "usage a string",
        "figures of other types",
        "usage a list",
        "no text",
        "surrogate",
        "deep",
        "empty",
        "blank",
        "no line end",
    ],
)
def test_odd_events_pass(proxy: Proxy, upstream: LocalUpstream, events: bytes) -> None:
    upstream.answer = lambda _: Answer(200, (("content-type", "text/event-stream"),), [events[:50], events[50:]])
    url, headers, body = streaming_request("anthropic")
    with proxy.client(timeout=10) as client:
        assert client.post(url, headers=headers, content=body).content == events
    row = proxy.flow_log.flow()
    assert (row["status"], row["changed"]) == (200, 1)


@STREAM_CODINGS
def test_usage_of_an_answer_that_does_not_stream(proxy: Proxy, upstream: LocalUpstream, coding: str) -> None:
    providers = Providers()
    sent: list[bytes] = []

    def answer(received: Received) -> Answer:
        plain = providers(received)
        [raw] = [encoded(piece, coding) for piece in events_of(plain)]
        sent.append(raw)
        kept = [pair for pair in plain.headers if pair[0] != "content-length"]
        return Answer.whole(200, raw, kept if coding == "identity" else [*kept, ("content-encoding", coding)])

    upstream.answer = answer
    body = json.dumps(anthropic_conversation([tool_text(seed=43)])).encode()
    with proxy.client() as client, client.stream("POST", ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=body) as response:
        assert b"".join(response.iter_raw()) == sent[0]
    row = proxy.flow_log.flow()
    assert row["streamed"] == 0
    assert row["output_tokens"] > 1


def test_openai_stream_without_usage(proxy: Proxy) -> None:
    """Usage is not asked for in the client's stead: that would change its stream."""
    with httpx2.Client(proxy=proxy.url, verify=ssl.create_default_context(cafile=proxy.ca_file)) as client:
        sdk = openai.OpenAI(api_key="dummy", http_client=client, max_retries=0)
        chunks = list(sdk.chat.completions.create(**openai_conversation([tool_text(seed=44)]), stream=True))
    assert all(chunk.choices for chunk in chunks)
    row = proxy.flow_log.flow()
    assert (row["status"], row["input_tokens"], row["output_tokens"]) == (200, None, None)


def test_twenty_streams_at_once(proxy: Proxy, upstream: LocalUpstream) -> None:
    """All twenty have their first chunk before any gets its last."""
    go_on = threading.Event()
    upstream.answer = answer_with("identity", lambda pieces: [pieces[0], go_on, *pieces[1:]], [])
    url, headers, body = streaming_request("openai")
    first = threading.Barrier(21)
    ends: list[bytes] = []

    def read() -> None:
        with proxy.client() as client, client.stream("POST", url, headers=headers, content=body) as response:
            chunks: Iterator[bytes] = response.iter_raw()
            got = next(chunks)
            first.wait(20)
            ends.append(got + b"".join(chunks))

    threads = [threading.Thread(target=read) for _ in range(20)]
    for thread in threads:
        thread.start()
    first.wait(20)
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert len(ends) == 20
    assert all(end.endswith(b"data: [DONE]\n\n") for end in ends)
