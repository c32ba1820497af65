from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from headroom_proxy.local_upstream import CUT, Answer, LocalUpstream, Received

VERSIONS = pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
URL = "https://api.example.test/path?query=1"


def echo(received: Received) -> Answer:
    return Answer.whole(200, received.raw, [("x-version", received.http_version)])


@pytest.fixture
def upstream(tmp_path: Path) -> Iterator[LocalUpstream]:
    with LocalUpstream(["api.example.test", "second.example.test"], tmp_path, echo) as upstream:
        yield upstream


def client(upstream: LocalUpstream, *, http2: bool = False) -> httpx2.Client:
    return httpx2.Client(
        proxy=upstream.proxy_url, verify=ssl.create_default_context(cafile=upstream.ca_file), http2=http2, timeout=10, trust_env=False
    )


@VERSIONS
def test_what_was_received(upstream: LocalUpstream, http2: bool) -> None:
    with client(upstream, http2=http2) as asking:
        response = asking.post(URL, headers={"X-Mine": "yes"}, content=b"abc")
    version = "HTTP/2.0" if http2 else "HTTP/1.1"
    assert (response.status_code, response.content, response.headers["x-version"]) == (200, b"abc", version)
    [request] = upstream.received
    assert (request.method, request.host, request.path) == ("POST", "api.example.test", "/path?query=1")
    assert (request.raw, request.content, request.http_version) == (b"abc", b"abc", version)
    assert request.header("x-mine") == "yes"
    assert upstream.tunnels == ["api.example.test:443"]
    upstream.forget()
    assert upstream.received == []
    assert upstream.tunnels == []


@VERSIONS
def test_large_bodies_both_ways(upstream: LocalUpstream, http2: bool) -> None:
    body = bytes(range(256)) * 12_000
    with client(upstream, http2=http2) as asking:
        assert asking.post(URL, content=body).content == body
        assert asking.post(URL, content=iter([body[:100], body[100:]])).content == body


@VERSIONS
def test_each_piece_leaves_when_its_time_has_come(upstream: LocalUpstream, http2: bool) -> None:
    go_on = threading.Event()
    upstream.answer = lambda _: Answer(200, (), [b"first", 0.01, b"second"]).held_before_last(go_on)
    with client(upstream, http2=http2) as asking, asking.stream("GET", URL) as response:
        pieces = response.iter_raw()
        assert next(pieces) == b"first"
        go_on.set()
        assert b"".join(pieces) == b"second"


@VERSIONS
def test_a_cut(upstream: LocalUpstream, http2: bool) -> None:
    upstream.answer = lambda _: Answer(200, (), [b"first", 0.01, CUT, b"never"])
    with client(upstream, http2=http2) as asking:
        with pytest.raises(httpx2.RemoteProtocolError):
            asking.get(URL)
        upstream.answer = echo
        assert asking.post(URL, content=b"again").content == b"again"


@VERSIONS
def test_an_answer_that_fails_is_told(upstream: LocalUpstream, http2: bool) -> None:
    def fail(_: Received) -> Answer:
        raise LookupError("made up")

    upstream.answer = fail
    with client(upstream, http2=http2) as asking:
        response = asking.get(URL)
    assert response.status_code == 500
    assert "LookupError: made up" in response.text


async def test_many_streams_on_one_connection(upstream: LocalUpstream) -> None:
    """None of them is answered before all of them are there."""
    all_here = threading.Event()

    def answer(received: Received) -> Answer:
        if len(upstream.received) == 8:
            all_here.set()
        return Answer(200, (), [all_here, received.raw])

    upstream.answer = answer
    tls = ssl.create_default_context(cafile=upstream.ca_file)
    async with httpx2.AsyncClient(proxy=upstream.proxy_url, verify=tls, http2=True, timeout=20, trust_env=False) as asking:
        answers = await asyncio.gather(*(asking.post(URL, content=str(number).encode()) for number in range(8)))
    assert [response.content for response in answers] == [str(number).encode() for number in range(8)]


def test_certificates_are_real(upstream: LocalUpstream) -> None:
    trusting_others = ssl.create_default_context()
    with httpx2.Client(proxy=upstream.proxy_url, verify=trusting_others, trust_env=False) as asking, pytest.raises(httpx2.ConnectError):
        asking.get(URL)
    with client(upstream) as asking:
        assert asking.get("https://second.example.test/").status_code == 200
        with pytest.raises(httpx2.ConnectError):
            asking.get("https://third.example.test/")


def test_a_client_that_waits_for_leave_to_send_its_body(upstream: LocalUpstream) -> None:
    tls = ssl.create_default_context(cafile=upstream.ca_file)
    with (
        socket.create_connection(("127.0.0.1", upstream.port), timeout=10) as bare,
        tls.wrap_socket(bare, server_hostname="api.example.test") as connection,
    ):
        connection.sendall(b"POST / HTTP/1.1\r\nHost: api.example.test\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        connection.sendall(b"abc")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    assert upstream.received[0].raw == b"abc"


def test_the_proxy_tunnels_only(upstream: LocalUpstream) -> None:
    with httpx2.Client(proxy=upstream.proxy_url, trust_env=False) as asking:
        assert asking.get("http://api.example.test/").status_code == 501
