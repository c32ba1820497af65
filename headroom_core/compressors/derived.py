"""Columns that can be told from others: a url that is made of another field in every record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from headroom_core.compressors.table_cells import Cell

_MIN_LENGTH = 12
_MIN_SOURCE = 2
_MAX_COLUMNS = 60


def derived(columns: Mapping[str, Sequence[Cell]]) -> dict[str, str]:
    """For each column that others determine its pattern, with `<name>` where the other field's value stands.

    Names are as the header writes them. A column that serves in a pattern is never told by a pattern itself.
    """
    sources = {name: texts for name, values in list(columns.items())[:_MAX_COLUMNS] if (texts := _texts(values)) is not None}
    candidates = sorted(
        (name for name, values in columns.items() if name in sources and _is_long(values)),
        key=lambda name: -len(sources[name][0]),
    )
    found: dict[str, str] = {}
    used: set[str] = set()
    for name in candidates:
        if name in used:
            continue
        others = {other: texts for other, texts in sources.items() if other != name and other not in found}
        pattern = _pattern(sources[name], others)
        if pattern is not None:
            found[name], names = pattern
            used |= names
    return found


def _pattern(values: Sequence[str], others: Mapping[str, Sequence[str]]) -> tuple[str, set[str]] | None:
    first = values[0]
    if "<" in first or ">" in first:
        return None
    inside = sorted(
        (name for name, texts in others.items() if len(texts[0]) >= _MIN_SOURCE and texts[0] in first),
        key=lambda name: -len(others[name][0]),
    )
    for names in ([inside] if len(inside) > 1 else []) + [[name] for name in inside]:
        parts = _parts(first, {name: others[name][0] for name in names})
        made = _fill(parts, others, len(values))
        if made == list(values):
            shown = "".join(f"<{text}>" if is_name else text for text, is_name in parts)
            return shown, {text for text, is_name in parts if is_name}
    return None


def _parts(text: str, values: Mapping[str, str]) -> list[tuple[str, bool]]:
    """The text cut into literal parts and names of fields whose value stands there."""
    parts: list[tuple[str, bool]] = [(text, False)]
    for name, value in values.items():
        for index, (part, is_name) in enumerate(parts):
            at = -1 if is_name else part.find(value)
            if at >= 0:
                parts[index : index + 1] = [(part[:at], False), (name, True), (part[at + len(value) :], False)]
                break
    return [(part, is_name) for part, is_name in parts if part or is_name]


def _fill(parts: Sequence[tuple[str, bool]], columns: Mapping[str, Sequence[str]], count: int) -> list[str]:
    filled = [columns[part] if is_name else [part] * count for part, is_name in parts]
    return ["".join(row) for row in zip(*filled, strict=True)]


def _texts(values: Sequence[Cell]) -> list[str] | None:
    types = set(map(type, values))
    if types == {str}:
        return [value for value in values if isinstance(value, str)]
    return [str(value) for value in values] if types == {int} else None


def _is_long(values: Sequence[Cell]) -> bool:
    return isinstance(values[0], str) and len(values[0]) >= _MIN_LENGTH
