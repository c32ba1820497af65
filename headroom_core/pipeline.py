"""The way of a request: decode, decide each tool output, splice. Bytes and values in, bytes and values out.

`compress` does it in one call. A shell that must not block uses the steps: `plan` (what is there, what is undecided),
`decide` for each job (anywhere: it is a pure function), `assemble`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from headroom_core.bounded_cache import BoundedCache
from headroom_core.digests import digest
from headroom_core.errors import RequestFormatError
from headroom_core.model import Ask, DecodedRequest, Job, Outcome, RawRequest, Reason, Rewritten, Skipped, ToolOutput
from headroom_core.providers import EventCache, Provider, match
from headroom_core.providers.json_spans import decode_literal, encode_literal
from headroom_core.settings import Settings
from headroom_core.splice import Edit, splice
from headroom_core.tokens import counter
from headroom_core.transforms.smart_crusher import crush

type Decision = Rewritten | Skipped

# Bytes of JSON string literal for one token: on the low side, so that a text near the limit is looked at.
_BYTES_PER_TOKEN = 3


@dataclass(slots=True)
class Memory:
    """Decisions and message events of earlier requests. Forgetting any of it changes speed only."""

    decisions: BoundedCache[bytes, Decision] = field(default_factory=lambda: BoundedCache(12_000_000))
    events: EventCache = field(default_factory=EventCache)

    def remember(self, key: bytes, decision: Decision) -> None:
        """Keep a decision."""
        size = 300 + (4 * len(decision.text) if isinstance(decision, Rewritten) else 0)
        self.decisions.put(key, decision, size)


@dataclass(frozen=True, slots=True)
class Plan:
    """A request looked through: its tool outputs with the key of each decision. `decoded` is None with a `reason`."""

    decoded: DecodedRequest | None
    keys: tuple[bytes, ...] = ()
    settled: tuple[Skipped | None, ...] = ()
    """By output: the reason why there is nothing to decide."""
    reason: Skipped | None = None


@dataclass(frozen=True, slots=True)
class CompressionResult:
    """What leaves in place of a request.

    `body` is the very object that came in where nothing changed. `reason` is set where the request as a whole was left
    alone. Token counts are taken when they are asked for: exact where `tokens_exact`, in the o200k_base vocabulary, over
    the tool outputs' texts (what the rewriting can change).
    """

    body: bytes
    outcomes: tuple[Outcome, ...]
    provider: str
    reason: Skipped | None
    original: bytes = field(repr=False)

    @property
    def changed(self) -> bool:
        """Whether any byte differs from what came."""
        return self.body is not self.original

    @property
    def tokens_before(self) -> int:
        """Tokens of all tool outputs as they came."""
        return sum(counter().count(original_text(self.original, outcome.output)) for outcome in self.outcomes)

    @property
    def tokens_after(self) -> int:
        """Tokens of all tool outputs as they leave."""
        return sum(counter().count(sent_text(self.original, outcome)) for outcome in self.outcomes)

    @property
    def tokens_exact(self) -> bool:
        """False: no vocabulary is installed and the counts are estimates by length."""
        return counter().exact


def compress(body: bytes, host: str, path: str, settings: Settings | None = None) -> CompressionResult:
    """Rewrite the tool outputs of one request body (JSON, after content decoding) that goes to `host` and `path`.

    Never raises on any `body`: what can't be read comes back as it is, with `reason` set. Nothing is stored; the
    originals of outputs that lost records are the caller's to keep (`original_text`). Modes other than `optimize`
    are the caller's affair too: this always says what would be sent.
    """
    chosen = settings or _DEFAULT_SETTINGS
    request = RawRequest(host, path, body)
    planned = plan(request, chosen, _MEMORY.events)
    known = {key: decision for key in planned.keys if (decision := _MEMORY.decisions.get(key)) is not None}
    fresh = {job.key: decide(job, chosen) for job in jobs(request, planned, known)}
    for key, decision in fresh.items():
        _MEMORY.remember(key, decision)
    return assemble(request, planned, known, fresh)


def plan(request: RawRequest, settings: Settings, events: EventCache) -> Plan:
    """Look a request through, in time linear in its bytes; no compression happens here."""
    provider = match(request.host, request.path, settings.hosts)
    if provider is None:
        return Plan(None, reason=Skipped(Reason.UNKNOWN_PROVIDER, f"{request.host}{request.path.partition('?')[0]}"))
    return plan_for(provider, request, settings, events)


def plan_for(provider: Provider, request: RawRequest, settings: Settings, events: EventCache) -> Plan:
    """`plan` for a request whose provider is known already."""
    try:
        decoded = provider.decode(request, events)
    except RequestFormatError as error:
        return Plan(None, reason=Skipped(Reason(error.reason), error.detail))
    settings_digest = settings.rewrite_digest()
    keys = tuple(digest(output.digest + output.context + settings_digest) for output in decoded.outputs)
    settled = tuple(_settled(output, settings) for output in decoded.outputs)
    reason = None if decoded.outputs else Skipped(Reason.NO_TOOL_OUTPUT)
    return Plan(decoded, keys, settled, reason)


def undecided(planned: Plan, known: Mapping[bytes, Decision]) -> list[bytes]:
    """Keys of the outputs that still need a decision, each once."""
    pairs = zip(planned.keys, planned.settled, strict=True)
    return list(dict.fromkeys(key for key, settled in pairs if settled is None and key not in known))


def jobs(request: RawRequest, planned: Plan, known: Mapping[bytes, Decision]) -> list[Job]:
    """The work that is left: one job for each undecided key."""
    missing = set(undecided(planned, known))
    made: list[Job] = []
    for key, output in zip(planned.keys, planned.decoded.outputs if planned.decoded else (), strict=True):
        if key in missing:
            missing.discard(key)
            call = output.call
            ask = Ask(output.query, call.name if call else "", call.arguments if call else "")
            made.append(Job(key, request.body[output.start : output.end], ask, content_id(output)))
    return made


def decide(job: Job, settings: Settings) -> Decision:
    """The form of one tool output: a pure function of the job and the settings."""
    text = decode_literal(job.literal)
    if text is None:
        return Skipped(Reason.UNDECODABLE_TEXT)
    return crush(text, job.ask, settings.for_tool(job.ask.tool), job.content_id)


def assemble(request: RawRequest, planned: Plan, known: Mapping[bytes, Decision], fresh: Mapping[bytes, Decision]) -> CompressionResult:
    """The body with all decided outputs spliced in. An output without a decision stays as it came."""
    if planned.decoded is None:
        return CompressionResult(request.body, (), "", planned.reason, request.body)
    outcomes: list[Outcome] = []
    edits: list[Edit] = []
    for output, key, settled in zip(planned.decoded.outputs, planned.keys, planned.settled, strict=True):
        result = settled or known.get(key) or fresh.get(key) or Skipped(Reason.DEADLINE)
        if isinstance(result, Rewritten):
            edits.append((output.start, output.end, encode_literal(result.text)))
        outcomes.append(Outcome(output, result, key, content_id(output), new=settled is None and key in fresh))
    body = splice(request.body, edits)
    return CompressionResult(body, tuple(outcomes), planned.decoded.provider, planned.reason, request.body)


def content_id(output: ToolOutput) -> str:
    """The short id by which an original is asked for."""
    return output.digest.hex()[:10]


def original_text(body: bytes, output: ToolOutput) -> str:
    """A tool output's text as it came."""
    return decode_literal(body[output.start : output.end]) or ""


def sent_text(body: bytes, outcome: Outcome) -> str:
    """A tool output's text as it leaves."""
    return outcome.result.text if isinstance(outcome.result, Rewritten) else original_text(body, outcome.output)


def _settled(output: ToolOutput, settings: Settings) -> Skipped | None:
    if output.call is None:
        return Skipped(Reason.NO_CALL)
    if output.end - output.start < settings.min_tokens_to_crush * _BYTES_PER_TOKEN:
        return Skipped(Reason.TOO_SMALL)
    if settings.skips(output.call.name):
        return Skipped(Reason.TOOL_EXCLUDED)
    return None


_DEFAULT_SETTINGS = Settings()
_MEMORY = Memory()
