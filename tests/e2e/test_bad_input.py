"""Odd and broken input: what leaves is what came, or is rightly rewritten elsewhere.

Status and headers pass, and the flow log has the reason.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from headroom_core.model import Reason
from headroom_proxy.local_upstream import Answer, LocalUpstream, Received
from tests.e2e.rig.codings import encoded
from tests.e2e.rig.exchange import exchange
from tests.e2e.rig.proxy import Proxy
from tests.e2e.rig.traffic import (
    ANTHROPIC_HEADERS,
    ANTHROPIC_URL,
    OPENAI_HEADERS,
    OPENAI_URL,
    anthropic_bytes,
    anthropic_conversation,
    literal,
    replaced,
    tool_text,
)

GOOD = literal(tool_text(200, seed=50))
DEEP = 3_000


def fixed_answer(_: Received) -> Answer:
    return Answer.whole(200, b'{"id":"msg_1"}', [("content-type", "application/json"), ("x-fixed", "as sent"), ("x-fixed", "twice")])


@dataclass(frozen=True)
class Case:
    """A request body that leaves as it came."""

    name: str
    body: bytes
    reason: Reason
    coding: str = ""


UNTOUCHED = [
    Case("empty", b"", Reason.NOT_JSON),
    Case("no JSON", b"hello", Reason.NOT_JSON),
    Case("a byte order mark", b"\xef\xbb\xbf" + anthropic_bytes(GOOD), Reason.NOT_JSON),
    Case("UTF-16", anthropic_bytes(GOOD).decode().encode("utf-16"), Reason.NOT_JSON),
    Case("JSON that is cut off", anthropic_bytes(GOOD)[:-20], Reason.NOT_JSON),
    Case("something behind the JSON", anthropic_bytes(GOOD) + b"{}", Reason.NOT_JSON),
    Case("a NUL in a string", anthropic_bytes(b'"\x00' + GOOD[1:]), Reason.NOT_JSON),
    Case("a NUL behind the JSON", anthropic_bytes(GOOD) + b"\x00", Reason.NOT_JSON),
    Case("null", b"null", Reason.UNEXPECTED_SHAPE),
    Case("a number", b"1.10", Reason.UNEXPECTED_SHAPE),
    Case("a list", b"[" + anthropic_bytes(GOOD) + b"]", Reason.UNEXPECTED_SHAPE),
    Case("no messages", b'{"model":"m"}', Reason.UNEXPECTED_SHAPE),
    Case("messages a string", b'{"messages":"hi"}', Reason.UNEXPECTED_SHAPE),
    Case("messages null", b'{"messages":null}', Reason.UNEXPECTED_SHAPE),
    Case("messages of numbers", b'{"messages":[1,null,"x",[]],"model":"m"}', Reason.NO_TOOL_OUTPUT),
    Case("model a number", anthropic_bytes(GOOD).replace(b'"claude-sonnet-4-6"', b"7"), Reason.UNEXPECTED_SHAPE),
    Case("3,000 levels around all", b"[" * DEEP + b"]" * DEEP, Reason.UNEXPECTED_SHAPE),
    Case("100,000 levels", b'{"messages":' + b"[" * 100_000, Reason.NOT_JSON),
    Case("content null", anthropic_bytes(b"null"), Reason.NO_TOOL_OUTPUT),
    Case("content a number", anthropic_bytes(b"17"), Reason.NO_TOOL_OUTPUT),
    Case("content an object", anthropic_bytes(b'{"text":' + GOOD + b"}"), Reason.NO_TOOL_OUTPUT),
    Case("content an empty list", anthropic_bytes(b"[]"), Reason.NO_TOOL_OUTPUT),
    Case("gzip that is cut off", encoded(anthropic_bytes(GOOD), "gzip")[:-10], Reason.UNDECODABLE_BODY, "gzip"),
    Case("gzip with bytes behind it", encoded(anthropic_bytes(GOOD), "gzip") + b"more", Reason.UNDECODABLE_BODY, "gzip"),
    Case("zstd that is cut off", encoded(anthropic_bytes(GOOD), "zstd")[:-10], Reason.UNDECODABLE_BODY, "zstd"),
    Case("br that is cut off", encoded(anthropic_bytes(GOOD), "br")[:-10], Reason.UNDECODABLE_BODY, "br"),
    Case("plain said to be gzip", anthropic_bytes(GOOD), Reason.UNDECODABLE_BODY, "gzip"),
    Case("plain said to be br", anthropic_bytes(GOOD), Reason.UNDECODABLE_BODY, "br"),
    Case("gzip said to be zstd", encoded(anthropic_bytes(GOOD), "gzip"), Reason.UNDECODABLE_BODY, "zstd"),
    Case("gzip said to be plain", encoded(anthropic_bytes(GOOD), "gzip"), Reason.NOT_JSON),
    Case("an unknown coding", anthropic_bytes(GOOD), Reason.UNDECODABLE_BODY, "snappy"),
    Case("two codings", encoded(encoded(anthropic_bytes(GOOD), "gzip"), "br"), Reason.UNDECODABLE_BODY, "gzip, br"),
]


@pytest.mark.parametrize("case", UNTOUCHED, ids=lambda case: case.name)
def test_leaves_as_it_came(proxy: Proxy, upstream: LocalUpstream, case: Case) -> None:
    upstream.answer = fixed_answer
    headers = ANTHROPIC_HEADERS | ({"content-encoding": case.coding} if case.coding else {})

    request, _ = exchange(proxy, upstream, case.body, headers)

    assert request.raw == case.body
    row = proxy.flow_log.flow()
    assert (row["reason"], row["changed"], row["status"]) == (case.reason, 0, 200)


@dataclass(frozen=True)
class Result:
    """A tool result that leaves as it came, while the good one beside it is rewritten."""

    name: str
    literal: bytes
    reason: Reason


def nested(depth: int) -> str:
    return '{"a":[' * (depth // 2) + "1" + "]}" * (depth // 2)


def with_each_record(addition: str) -> bytes:
    """The literal of an array whose every record has one more member, spelt by hand inside the text."""
    lines = [f'{{"id":"rec-{1000 + index}","name":"n{index % 7}",{addition}}}' for index in range(120)]
    return literal("[" + ",".join(lines) + "]")


ODD_RESULTS = [
    Result("3,000 levels deep", literal(nested(DEEP)), Reason.NO_COMPRESSOR_FITS),
    Result("array cut off", literal(tool_text(200, seed=51)[:-300]), Reason.NO_COMPRESSOR_FITS),
    Result("spaces only", literal(" " * 20_000), Reason.NO_COMPRESSOR_FITS),
    Result("NUL only", literal("\x00" * 5_000), Reason.NO_COMPRESSOR_FITS),
    Result("no UTF-8", b'"\xff\xfe' + GOOD[1:], Reason.UNDECODABLE_TEXT),
    Result("empty", b'""', Reason.TOO_SMALL),
    Result("short", literal(tool_text(2)), Reason.TOO_SMALL),
]


@pytest.mark.parametrize("case", ODD_RESULTS, ids=lambda case: case.name)
def test_an_odd_result_stays_and_the_next_is_rewritten(proxy: Proxy, upstream: LocalUpstream, case: Result) -> None:
    upstream.answer = fixed_answer
    odd = b'{"type":"tool_result","tool_use_id":"toolu_1","content":' + case.literal + b"}, "
    body = anthropic_bytes(GOOD, before=odd)

    request, _ = exchange(proxy, upstream, body, ANTHROPIC_HEADERS)

    assert "rec-1000" in replaced(body, request.raw, GOOD)
    row = proxy.flow_log.flow()
    assert (row["changed"], row["outputs_total"], row["outputs_rewritten"]) == (1, 2, 1)
    by_place = {output["position"]: output for output in proxy.flow_log.outputs(row["id"])}
    assert by_place["messages.2.content.0.content"]["reason"] == case.reason
    assert by_place["messages.2.content.1.content"]["result"] == "rewritten"


ODD_PLACES = {
    "3,000 levels in a call's arguments": b'"metadata":' + b"[" * DEEP + b"]" * DEEP + b",",
    "duplicate keys": b'"metadata":{"a":1,"a":2},"max_tokens":7,"temperature":1E400,',
    "numbers of all spellings": b'"metadata":[1E400,-1e-400,1.10,0.1e+01,123456789012345678901234567890,-0],',
    "lone surrogates elsewhere": b'"system":"half \\ud83d and \\uDE00 of a tree",',
    "no UTF-8 elsewhere": b'"metadata":{"\xff\xfe":"\xc3"},',
    "escaped NUL elsewhere": b'"system":"zero \\u0000 byte",',
    "10 MB elsewhere": b'"system":"' + b"word " * 2_000_000 + b'",',
}


@pytest.mark.parametrize("extra", ODD_PLACES.values(), ids=ODD_PLACES.keys())
def test_odd_bytes_elsewhere_stay_and_the_result_is_rewritten(proxy: Proxy, upstream: LocalUpstream, extra: bytes) -> None:
    upstream.answer = fixed_answer
    body = anthropic_bytes(GOOD, extra=extra)

    request, _ = exchange(proxy, upstream, body, ANTHROPIC_HEADERS)

    assert "rec-1000" in replaced(body, request.raw, GOOD)
    assert proxy.flow_log.flow()["changed"]


KEPT_IN_THE_TEXT = {
    "1.10": with_each_record('"price":1.10'),
    "1E400": with_each_record('"price":1E400'),
    "123456789012345678901234567890": with_each_record('"price":123456789012345678901234567890'),
    "<|endoftext|>": with_each_record('"note":"<|endoftext|>"'),
    "\U0001f332": with_each_record('"note":"\U0001f332"'),
    "caf\u00e9": with_each_record('"note":"caf\\u00e9"'),
}


@pytest.mark.parametrize(("value", "result"), KEPT_IN_THE_TEXT.items(), ids=ascii)
def test_a_value_keeps_its_spelling(proxy: Proxy, upstream: LocalUpstream, value: str, result: bytes) -> None:
    upstream.answer = fixed_answer
    body = anthropic_bytes(result)
    request, _ = exchange(proxy, upstream, body, ANTHROPIC_HEADERS)
    text = replaced(body, request.raw, result)
    assert len(text) < len(json.loads(result)) / 1.5
    assert value in text


@pytest.mark.parametrize(
    "result",
    [
        with_each_record('"a":1,"a":2'),
        with_each_record('"note":"\\u0000"'),
        with_each_record('"note":"\\ud800"'),
        literal(tool_text(200, seed=52)).replace(b"rec-1007", b"rec\\ud800"),
        literal(tool_text(200, seed=52)).replace(b"rec-1007", b"rec\\u0000"),
    ],
    ids=["duplicate keys", "escaped NUL", "escaped surrogate", "surrogate in the text itself", "NUL in the text itself"],
)
def test_what_a_text_may_lose_in_parsing_is_not_lost(proxy: Proxy, upstream: LocalUpstream, result: bytes) -> None:
    """The result may stay or be rewritten; all around it stays, and nothing of what is odd in it is gone."""
    upstream.answer = fixed_answer
    body = anthropic_bytes(result)
    request, _ = exchange(proxy, upstream, body, ANTHROPIC_HEADERS)
    row = proxy.flow_log.flow()
    [output] = proxy.flow_log.outputs(row["id"])
    if not row["changed"]:
        assert request.raw == body
        assert output["reason"] in {Reason.UNDECODABLE_TEXT, Reason.NO_COMPRESSOR_FITS}
        return
    text = replaced(body, request.raw, result)
    before = json.loads(result)
    for odd in ("\ud800", "\x00", "\\ud800", "\\u0000"):
        assert (odd in before) <= (odd in text or "nothing left out" not in text)
    assert '"a":1' not in before or "a=1" in text.replace(" ", "") or '"a":1' in text


def test_a_lone_surrogate_does_not_mix_two_results_up(proxy: Proxy, upstream: LocalUpstream) -> None:
    """Two results of the same call that differ in escaped characters outside the basic plane only."""
    upstream.answer = fixed_answer
    trees, faces = ([{"id": f"r{n}", "mood": mood, "n": n} for n in range(100)] for mood in ("\U0001f332", "\U0001f600"))
    conversation = anthropic_conversation([json.dumps(trees, ensure_ascii=False), json.dumps(faces, ensure_ascii=False)])
    for message in conversation["messages"]:
        if message["role"] == "assistant":
            message["content"][0]["input"] = {"query": "the same"}
    conversation["messages"].append({"role": "user", "content": "half a \ud83d character"})

    request, _ = exchange(proxy, upstream, json.dumps(conversation).encode(), ANTHROPIC_HEADERS)

    first, second = (json.loads(request.content)["messages"][index]["content"][0]["content"] for index in (2, 4))
    assert "\U0001f332" in first
    assert "\U0001f600" in second
    assert "\U0001f332" not in second
    outputs = proxy.flow_log.outputs(proxy.flow_log.flow()["id"])
    assert len({output["content_id"] for output in outputs}) == 2


def test_a_later_lone_surrogate_changes_nothing_before_it(proxy: Proxy, upstream: LocalUpstream) -> None:
    upstream.answer = fixed_answer
    trees = [{"id": f"r{n}", "mood": "\U0001f332", "n": n} for n in range(100)]
    conversation = anthropic_conversation([json.dumps(trees, ensure_ascii=False)])
    with proxy.client() as client:
        client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=json.dumps(conversation).encode())
        conversation["messages"].append({"role": "user", "content": "half a \ud83d character"})
        client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=json.dumps(conversation).encode())

    earlier, later = (json.loads(request.content)["messages"] for request in upstream.received)
    assert later[: len(earlier)] == earlier
    rows = proxy.flow_log.flows(2)
    assert rows[0]["conversation"] == rows[1]["conversation"]
    assert [len(proxy.flow_log.outputs(row["id"])) for row in rows] == [1, 0]


def test_a_result_without_its_call(proxy: Proxy, upstream: LocalUpstream) -> None:
    body = anthropic_bytes(GOOD).replace(b'"id":"toolu_1"', b'"id":"toolu_2"')
    with proxy.client() as client:
        response = client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=body)
    [request] = upstream.received
    assert request.raw == body
    assert response.status_code == 400
    row = proxy.flow_log.flow()
    assert (row["changed"], row["status"]) == (0, 400)
    [output] = proxy.flow_log.outputs(row["id"])
    assert output["reason"] == Reason.NO_CALL


def test_images_and_texts_in_one_result(proxy: Proxy, upstream: LocalUpstream) -> None:
    upstream.answer = fixed_answer
    image = b'{"type":"image","source":{"type":"base64","media_type":"image/png","data":"' + b"iVBORw0KGgo" * 2000 + b'"}}'
    content = b"[" + image + b' , {"text":' + GOOD + b',"type":"text"}, null, 5, {"type":"text","text":null}]'
    body = anthropic_bytes(content)
    request, _ = exchange(proxy, upstream, body, ANTHROPIC_HEADERS)
    assert "rec-1000" in replaced(body, request.raw, GOOD)
    row = proxy.flow_log.flow()
    [output] = proxy.flow_log.outputs(row["id"])
    assert output["position"] == "messages.2.content.0.content.1.text"


@pytest.mark.parametrize("content", [b"null", b"17", b"[]", b'[{"type":"text","text":null}]', b"{}"])
def test_openai_content_of_other_types(proxy: Proxy, upstream: LocalUpstream, content: bytes) -> None:
    upstream.answer = fixed_answer
    call = b'{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{"}}]}'
    good = b'{"role":"tool","tool_call_id":"c1","content":' + GOOD + b"}"
    odd = b'{"role":"tool","tool_call_id":"c1","content":' + content + b"}"
    body = b'{"messages":[' + b",".join([call, odd, good, odd]) + b'],"model":"gpt-5"}'
    request, _ = exchange(proxy, upstream, body, OPENAI_HEADERS, OPENAI_URL)
    assert "rec-1000" in replaced(body, request.raw, GOOD)
    assert proxy.flow_log.flow()["outputs_rewritten"] == 1


def test_a_result_of_10_mb(proxy: Proxy, upstream: LocalUpstream) -> None:
    upstream.answer = fixed_answer
    text = tool_text(85_000, seed=53)
    assert len(text) > 9_000_000
    body = anthropic_bytes(literal(text))
    request, _ = exchange(proxy, upstream, body, ANTHROPIC_HEADERS)
    assert "rec-1000" in replaced(body, request.raw, literal(text))
    row = proxy.flow_log.flow()
    assert (row["changed"], row["bytes_before"]) == (1, len(body))
