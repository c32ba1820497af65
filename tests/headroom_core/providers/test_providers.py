"""Which request goes to which provider."""

from __future__ import annotations

import pytest

from headroom_core.providers import PROVIDERS, match


@pytest.mark.parametrize(
    ("host", "path", "name"),
    [
        ("api.anthropic.com", "/v1/messages", "anthropic"),
        ("api.anthropic.com", "/v1/messages?beta=true", "anthropic"),
        ("API.Anthropic.com", "/v1/messages", "anthropic"),
        ("api.openai.com", "/v1/chat/completions", "openai"),
        ("eu.api.openai.com", "/v1/chat/completions?x=/v1/messages", "openai"),
    ],
)
def test_known(host: str, path: str, name: str) -> None:
    provider = match(host, path)
    assert provider is not None
    assert provider.name == name


@pytest.mark.parametrize(
    ("host", "path"),
    [
        pytest.param("api.anthropic.com", "/v1/messages/count_tokens", id="counting"),
        pytest.param("api.anthropic.com", "/v1/messages/batches", id="batches"),
        pytest.param("api.anthropic.com", "/v1/chat/completions", id="the-other-format"),
        pytest.param("api.anthropic.com", "/?p=/v1/messages", id="path-in-the-query"),
        pytest.param("api.openai.com", "/v1/embeddings", id="embeddings"),
        pytest.param("evil-api.openai.com", "/v1/chat/completions", id="prefix"),
        pytest.param("api.openai.com.evil.example", "/v1/chat/completions", id="suffix"),
        pytest.param("apixopenai.com", "/v1/chat/completions", id="dots-are-dots"),
        pytest.param("evil.example\napi.openai.com", "/v1/chat/completions", id="line-break"),
        pytest.param("", "", id="nothing"),
    ],
)
def test_unknown(host: str, path: str) -> None:
    assert match(host, path) is None


@pytest.mark.parametrize(
    ("host", "path", "name"),
    [
        ("llm.example.com", "/v1/chat/completions", "openai"),
        ("llm.example.com", "/openai/deployments/x/chat/completions?api-version=1", "openai"),
        ("LLM.example.com", "/v1/chat/completions", "openai"),
        ("claude.example.org", "/gateway/v1/messages", "anthropic"),
        ("llm.example.com", "/v1/messages", None),
        ("other.example.com", "/v1/chat/completions", None),
        ("sub.llm.example.com", "/v1/chat/completions", None),
        ("api.anthropic.com", "/v1/messages", "anthropic"),
    ],
)
def test_hosts_of_the_user(host: str, path: str, name: str | None) -> None:
    provider = match(host, path, ("llm.example.com=openai", "claude.example.org=anthropic"))
    assert (provider.name if provider else None) == name


def test_names_are_the_formats_that_the_option_takes() -> None:
    assert [provider.name for provider in PROVIDERS] == ["anthropic", "openai"]
