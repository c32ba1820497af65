"""Decoders that restore the data of lossless forms: written from the forms' description, sharing no code with the writers."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass, field
from typing import Any

NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?\Z")
ABSENT = object()


@dataclass
class Num:
    """A number by its spelling, so that 1.10 and 1.1 differ."""

    text: str


@dataclass
class Field:
    path: list[str]
    kind: str = "cell"  # cell, text, object, list, map, pairs
    inner: Header | None = None


@dataclass
class Header:
    fields: list[Field] = field(default_factory=list)
    constants: list[tuple[list[str], Any]] = field(default_factory=list)


def parse_exact(text: str) -> Any:
    """JSON with numbers by their spelling."""
    return json.loads(text, parse_int=Num, parse_float=Num)


class Scan:
    """A cursor over a text."""

    def __init__(self, text: str, at: int = 0) -> None:
        self.text, self.at = text, at

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, sign: str) -> bool:
        if self.text.startswith(sign, self.at):
            self.at += len(sign)
            return True
        return False

    def must(self, sign: str) -> None:
        assert self.take(sign), f"{sign!r} expected at {self.text[self.at : self.at + 40]!r}"

    def json(self) -> Any:
        value, end = json.JSONDecoder(parse_int=Num, parse_float=Num).raw_decode(self.text, self.at)
        self.at = end
        return value

    def until(self, stops: str) -> str:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in stops:
            self.at += 1
        return self.text[start : self.at]

    def name(self, stops: str) -> str:
        return self.json() if self.peek() == '"' else self.until(stops)


def header(scan: Scan, end: str) -> Header:
    """Fields up to `end`, with the constants behind a bar."""
    made = Header()
    while not (end and scan.peek() == end) and scan.at < len(scan.text) and scan.peek() != "|":
        made.fields.append(one_field(scan))
        if not scan.take(","):
            break
    if scan.take("|"):
        made.constants = constants(scan, end)
    return made


def constants(scan: Scan, end: str) -> list[tuple[list[str], Any]]:
    found = []
    while scan.at < len(scan.text) and scan.peek() != end:
        path = path_of(scan, ".=")
        scan.must("=")
        found.append((path, value(scan, Field(path), nested=True)))
        if not scan.take(","):
            break
    return found


def path_of(scan: Scan, stops: str) -> list[str]:
    path = [scan.name(stops)]
    while scan.take("."):
        path.append(scan.name(stops))
    return path


def one_field(scan: Scan) -> Field:
    path = path_of(scan, '.,:{}[]|;"')
    if scan.take(":text"):
        return Field(path, "text")
    if scan.take("{*:"):
        inner = header(scan, "}")
        scan.must("}")
        return Field(path, "map", inner)
    if scan.take("{}"):
        return Field(path, "pairs")
    if scan.take("{"):
        inner = header(scan, "}")
        scan.must("}")
        return Field(path, "object", inner)
    if scan.take("["):
        inner = header(scan, "]")
        scan.must("]")
        return Field(path, "list", inner)
    return Field(path)


def record(scan: Scan, head: Header, *, nested: bool) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for path, constant in head.constants:
        put(made, path, constant)
    for index, one in enumerate(head.fields):
        if index:
            scan.must(",")
        found = value(scan, one, nested=nested)
        if one.path == ["+"] and one.kind == "pairs":
            made.update({} if found is ABSENT else found)
        elif found is not ABSENT:
            put(made, one.path, found)
        elif len(one.path) > 1:
            put(made, one.path[:-1], {}, keep=True)
    return made


def put(made: dict[str, Any], path: list[str], what: Any, *, keep: bool = False) -> None:
    for name in path[:-1]:
        made = made.setdefault(name, {})
    if keep:
        made.setdefault(path[-1], what)
    else:
        made[path[-1]] = what


def value(scan: Scan, one: Field, *, nested: bool) -> Any:  # noqa: PLR0911 - one way for each kind of cell
    stops = ",[]{};" if nested else ","
    if one.kind == "text":
        return scan.json() if scan.peek() == '"' else scan.until(stops)
    if scan.at == len(scan.text) or scan.peek() in stops.replace("[", "").replace("{", ""):
        return ABSENT
    if scan.take("="):
        return scan.json()
    if scan.peek() == '"':
        return scan.json()
    if one.kind == "object" and scan.take("{"):
        assert one.inner
        made = record(scan, one.inner, nested=True)
        scan.must("}")
        return made
    if one.kind == "list" and scan.take("["):
        return records(scan, one)
    if one.kind == "map" and scan.take("{"):
        return keyed(scan, one)
    if one.kind == "pairs" and scan.take("{"):
        return pairs(scan)
    if scan.take("["):
        return plain_list(scan)
    return plain(scan.until(stops))


def plain(text: str) -> Any:
    if re.match(r"@\d+(?: |\Z)", text):
        return Aliased(text)
    if text in {"true", "false", "null"} or NUMBER.match(text):
        return parse_exact(text)
    return text


def plain_list(scan: Scan) -> list[Any]:
    made: list[Any] = []
    while not scan.take("]"):
        made.append(value(scan, Field([]), nested=True))
        scan.take(",")
    return made


def records(scan: Scan, one: Field) -> list[Any]:
    assert one.inner
    made: list[Any] = []
    if scan.take("]"):
        return made
    while True:
        made.append(record(scan, one.inner, nested=True))
        if scan.take("]"):
            return made
        scan.must(";")


def keyed(scan: Scan, one: Field) -> dict[str, Any]:
    assert one.inner
    made: dict[str, Any] = {}
    if scan.take("}"):
        return made
    while True:
        key = scan.name(":")
        scan.must(":")
        made[key] = record(scan, one.inner, nested=True)
        if scan.take("}"):
            return made
        scan.must(";")


def pairs(scan: Scan) -> dict[str, Any]:
    made: dict[str, Any] = {}
    while not scan.take("}"):
        key = scan.name("=")
        scan.must("=")
        made[key] = value(scan, Field([]), nested=True)
        scan.take(",")
    return made


KINDS = ["records by key", "records by column", "records", "lists", "values", "texts"]


def json_document(text: str) -> Any:
    """The value of a whole lossless JSON form."""
    if not text.startswith("[headroom:"):
        return parse_exact(text)
    lines = text.split("\n")
    at = 1
    skeleton = "<t1>"
    if "<t1> stands" in lines[0]:
        skeleton, at = lines[1], 2
    tables: list[Any] = []
    aliases: dict[str, str] = {}
    while at < len(lines):
        table, at = json_table(lines, at, aliases)
        tables.append(table)
    return fill(skeleton, tables)


def json_table(lines: list[str], at: int, aliases: dict[str, str]) -> tuple[Any, int]:
    match = re.match(rf"(?:t\d+: )?(\d+) ({'|'.join(KINDS)})", lines[at])
    assert match, lines[at][:200]
    count, kind = int(match[1]), match[2]
    scan = Scan(lines[at], match.end())
    found_constants = constants(scan, "") if scan.take(", same in each: ") else []
    assert scan.at == len(lines[at]), lines[at][scan.at : scan.at + 80]
    at += 1
    patterns: list[tuple[list[str], str]] = []
    if lines[at : at + 1] and lines[at].startswith("made of other fields: "):
        patterns = constants(Scan(lines[at], len("made of other fields: ")), "")
        at += 1
    while at < len(lines) and (alias := re.match(r"(@\d+)=(.*)", lines[at])):
        aliases[alias[1]] = alias[2]
        at += 1
    nameless = kind in {"values", "texts"}
    head = Header([Field(["value"], "text" if kind == "texts" else "cell")]) if nameless else header(Scan(lines[at]), "")
    at += not nameless
    head.constants = found_constants
    block = lines[at : at + count]
    odd = len(block) == count and all(not line or line.startswith("==") for line in block) and any(block)
    bare = not head.fields and kind != "records by key" and not odd
    rows = [""] * count if bare else lines[at : at + count]
    at += 0 if bare else count
    made = [one_row(line, head, kind, patterns, aliases) for line in rows]
    return shaped(made, kind), at


def one_row(line: str, head: Header, kind: str, patterns: list[tuple[list[str], str]], aliases: dict[str, str]) -> Any:
    if line.startswith("=="):
        return Odd(parse_exact(line[2:]))
    key, whole = keyed_row(line, head) if kind == "records by key" else ("", whole_row(Scan(line), head))
    whole = expand(whole, aliases)
    for path, pattern in patterns:
        put(whole, path, re.sub(r"<([^>]*)>", lambda name: text_at(whole, name[1]), pattern))
    return (key, whole) if kind == "records by key" else whole


@dataclass
class Odd:
    """An element of a list that is no record."""

    value: Any


def shaped(rows: list[Any], kind: str) -> Any:
    if kind == "records by key":
        return dict(rows)
    if kind == "records by column":
        return {name: [row[name] for row in rows] for name in rows[0]}
    plain_rows = [row.value if isinstance(row, Odd) else row for row in rows]
    if kind == "lists":
        return [[row[f"c{number}"] for number in range(1, len(row) + 1)] for row in plain_rows]
    return [row["value"] for row in plain_rows] if kind in {"values", "texts"} else plain_rows


class Aliased(str):
    """A cell as it stood bare; a text in quotes is none of these, whatever it begins with."""

    __slots__ = ()


def expand(value: Any, aliases: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: expand(inner, aliases) for name, inner in value.items()}
    if isinstance(value, Aliased):
        alias, blank, rest = value.partition(" ")
        return aliases[alias] + rest if blank or alias == value else value
    return value


def text_at(row: Any, name: str) -> str:
    for part in path_of(Scan(name), "."):
        row = row[part]
    return row.text if isinstance(row, Num) else row


def keyed_row(line: str, head: Header) -> tuple[str, Any]:
    scan = Scan(line)
    key = scan.name(":")
    scan.must(":")
    return key, whole_row(scan, head)


def whole_row(scan: Scan, head: Header) -> Any:
    made = record(scan, head, nested=False)
    assert scan.at == len(scan.text), scan.text[scan.at : scan.at + 80]
    return made


def fill(skeleton: str, tables: list[Any]) -> Any:
    """The skeleton's value with `<tN>` and `<json ...>` outside of strings replaced."""
    tokens = re.compile(r'"(?:[^"\\]|\\.)*"|<t(\d+)>|<json |>')

    def swap_mark(match: re.Match[str]) -> str:
        if match[0].startswith('"'):
            return match[0]
        if match[1]:
            return f'{{"\\u0000table":{match[1]}}}'
        return '{"\\u0000json":' if match[0] == "<json " else "}"

    def swap(found: Any) -> Any:
        if isinstance(found, dict):
            if "\0table" in found:
                return tables[int(found["\0table"].text) - 1]
            if "\0json" in found:
                return InText(swap(found["\0json"]))
            return {name: swap(inner) for name, inner in found.items()}
        return [swap(inner) for inner in found] if isinstance(found, list) else found

    return swap(parse_exact(tokens.sub(swap_mark, skeleton)))


