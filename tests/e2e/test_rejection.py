"""A request that is rejected only because of our edit is sent again as it came; its conversation is left alone from then on."""

from __future__ import annotations

import json

import pytest

from headroom_proxy.local_upstream import Answer, LocalUpstream, Providers, Received, anthropic_messages
from tests.e2e.rig.proxy import Proxy
from tests.e2e.rig.traffic import ANTHROPIC_HEADERS, ANTHROPIC_URL, anthropic_bytes, anthropic_conversation, literal, replaced, tool_text

VERSIONS = pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])


def rejecting_edits(status: int, original: bytes) -> Providers:
    """A provider that takes only the original."""

    class Strict(Providers):
        def __call__(self, received: Received) -> Answer:
            if original not in received.raw:
                return anthropic_messages.error(status, "the edit is not to my liking")
            return super().__call__(received)

    return Strict()


@VERSIONS
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streaming"])
@pytest.mark.parametrize("status", [400, 413])
def test_the_original_is_sent_again(proxy: Proxy, upstream: LocalUpstream, status: int, stream: bool, http2: bool) -> None:
    result = literal(tool_text(200, seed=110))
    upstream.answer = rejecting_edits(status, result)
    body = anthropic_bytes(result, extra=b'"stream":true,' if stream else b"")
    with proxy.client(http2=http2) as client:
        response = client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=body)

    assert response.status_code == 200
    assert "This" in response.text
    assert response.headers["content-type"].startswith("text/event-stream" if stream else "application/json")
    rewritten, original = upstream.received
    assert "rec-1000" in replaced(body, rewritten.raw, result)
    assert original.raw == body
    assert original.headers == tuple((name, str(len(body)) if name == "content-length" else value) for name, value in rewritten.headers)
    row = proxy.flow_log.flow()
    assert (row["status"], row["changed"]) == (200, 0)
    assert row["reason"] == "rewrite_rejected"
    assert row["output_tokens"] > 1
    assert "This" not in proxy.log


def test_the_conversation_is_left_alone_from_then_on(proxy: Proxy, upstream: LocalUpstream) -> None:
    texts = [tool_text(200, seed=111), tool_text(200, seed=112)]
    upstream.answer = rejecting_edits(400, literal(texts[0]))
    first = json.dumps(anthropic_conversation(texts[:1], "Is it rejected?"), ensure_ascii=False).encode()
    second = json.dumps(anthropic_conversation(texts, "Is it rejected?"), ensure_ascii=False).encode()
    other = anthropic_bytes(literal(texts[1]))
    with proxy.client() as client:
        for body in (first, second):
            client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=body)
        upstream.answer = Providers()
        client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=other)

    _, again, later, elsewhere = [request.raw for request in upstream.received]
    assert again == first
    assert later == second
    assert "rec-1000" in replaced(other, elsewhere, literal(texts[1]))
    rows = proxy.flow_log.flows(3)
    assert [row["changed"] for row in rows] == [0, 0, 1]
    assert [row["reason"] for row in rows] == ["rewrite_rejected", "left_alone", ""]


@pytest.mark.parametrize("status", [400, 413])
def test_a_rejection_that_is_not_ours_passes(proxy: Proxy, upstream: LocalUpstream, status: int) -> None:
    """Both forms are rejected: the client gets the provider's own answer, and the conversation may be rewritten again."""
    upstream.answer = lambda _: anthropic_messages.error(status, "no", [("x-fixed", "kept")])
    result = literal(tool_text(200, seed=113))
    body = anthropic_bytes(result)
    with proxy.client() as client:
        response = client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=body)
        assert response.status_code == status
        assert response.json()["error"]["message"] == "no"
        assert response.headers["x-fixed"] == "kept"
        upstream.answer = Providers()
        client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=body)

    rewritten, original, again = [request.raw for request in upstream.received]
    assert original == body
    assert again == rewritten
    assert [row["status"] for row in proxy.flow_log.flows(2)] == [status, 200]


def test_what_was_not_edited_is_not_sent_twice(proxy: Proxy, upstream: LocalUpstream) -> None:
    upstream.answer = lambda _: anthropic_messages.error(400, "no")
    with proxy.client() as client:
        response = client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=anthropic_bytes(literal("short")))
    assert response.status_code == 400
    assert len(upstream.received) == 1
    assert proxy.flow_log.flow()["status"] == 400
