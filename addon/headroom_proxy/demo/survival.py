"""Whether a record is still there in a text that may have been rewritten, judged by what the text itself says and shows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from headroom_proxy.demo.recording import Record

_ALIAS = re.compile(r"^(@\d+)=(.+)$", re.MULTILINE)


def survives(record: Record, key: str, text: str) -> bool:
    """The whole record is in the text: as a JSON object, or with all its values in one line that also has its `key` field.

    A value need not stand in that line where the text gives it for all records (`field=value`), or tells it from other fields
    (`field=beginning<other field>`); a beginning of it may be an alias that the text explains (`@1=beginning`).
    """
    try:
        return any(found == record for found in _objects(json.loads(text)))
    except ValueError:
        pass
    beginnings = dict(_ALIAS.findall(text))
    name = str(record[key])
    lines = [_without_aliases(line, beginnings) for line in text.splitlines() if name in line]
    return any(all(_stands_in(value, line) or _is_told(field, record, text) for field, value in record.items()) for line in lines)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(inner)


def _without_aliases(line: str, beginnings: dict[str, str]) -> str:
    return re.sub(r"(@\d+) ?", lambda found: beginnings.get(found[1], found[0]), line)


def _is_told(field: str, record: Record, text: str) -> bool:
    """The text says of all records what the field is: a value, or how it is made of other fields."""
    for said in re.findall(rf"(?<![\w.]){re.escape(field)}=([^\n]*)", text):
        filled = re.sub(r"<([^<>]+)>", lambda found: _spelled(record[found[1]]) if found[1] in record else found[0], said)
        for spelling in {_spelled(record[field]), json.dumps(record[field], ensure_ascii=False)}:
            if filled == spelling or filled.startswith((f"{spelling},", f"{spelling} ")):
                return True
    return False


def _stands_in(value: Any, line: str) -> bool:
    """The value is in the line: 211 is not in 2113, 1.5 not in 1.52, and `info` not in `information`."""
    if isinstance(value, list | dict):
        return all(_stands_in(inner, line) for inner in (value.values() if isinstance(value, dict) else value))
    spelled = _spelled(value)
    return any(
        re.search(rf"(?<![\w.]){re.escape(spelling)}(?![\w]|\.\w)", line)
        for spelling in {spelled, json.dumps(spelled, ensure_ascii=False)[1:-1]}
    )


def _spelled(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
