"""The recorded conversation, as scripts/record_demo.py wrote it (the format is described there)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from headroom_proxy.local_upstream import Call, Reply, Say

type Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AskedRecord:
    """A record in the middle of a tool output that a person asks about by its `key` field."""

    output: str
    key: str
    record: Record


@dataclass(frozen=True, slots=True)
class Recording:
    """System prompt, tools, turns, and the tool outputs' texts by name."""

    system: str
    tools: Sequence[Mapping[str, Any]]
    turns: Sequence[Mapping[str, Any]]
    outputs: Mapping[str, str]
    asked: Sequence[AskedRecord]
    errors: Sequence[AskedRecord]

    @property
    def replies(self) -> list[Reply]:
        """The assistant's turns."""
        return [_reply(turn) for turn in self.turns if "says" in turn]

    @property
    def asks(self) -> list[str]:
        """What the person says."""
        return [turn["human"] for turn in self.turns if "human" in turn]

    @property
    def output_names(self) -> list[str]:
        """The tool outputs in the order in which they come."""
        return [turn["output"] for turn in self.turns if "output" in turn]

    def tool_result(self, tool: str, arguments: Mapping[str, Any]) -> tuple[str, str]:
        """Name and text of what this call returned when it was recorded."""
        name = next(turn["output"] for turn in self.turns if turn.get("tool") == tool and turn["arguments"] == arguments)
        return name, self.outputs[name]


def load() -> Recording:
    """The recording that this package brings along."""
    conversation = _read("conversation")
    turns: list[dict[str, Any]] = conversation["turns"]
    facts = conversation["facts"]
    errors = facts["errors"]
    return Recording(
        system=conversation["system"],
        tools=conversation["tools"],
        turns=turns,
        outputs={turn["output"]: _read(turn["output"])["output"] for turn in turns if "output" in turn},
        asked=[AskedRecord(**fact) for fact in facts["asked"]],
        errors=[AskedRecord(errors["output"], errors["key"], record) for record in errors["records"]],
    )


def _read(name: str) -> Any:
    return json.loads(resources.files(__package__).joinpath("data", f"{name}.json").read_text(encoding="utf-8"))


def _reply(turn: Mapping[str, Any]) -> Reply:
    if "tool" in turn:
        return (Say(turn["says"]), Call(turn["tool"], turn["arguments"]))
    return (Say(turn["says"]),)
