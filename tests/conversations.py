"""Random conversations in the wire formats, each message written once in a style of its own, so that a longer request of the
same conversation begins with the very bytes of a shorter one, as a real client's do.

What a conversation holds is known from how it was made, not from a parser: `Conversation.outputs` names every tool output.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.json_writing import Members, Path, Spelled, Style, write

WIRES = {"anthropic": ("api.anthropic.com", "/v1/messages?beta=true"), "openai": ("api.openai.com", "/v1/chat/completions")}
CACHE_MARK = {"type": "ephemeral"}


@dataclass(frozen=True)
class Output:
    """A tool output: its path within its message, its text, and whether a call was made for it."""

    path: Path
    text: str
    called: bool


@dataclass(frozen=True)
class Message:
    """A message as JSON, without and with a cache mark on its last block."""

    plain: str
    marked: str
    outputs: tuple[Output, ...] = ()


@dataclass(frozen=True)
class Conversation:
    """All messages of a conversation, and what stands before and behind them in each request."""

    wire: str
    head: str
    messages: tuple[Message, ...]
    comma: str
    tail: str

    def body(self, count: int | None = None, *, marked: int | None = None, more: Sequence[str] = ()) -> bytes:
        """The request with the first `count` messages, the one at `marked` with a cache mark, and `more` messages behind."""
        chosen = self.messages[:count]
        written = [message.marked if index == marked else message.plain for index, message in enumerate(chosen)]
        return (self.head + self.comma.join([*written, *more]) + self.tail).encode()

    def outputs(self, count: int | None = None) -> list[tuple[Path, Output]]:
        """The tool outputs of the first `count` messages with their whole paths."""
        chosen = self.messages[:count]
        return [(("messages", index, *output.path), output) for index, message in enumerate(chosen) for output in message.outputs]

    @property
    def host(self) -> str:
        return WIRES[self.wire][0]

    @property
    def path(self) -> str:
        return WIRES[self.wire][1]


_BLANKS = st.sampled_from(["", " ", "\n", "\n\t", "\r\n  "])
STYLES = st.builds(
    Style,
    comma=st.sampled_from([", ", ",", " ,\n", ",\r\n\t"]),
    colon=st.sampled_from([": ", ":", " : ", ":\n"]),
    inside=_BLANKS,
    ascii=st.booleans(),
    slashes=st.booleans(),
    capitals=st.booleans(),
    order=st.integers(0, 3),
)

_WORDS = ["open", "closed", "ok", "error", "naïve", "数据", "😀", "😁", "a/b", "x,y", '"q"', "tab\there", "", "null", "007"]
_CHARACTERS = st.characters(codec="utf-8") | st.sampled_from('"\\/{}[]\n\x00\x7f\u2028😀')
SHORT_TEXT = st.text(_CHARACTERS, max_size=30)


def records(seed: int, count: int, fields: int) -> list[dict[str, Any]]:
    """Records of one shape with ids, words, numbers in odd spellings, and something that is the same in all."""
    dice = random.Random(seed)
    makers: list[Callable[[], Any]] = [
        lambda: dice.choice(_WORDS),
        lambda: Spelled(dice.choice(["1.10", "1E400", "-0", "12345678901234567890", "0.5", "7"])),
        lambda: f"https://example.org/{dice.randrange(10**6)}/{dice.choice(_WORDS)}",
        lambda: dice.choice([True, False, None]),
        lambda: [dice.randrange(9) for _ in range(dice.randrange(3))],
        lambda: {"x": dice.randrange(100), "y": dice.choice(_WORDS)},
    ]
    columns = [dice.choice(makers) for _ in range(fields)]
    return [{"id": index, "kind": "record", **{f"f{number}": make() for number, make in enumerate(columns)}} for index in range(count)]


@st.composite
def json_texts(draw: st.DrawFn) -> str:
    """The text of a tool output that is JSON, from well compressible to not at all."""
    rows = records(draw(st.integers(0, 10**6)), draw(st.integers(0, 40)), draw(st.integers(1, 6)))
    shape = draw(st.sampled_from(["list", "inside", "keyed", "mixed", "twice", "lines", "deep", "in a string"]))
    style = draw(STYLES)
    value: Any = rows
    if shape == "inside":
        value = {"total": len(rows), "results": rows, "next": None}
    elif shape == "keyed":
        value = {f"k{index}": row for index, row in enumerate(rows)}
    elif shape == "mixed":
        value = [*rows, "stray", 17, None]
    elif shape == "twice":
        value = Members((("a", rows), ("a", 1)))
    elif shape == "deep":
        levels = draw(st.sampled_from([5, 120, 260, 500, 900, 1100]))
        return "[" * levels + write(rows, style) + "]" * levels
    elif shape == "in a string":
        value = {"body": write(rows, style)}
    elif shape == "lines":
        return "\n".join(write(row, style) for row in rows)
    return write(value, style)


@st.composite
def other_texts(draw: st.DrawFn) -> str:  # noqa: PLR0911  # one for each form
    """The text of a tool output that holds records in another way: separated values, drawn tables, JSON among words, a log."""
    rows = records(draw(st.integers(0, 10**6)), draw(st.integers(0, 40)), draw(st.integers(1, 5)))
    cells = [[json.dumps(value, default=lambda one: one.json) for value in row.values()] for row in rows]
    header = list(rows[0]) if rows else ["id"]
    match draw(st.sampled_from(["separated", "drawn", "markdown", "fenced", "behind a log", "two documents", "log"])):
        case "separated":
            sign = draw(st.sampled_from([",", "\t", ";", "|"]))
            lines = [sign.join(header), *(sign.join(f'"{cell[1:-1]}"' if cell[:1] == '"' else cell for cell in line) for line in cells)]
            return draw(st.sampled_from(["\n", "\r\n"])).join(lines)
        case "drawn":
            return "\n".join(
                [" | ".join(header), "-+-".join("-" * len(name) for name in header), *map(" | ".join, cells), f"({len(rows)} rows)"]
            )
        case "markdown":
            return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *cells])
        case "fenced":
            return f"Result:\n```json\n{write(rows, draw(STYLES))}\n```\n{draw(SHORT_TEXT)}"
        case "behind a log":
            return f"2026-11-23 13:00:01 started\n{draw(SHORT_TEXT)}\n{write({'results': rows}, draw(STYLES))}"
        case "two documents":
            return "\n".join(write(part, draw(STYLES)) for part in (rows[:20], {"rest": rows[20:]}))
        case _:
            return "\n".join(f"2026-11-23T13:00:{index % 60:02d}Z INFO {' '.join(line)}" for index, line in enumerate(cells))


def surely_rewritten(seed: int) -> str:
    """The text of a tool output that every level rewrites."""
    return json.dumps([{"id": seed * 1000 + index, "status": "open", "owner": "platform"} for index in range(30)], indent=1)


SURELY_REWRITTEN = {surely_rewritten(seed) for seed in range(51)}
OUTPUT_TEXTS = st.one_of(
    json_texts(),
    json_texts(),
    other_texts(),
    st.integers(0, 50).map(surely_rewritten),
    SHORT_TEXT,
    SHORT_TEXT.map(lambda text: text * 60),
    SHORT_TEXT.map(lambda text: f"[headroom: {text * 40}"),
    st.integers(0, 50).map(lambda seed: surely_rewritten(seed).replace("open", "\udce9 \ud83d", 3)),
    st.sampled_from(["", " ", "[]", "{}", "null", "[" * 700, "\\ud83d", "a\x00b"]),
)
HUMAN_TEXTS = st.one_of(
    SHORT_TEXT,
    st.integers(0, 50).map(surely_rewritten),
    st.sampled_from(
        ["which one is broken?", "<system-reminder>today is Monday</system-reminder>", "see \ud83d", "", "record 17", "x" * 5000]
    ),
)
TOOL_NAMES = st.sampled_from(["Bash", "Fetch", "search", "mcp__db__query"])

# What no client sends on purpose, as a message of its own. The last ones carry outputs that must be found all the same.
ODD_MESSAGES = st.sampled_from([
    "5",
    "null",
    '"text"',
    "[]",
    "{}",
    '{"role":"user","content":null}',
    '{"role":"user","content":17}',
    '{"role":"user","content":[1,null,"x",[],{}]}',
    '{"role":7,"content":"x"}',
    '{"role":"user","content":"\\ud800"}',
    '{"role":"assistant","content":[{"type":"text","text":"\\udfff and \\ud83d\\ude00"}]}',
    '{"role":"assistant","content":"' + "a" * 2000 + '"}',
    '{"role":"user","content":' + "[" * 400 + "]" * 400 + "}",
    '{"role":"system","content":"the date is 2026-11-23"}',
    '{"role":"user","role":"user","content":"twice","content":"\\u0000"}',
])  # fmt: skip


@st.composite
def conversations(draw: st.DrawFn, *, wire: str | None = None, sure: bool = True) -> Conversation:
    """A conversation of some turns; where `sure`, at least one of its tool outputs is one that every level rewrites."""
    chosen = wire or draw(st.sampled_from(sorted(WIRES)))
    maker = _AnthropicMaker(draw) if chosen == "anthropic" else _OpenAIMaker(draw)
    turns = draw(st.integers(1, 4))
    for turn in range(turns):
        maker.turn(sure=sure and turn == 0)
    style = draw(STYLES)
    head, tail = _envelope(draw, chosen, style)
    return Conversation(chosen, head, tuple(maker.messages), style.comma, tail)


def _envelope(draw: st.DrawFn, wire: str, style: Style) -> tuple[str, str]:
    number = Spelled(draw(st.sampled_from(["1.10", "1E400", "-0.0", "7", "123456789012345678901234567890"])))
    before: list[tuple[str, Any]] = [("model", "model-x"), ("temperature", number)]
    if draw(st.booleans()):
        before.append(("temperature", 1))
    system = surely_rewritten(3)
    if wire == "anthropic" and draw(st.booleans()):
        before.append(("system", [{"type": "text", "text": system, "cache_control": CACHE_MARK}]))
    elif wire == "anthropic":
        before.append(("system", system))
    # A lone surrogate anywhere sends the whole body another way through the decoder.
    says = draw(st.sampled_from(["runs", "runs \ud800", "runs 😀"]))
    before.append(("tools", [{"name": "Bash", "description": says, "input_schema": {"type": "object", "required": []}}]))
    after = draw(
        st.lists(
            st.sampled_from([("stream", True), ("max_tokens", number), ("metadata", {"user_id": "u/\u00e9"}), ("n", None)]), max_size=3
        )
    )
    between = style.comma
    head = "{" + style.inside + "".join(f"{write(name, style)}{style.colon}{write(value, style)}{between}" for name, value in before)
    head += f'"messages"{style.colon}[{style.inside}'
    tail = style.inside + "]" + "".join(f"{between}{write(name, style)}{style.colon}{write(value, style)}" for name, value in after)
    return head, tail + style.inside + "}"


class _Maker:
    """Draws a conversation turn by turn."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.messages: list[Message] = []
        self._calls = 0

    def turn(self, *, sure: bool) -> None:
        if self.draw(st.booleans()):
            self.human(self.draw(HUMAN_TEXTS))
        names = self.draw(st.lists(TOOL_NAMES, min_size=1 if sure else 0, max_size=3))
        ids = [self._id() for _ in names]
        self.model(list(zip(ids, names, strict=True)))
        texts = [self.draw(OUTPUT_TEXTS) for _ in ids]
        if sure:
            texts[0] = surely_rewritten(self.draw(st.integers(0, 50)))
        answers = [(identity, text, True) for identity, text in zip(ids, texts, strict=True)]
        if self.draw(st.integers(0, 5)) == 0:
            answers.insert(self.draw(st.integers(0, len(answers))), ("nobody_asked", self.draw(OUTPUT_TEXTS), False))
        if answers:
            self.results(answers)
        if self.draw(st.integers(0, 3)) == 0:
            odd = self.draw(ODD_MESSAGES)
            self.messages.append(Message(odd, odd))

    def human(self, text: str) -> None:
        raise NotImplementedError

    def model(self, calls: list[tuple[str, str]]) -> None:
        raise NotImplementedError

    def results(self, answers: list[tuple[str, str, bool]]) -> None:
        raise NotImplementedError

    def arguments(self) -> dict[str, Any]:
        return {"command": self.draw(SHORT_TEXT), "limit": Spelled("1.10")}

    def add(self, plain: Any, marked: Any, outputs: Sequence[Output] = ()) -> None:
        style = self.draw(STYLES)
        self.messages.append(Message(write(plain, style), write(marked, style), tuple(outputs)))

    def _id(self) -> str:
        self._calls += 1
        return f"toolu_{self._calls:03d}"


