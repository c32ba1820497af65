"""The vendors' own SDKs with nothing set but proxy and CA: what reaches the upstream is what they sent, but for the tool output."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from headroom_proxy.local_upstream import LocalUpstream, Received, anthropic_messages
from tests.e2e.rig.proxy import Proxy
from tests.e2e.rig.traffic import anthropic_conversation, literal, openai_conversation, replaced, tool_text

LENGTHS = {"content-length"}

type Ask = Callable[[str, ssl.SSLContext, dict[str, Any]], Any]
"""Sends the conversation through the proxy at a URL and returns the provider's usage."""


def ask_anthropic(proxy: str, tls: ssl.SSLContext, body: dict[str, Any]) -> Any:
    with httpx2.Client(proxy=proxy, verify=tls) as client:
        return anthropic.Anthropic(api_key="dummy", http_client=client, max_retries=0).messages.create(**body).usage


def stream_anthropic(proxy: str, tls: ssl.SSLContext, body: dict[str, Any]) -> Any:
    with httpx2.Client(proxy=proxy, verify=tls) as client:
        sdk = anthropic.Anthropic(api_key="dummy", http_client=client, max_retries=0)
        with sdk.messages.stream(**body) as stream:
            assert "".join(stream.text_stream).startswith("This conversation has")
            return stream.get_final_message().usage


def stream_anthropic_async(proxy: str, tls: ssl.SSLContext, body: dict[str, Any]) -> Any:
    async def ask() -> Any:
        async with httpx2.AsyncClient(proxy=proxy, verify=tls) as client:
            sdk = anthropic.AsyncAnthropic(api_key="dummy", http_client=client, max_retries=0)
            async with sdk.messages.stream(**body) as stream:
                return (await stream.get_final_message()).usage

    return asyncio.run(ask())


def ask_openai(proxy: str, tls: ssl.SSLContext, body: dict[str, Any]) -> Any:
    with httpx2.Client(proxy=proxy, verify=tls) as client:
        return openai.OpenAI(api_key="dummy", http_client=client, max_retries=0).chat.completions.create(**body).usage


def stream_openai(proxy: str, tls: ssl.SSLContext, body: dict[str, Any]) -> Any:
    with httpx2.Client(proxy=proxy, verify=tls) as client:
        sdk = openai.OpenAI(api_key="dummy", http_client=client, max_retries=0)
        chunks = list(sdk.chat.completions.create(**body, stream=True, stream_options={"include_usage": True}))
        assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices).startswith("This conversation has")
        return chunks[-1].usage


def ask_openai_async(proxy: str, tls: ssl.SSLContext, body: dict[str, Any]) -> Any:
    async def ask() -> Any:
        async with httpx2.AsyncClient(proxy=proxy, verify=tls) as client:
            sdk = openai.AsyncOpenAI(api_key="dummy", http_client=client, max_retries=0)
            return (await sdk.chat.completions.create(**body)).usage

    return asyncio.run(ask())


ANTHROPIC_ASKS: list[Ask] = [ask_anthropic, stream_anthropic, stream_anthropic_async]
OPENAI_ASKS: list[Ask] = [ask_openai, stream_openai, ask_openai_async]


def compare(proxy: Proxy, upstream: LocalUpstream, ask: Ask, conversation: dict[str, Any], text: str) -> tuple[str, Any]:
    """The text that the upstream saw in place of `text`, and the usage that the client saw; all else is compared with a direct call."""
    ask(upstream.proxy_url, ssl.create_default_context(cafile=upstream.ca_file), conversation)
    usage = ask(proxy.url, ssl.create_default_context(cafile=proxy.ca_file), conversation)
    direct, rewritten = upstream.received
    assert headers(rewritten) == headers(direct)
    assert (rewritten.method, rewritten.host, rewritten.path) == (direct.method, direct.host, direct.path)
    assert rewritten.header("content-length") == str(len(rewritten.raw))
    return replaced(direct.raw, rewritten.raw, literal(text)), usage


def headers(request: Received) -> list[tuple[str, str]]:
    return [(name, value) for name, value in request.headers if name not in LENGTHS]


