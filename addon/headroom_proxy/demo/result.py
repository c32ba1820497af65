"""What a run of the demo found: the shape of `headroom demo --json`. Times are milliseconds."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True)


class AgentLine(_Result):
    """What the agent saw of one request; tokens are the upstream's own figures."""

    provider: str
    new: str
    """`question`, or the name of the tool output that is new in the request."""
    first_event_ms: float
    prompt_tokens: int
    cached_tokens: int


class RequestResult(AgentLine):
    """The same, with what the flow log says of the request."""

    flow_id: str
    tokens_before: int
    tokens_sent: int
    tokens_exact: bool
    overhead_ms: float
    """Time for which the addon held the request."""


class OutputResult(_Result):
    """What became of one tool output, by the flow log; `left_alone` is the reason where it was not rewritten."""

    name: str
    tool: str
    tokens_before: int
    tokens_sent: int
    compressor: str
    left_alone: str
    records_total: int
    records_kept: int


class Check(_Result):
    """One thing that must hold."""

    name: str
    passed: bool
    line: str
    """What was found, in one line."""


class DemoResult(_Result):
    """A whole run."""

    passed: bool
    seconds: float
    requests: list[RequestResult]
    outputs: list[OutputResult]
    checks: list[Check]
    sample: list[str]
    """Lines of the first tool output as the upstream received it: its beginning, the asked record, what stands for the rest."""
    asked: str
    """What names the record in it."""
    folder: str
    data_dir: str
    proxy_command: list[str]