type Block = dict[str, Any]

_IMAGE: Block = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}


class _AnthropicMaker(_Maker):
    def human(self, text: str) -> None:
        if self.draw(st.booleans()):
            self.add({"role": "user", "content": text}, {"role": "user", "content": text})
            return
        document: Block = {
            "type": "document",
            "title": "t",
            "source": {"type": "text", "media_type": "text/plain", "data": surely_rewritten(9)},
        }
        others = self.draw(st.lists(st.sampled_from([_IMAGE, document, {"type": "text", "text": "also"}]), max_size=2))
        self.blocks("user", [{"type": "text", "text": text}, *others])

    def model(self, calls: list[tuple[str, str]]) -> None:
        thinking: Block = {"type": "thinking", "thinking": surely_rewritten(5), "signature": "EqQB/+=="}
        said: Block = {"type": "text", "text": self.draw(HUMAN_TEXTS), "citations": None}
        begin = self.draw(st.lists(st.sampled_from([thinking, {"type": "redacted_thinking", "data": "sealed"}, said]), max_size=2))
        uses: list[Block] = [{"type": "tool_use", "id": identity, "name": name, "input": self.arguments()} for identity, name in calls]
        self.blocks("assistant", [*begin, *uses] or [said])

    def results(self, answers: list[tuple[str, str, bool]]) -> None:
        blocks: list[dict[str, Any]] = []
        outputs: list[Output] = []
        for identity, text, called in answers:
            content, found = self._content(text)
            place = len(blocks)
            outputs += [Output(("content", place, "content", *path), inner, called) for path, inner in found]
            extra = {"is_error": True} if self.draw(st.integers(0, 6)) == 0 else {}
            blocks.append({"type": "tool_result", "tool_use_id": identity, "content": content, **extra})
        if self.draw(st.integers(0, 3)) == 0:
            blocks.append({"type": "text", "text": self.draw(HUMAN_TEXTS)})
        self.blocks("user", blocks, outputs)

    def blocks(self, role: str, blocks: list[dict[str, Any]], outputs: Sequence[Output] = ()) -> None:
        marked = [*blocks[:-1], {**blocks[-1], "cache_control": CACHE_MARK}]
        self.add({"role": role, "content": blocks}, {"role": role, "content": marked}, outputs)

    def _content(self, text: str) -> tuple[Any, list[tuple[Path, str]]]:
        shapes = ["text", "text", "blocks", "two", "image", "odd"]
        match self.draw(st.sampled_from(shapes if text in SURELY_REWRITTEN else [*shapes, "none"])):
            case "text":
                return text, [((), text)]
            case "blocks":
                return [{"type": "text", "text": text}], [((0, "text"), text)]
            case "two":
                more = self.draw(OUTPUT_TEXTS)
                return [{"type": "text", "text": text}, _IMAGE, {"type": "text", "text": more}], [((0, "text"), text), ((2, "text"), more)]
            case "image":
                return [_IMAGE, {"type": "text", "text": text, "cache_control": CACHE_MARK}], [((1, "text"), text)]
            case "none":
                return None, []
            case _:
                return [17, None, {"type": "text"}, {"type": "text", "text": None}, {"type": "text", "text": text}], [((4, "text"), text)]