@dataclass
class InText:
    """A JSON string that holds this JSON."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and parse_exact(other) == self.value

    # Values are compared, never looked up.
    __hash__ = None  # type: ignore[assignment]


def json_lines(text: str) -> list[Any]:
    """The values of a lossless JSON Lines form, in order."""
    table, end = json_table(text.split("\n"), 1, {})
    assert end == len(text.split("\n"))
    return list(table)


def read_json_lines(text: str) -> list[Any]:
    """The values of JSON Lines; a line that is no JSON as its text."""
    return [exact_or_text(line) for line in text.split("\n") if line.strip()]


def exact_or_text(line: str) -> Any:
    try:
        return parse_exact(line)
    except ValueError:
        return line


def json_among_text(text: str) -> str:
    """The text of a lossless form with its JSON values in canonical spelling."""
    lines = text.split("\n")
    first = next(index for index, line in enumerate(lines) if re.match(rf"t1: \d+ ({'|'.join(KINDS)})", line))
    body = "\n".join(lines[1:first])
    tables: list[Any] = []
    aliases: dict[str, str] = {}
    at = first
    while at < len(lines):
        table, at = json_table(lines, at, aliases)
        tables.append(table)
    body = re.sub(r"<t(\d+)>", lambda mark: canonical(tables[int(mark[1]) - 1]), body)
    while match := re.search(r"<json ([^<]*?)>(?![^\"]*\"[^\"]*$)|<json ([^<]*)>", body):
        inner = match[1] if match[1] is not None else match[2]
        body = body[: match.start()] + json.dumps(canonical(parse_exact(inner))) + body[match.end() :]
    return normal_text(body)


def normal_text(text: str) -> str:
    """A text in which each JSON value at the beginning of a line is spelled canonically, strings of JSON in it too."""
    done, at = "", 0
    while match := re.compile(r"^[ \t]*([\[{])", re.MULTILINE).search(text, at):
        try:
            value, end = json.JSONDecoder(parse_int=Num, parse_float=Num).raw_decode(text, match.start(1))
        except ValueError:
            end = text.find("\n", match.start(1))
            end = end if end >= 0 else len(text)
            done += text[at:end]
        else:
            done += text[at : match.start(1)] + canonical(value)
        at = end
    return done + text[at:]


def canonical(value: Any) -> str:
    """JSON with sorted keys, and strings that hold JSON as that JSON."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{canonical(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, InText):
        return json.dumps(canonical(value.value))
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return json.dumps(canonical(parse_exact(value)))
        except ValueError:
            return json.dumps(value)
    return value.text if isinstance(value, Num) else json.dumps(value)


