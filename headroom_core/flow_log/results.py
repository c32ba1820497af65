"""What the flow log tells: pydantic models, the shape of every `--json`.

Times are Unix seconds, durations milliseconds; None is "not reported".
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, computed_field


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True)


class FlowRow(_Result):
    """One request, as `model.FlowRecord` describes it."""

    id: str
    started_at: float
    host: str
    provider: str
    model: str
    path: str
    client: str
    conversation: str
    mode: str
    streamed: bool
    changed: bool
    reason: str
    bytes_before: int
    bytes_after: int
    tokens_before: int
    tokens_after: int
    tokens_exact: bool
    outputs_total: int
    outputs_rewritten: int
    overhead_ms: float
    duration_ms: float
    status: int | None
    error: str
    input_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    output_tokens: int | None
    reasoning_tokens: int | None
    billed_model: str
    cache_miss_reason: str


class OutputRow(_Result):
    """One tool output, in the request that brought it into its conversation."""

    key: str
    content_id: str
    position: str
    tool: str
    result: str
    reason: str
    compressor: str
    lossless: bool
    items_total: int
    items_kept: int
    bytes_before: int
    bytes_after: int
    tokens_before: int
    tokens_after: int


class FlowDetail(FlowRow):
    """A request with the tool outputs that were new in it; those of earlier requests are logged there."""

    outputs: tuple[OutputRow, ...]


class Savings(_Result):
    """Tokens of new tool outputs, each counted once in its conversation, whatever number of requests carried it later.

    `tokens_after` is what left: where the request was only observed (audit), the whole. What a rewrite would have saved
    there is `not_applied`.
    """

    outputs: int = 0
    rewritten: int = 0
    tokens_before: int = 0
    tokens_after: int = 0
    not_applied: int = 0

    @computed_field  # type: ignore[prop-decorator]  # pydantic's own way of writing it
    @property
    def tokens_saved(self) -> int:
        """Tokens that did not leave."""
        return self.tokens_before - self.tokens_after

    @computed_field  # type: ignore[prop-decorator]  # as above
    @property
    def share_saved(self) -> float:
        """Part of the tokens before that did not leave, 0 to 1."""
        return self.tokens_saved / self.tokens_before if self.tokens_before else 0.0


class NamedSavings(Savings):
    """The savings of one tool or one compressor."""

    name: str


class SkippedOutputs(_Result):
    """Why new tool outputs stayed as they came."""

    reason: str
    outputs: int
    tokens: int


class SkippedRequests(_Result):
    """Why whole requests stayed as they came."""

    reason: str
    requests: int


class Billed(_Result):
    """Sums of what the provider reported, in its own tokens; `input_tokens` is without what the cache gave or took."""

    requests: int = 0
    """Requests whose answer reported a usage."""
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    @computed_field  # type: ignore[prop-decorator]  # as above
    @property
    def share_cached(self) -> float:
        """Part of the prompt tokens that was read from the provider's cache, 0 to 1."""
        prompt = self.input_tokens + self.cache_read_tokens + self.cache_write_tokens
        return self.cache_read_tokens / prompt if prompt else 0.0


class BilledModel(Billed):
    """The same for one model, as the provider names it."""

    provider: str
    model: str


class CacheMisses(_Result):
    """Why the provider says that a cached prefix was not found."""

    reason: str
    requests: int


class Totals(_Result):
    """The log summed up, over all or since a time. `Totals()` is that of an empty log."""

    requests: int = 0
    changed: int = 0
    failed: int = 0
    """Requests with an error, or a status of 400 and more."""
    estimated: int = 0
    """Requests whose tokens are estimates by length."""
    first_at: float | None = None
    last_at: float | None = None
    savings: Savings = Savings()
    tools: tuple[NamedSavings, ...] = ()
    compressors: tuple[NamedSavings, ...] = ()
    skipped_outputs: tuple[SkippedOutputs, ...] = ()
    skipped_requests: tuple[SkippedRequests, ...] = ()
    billed: Billed = Billed()
    models: tuple[BilledModel, ...] = ()
    cache_misses: tuple[CacheMisses, ...] = ()