class _OpenAIMaker(_Maker):
    def human(self, text: str) -> None:
        parts = [{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]
        self.both({"role": "user", "content": self.draw(st.sampled_from([text, parts])), "name": None})

    def model(self, calls: list[tuple[str, str]]) -> None:
        uses = [
            {"id": identity, "type": "function", "function": {"name": name, "arguments": write(self.arguments(), Style())}}
            for identity, name in calls
        ]
        said = self.draw(st.sampled_from([None, "", surely_rewritten(4)]))
        self.both({"role": "assistant", "content": said, "refusal": None, **({"tool_calls": uses} if uses else {})})

    def results(self, answers: list[tuple[str, str, bool]]) -> None:
        for identity, text, called in answers:
            if self.draw(st.booleans()):
                content: Any = text
                outputs = [Output(("content",), text, called)]
            else:
                more = self.draw(OUTPUT_TEXTS)
                content = [{"type": "text", "text": text}, {"type": "text", "text": more}]
                outputs = [Output(("content", 0, "text"), text, called), Output(("content", 1, "text"), more, called)]
            self.both({"role": "tool", "tool_call_id": identity, "content": content}, outputs)

    def both(self, message: dict[str, Any], outputs: Sequence[Output] = ()) -> None:
        self.add(message, {**message, "cache_control": CACHE_MARK}, outputs)
