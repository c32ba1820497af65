"""HTTP versions and content codings: what is rewritten leaves coded as it came, what is not leaves with the very same bytes."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator

import httpx2
import pytest

from headroom_proxy.local_upstream import LocalUpstream
from tests.e2e.rig.codings import CODINGS, decoded, encoded
from tests.e2e.rig.proxy import Proxy
from tests.e2e.rig.traffic import ANTHROPIC_HEADERS, ANTHROPIC_URL, anthropic_bytes, literal, replaced, tool_text

VERSIONS = pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
EACH_CODING = pytest.mark.parametrize("coding", CODINGS)


def headers(coding: str) -> dict[str, str]:
    return ANTHROPIC_HEADERS | ({} if coding == "identity" else {"content-encoding": coding})


def chunked(body: bytes) -> Iterator[bytes]:
    """As an iterator: httpx2 then sends the body without a length."""
    for start in range(0, len(body), 5000):
        yield body[start : start + 5000]


@VERSIONS
@EACH_CODING
def test_a_rewritten_body_is_coded_as_it_came(proxy: Proxy, upstream: LocalUpstream, coding: str, http2: bool) -> None:
    text = tool_text(200, seed=30)
    body = anthropic_bytes(literal(text))
    with proxy.client(http2=http2) as client:
        response = client.post(ANTHROPIC_URL, headers=headers(coding), content=encoded(body, coding))

    assert response.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
    [request] = upstream.received
    assert request.http_version == ("HTTP/2.0" if http2 else "HTTP/1.1")
    assert request.header("content-encoding") == (None if coding == "identity" else coding)
    assert request.header("content-length") == str(len(request.raw))
    assert "rec-1000" in replaced(body, decoded(request.raw, coding), literal(text))
    row = proxy.flow_log.flow()
    assert row["changed"]
    assert (row["bytes_before"], row["bytes_after"]) == (len(body), len(decoded(request.raw, coding)))


@VERSIONS
@EACH_CODING
def test_a_body_with_nothing_to_rewrite_keeps_its_coded_bytes(proxy: Proxy, upstream: LocalUpstream, coding: str, http2: bool) -> None:
    raw = encoded(anthropic_bytes(literal("a short result")), coding)
    with proxy.client(http2=http2) as client:
        client.post(ANTHROPIC_URL, headers=headers(coding), content=raw)

    [request] = upstream.received
    assert request.raw == raw
    assert request.header("content-encoding") == (None if coding == "identity" else coding)
    assert not proxy.flow_log.flow()["changed"]


@EACH_CODING
def test_a_chunked_request_stays_chunked(proxy: Proxy, upstream: LocalUpstream, coding: str) -> None:
    text = tool_text(200, seed=31)
    body = anthropic_bytes(literal(text))
    with proxy.client() as client:
        response = client.post(ANTHROPIC_URL, headers=headers(coding), content=chunked(encoded(body, coding)))

    assert response.status_code == 200
    [request] = upstream.received
    assert request.header("transfer-encoding") == "chunked"
    assert request.header("content-length") is None
    assert "rec-1000" in replaced(body, decoded(request.raw, coding), literal(text))


def test_http2_without_a_length(proxy: Proxy, upstream: LocalUpstream) -> None:
    text = tool_text(200, seed=32)
    body = anthropic_bytes(literal(text))
    with proxy.client(http2=True) as client:
        assert client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=chunked(body)).status_code == 200

    [request] = upstream.received
    assert request.header("content-length") in {None, str(len(request.raw))}
    assert "rec-1000" in replaced(body, request.raw, literal(text))


def test_many_requests_on_one_http2_connection(proxy: Proxy, upstream: LocalUpstream) -> None:
    texts = [tool_text(100 + 10 * index, seed=index) for index in range(12)]
    bodies = [anthropic_bytes(literal(text)) for text in texts]

    async def send_all() -> list[int]:
        tls = ssl.create_default_context(cafile=proxy.ca_file)
        async with httpx2.AsyncClient(proxy=proxy.url, verify=tls, http2=True, timeout=20) as client:
            await client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=b"{}")
            answers = await asyncio.gather(
                *(client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS | {"x-number": str(n)}, content=b) for n, b in enumerate(bodies))
            )
            return [answer.status_code for answer in answers]

    assert asyncio.run(send_all()) == [200] * len(bodies)
    requests = upstream.received[1:]
    assert len({id(request) for request in requests}) == len(bodies)
    for request in requests:
        number = int(request.header("x-number") or "-1")
        seen = replaced(bodies[number], request.raw, literal(texts[number]))
        assert f"rec-{1000 + 100 + 10 * number - 1}" in seen


def test_keep_alive_connections_carry_requests_of_different_kinds(proxy: Proxy, upstream: LocalUpstream) -> None:
    text = tool_text(200, seed=33)
    body = anthropic_bytes(literal(text))
    with proxy.client() as client:
        for coding in (*CODINGS, *CODINGS):
            client.post(ANTHROPIC_URL, headers=headers(coding), content=encoded(body, coding))
            client.post("https://api.anthropic.com/v1/files", headers=headers(coding), content=encoded(body, coding))

    forms = {decoded(r.raw, r.header("content-encoding") or "identity") for r in upstream.received if r.path == "/v1/messages"}
    assert len(forms) == 1
    assert "rec-1000" in replaced(body, forms.pop(), literal(text))
    passed = [r for r in upstream.received if r.path == "/v1/files"]
    assert [r.raw for r in passed] == [encoded(body, coding) for coding in (*CODINGS, *CODINGS)]
    assert len(upstream.tunnels) == 1
