from __future__ import annotations

from typing import Any

from headroom_proxy.local_upstream import Asked, Call, Say, Script

LOOK = Call("look", {})
SCRIPT = Script([[Say("one"), LOOK], LOOK, Say("three")], the_end="over")


def asked(turns: int, *tools: str) -> Asked:
    messages: list[dict[str, Any]] = [{"role": "user", "content": "hi"}]
    messages += [{"role": "assistant", "content": "x"}, {"role": "user", "content": "y"}] * turns
    return Asked("anthropic", "m", tuple(messages), frozenset(tools), stream=False)


def test_each_turn_gets_its_reply() -> None:
    assert [list(SCRIPT(asked(turn, "look"))) for turn in range(5)] == [
        [Say("one"), LOOK],
        [LOOK],
        [Say("three")],
        [Say("over")],
        [Say("over")],
    ]


def test_a_retry_gets_the_same_reply() -> None:
    assert SCRIPT(asked(1, "look")) == SCRIPT(asked(1, "look"))


def test_a_request_that_does_not_offer_the_tool_gets_a_text() -> None:
    assert list(SCRIPT(asked(0, "other"))) == [Say("over")]
    assert list(SCRIPT(asked(2))) == [Say("three")]