@pytest.mark.parametrize("ask", ANTHROPIC_ASKS)
def test_anthropic_sdk(proxy: Proxy, upstream: LocalUpstream, ask: Ask) -> None:
    text = tool_text(200, seed=ANTHROPIC_ASKS.index(ask))
    conversation = anthropic_conversation([text])
    conversation["messages"][-1]["content"][0]["cache_control"] = {"type": "ephemeral"}

    seen, usage = compare(proxy, upstream, ask, conversation, text)

    assert len(seen) < len(text) / 2
    row = proxy.flow_log.flow()
    assert (row["provider"], row["model"], row["path"]) == ("anthropic", "claude-sonnet-4-6", "/v1/messages")
    assert row["client"].startswith(("Anthropic/", "AsyncAnthropic/"))
    assert row["changed"], row["reason"]
    assert row["status"] == 200
    assert row["streamed"] == (ask is not ask_anthropic)
    assert row["tokens_after"] < row["tokens_before"]
    assert row["bytes_after"] == len(upstream.received[1].raw)
    assert row["bytes_before"] == len(upstream.received[0].raw)
    assert row["input_tokens"] == usage.input_tokens
    assert row["cache_read_tokens"] == usage.cache_read_input_tokens
    assert row["cache_write_tokens"] == usage.cache_creation_input_tokens
    assert row["cache_write_tokens"] > 0
    assert row["output_tokens"] == usage.output_tokens


@pytest.mark.parametrize("ask", OPENAI_ASKS)
def test_openai_sdk(proxy: Proxy, upstream: LocalUpstream, ask: Ask) -> None:
    text = tool_text(200, seed=10 + OPENAI_ASKS.index(ask))

    seen, usage = compare(proxy, upstream, ask, openai_conversation([text]), text)

    assert len(seen) < len(text) / 2
    row = proxy.flow_log.flow()
    assert (row["provider"], row["model"], row["path"]) == ("openai", "gpt-5", "/v1/chat/completions")
    assert row["changed"], row["reason"]
    assert row["streamed"] == (ask is stream_openai)
    cached = usage.prompt_tokens_details.cached_tokens
    assert row["cache_read_tokens"] == cached
    assert row["input_tokens"] == usage.prompt_tokens - cached
    assert row["output_tokens"] == usage.completion_tokens
    [output] = proxy.flow_log.outputs(row["id"])
    assert (output["result"], output["tool"]) == ("rewritten", "search")
    assert output["tokens_after"] < output["tokens_before"]
    assert output["bytes_after"] == len(literal(seen)) or output["bytes_after"] == len(seen.encode())


@pytest.mark.parametrize(
    ("module", "call"),
    [
        ("anthropic", "anthropic.Anthropic().messages.create(model='m', max_tokens=9, messages=messages).content[0].text"),
        ("openai", "openai.OpenAI().chat.completions.create(model='m', messages=messages).choices[0].message.content"),
    ],
)
def test_sdk_with_environment_only(proxy: Proxy, module: str, call: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HTTPS_PROXY": proxy.url,
        "SSL_CERT_FILE": str(proxy.ca_file),
        f"{module.upper()}_API_KEY": "dummy",
    }
    code = f"import {module}; messages = [{{'role': 'user', 'content': 'hi'}}]; print({call})"

    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert done.stdout.startswith("This conversation has 1 messages"), done.stderr
    assert proxy.flow_log.flow()["status"] == 200


@pytest.mark.parametrize(("status", "kind"), [(429, "RateLimitError"), (500, "InternalServerError")])
def test_a_providers_error_reaches_the_sdk(proxy: Proxy, upstream: LocalUpstream, status: int, kind: str) -> None:
    upstream.answer = lambda _: anthropic_messages.error(status, "not now", [("retry-after", "7")])
    tls = ssl.create_default_context(cafile=proxy.ca_file)

    with pytest.raises(anthropic.APIStatusError) as caught:
        ask_anthropic(proxy.url, tls, anthropic_conversation([tool_text()]))

    assert type(caught.value).__name__ == kind
    assert caught.value.status_code == status
    assert caught.value.response.headers["retry-after"] == "7"
    row = proxy.flow_log.flow()
    assert row["status"] == status
    assert row["input_tokens"] is None
