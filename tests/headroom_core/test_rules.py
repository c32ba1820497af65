"""The rules of DESIGN section 2 that the core can break, as properties over random conversations in both wire formats."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from headroom_core import CompressionResult, Settings, compress, pipeline
from headroom_core.bounded_cache import BoundedCache
from headroom_core.compressors.notes import MARK
from headroom_core.model import Outcome, Reason, Rewritten, Skipped
from headroom_core.providers import EventCache
from headroom_core.tokens import counter
from tests import decoders
from tests.conversations import CACHE_MARK, ODD_MESSAGES, SURELY_REWRITTEN, WIRES, Conversation, conversations, surely_rewritten
from tests.json_writing import Members, leaves, literal_at, read

SETTINGS = st.sampled_from([
    Settings(),
    Settings(),
    Settings(level="lossless"),
    Settings(min_tokens_to_crush=10),
    Settings(min_tokens_to_crush=10, max_items_after_crush=5, first_items=1, last_items=1),
    Settings(tools={"Bash": {"level": "lossless"}, "Read": {"skip_compression": True}}),
])  # fmt: skip
ANTHROPIC = conversations(wire="anthropic")


@contextmanager
def fresh_memory(size: int = 16_000_000) -> Iterator[None]:
    """As in a process that has seen nothing yet, and can remember `size` bytes."""
    before = pipeline._MEMORY
    pipeline._MEMORY = pipeline.Memory(BoundedCache(size), EventCache(BoundedCache(size)))
    try:
        yield
    finally:
        pipeline._MEMORY = before


def sent(talk: Conversation, body: bytes, settings: Settings) -> CompressionResult:
    return compress(body, talk.host, talk.path, settings)


def rewritten(result: CompressionResult) -> list[tuple[Outcome, Rewritten]]:
    return [(outcome, outcome.result) for outcome in result.outcomes if isinstance(outcome.result, Rewritten)]


def text_of(body: bytes, outcome: Outcome) -> Any:
    return json.loads(body[outcome.output.start : outcome.output.end])


# 1. Untouched means untouched.


@given(conversations(), SETTINGS)
def test_each_tool_output_is_found_and_nothing_else(talk: Conversation, settings: Settings) -> None:
    body = talk.body()

    result = sent(talk, body, settings)

    assert result.provider == talk.wire
    assert [outcome.output.path for outcome in result.outcomes] == [path for path, _ in talk.outputs()]
    assert [text_of(body, outcome) for outcome in result.outcomes] == [output.text for _, output in talk.outputs()]
    assert [outcome.output.call is not None for outcome in result.outcomes] == [output.called for _, output in talk.outputs()]


@given(conversations(), SETTINGS)
def test_every_byte_outside_the_replaced_literals_is_the_same(talk: Conversation, settings: Settings) -> None:
    body = talk.body()

    result = sent(talk, body, settings)

    assume(rewritten(result))
    old = new = 0
    for outcome, form in rewritten(result):
        between = body[old : outcome.output.start]
        assert result.body[new : new + len(between)] == between
        literal = literal_at(result.body, new + len(between))
        assert json.loads(literal) == form.text
        old, new = outcome.output.end, new + len(between) + len(literal)
    assert result.body[new:] == body[old:]


@given(conversations(), SETTINGS)
def test_only_the_listed_paths_differ(talk: Conversation, settings: Settings) -> None:
    body = talk.body()

    result = sent(talk, body, settings)

    before, after = dict(leaves(read(body))), dict(leaves(read(result.body)))
    assert list(before) == list(after)
    assert {path: after[path] for path in after if after[path] != before[path]} == {
        outcome.output.path: form.text for outcome, form in rewritten(result)
    }


@given(conversations(sure=False), SETTINGS)
def test_the_same_object_leaves_where_nothing_is_rewritten(talk: Conversation, settings: Settings) -> None:
    body = talk.body()

    result = sent(talk, body, settings)

    assert (result.body is body) == (not rewritten(result))
    assert result.changed == bool(rewritten(result))


@given(conversations())
def test_a_long_list_of_records_is_rewritten(talk: Conversation) -> None:
    """The other properties would hold for a program that does nothing."""
    result = sent(talk, talk.body(), Settings())

    outputs = dict(talk.outputs())
    done = {outcome.output.path for outcome, _ in rewritten(result)}
    assert any(output.called and output.text in SURELY_REWRITTEN for path, output in outputs.items() if path in done)


# 2. Prefix-pure.


def assert_prefix(talk: Conversation, shorter: bytes, longer: bytes) -> None:
    assert shorter.endswith(talk.tail.encode())
    assert longer.startswith(shorter.removesuffix(talk.tail.encode()))


@given(conversations(), SETTINGS, st.data())
def test_a_request_is_a_prefix_of_the_next(talk: Conversation, settings: Settings, data: st.DataObject) -> None:
    previous: bytes | None = None
    for count in range(1, len(talk.messages) + 1):
        if data.draw(st.booleans(), label="restarted"):
            with fresh_memory(data.draw(st.sampled_from([0, 2_000, 16_000_000]), label="memory")):
                result = sent(talk, talk.body(count), settings)
        else:
            result = sent(talk, talk.body(count), settings)
        if previous is not None:
            assert_prefix(talk, previous, result.body)
        previous = result.body


@given(conversations(), SETTINGS, st.lists(ODD_MESSAGES, min_size=1, max_size=3), st.booleans())
def test_what_comes_later_changes_nothing_before_it(talk: Conversation, settings: Settings, later: list[str], restart: bool) -> None:
    alone = sent(talk, talk.body(), settings)
    if restart:
        with fresh_memory():
            followed = sent(talk, talk.body(more=later), settings)
    else:
        followed = sent(talk, talk.body(more=later), settings)

    if talk.messages:
        assert_prefix(talk, alone.body, followed.body)
    count = len(alone.outcomes)
    assert [outcome.key for outcome in followed.outcomes[:count]] == [outcome.key for outcome in alone.outcomes]
    assert [outcome.content_id for outcome in followed.outcomes[:count]] == [outcome.content_id for outcome in alone.outcomes]
    assert [outcome.output.call for outcome in followed.outcomes[:count]] == [outcome.output.call for outcome in alone.outcomes]
    assert [outcome.output.query for outcome in followed.outcomes[:count]] == [outcome.output.query for outcome in alone.outcomes]


@given(ANTHROPIC, SETTINGS)
def test_moving_cache_marks_move_nothing_else(talk: Conversation, settings: Settings) -> None:
    previous: list[Any] = []
    for count in range(1, len(talk.messages) + 1):
        with fresh_memory():
            result = sent(talk, talk.body(count, marked=count - 1), settings)
        messages = [unmarked(message) for message in read(result.body).get("messages")]
        assert messages[: len(previous)] == previous
        previous = messages


def unmarked(value: Any) -> Any:
    if isinstance(value, Members):
        kept = value.without("cache_control") if value.get("cache_control") == read(json.dumps(CACHE_MARK).encode()) else value
        return Members(tuple((name, unmarked(member)) for name, member in kept.pairs))
    return [unmarked(item) for item in value] if isinstance(value, list) else value


@given(st.lists(conversations(), min_size=2, max_size=4), SETTINGS)
def test_what_was_seen_before_changes_nothing(talks: list[Conversation], settings: Settings) -> None:
    with fresh_memory():
        last = [sent(talk, talk.body(), settings) for talk in talks][-1]
    with fresh_memory():
        first = sent(talks[-1], talks[-1].body(), settings)
    with fresh_memory(0):
        forgetful = sent(talks[-1], talks[-1].body(), settings)

    assert last.body == first.body == forgetful.body
    assert [outcome.result for outcome in last.outcomes] == [outcome.result for outcome in first.outcomes]


@given(SETTINGS, st.integers(0, 60), st.integers(0, 60))
def test_outputs_that_differ_only_in_escaped_characters_keep_their_own_text(settings: Settings, first: int, second: int) -> None:
    assume(first != second)
    texts = [surely_rewritten(1).replace("open", chr(0x1F600 + number)) for number in (first, second)]
    messages = [
        {"role": "assistant", "content": [{"type": "tool_use", "id": f"t{n}", "name": "Bash", "input": {}} for n in range(2)]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"t{n}", "content": text} for n, text in enumerate(texts)]},
    ]
    body = json.dumps({"messages": messages, "metadata": {"note": "\ud800"}}).encode()

    forms = [outcome.result for outcome in compress(body, *WIRES["anthropic"], settings).outcomes]

    assert isinstance(forms[0], Rewritten)
    assert isinstance(forms[1], Rewritten)
    assert chr(0x1F600 + first) in forms[0].text
    assert chr(0x1F600 + second) in forms[1].text


_CHILD = """
import base64, hashlib, sys
from headroom_core import compress
for line in sys.stdin:
    host, path, body = line.split()
    print(hashlib.sha256(compress(base64.b64decode(body), host, path).body).hexdigest())
