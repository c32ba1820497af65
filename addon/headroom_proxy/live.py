"""One request on its way: what is known of it between its first hook and its last."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from mitmproxy.http import HTTPFlow

from headroom_core.bounded_cache import BoundedCache
from headroom_core.model import FlowRecord, OutputRecord, Rewritten, Usage
from headroom_core.pipeline import CompressionResult, Plan
from headroom_core.providers import Provider
from headroom_core.providers.json_spans import encode_literal
from headroom_core.settings import Settings
from headroom_proxy.streaming import UsageTap

_MAX_CLIENT = 60


@dataclass(frozen=True, slots=True)
class Counts:
    """Tokens of a request: in all, and by the key of each output (before, after)."""

    before: int
    after: int
    outputs: dict[bytes, tuple[int, int]]
    exact: bool


@dataclass(slots=True)
class LiveFlow:
    """A request to a provider that is on its way."""

    provider: Provider
    settings: Settings
    path: str
    started_at: float = field(default_factory=time.time)
    clock: float = field(default_factory=time.perf_counter)
    overhead_ms: float = 0.0
    reason: str = ""
    error: str = ""
    plan: Plan | None = None
    result: CompressionResult | None = None
    changed: bool = False
    rejected: bool = False
    """The provider refused the rewritten request; its answer is held back until the original was tried."""
    original: bytes = b""
    """The request's body as it came, in its content coding; held while the rewritten one may be refused."""
    bytes_before: int = 0
    tap: UsageTap | None = None


def client_name(user_agent: str) -> str:
    """The program in a user-agent header, such as `claude-cli/2.1.330`."""
    return user_agent.partition(" ")[0][:_MAX_CLIENT]


class Logged:
    """Which outputs the log has already, by conversation; a turn logs only what is new in it."""

    def __init__(self) -> None:
        self._seen: BoundedCache[tuple[str, bytes], bool] = BoundedCache(4_000_000)

    def is_new(self, conversation: str, key: bytes) -> bool:
        """Whether this output was not asked about before; now it was."""
        if self._seen.get((conversation, key)):
            return False
        self._seen.put((conversation, key), value=True, size=200)
        return True


def flow_record(flow: HTTPFlow, live: LiveFlow, counts: Counts, logged: Logged) -> FlowRecord:
    """The flow log's row of a request that has ended."""
    outcomes = live.result.outcomes if live.result else ()
    decoded = live.plan.decoded if live.plan else None
    usage = live.provider.read_usage(live.tap.events()) if live.tap else Usage()
    return FlowRecord(
        id=flow.id,
        started_at=live.started_at,
        host=flow.request.pretty_host,
        provider=live.provider.name,
        model=(decoded.model if decoded else "") or usage.model,
        path=str(PurePosixPath(live.path)),
        client=client_name(flow.request.headers.get("user-agent", "")),
        conversation=decoded.conversation if decoded else "",
        mode=live.settings.mode,
        streamed=bool(decoded and decoded.stream),
        changed=live.changed,
        reason=live.reason,
        bytes_before=live.bytes_before,
        bytes_after=len(live.result.body) if live.result and live.changed else live.bytes_before,
        tokens_before=counts.before,
        tokens_after=counts.after if live.changed else counts.before,
        tokens_exact=counts.exact,
        outputs_total=len(outcomes),
        outputs_rewritten=sum(isinstance(outcome.result, Rewritten) for outcome in outcomes),
        overhead_ms=round(live.overhead_ms, 3),
        duration_ms=round((time.perf_counter() - live.clock) * 1000, 1),
        status=flow.response.status_code if flow.response else None,
        error=_error(flow, live),
        usage=usage,
        outputs=output_records(live, counts, logged),
    )


def output_records(live: LiveFlow, counts: Counts, logged: Logged) -> tuple[OutputRecord, ...]:
    """The flow log's rows of the tool outputs that are new in their conversation."""
    if live.result is None:
        return ()
    conversation = live.plan.decoded.conversation if live.plan and live.plan.decoded else ""
    records = []
    for outcome in live.result.outcomes:
        if not logged.is_new(conversation, outcome.key):
            continue
        output, result = outcome.output, outcome.result
        before, after = counts.outputs.get(outcome.key, (0, 0))
        rewritten = result if isinstance(result, Rewritten) else None
        size = output.end - output.start
        records.append(
            OutputRecord(
                key=outcome.key.hex(),
                content_id=outcome.content_id,
                position=".".join(map(str, output.path)),
                tool=output.call.name if output.call else "",
                result="rewritten" if rewritten else "skipped",
                reason="" if isinstance(result, Rewritten) else result.reason.value,
                compressor=rewritten.compressor if rewritten else "",
                lossless=rewritten.lossless if rewritten else True,
                items_total=rewritten.items_total if rewritten else 0,
                items_kept=rewritten.items_kept if rewritten else 0,
                bytes_before=size,
                bytes_after=len(encode_literal(rewritten.text)) if rewritten else size,
                tokens_before=before,
                tokens_after=after,
            )
        )
    return tuple(records)


def _error(flow: HTTPFlow, live: LiveFlow) -> str:
    if flow.error:
        return flow.error.msg
    return live.error or (live.tap.unreadable if live.tap else "")
