"""Settings for one request as headers; whatever they say, they are taken off."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.http import Headers

from headroom_core.settings import Settings
from headroom_proxy.overrides import take_overrides


def headers(**named: str) -> Headers:
    return Headers([(name.replace("_", "-").encode(), value.encode()) for name, value in {"host": "h", **named}.items()])


def test_without_headers_the_settings_are_the_same_object() -> None:
    settings = Settings()
    given_headers = headers()
    assert take_overrides(given_headers, settings) is settings
    assert given_headers == headers()


@pytest.mark.parametrize(
    ("named", "expected"),
    [
        ({"x_headroom_mode": "audit"}, Settings(mode="audit")),
        ({"X_Headroom_Level": "lossless"}, Settings(level="lossless")),
        ({"x_headroom_mode": "simulate", "x_headroom_level": "lossless"}, Settings(mode="simulate", level="lossless")),
        ({"x_headroom_mode": "nonsense"}, Settings()),
        ({"x_headroom_mode": ""}, Settings()),
        ({"x_headroom_unknown": "x"}, Settings()),
        ({"x_headroom_subscription": "optimize"}, Settings()),
        ({"x_headroom_data_dir": "/tmp/x"}, Settings()),
        ({"x_headroom_hosts": "evil.example=openai"}, Settings()),
        ({"x_headroom_": "x"}, Settings()),
    ],
)
def test_a_header_decides_where_it_may(named: dict[str, str], expected: Settings) -> None:
    given_headers = headers(**named)
    assert take_overrides(given_headers, Settings()) == expected
    assert given_headers == headers()


def test_the_other_settings_stay() -> None:
    settings = Settings(first_items=9, tools={"Read": {"skip_compression": True}})
    changed = take_overrides(headers(x_headroom_level="lossless"), settings)
    assert changed == settings.model_copy(update={"level": "lossless"})


def test_a_header_that_comes_twice_is_taken_off_twice() -> None:
    given_headers = Headers([(b"x-headroom-mode", b"audit"), (b"host", b"h"), (b"X-Headroom-Mode", b"simulate")])
    take_overrides(given_headers, Settings())
    assert given_headers == headers()


@given(
    st.dictionaries(
        st.text(st.sampled_from("abmodelv-_"), max_size=8), st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=12)
    )
)
def test_any_header_of_ours_is_taken_off(values: dict[str, str]) -> None:
    given_headers = Headers([(f"x-headroom-{name}".encode(), value.encode()) for name, value in values.items()] + [(b"host", b"h")])
    assert isinstance(take_overrides(given_headers, Settings()), Settings)
    assert given_headers == headers()
