"""One port: proxy requests, base-URL requests, /health, and hosts that are none of ours."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

import anthropic
import httpx2
import openai
import pytest
from cryptography import x509

from headroom_proxy.local_upstream import LocalUpstream
from headroom_proxy.local_upstream.certificates import AUTHORITY_NAME
from tests.e2e.rig.proxy import Proxy
from tests.e2e.rig.traffic import (
    ANTHROPIC_HEADERS,
    ANTHROPIC_URL,
    anthropic_bytes,
    anthropic_conversation,
    literal,
    openai_conversation,
    replaced,
    tool_text,
)


def issuer_through(proxy: Proxy, host: str) -> str:
    """Who signed the certificate that a client sees when it asks the proxy for `host`."""
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as connection:
        connection.sendall(f"CONNECT {host}:443 HTTP/1.1\r\nHost: {host}:443\r\n\r\n".encode())
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        with context.wrap_socket(connection, server_hostname=host) as tls:
            certificate = tls.getpeercert(binary_form=True)
    assert certificate
    return x509.load_der_x509_certificate(certificate).issuer.rfc4514_string()


def test_proxy_and_base_url_at_once(proxy: Proxy, upstream: LocalUpstream) -> None:
    text = tool_text(200, seed=20)
    conversation = anthropic_conversation([text])
    with proxy.client() as client:
        through_proxy = anthropic.Anthropic(api_key="dummy", http_client=client, max_retries=0)
        by_base_url = anthropic.Anthropic(api_key="dummy", base_url=proxy.url, max_retries=0)
        for sdk in (through_proxy, by_base_url, through_proxy, by_base_url):
            assert sdk.messages.create(**conversation).usage.output_tokens > 0
    openai.OpenAI(api_key="dummy", base_url=f"{proxy.url}/v1", max_retries=0).chat.completions.create(**openai_conversation([text]))

    *messages, completion = upstream.received
    assert {request.host for request in messages} == {"api.anthropic.com"}
    assert {request.path for request in messages} == {"/v1/messages"}
    assert len({request.raw for request in messages}) == 1
    assert literal(text) not in messages[0].raw
    assert (completion.host, completion.path) == ("api.openai.com", "/v1/chat/completions")
    assert literal(text) not in completion.raw
    assert [row["host"] for row in proxy.flow_log.flows(5)] == ["api.anthropic.com"] * 4 + ["api.openai.com"]


def test_health(proxy: Proxy) -> None:
    health = proxy.health()
    assert health["status"] == "healthy"
    assert health["mode"] == "optimize"
    assert health["uptime_seconds"] >= 0
    assert health["version"].count(".") == 2


def test_an_unknown_path_is_answered_with_what_is_known(proxy: Proxy, upstream: LocalUpstream) -> None:
    response = httpx2.get(f"{proxy.url}/v7/unheard-of", timeout=10)
    assert response.status_code == 404
    assert "/v7/unheard-of" in response.text
    for known in ("/v1/messages", "/v1/chat/completions", "/health"):
        assert known in response.text
    assert upstream.received == []


@pytest.mark.parametrize(
    "headers",
    [{"host": "evil.example"}, {"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}],
    ids=["a name that leads to loopback", "a page's script", "a page's request"],
)
def test_a_web_page_cannot_use_the_port(proxy: Proxy, upstream: LocalUpstream, headers: dict[str, str]) -> None:
    response = httpx2.post(f"{proxy.url}/v1/messages", headers=ANTHROPIC_HEADERS | headers, content=b"{}", timeout=10)
    assert response.status_code >= 400
    assert upstream.received == []


def test_other_hosts_show_their_own_certificate(proxy: Proxy) -> None:
    assert AUTHORITY_NAME in issuer_through(proxy, "www.example.org")
    assert "mitmproxy" in issuer_through(proxy, "api.anthropic.com")


def test_other_hosts_pass_through_untouched(proxy: Proxy, upstream: LocalUpstream) -> None:
    body = anthropic_bytes(literal(tool_text(seed=21)))
    tls = ssl.create_default_context(cafile=upstream.ca_file)
    with httpx2.Client(proxy=proxy.url, verify=tls, timeout=10) as client:
        response = client.post("https://www.example.org/v1/messages", headers=ANTHROPIC_HEADERS, content=body)
    assert response.status_code == 200
    assert upstream.received[0].raw == body
    with proxy.client() as client:
        client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=b"{}")
    assert proxy.flow_log.flow()["host"] == "api.anthropic.com"
    assert "www.example.org" not in proxy.log.replace("www.example.org:443", "")


def test_other_paths_of_a_provider_pass_through(proxy: Proxy, upstream: LocalUpstream) -> None:
    body = anthropic_bytes(literal(tool_text(seed=22)))
    with proxy.client() as client:
        response = client.post("https://api.anthropic.com/api/event_logging/batch", headers=ANTHROPIC_HEADERS, content=body)
        assert response.status_code == 404
        client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=b"{}")
    assert upstream.received[0].raw == body
    assert proxy.flow_log.flow()["path"] == "/v1/messages"


def test_headroom_hosts_adds_a_host(start_proxy: Callable[..., Proxy], upstream: LocalUpstream) -> None:
    proxy = start_proxy(options={"headroom_hosts": "llm.example.test=openai"})
    text = tool_text(200, seed=23)
    with proxy.client() as client:
        sdk = openai.OpenAI(api_key="dummy", base_url="https://llm.example.test/v1", http_client=client, max_retries=0)
        sdk.chat.completions.create(**openai_conversation([text]))
        client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=b"{}")
    assert literal(text) not in upstream.received[0].raw
    rows = proxy.flow_log.flows(2)
    assert (rows[0]["host"], rows[0]["provider"], rows[0]["changed"]) == ("llm.example.test", "openai", 1)
    assert AUTHORITY_NAME in issuer_through(proxy, "www.example.org")


def test_the_users_own_allow_hosts_stay(start_proxy: Callable[..., Proxy]) -> None:
    proxy = start_proxy(arguments=["--allow-hosts", r"^www\.example\.org"])
    assert "mitmproxy" in issuer_through(proxy, "www.example.org")
    assert "mitmproxy" in issuer_through(proxy, "api.openai.com")
    assert AUTHORITY_NAME in issuer_through(proxy, "llm.example.test")


def test_request_headers_for_us_do_not_leave(proxy: Proxy, upstream: LocalUpstream) -> None:
    body = anthropic_bytes(literal(tool_text(seed=24)))
    with proxy.client() as client:
        client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS | {"x-headroom-mode": "audit"}, content=body)
    [request] = upstream.received
    assert request.raw == body
    assert not [name for name, _ in request.headers if name.startswith("x-headroom")]
    row = proxy.flow_log.flow()
    assert (row["mode"], row["reason"], row["changed"]) == ("audit", "audit_mode", 0)


def test_rewritten_bytes_around_the_result_are_the_clients(proxy: Proxy, upstream: LocalUpstream) -> None:
    text = tool_text(200, seed=25)
    body = anthropic_bytes(literal(text))
    with proxy.client() as client:
        client.post(ANTHROPIC_URL, headers=ANTHROPIC_HEADERS, content=body)
    assert "rec-1000" in replaced(body, upstream.received[0].raw, literal(text))