def text_table(text: str) -> list[Any]:
    """The rows of a lossless text table form: non-empty cells by column, as texts; rows of other lengths as texts."""
    lines = text.split("\n")
    start = next(index for index, line in enumerate(lines) if re.match(r"\d+ records", line))
    table, _ = json_table(lines, start, {})
    return [{name: plain_text(cell) for name, cell in row.items()} if isinstance(row, dict) else row for row in table]


def plain_text(cell: Any) -> str:
    return cell.text if isinstance(cell, Num) else str(cell)


def read_text_table(text: str) -> list[Any]:
    """The rows of CSV or of a drawn table, read without the product's code."""
    lines = text.rstrip("\n").split("\n")
    rule = next((index for index, line in enumerate(lines[:12]) if index and re.fullmatch(r"[\s|+:-]*-[\s|+:-]*", line)), None)
    if rule is None or "|" not in lines[rule - 1]:
        delimiter = max(",\t;|", key=lines[0].count)
        header, *rows = [row for row in csv.reader(io.StringIO(text.rstrip("\n") + "\n"), delimiter=delimiter) if row]
    else:
        body = [line for line in lines[rule + 1 :] if "|" in line and not re.fullmatch(r"[\s|+:-]*-[\s|+:-]*", line)]
        header, *rows = [drawn_cells(line) for line in [lines[rule - 1], *body]]
    return [
        {name: cell for name, cell in zip(header, row, strict=True) if cell} if len(row) == len(header) else ",".join(row) for row in rows
    ]


def drawn_cells(line: str) -> list[str]:
    inner = line.strip()
    return [cell.strip() for cell in (inner[1:-1] if inner.startswith("|") else inner).split("|")]


LOSSLESS = {
    "json_records": (json_document, parse_exact),
    "json_lines": (json_lines, read_json_lines),
    "json_among_text": (json_among_text, normal_text),
    "text_table": (text_table, read_text_table),
}
"""For each compressor what restores the data from its lossless form, and what reads the same data from the original."""
