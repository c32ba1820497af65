"""The values that pass between the rooms: frozen, without behaviour beyond what they say of themselves.

Byte offsets are offsets into `RawRequest.body`, the body after content decoding and before any change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

type JsonPath = tuple[str | int, ...]


class Reason(StrEnum):
    """Why something was left as it came. The value is what the flow log stores; keep it stable."""

    UNKNOWN_PROVIDER = "unknown_provider"
    NOT_JSON = "not_json"
    UNEXPECTED_SHAPE = "unexpected_shape"
    UNDECODABLE_BODY = "undecodable_body"
    BODY_TOO_LARGE = "body_too_large"
    STREAMED_REQUEST = "streamed_request"
    AUDIT_MODE = "audit_mode"
    SUBSCRIPTION_AUDIT = "subscription_audit"
    REPLAYED_FLOW = "replayed_flow"
    BODY_DIGEST = "body_digest"
    LEFT_ALONE = "left_alone"
    REWRITE_REJECTED = "rewrite_rejected"
    INTERNAL_ERROR = "internal_error"
    DEADLINE = "deadline"
    NO_TOOL_OUTPUT = "no_tool_output"
    NO_CALL = "no_call"
    TOO_SMALL = "too_small"
    TOOL_EXCLUDED = "tool_excluded"
    UNDECODABLE_TEXT = "undecodable_text"
    FILE_READ = "file_read"
    NO_COMPRESSOR_FITS = "no_compressor_fits"
    NOT_SMALLER = "not_smaller"
    ALREADY_REWRITTEN = "already_rewritten"


@dataclass(frozen=True, slots=True)
class RawRequest:
    """One request to a provider as it came: where it goes, and its body after content decoding."""

    host: str
    path: str
    body: bytes


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The call that a tool output answers; `arguments` is its JSON text, cut to a bounded length."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Ask:
    """What a tool output is judged by: the question before it and the call that it answers."""

    query: str = ""
    tool: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class ToolOutput:
    """The text of one tool output: where its JSON string literal stands, and what was asked before it."""

    path: JsonPath
    start: int
    """Offset of the literal's opening quote."""
    end: int
    """Offset behind the literal's closing quote."""
    digest: bytes
    """First 16 bytes of the SHA-256 of the literal as it stands in the body."""
    call: ToolCall | None
    query: str
    """The last human text before this output, cut to a bounded length; empty if there was none."""
    context: bytes
    """Digest of `call` and `query`: with `digest` and the settings all that the rewritten form may depend on."""


@dataclass(frozen=True, slots=True)
class MessageSpan:
    """Where one message stands in the body, with the first 16 bytes of the SHA-256 of its bytes."""

    start: int
    end: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class DecodedRequest:
    """What a provider's decoder found in a body. The body itself is not held."""

    provider: str
    model: str
    stream: bool
    messages: tuple[MessageSpan, ...]
    outputs: tuple[ToolOutput, ...]
    conversation: str = ""
    """Hex digest of the conversation's first human text; empty if there is none."""
    billing_mark: bool = False
    """The client put an integrity mark over the body (Claude Code's billing header block)."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A tool output's new text. `lossless` promises that a decoder restores the old text's data."""

    text: str
    compressor: str
    lossless: bool
    items_total: int = 0
    items_kept: int = 0


@dataclass(frozen=True, slots=True)
class Skipped:
    """A value for "left as it came", with its reason."""

    reason: Reason
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One tool output that is to be decided: all that its form depends on, and nothing else."""

    key: bytes
    literal: bytes
    ask: Ask
    content_id: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one tool output; `key` names the decision (content, context and settings)."""

    output: ToolOutput
    result: Rewritten | Skipped
    key: bytes
    content_id: str
    """Short id of the original text, the one that an omission line shows."""
    new: bool = False
    """Decided in this very request, neither remembered nor read from disk."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the provider says it billed, in its own tokens. None: not reported.

    `input_tokens` never includes what was read from or written to the prompt cache, whatever the provider's own
    convention is: each reader brings it to this form.
    """

    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    model: str = ""
    cache_miss_reason: str = ""
    """Anthropic `diagnostics.cache_miss_reason.type`, where the client asked for it."""


@dataclass(frozen=True, slots=True)
class OutputRecord:
    """One row of the flow log for a tool output, written when the output is first seen in its conversation."""

    key: str
    """Hex of `Outcome.key`."""
    content_id: str
    position: str
    """JSON path in the request that brought it, such as `messages.4.content.0.content`."""
    tool: str
    result: Literal["rewritten", "skipped"]
    reason: str
    compressor: str
    lossless: bool
    items_total: int
    items_kept: int
    bytes_before: int
    bytes_after: int
    tokens_before: int
    tokens_after: int


@dataclass(frozen=True, slots=True)
class FlowRecord:
    """One row of the flow log for a request, with the rows of its tool outputs. Times: Unix seconds, milliseconds."""

    id: str
    started_at: float
    host: str
    provider: str
    model: str
    path: str
    """Path without its query string."""
    client: str
    """Program name from the user-agent, such as `claude-cli/2.1.330`; no other header is kept."""
    conversation: str
    """`DecodedRequest.conversation`: equal for the requests of one conversation."""
    mode: str
    streamed: bool
    changed: bool
    reason: str
    """Why the request as a whole was left as it came; empty if it was looked through."""
    bytes_before: int
    bytes_after: int
    tokens_before: int
    tokens_after: int
    tokens_exact: bool
    """False: no vocabulary was to be had and the counts are estimates by length."""
    outputs_total: int
    outputs_rewritten: int
    overhead_ms: float
    """Time that the addon added before the request left."""
    duration_ms: float
    """From the request's last byte to the end of its response."""
    status: int | None
    error: str
    usage: Usage
    outputs: tuple[OutputRecord, ...] = field(default=())
