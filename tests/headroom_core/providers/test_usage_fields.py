"""Fields of another type than expected are as if they were missing."""

from __future__ import annotations

import pytest

from headroom_core.providers.usage_fields import count, mapping, text


@pytest.mark.parametrize(("value", "expected"), [({"a": 1}, {"a": 1}), ([], {}), (None, {}), ("x", {}), (5, {})])
def test_mapping(value: object, expected: object) -> None:
    assert mapping(value) == expected


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (7, 7), (True, None), (1.0, None), ("7", None), (None, None), ([], None)])
def test_count(value: object, expected: int | None) -> None:
    assert count(value) == expected


@pytest.mark.parametrize(("value", "expected"), [("x", "x"), ("", ""), (None, ""), (5, ""), (b"x", "")])
def test_text(value: object, expected: str) -> None:
    assert text(value) == expected