"""


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_another_process_decides_the_same(hash_seed: str) -> None:
    talks = _some_conversations()
    root = FilePath(__file__).parents[2]
    lines = "".join(f"{talk.host} {talk.path} {base64.b64encode(talk.body()).decode()}\n" for talk in talks)

    done = subprocess.run(
        [sys.executable, "-c", _CHILD],
        input=lines,
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(root)},
    )

    here = [hashlib.sha256(sent(talk, talk.body(), Settings()).body).hexdigest() for talk in talks]
    assert done.stdout.split() == here


def _some_conversations() -> list[Conversation]:
    found: list[Conversation] = []

    @hypothesis_settings(max_examples=40, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(conversations())
    def collect(talk: Conversation) -> None:
        found.append(talk)

    collect()
    return found


# 3. Human and model words stay. 4. A call and its result stay together.


@given(conversations(), SETTINGS)
def test_all_but_the_texts_of_tool_outputs_stays(talk: Conversation, settings: Settings) -> None:
    body = talk.body()
    outputs = {path for path, _ in talk.outputs()}

    result = sent(talk, body, settings)

    assert [pair for pair in leaves(read(result.body)) if pair[0] not in outputs] == [
        pair for pair in leaves(read(body)) if pair[0] not in outputs
    ]


@given(conversations(), SETTINGS)
def test_calls_and_results_stay_in_their_order(talk: Conversation, settings: Settings) -> None:
    body = talk.body()

    result = sent(talk, body, settings)

    assert list(identities(read(result.body))) == list(identities(read(body)))


def identities(value: Any, path: Sequence[str | int] = ()) -> Iterator[tuple[Sequence[str | int], str, Any]]:
    """Ids of calls and results, with their places."""
    if isinstance(value, Members):
        for name, member in value.pairs:
            if name in {"id", "tool_use_id", "tool_call_id", "role", "type"}:
                yield path, name, member
            else:
                yield from identities(member, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from identities(item, (*path, index))


@given(conversations(), SETTINGS)
def test_a_donewithout_a_call_is_left_alone(talk: Conversation, settings: Settings) -> None:
    result = sent(talk, talk.body(), settings)

    for outcome, (_, output) in zip(result.outcomes, talk.outputs(), strict=True):
        if not output.called:
            assert outcome.result == Skipped(Reason.NO_CALL)


# 5. Must shrink, and rewriting twice changes nothing more.


@given(conversations(), SETTINGS)
def test_a_form_is_clearly_smaller(talk: Conversation, settings: Settings) -> None:
    body = talk.body()

    result = sent(talk, body, settings)

    for outcome, form in rewritten(result):
        text = text_of(body, outcome)
        assert len(form.text) < 0.96 * len(text)
        assert len(form.text.encode()) < len(text.encode("utf-8", "surrogatepass"))
        assert counter().count(form.text) < counter().count(text)
    assert (len(result.body) < len(body)) == result.changed
    assert result.tokens_after <= result.tokens_before


@given(conversations(), SETTINGS)
def test_rewriting_twice_changes_nothing_more(talk: Conversation, settings: Settings) -> None:
    once = sent(talk, talk.body(), settings).body

    twice = sent(talk, once, settings)

    assert twice.body is once


# 6. Nothing goes silently.


@given(conversations(), SETTINGS)
def test_each_output_has_an_outcome_with_a_reason(talk: Conversation, settings: Settings) -> None:
    result = sent(talk, talk.body(), settings)

    for outcome in result.outcomes:
        assert isinstance(outcome.result, Rewritten) or outcome.result.reason in Reason
    assert (result.reason is not None) == (not talk.outputs())


@given(conversations(), SETTINGS)
def test_what_is_called_lossless_can_be_restored_and_what_is_not_says_so_in_place(talk: Conversation, settings: Settings) -> None:
    body = talk.body()

    result = sent(talk, body, settings)

    for outcome, form in rewritten(result):
        if form.lossless:
            decode, read = decoders.LOSSLESS[form.compressor]
            assert decode(form.text) == read(text_of(body, outcome))
            assert form.items_kept == form.items_total
        else:
            assert settings.for_tool(outcome.output.call.name if outcome.output.call else "").level != "lossless"
            assert form.text.startswith(MARK)
            assert outcome.content_id in form.text
            assert f"{form.items_total} " in form.text
            assert form.items_kept < form.items_total


# 7. Any bytes in, never an exception out.

ENDPOINTS = st.sampled_from(sorted(WIRES.values()))


def assert_taken(body: bytes, host: str, path: str) -> None:
    """Whatever came: what leaves is what came, or JSON again."""
    result = compress(body, host, path, Settings(min_tokens_to_crush=10))
    assert result.body is body or not isinstance(json.loads(result.body), str)
    assert result.body is body or rewritten(result)
    assert result.tokens_after <= result.tokens_before


@given(st.binary(max_size=300), ENDPOINTS)
def test_any_bytes(body: bytes, endpoint: tuple[str, str]) -> None:
    assert_taken(body, *endpoint)


@given(st.text(st.sampled_from('{}[]":,\\ue10-.truefalsn \n'), max_size=80), ENDPOINTS)
def test_anything_that_looks_like_json(text: str, endpoint: tuple[str, str]) -> None:
    assert_taken(text.encode(), *endpoint)
    assert_taken(f'{{"messages":{text}}}'.encode(), *endpoint)
    assert_taken(f'{{"messages":[{{"role":"user","content":{text}}}]}}'.encode(), *endpoint)


@given(conversations(), st.data())
def test_a_body_with_bytes_changed(talk: Conversation, data: st.DataObject) -> None:
    body = bytearray(talk.body())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(body) - 1))
        match data.draw(st.sampled_from(["set", "delete", "insert", "cut"])):
            case "set":
                body[place] = data.draw(st.integers(0, 255))
            case "delete":
                del body[place : place + data.draw(st.integers(1, 50))]
            case "insert":
                body[place:place] = data.draw(st.binary(max_size=6) | st.sampled_from([b"\\ud800", b'"', b"[", b"}", b"\\", b"\xff"]))
            case _:
                del body[place:]
        if not body:
            break
    result = sent(talk, bytes(body), Settings(min_tokens_to_crush=10))

    assert result.changed == bool(rewritten(result))
    for outcome, form in rewritten(result):
        assert text_of(bytes(body), outcome) != form.text


@pytest.mark.parametrize("byte", [b"\x80", b"\xff", b"\x00", b'"', b"\\", b"{", b"]", b"9"])
@pytest.mark.parametrize("wire", sorted(WIRES))
def test_each_byte_replaced(wire: str, byte: bytes) -> None:
    text = json.dumps([{"a": number} for number in range(5)])
    use: dict[str, Any] = {"type": "tool_use", "id": "t", "name": "n", "input": {}}
    result: dict[str, Any] = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": text}]}
    messages: list[Any] = [{"role": "user", "content": "q"}, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    if wire == "openai":
        call = {"id": "t", "type": "function", "function": {"name": "n", "arguments": "{}"}}
        old = {"role": "assistant", "function_call": {"name": "n", "arguments": "{}"}}
        messages[1:] = [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "t", "content": text}, old]
    body = json.dumps({"model": "m", "stream": True, "messages": messages, "system": [{"type": "text", "text": "s"}]}).encode()
    for place in range(len(body)):
        changed = body[:place] + byte + body[place + 1 :]
        done = compress(changed, *WIRES[wire], Settings(min_tokens_to_crush=0))
        assert (done.body is changed) == (not rewritten(done))


@pytest.mark.parametrize("levels", [100, 250, 254, 255, 256, 300, 450, 500, 990, 1000, 1023, 1024, 1025, 3_000, 100_000])
@pytest.mark.parametrize("opening", ["[", '{"a":'], ids=["lists", "objects"])
@pytest.mark.parametrize("place", ["text", "content", "block", "messages", "body", "input"])
def test_any_depth(levels: int, opening: str, place: str) -> None:
    closing = "]" if opening == "[" else "}"
    deep = opening * levels + '"' + "x" * 1000 + '"' + closing * levels
    call = f'{{"role":"assistant","content":[{{"type":"tool_use","id":"t","name":"Bash","input":{deep if place == "input" else "{}"}}}]}}'
    content = {"text": json.dumps(deep), "content": deep, "block": f"[{deep}]"}.get(place, json.dumps(surely_rewritten(1)))
    answer = f'{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t","content":{content}}}]}}'
    body = f'{{"messages":{deep if place == "messages" else f"[{call},{answer}]"},"model":"m"}}'

    result = compress((deep if place == "body" else body).encode(), *WIRES["anthropic"])

    assert isinstance(result, CompressionResult)
    if place == "input" and levels < 900:
        assert rewritten(result)


def test_ten_megabytes() -> None:
    text = json.dumps([{"id": index, "name": f"record {index}", "status": "open"} for index in range(200_000)])
    messages = [
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "Bash", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": text}]},
    ]
    body = json.dumps({"messages": messages}).encode()
    assert len(body) > 10_000_000

    result = compress(body, *WIRES["anthropic"])

    assert len(result.body) < 0.6 * len(body)
