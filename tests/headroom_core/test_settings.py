"""Settings from texts, errors that name the option in one line, and the digest that stored forms hang on."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from headroom_core.errors import SettingsError
from headroom_core.settings import REWRITE_FIELDS, Settings, ToolProfile, parse_settings


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("mode", "audit", "audit"),
        ("level", " lossless ", "lossless"),
        ("subscription", "optimize", "optimize"),
        ("hosts", "llm.example.com=openai, other.example.org=anthropic,", ("llm.example.com=openai", "other.example.org=anthropic")),
        ("min_tokens_to_crush", "0", 0),
        ("max_items_after_crush", "5", 5),
        ("variance_threshold", "1.5", 1.5),
        ("tools", '{"Read": {"skip_compression": true}}', {"Read": ToolProfile(skip_compression=True)}),
        ("data_dir", "~/headroom", "~/headroom"),
        ("flow_log", "false", False),
        ("flow_log", "off", False),
        ("workers", "4", 4),
    ],
)
def test_a_text_becomes_a_value(name: str, text: str, value: object) -> None:
    assert getattr(parse_settings({name: text}), name) == value


def test_an_empty_text_is_the_default() -> None:
    assert parse_settings(dict.fromkeys(Settings.model_fields, " ")) == Settings()


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("mode", "optimise", "'optimize', 'audit' or 'simulate'"),
        ("level", "Lossless", "'balanced' or 'lossless'"),
        ("subscription", "yes", "'audit' or 'optimize'"),
        ("min_tokens_to_crush", "-1", "greater than or equal to 0"),
        ("min_tokens_to_crush", "many", "valid integer"),
        ("max_items_after_crush", "4", "greater than or equal to 5"),
        ("variance_threshold", "0", "greater than 0"),
        ("variance_threshold", "nan", "less than or equal to 100"),
        ("variance_threshold", "two", "valid number"),
        ("retention_days", "0", "greater than or equal to 1"),
        ("workers", "65", "less than or equal to 64"),
        ("flow_log", "maybe", "valid boolean"),
        ("tools", "{", "not JSON"),
        ("tools", "[]", "valid dictionary"),
        ("tools", '{"Read": {"skip": true}}', "Read.skip: Extra inputs are not permitted"),
        ("tools", '{"Read": {"level": "none"}}', "Read.level: Input should be 'balanced' or 'lossless'"),
        ("hosts", "llm.example.com", ""),
        ("hosts", "llm.example.com=", ""),
        ("hosts", "=openai", ""),
        ("hosts", "llm.example.com=openia", ""),
        ("hosts", "*.example.com=openai", ""),
        ("hosts", "llm.example.com=openai llm2.example.com=openai", ""),
        ("hosts", "https://llm.example.com/v1=openai", ""),
        ("colour", "red", "no such setting"),
    ],
)
def test_a_bad_value_is_refused_with_one_line_that_names_the_option(name: str, text: str, says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        parse_settings({"level": "lossless", name: text})

    line = str(refused.value)
    assert line.startswith(name)
    assert says in line
    assert "\n" not in line


@given(st.sampled_from(sorted(Settings.model_fields)), st.text(max_size=30) | st.text(st.sampled_from('{}[]":,\n0 '), max_size=12))
def test_any_text_is_a_value_or_one_line(name: str, text: str) -> None:
    try:
        parsed = parse_settings({name: text})
    except SettingsError as error:
        assert len(str(error).splitlines()) == 1  # noqa: PT017  # either is fine
        assert str(error).startswith(name)  # noqa: PT017
    else:
        assert isinstance(parsed, Settings)


def test_settings_are_checked_and_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"level": "none"})
    with pytest.raises(ValidationError):
        Settings().level = "lossless"  # type: ignore[misc]  # that is the point


# The digest: stored forms are found by it, so the same settings must give the same one in every version.


@pytest.mark.parametrize(
    ("settings", "pinned"),
    [
        pytest.param(Settings(), "01e7b720ff566d53", id="defaults"),
        pytest.param(Settings(level="lossless"), "fb27591e082e6823", id="lossless"),
        pytest.param(parse_settings({"tools": '{"b": {"max_items": 9}, "a": {"level": "lossless"}}'}), "dd832387b24f2790", id="tools"),
    ],
)
def test_the_digest_is_pinned(settings: Settings, pinned: str) -> None:
    assert settings.rewrite_digest().hex() == pinned


def test_a_setting_that_a_later_version_adds_leaves_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    class Later(Settings):
        window_reserve: int = Field(default=4000)
        aliases: bool = True

    monkeypatch.setattr("headroom_core.settings.REWRITE_FIELDS", {*REWRITE_FIELDS, "window_reserve", "aliases"})

    assert Later().rewrite_digest() == Settings().rewrite_digest()
    assert Later(level="lossless").rewrite_digest() == Settings(level="lossless").rewrite_digest()
    assert Later(aliases=False).rewrite_digest() != Settings().rewrite_digest()


@pytest.mark.parametrize(
    "changed",
    [
        {"level": "lossless"},
        {"min_tokens_to_crush": 10},
        {"max_items_after_crush": 20},
        {"first_items": 4},
        {"last_items": 4},
        {"variance_threshold": 2.5},
        {"tools": {"Read": {"level": "lossless"}}},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_may_rewrite_differently_has_another_digest(changed: dict[str, Any]) -> None:
    assert Settings(**changed).rewrite_digest() != Settings().rewrite_digest()


@pytest.mark.parametrize(
    "changed",
    [
        {"mode": "audit"},
        {"subscription": "optimize"},
        {"hosts": ("a.example=openai",)},
        {"data_dir": "/tmp/x"},
        {"flow_log": False},
        {"retention_days": 30},
        {"store_megabytes": 10},
        {"workers": 1},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_what_rewrites_alike_has_the_same_digest(changed: dict[str, Any]) -> None:
    assert Settings(**changed).rewrite_digest() == Settings().rewrite_digest()


def test_each_setting_is_in_one_of_the_two_lists_above() -> None:
    """A new setting needs a decision: may two values of it rewrite differently?"""
    alike = {"mode", "subscription", "hosts", "data_dir", "flow_log", "retention_days", "store_megabytes", "workers"}
    assert REWRITE_FIELDS.isdisjoint(alike)
    assert set(Settings.model_fields) == REWRITE_FIELDS | alike


def test_the_order_in_which_tools_are_named_does_not_count() -> None:
    one = parse_settings({"tools": '{"a": {"level": "lossless"}, "b": {"max_items": 9}}'})
    other = parse_settings({"tools": '{"b": {"max_items": 9}, "a": {"level": "lossless"}}'})
    assert one.rewrite_digest() == other.rewrite_digest()


# Profiles


def test_a_profile_changes_only_what_it_names() -> None:
    settings = Settings(
        first_items=7,
        tools={"search": ToolProfile(max_items=40), "sql": ToolProfile(level="lossless"), "Read": ToolProfile(skip_compression=True)},
    )

    assert settings.for_tool("search").max_items_after_crush == 40
    assert settings.for_tool("search").level == "balanced"
    assert settings.for_tool("search").first_items == 7
    assert settings.for_tool("sql").level == "lossless"
    assert settings.for_tool("sql").max_items_after_crush == settings.max_items_after_crush
    assert settings.for_tool("unknown") is settings
    assert [settings.skips(name) for name in ("Read", "search", "unknown")] == [True, False, False]
