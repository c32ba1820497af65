"""The way of a request in one call and in steps, and golden requests in the shapes that real clients send."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headroom_core import Settings, compress
from headroom_core.bounded_cache import BoundedCache
from headroom_core.model import Ask, Job, Outcome, RawRequest, Reason, Rewritten, Skipped
from headroom_core.pipeline import Decision, Memory, assemble, decide, jobs, original_text, plan, sent_text, undecided
from headroom_core.providers import EventCache
from headroom_core.tokens import counter
from tests.conversations import WIRES, surely_rewritten

HOST, PATH = WIRES["anthropic"]
LONG = surely_rewritten(1)
OTHER = surely_rewritten(2)


def body(*texts: str, tool: str = "search", calls: bool = True, query: str = "what is open?", **more: Any) -> bytes:
    messages: list[dict[str, Any]] = [{"role": "user", "content": query}]
    for number, text in enumerate(texts):
        if calls:
            use = {"type": "tool_use", "id": f"t{number}", "name": tool, "input": {"n": number}}
            messages.append({"role": "assistant", "content": [use]})
        messages.append({"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"t{number}", "content": text}]})
    return json.dumps({"model": "m", "messages": messages, **more}).encode()


def request(raw: bytes) -> RawRequest:
    return RawRequest(HOST, PATH, raw)


def outcomes(raw: bytes, settings: Settings | None = None) -> list[Outcome]:
    return list(compress(raw, HOST, PATH, settings).outcomes)


# In one call


def test_a_long_output_is_rewritten_and_a_short_one_stays() -> None:
    raw = body(LONG, "ok")

    result = compress(raw, HOST, PATH)

    assert result.provider == "anthropic"
    assert result.reason is None
    assert result.changed
    form, left = (outcome.result for outcome in result.outcomes)
    assert isinstance(form, Rewritten)
    assert left == Skipped(Reason.TOO_SMALL)
    messages = json.loads(result.body)["messages"]
    assert messages[2]["content"][0]["content"] == form.text
    assert messages[4]["content"][0]["content"] == "ok"


def test_tokens_are_those_of_the_outputs_texts() -> None:
    result = compress(body(LONG, "ok"), HOST, PATH)

    form = result.outcomes[0].result
    assert isinstance(form, Rewritten)
    assert result.tokens_before == counter().count(LONG) + counter().count("ok")
    assert result.tokens_after == counter().count(form.text) + counter().count("ok")
    assert result.tokens_exact


@pytest.mark.parametrize(
    ("raw", "host", "path", "reason"),
    [
        pytest.param(body(LONG), "api.example.org", PATH, Reason.UNKNOWN_PROVIDER, id="another-host"),
        pytest.param(body(LONG), "api.anthropic.com.example.org", PATH, Reason.UNKNOWN_PROVIDER, id="a-host-that-begins-alike"),
        pytest.param(body(LONG), HOST, "/v1/messages/count_tokens", Reason.UNKNOWN_PROVIDER, id="another-path"),
        pytest.param(b"", HOST, PATH, Reason.NOT_JSON, id="empty"),
        pytest.param(b"{", HOST, PATH, Reason.NOT_JSON, id="cut-off"),
        pytest.param(b"\xef\xbb\xbf" + body(LONG), HOST, PATH, Reason.NOT_JSON, id="byte-order-mark"),
        pytest.param(body(LONG).decode().encode("utf-16"), HOST, PATH, Reason.NOT_JSON, id="utf-16"),
        pytest.param(body(LONG) + b"x", HOST, PATH, Reason.NOT_JSON, id="something-behind"),
        pytest.param(b"[]", HOST, PATH, Reason.UNEXPECTED_SHAPE, id="a-list"),
        pytest.param(b"{}", HOST, PATH, Reason.UNEXPECTED_SHAPE, id="no-messages"),
        pytest.param(b'{"messages":{}}', HOST, PATH, Reason.UNEXPECTED_SHAPE, id="messages-an-object"),
        pytest.param(b'{"messages":[]}', HOST, PATH, Reason.NO_TOOL_OUTPUT, id="no-message"),
        pytest.param(body(), HOST, PATH, Reason.NO_TOOL_OUTPUT, id="no-output"),
    ],
)
def test_a_request_that_is_left_alone_says_why(raw: bytes, host: str, path: str, reason: Reason) -> None:
    result = compress(raw, host, path)

    assert result.body is raw
    assert result.reason is not None
    assert result.reason.reason is reason
    assert (result.outcomes, result.tokens_before, result.tokens_after) == ((), 0, 0)


@pytest.mark.parametrize(
    ("raw", "settings", "reason"),
    [
        pytest.param(body(LONG, calls=False), Settings(), Reason.NO_CALL, id="no-call"),
        pytest.param(body("x" * 100), Settings(), Reason.TOO_SMALL, id="too-small"),
        pytest.param(body(LONG), Settings(min_tokens_to_crush=100_000), Reason.TOO_SMALL, id="too-small-by-setting"),
        pytest.param(body(LONG), Settings(tools={"search": {"skip_compression": True}}), Reason.TOOL_EXCLUDED, id="excluded"),
        pytest.param(body("prose. " * 500), Settings(), Reason.NO_COMPRESSOR_FITS, id="prose"),
        pytest.param(body(json.dumps({"x": "y" * 3000}, separators=(",", ":"))), Settings(), Reason.NOT_SMALLER, id="not-smaller"),
        pytest.param(body(f"[headroom: {LONG}"), Settings(), Reason.ALREADY_REWRITTEN, id="already"),
    ],
)
def test_an_output_that_is_left_alone_says_why(raw: bytes, settings: Settings, reason: Reason) -> None:
    result = compress(raw, HOST, PATH, settings)

    assert result.body is raw
    assert result.reason is None
    assert [outcome.result.reason for outcome in result.outcomes if isinstance(outcome.result, Skipped)] == [reason]


def test_an_output_that_is_no_valid_text_is_left_alone() -> None:
    """msgspec looks over invalid UTF-8 in what it skips."""
    raw = body(LONG).replace(b"platform", b"platf\xff\xferm")

    result = compress(raw, HOST, PATH)

    assert result.body is raw


def test_level_of_a_tool_comes_from_its_profile() -> None:
    many = json.dumps([{"id": number, "score": number % 7, "text": f"entry number {number * 7919 % 1000}"} for number in range(1000)])

    general = outcomes(body(many))[0].result
    profiled = outcomes(body(many), Settings(tools={"search": {"level": "lossless"}}))[0].result
    lossless = outcomes(body(many), Settings(level="lossless"))[0].result

    assert isinstance(general, Rewritten)
    assert not general.lossless
    assert profiled == lossless
    assert isinstance(profiled, Rewritten)
    assert profiled.lossless


def test_the_content_id_in_an_omission_leads_to_the_original() -> None:
    many = json.dumps([{"id": number, "score": number % 7, "text": f"entry number {number * 7919 % 1000}"} for number in range(1000)])
    raw = body(many)

    outcome = outcomes(raw)[0]

    assert isinstance(outcome.result, Rewritten)
    assert f"headroom get {outcome.content_id}" in outcome.result.text
    assert original_text(raw, outcome.output) == many
    assert sent_text(raw, outcome) == outcome.result.text


# Keys: what a stored form is found by


def key_of(raw: bytes, settings: Settings | None = None) -> bytes:
    return outcomes(raw, settings)[-1].key


def test_the_key_is_pinned() -> None:
    """Forms on disk are found by it: an upgrade of the program must find what an older one sent."""
    assert key_of(body(LONG)).hex() == "3ac5a44f3bf0614ec3ff499d22c6f594"


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(body(OTHER), id="content"),
        pytest.param(body(LONG, tool="Bash"), id="tool"),
        pytest.param(body(LONG, query="what is closed?"), id="query"),
        pytest.param(body(LONG).replace(b'{"n": 0}', b'{"n": 1}'), id="arguments"),
        pytest.param(body(LONG, calls=False), id="no-call"),
    ],
)
def test_what_a_form_may_depend_on_is_in_the_key(other: bytes) -> None:
    assert key_of(other) != key_of(body(LONG))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(body(LONG, model="another"), id="model"),
        pytest.param(body(LONG, stream=True, metadata={"user_id": "u"}), id="envelope"),
        pytest.param(body(LONG, "later"), id="later-messages"),
        pytest.param(body(LONG).replace(b'"t0"', b'"toolu_01"'), id="ids"),
    ],
)
def test_what_a_form_may_not_depend_on_is_not_in_the_key(other: bytes) -> None:
    assert outcomes(other)[0].key == key_of(body(LONG))


def test_settings_are_in_the_key() -> None:
    assert key_of(body(LONG), Settings(level="lossless")) != key_of(body(LONG))
    assert key_of(body(LONG), Settings(mode="audit")) == key_of(body(LONG))


# In steps


def test_the_steps_do_what_the_call_does() -> None:
    raw, settings, memory = body(LONG, "ok", OTHER, LONG), Settings(), Memory()

    planned = plan(request(raw), settings, memory.events)
    work = jobs(request(raw), planned, {})
    decided = {job.key: decide(job, settings) for job in work}
    result = assemble(request(raw), planned, {}, decided)

    assert result.body == compress(raw, HOST, PATH).body
    assert [outcome.result for outcome in result.outcomes] == [outcome.result for outcome in compress(raw, HOST, PATH).outcomes]


def test_a_job_holds_what_its_form_depends_on() -> None:
    raw = body(LONG, query="what is open?")
    planned = plan(request(raw), Settings(), EventCache())

    (job,) = jobs(request(raw), planned, {})

    assert planned.decoded is not None
    output = planned.decoded.outputs[0]
    assert json.loads(job.literal) == LONG
    assert (job.ask.query, job.ask.tool, job.ask.arguments) == ("what is open?", "search", '{"n": 0}')
    assert job.content_id == output.digest.hex()[:10]
    assert job.key == planned.keys[0]


def test_one_text_that_stands_twice_is_decided_once() -> None:
    use = {"type": "tool_use", "name": "search", "input": {}}
    result = {"type": "tool_result", "content": LONG}
    messages = [
        {"role": "assistant", "content": [use | {"id": "a"}, use | {"id": "b"}]},
        {"role": "user", "content": [result | {"tool_use_id": "a"}, result | {"tool_use_id": "b"}]},
    ]
    raw = json.dumps({"messages": messages}).encode()
    planned = plan(request(raw), Settings(), EventCache())

    assert len(planned.keys) == 2
    assert len(undecided(planned, {})) == 1
    (job,) = jobs(request(raw), planned, {})
    both = assemble(request(raw), planned, {}, {job.key: decide(job, Settings())}).outcomes
    assert all(isinstance(outcome.result, Rewritten) for outcome in both)


def test_what_is_known_is_not_decided_again_and_is_sent_as_it_was() -> None:
    raw = body(LONG, OTHER)
    planned = plan(request(raw), Settings(), EventCache())
    known: dict[bytes, Decision] = {planned.keys[0]: Rewritten("as an older version wrote it", "older", lossless=False)}

    work = jobs(request(raw), planned, known)
    result = assemble(request(raw), planned, known, {job.key: decide(job, Settings()) for job in work})

    assert [job.key for job in work] == [planned.keys[1]]
    assert json.loads(result.body)["messages"][2]["content"][0]["content"] == "as an older version wrote it"
    assert [outcome.new for outcome in result.outcomes] == [False, True]


def test_a_known_refusal_holds() -> None:
    raw = body(LONG)
    planned = plan(request(raw), Settings(), EventCache())

    result = assemble(request(raw), planned, {planned.keys[0]: Skipped(Reason.DEADLINE)}, {})

    assert result.body is raw
    assert result.outcomes[0].result == Skipped(Reason.DEADLINE)


def test_an_output_nobody_decided_stays() -> None:
    raw = body(LONG)

    result = assemble(request(raw), plan(request(raw), Settings(), EventCache()), {}, {})

    assert result.body is raw
    assert result.outcomes[0].result == Skipped(Reason.DEADLINE)
    assert not result.outcomes[0].new


def test_a_literal_that_is_no_text_is_skipped() -> None:
    job = Job(b"k", b'"\xff"', Ask(), "id")
    assert decide(job, Settings()) == Skipped(Reason.UNDECODABLE_TEXT)


def test_memory_is_bounded() -> None:
    memory = Memory(BoundedCache(10_000))
    for number in range(1000):
        memory.remember(str(number).encode(), Rewritten("x" * 500, "c", lossless=True))
        memory.remember(b"s" + str(number).encode(), Skipped(Reason.TOO_SMALL))
    assert 0 < memory.decisions.size <= 10_000
    assert len(memory.decisions) < 30


# Golden requests: real shapes in, the exact bytes out. `pytest --update-golden` writes them anew.

GOLDEN = Path(__file__).parents[1] / "data" / "requests"
NAMES = sorted(path.name.removesuffix(".request.json") for path in GOLDEN.glob("*.request.json"))


@pytest.mark.parametrize("name", NAMES)
def test_golden_request(name: str, update_golden: bool) -> None:
    raw = (GOLDEN / f"{name}.request.json").read_bytes()
    wire = name.partition("-")[0]

    result = compress(raw, *WIRES[wire], Settings(level="lossless"))

    report = "\n".join(_line(raw, outcome) for outcome in result.outcomes) + "\n"
    for path, content in ((GOLDEN / f"{name}.rewritten.json", result.body), (GOLDEN / f"{name}.outcomes.txt", report.encode())):
        if update_golden:
            path.write_bytes(content)
        assert path.read_bytes() == content, f"{path.name} differs; look at the difference, then pytest --update-golden"


def _line(raw: bytes, outcome: Outcome) -> str:
    output, result = outcome.output, outcome.result
    tool = output.call.name if output.call else "-"
    what = (
        f"{result.compressor}, {len(original_text(raw, output))} to {len(result.text)}" if isinstance(result, Rewritten) else result.reason
    )
    return f"{'.'.join(map(str, output.path))} | {tool} | {output.query[:60]!r} | {outcome.key.hex()} | {what}"


def test_no_golden_file_is_unused() -> None:
    known = {f"{name}.{kind}" for name in NAMES for kind in ("request.json", "rewritten.json", "outcomes.txt")}
    assert {path.name for path in GOLDEN.iterdir()} == known
    assert {name.partition("-")[0] for name in NAMES} == set(WIRES)
