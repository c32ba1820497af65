"""Settings as mitmproxy options: one loop, no second list."""

from __future__ import annotations

import pytest
from mitmproxy import optmanager
from mitmproxy.addonmanager import Loader
from mitmproxy.test import taddons

from headroom_core.errors import SettingsError
from headroom_core.settings import Settings
from headroom_proxy import options


@pytest.fixture
def declared() -> optmanager.OptManager:
    context = taddons.context()
    options.declare(Loader(context.master))
    return context.options


def test_each_setting_is_an_option_and_each_option_a_setting(declared: optmanager.OptManager) -> None:
    ours = {name.removeprefix("headroom_") for name in declared.keys() if name.startswith("headroom_")}  # noqa: SIM118  # no dict
    assert ours == set(Settings.model_fields)


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_an_option_is_an_empty_text_with_help(declared: optmanager.OptManager, name: str) -> None:
    option = declared._options[f"headroom_{name}"]
    assert (option.typespec, option.default) == (str, "")
    assert option.help.endswith(f"Default: {options.default_text(name)}")
    assert len(option.help) > len(f". Default: {options.default_text(name)}") + 10


def test_untouched_options_are_the_defaults(declared: optmanager.OptManager) -> None:
    assert options.read(declared) == Settings()


def test_values_are_read(declared: optmanager.OptManager) -> None:
    declared.update(headroom_level="lossless", headroom_workers="3", headroom_flow_log="false", headroom_hosts="llm.example.com=openai")
    assert options.read(declared) == Settings(level="lossless", workers=3, flow_log=False, hosts=("llm.example.com=openai",))


def test_what_set_gives_is_read(declared: optmanager.OptManager) -> None:
    declared.set("headroom_variance_threshold=2.5", 'headroom_tools={"Read": {"skip_compression": true}}')
    read = options.read(declared)
    assert read.variance_threshold == 2.5
    assert read.skips("Read")


@pytest.mark.parametrize(("name", "text"), [("level", "none"), ("workers", "0"), ("tools", "{"), ("hosts", "x"), ("flow_log", "maybe")])
def test_a_bad_value_is_refused_by_the_options_own_name(declared: optmanager.OptManager, name: str, text: str) -> None:
    declared.update(**{f"headroom_{name}": text})
    with pytest.raises(SettingsError) as refused:
        options.read(declared)
    assert str(refused.value).startswith(f"headroom_{name}")
    assert "\n" not in str(refused.value)


def test_misspelt_options() -> None:
    assert options.misspelt(["headroom_levle", "headroom_qqq", "web_port", "headroom", "xheadroom_level"]) == [
        "headroom_levle: no such option; did you mean headroom_level?",
        "headroom_qqq: no such option",
    ]


def test_a_declared_option_is_never_misspelt(declared: optmanager.OptManager) -> None:
    declared.set("headroom_mode=audit", defer=True)
    assert options.misspelt(declared.deferred) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("level", "balanced"),
        ("flow_log", "true"),
        ("workers", "2"),
        ("variance_threshold", "2.0"),
        ("hosts", "none"),
        ("tools", "none"),
        ("data_dir", "none"),
    ],
)
def test_defaults_as_texts(name: str, text: str) -> None:
    assert options.default_text(name) == text
