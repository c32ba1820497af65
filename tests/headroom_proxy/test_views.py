"""What mitmproxy's interfaces hold and show of our flows."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from mitmproxy.addons.view import View
from mitmproxy.http import HTTPFlow, Response
from mitmproxy.io import tnetstring
from mitmproxy.test import taddons
from mitmproxy.websocket import WebSocketMessage
from wsproto.frame_protocol import Opcode

from headroom_core import compress
from headroom_proxy import views
from tests.addon_rig import request_flow
from tests.conversations import WIRES

BODY = (
    b'{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"n","input":{}}]},'
    b'{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":"x"}]}]}'
)


@pytest.fixture
def view() -> Iterator[View]:
    made = View()
    with taddons.context(made):
        yield made


def ended(size: int = 100, *, marked: str = "") -> HTTPFlow:
    flow = request_flow(b"x" * size)
    flow.response = Response.make(200, b"y")
    flow.marked = marked
    return flow


def end(view: View, flows: views.FlowList, flow: HTTPFlow) -> HTTPFlow:
    view.add([flow])
    flows.ended(flow, view)
    return flow


def test_a_mark_can_be_stored_in_a_flow_file() -> None:
    flow = request_flow(BODY)
    views.mark(flow, compress(BODY, *WIRES["anthropic"]))
    assert flow.comment == f"headroom: {len(BODY)} to {len(BODY)} bytes, 0 of 1 tool outputs rewritten"
    assert HTTPFlow.from_state(tnetstring.loads(tnetstring.dumps(flow.get_state()))).metadata == flow.metadata


def test_the_oldest_flows_are_forgotten(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MAX_FLOWS", 3)
    flows = views.FlowList()
    made = [end(view, flows, ended()) for _ in range(5)]
    assert list(view._store.values()) == made[2:]


def test_flows_are_forgotten_by_their_bytes(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MAX_FLOW_BYTES", 10_000)
    flows = views.FlowList()
    made = [end(view, flows, ended(4_000)) for _ in range(5)]
    assert list(view._store.values()) == made[3:]


def test_a_rewritten_flow_counts_with_the_body_that_came(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MAX_FLOW_BYTES", 10_000)
    flows = views.FlowList()
    made = []
    for _ in range(3):
        flow = ended(900)
        flow.metadata[views.METADATA] = {"bytes_before": 4_000, "bytes_after": 900, "rewritten": 1}
        made.append(end(view, flows, flow))
    assert list(view._store.values()) == made[1:]


def test_what_a_person_has_marked_stays(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MAX_FLOWS", 2)
    flows = views.FlowList()
    kept = end(view, flows, ended(marked=":star:"))
    made = [end(view, flows, ended()) for _ in range(4)]
    assert list(view._store.values()) == [kept, *made[2:]]


def test_a_flow_that_a_person_removed_is_no_trouble(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MAX_FLOWS", 2)
    flows = views.FlowList()
    made = [end(view, flows, ended()) for _ in range(2)]
    view.remove(made)
    made = [end(view, flows, ended()) for _ in range(3)]
    assert list(view._store.values()) == made[1:]


def test_a_flow_that_ends_twice_counts_once(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    """A replay in mitmweb is the same flow."""
    monkeypatch.setattr(views, "MAX_FLOW_BYTES", 1_000)
    flows = views.FlowList()
    flow = ended(400)
    for _ in range(5):
        end(view, flows, flow)
    assert list(view._store.values()) == [flow]


def test_a_flow_larger_than_all_is_forgotten_alone(view: View, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "MAX_FLOW_BYTES", 1_000)
    flows = views.FlowList()
    end(view, flows, ended(5_000))
    small = end(view, flows, ended(100))
    assert list(view._store.values()) == [small]


def test_mitmdump_has_no_view() -> None:
    views.FlowList().ended(ended(), None)


def test_it_costs_little_on_the_event_loop(view: View) -> None:
    flows = views.FlowList()
    for _ in range(1_500):
        flow = ended(5_000)
        flow.backup()
        flow.request.raw_content = b"z" * 5_000
        flows.ended(flow, view)
        view._store[flow.id] = flow
    seconds = []
    for _ in range(20):
        flow = ended()
        before = time.perf_counter()
        flows.ended(flow, view)
        seconds.append(time.perf_counter() - before)
    assert sorted(seconds)[10] < 0.002


def test_old_messages_are_forgotten() -> None:
    messages = [WebSocketMessage(Opcode.TEXT, from_client=True, content=b"%d" % number) for number in range(views.MAX_MESSAGES + 7)]
    views.trim_messages(messages)
    assert [message.content for message in messages] == [b"%d" % number for number in range(7, views.MAX_MESSAGES + 7)]
    views.trim_messages(messages)
    assert len(messages) == views.MAX_MESSAGES


@pytest.mark.parametrize(("host", "matches"), [("api.example.com", True), ("API.EXAMPLE.COM", True), ("x.example.com", False), ("", False)])
def test_matching(host: str, matches: bool) -> None:
    assert views.matches_any([r"^other$", r"^api\.example\.com$"], host) == matches
    assert not views.matches_any([], host)
