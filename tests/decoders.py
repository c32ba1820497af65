"""Decoders that restore the data of lossless forms: written from the forms' description, sharing no code with the writers."""

from __future__ import annotations

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


def value(scan: Scan, one: Field, *, nested: bool) -> Any:
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


def json_document(text: str) -> Any:
    """The value of a whole lossless JSON form."""
    if not text.startswith("[headroom:"):
        return parse_exact(text)
    lines = text.split("\n")
    at = 1
    skeleton = "<t1>"
    if re.match(r"\d+ records", lines[1]) is None:
        skeleton, at = lines[1], 2
    tables: list[Any] = []
    while at < len(lines):
        table, at = json_table(lines, at)
        tables.append(table)
    return fill(skeleton, tables)


def json_table(lines: list[str], at: int) -> tuple[Any, int]:
    match = re.match(r"(?:t\d+: )?(\d+) records( by key)?", lines[at])
    assert match, lines[at][:200]
    scan = Scan(lines[at], match.end())
    found_constants = constants(scan, "") if scan.take(", same in each: ") else []
    assert scan.at == len(lines[at]), lines[at][scan.at : scan.at + 80]
    head = header(Scan(lines[at + 1]), "")
    head.constants = found_constants
    count, at = int(match[1]), at + 2
    if match[2]:
        return dict(keyed_row(line, head) for line in lines[at : at + count]), at + count
    if not head.fields:
        return [record(Scan(""), head, nested=False) for _ in range(count)], at
    return [whole_row(Scan(line), head) for line in lines[at : at + count]], at + count


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
    """The skeleton's value with `<tN>` outside of strings replaced by the tables."""
    marked = re.sub(r'"(?:[^"\\]|\\.)*"|<t(\d+)>', lambda m: m[0] if m[1] is None else f'{{"\\u0000table":{m[1]}}}', skeleton)

    def swap(found: Any) -> Any:
        if isinstance(found, dict):
            number = found.get("\0table")
            return tables[int(number.text) - 1] if number is not None else {k: swap(v) for k, v in found.items()}
        return [swap(v) for v in found] if isinstance(found, list) else found

    return swap(parse_exact(marked))
