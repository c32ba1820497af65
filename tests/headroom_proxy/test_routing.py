"""Which hosts are decrypted, and where a request to the proxy's own port goes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy.http import HTTPFlow
from mitmproxy.proxy.mode_specs import ProxyMode

from headroom_core.settings import parse_settings
from headroom_proxy.routing import base_url_host, host_patterns, is_for_listener, is_trusted_origin, send_to
from tests.addon_rig import LISTENER, listener_flow, request_flow


def allowed(place: str, more: tuple[str, ...] = ()) -> bool:
    """As mitmproxy looks at it: `re.search` over `host:port`, without regard to case."""
    return any(re.search(pattern, place, re.IGNORECASE) for pattern in host_patterns(more))


@pytest.mark.parametrize("place", ["api.anthropic.com:443", "api.anthropic.com", "API.OpenAI.com:8443", "eu.api.openai.com:443"])
def test_known_hosts_are_decrypted(place: str) -> None:
    assert allowed(place)


@pytest.mark.parametrize(
    "place",
    [
        "claude.ai:443",
        "console.anthropic.com:443",
        "openai.com:443",
        "xapi.anthropic.com:443",
        "api.anthropic.com.evil.example:443",
        "api.anthropic.com:443.evil.example",
        "apixanthropic.com:443",
        "evil.api.openai.com:443",
        "www.example.org:443",
        "",
    ],
)
def test_no_other_host_is(place: str) -> None:
    assert not allowed(place)


def test_hosts_of_the_user() -> None:
    more = ("llm.example.com=openai",)
    assert allowed("llm.example.com:443", more)
    assert allowed("api.anthropic.com:443", more)
    assert not allowed("llmxexample.com:443", more)
    assert not allowed("sub.llm.example.com:443", more)


HOSTS = st.from_regex(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,12}[A-Za-z0-9])?", fullmatch=True)


@given(HOSTS, HOSTS)
def test_any_host_of_the_user_is_taken_literally(host: str, other: str) -> None:
    more = parse_settings({"hosts": f"{host}=openai"}).hosts
    assert allowed(host, more)
    assert allowed(f"{host}:8443", more)
    assert allowed(other, more) == (other.lower() == host.lower())


@pytest.mark.parametrize(
    ("path", "anthropic", "host"),
    [
        ("/v1/messages", False, "api.anthropic.com"),
        ("/v1/messages?beta=true", False, "api.anthropic.com"),
        ("/v1/messages/count_tokens", True, "api.anthropic.com"),
        ("/v1/chat/completions", False, "api.openai.com"),
        ("/v1/responses", False, "api.openai.com"),
        ("/v1/embeddings", False, "api.openai.com"),
        ("/v1/models", False, "api.openai.com"),
        ("/v1/models?limit=1", True, "api.anthropic.com"),
        ("/v1/files", True, "api.anthropic.com"),
        ("/", False, None),
        ("/v2/messages", False, None),
        ("/?x=/v1/messages", False, None),
        ("http://api.openai.com/v1/chat/completions", False, None),
    ],
)
def test_paths_of_the_port(path: str, anthropic: bool, host: str | None) -> None:
    assert base_url_host(path, anthropic_headers=anthropic) == host


def proxied() -> HTTPFlow:
    flow = listener_flow(b"", "/v1/messages", host="llm.example.com")
    flow.request.authority = "llm.example.com:8787"
    return flow


def reverse() -> HTTPFlow:
    flow = listener_flow(b"", "/v1/messages")
    flow.client_conn.proxy_mode = ProxyMode.parse("reverse:https://api.anthropic.com")
    return flow


def upstream() -> HTTPFlow:
    flow = listener_flow(b"", "/v1/messages")
    flow.client_conn.proxy_mode = ProxyMode.parse("upstream:http://127.0.0.1:3128")
    return flow


@pytest.mark.parametrize(
    ("flow", "for_listener"),
    [
        pytest.param(listener_flow(b"", "/v1/messages"), True, id="origin-form"),
        pytest.param(listener_flow(b"", "/v1/messages", host="evil.example"), True, id="foreign-host-still-the-ports-affair"),
        pytest.param(upstream(), True, id="upstream-mode"),
        pytest.param(reverse(), False, id="reverse-mode"),
        pytest.param(proxied(), False, id="absolute-form"),
        pytest.param(listener_flow(b"", "/v1/messages", port=LISTENER + 1), False, id="another-port"),
        pytest.param(request_flow(b"", host="127.0.0.1"), False, id="in-a-tunnel"),
    ],
)
def test_requests_to_the_port_itself(flow: HTTPFlow, for_listener: bool) -> None:
    assert is_for_listener(flow) == for_listener


@pytest.mark.parametrize(
    ("host", "headers", "trusted"),
    [
        ("127.0.0.1", {}, True),
        ("127.1.2.3", {}, True),
        ("localhost", {}, True),
        ("LocalHost", {}, True),
        ("::1", {}, True),
        ("[::1]", {}, True),
        ("localhost", {"sec-fetch-site": "none"}, True),
        ("localhost.evil.example", {}, False),
        ("10.0.0.1", {}, False),
        ("0.0.0.0", {}, False),  # noqa: S104  # a Host header, no socket
        ("2130706433", {}, False),
        ("", {}, False),
        ("127.0.0.1", {"origin": "http://127.0.0.1:8787"}, False),
        ("127.0.0.1", {"Origin": ""}, False),
        ("127.0.0.1", {"sec-fetch-site": "cross-site"}, False),
        ("127.0.0.1", {"Sec-Fetch-Site": "same-origin"}, False),
    ],
)
def test_who_may_ask_the_port(host: str, headers: dict[str, str], trusted: bool) -> None:
    assert is_trusted_origin(listener_flow(b"", "/v1/messages", host=host, headers=headers)) == trusted


def test_a_request_is_sent_to_its_provider_over_tls() -> None:
    flow = listener_flow(b"x", "/v1/messages?beta=true", headers={"x-api-key": "k"})
    send_to(flow, "api.anthropic.com")
    assert flow.request.url == "https://api.anthropic.com/v1/messages?beta=true"
    assert flow.request.headers["host"] == "api.anthropic.com"
    assert flow.request.headers["x-api-key"] == "k"
