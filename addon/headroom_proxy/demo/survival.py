"""Whether a record is still there in a text that may have been rewritten, judged without knowing how it was rewritten."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from headroom_proxy.demo.recording import Record


def survives(record: Record, key: str, text: str) -> bool:
    """The whole record is in the text: as a JSON object, or with all its values in one line that also has its `key` field.

    A value may be missing in that line if the text says `field=value` for all records.
    """
    try:
        return any(found == record for found in _objects(json.loads(text)))
    except ValueError:
        pass
    name = str(record[key])
    return any(all(_shown(field, value, line, text) for field, value in record.items()) for line in text.splitlines() if name in line)


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _objects(inner)


def _shown(field: str, value: Any, line: str, text: str) -> bool:
    if isinstance(value, list):
        return all(_shown(field, inner, line, text) for inner in value)
    if isinstance(value, dict):
        return all(_shown(inner, part, line, text) for inner, part in value.items())
    spelled = value if isinstance(value, str) else json.dumps(value)
    return any(_stands_in(spelling, line) or f"{field}={spelling}" in text for spelling in (spelled, _escaped(spelled)))


def _escaped(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _stands_in(value: str, line: str) -> bool:
    """211 does not stand in 2113, 1.5 not in 1.52, and `info` not in `information`."""
    return re.search(rf"(?<![\w.]){re.escape(value)}(?![\w]|\.\w)", line) is not None
