"""Fixtures of the end-to-end tests: one local upstream and one proxy for the session, and a way to start more of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from headroom_proxy.local_upstream import LocalUpstream, Providers
from tests.e2e.rig.proxy import Proxy

HOSTS = ["api.anthropic.com", "api.openai.com", "llm.example.test", "www.example.org"]


@pytest.fixture(scope="session", autouse=True)
def no_proxies_of_the_environment() -> Iterator[None]:
    """Clients in this process use the proxy they are given, and trust what they are given."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.lower().endswith("_proxy") or name in {"SSL_CERT_FILE", "SSL_CERT_DIR"}:
                patch.delenv(name)
        yield


@pytest.fixture(scope="session")
def session_upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalUpstream]:
    with LocalUpstream(HOSTS, tmp_path_factory.mktemp("upstream")) as upstream:
        yield upstream


@pytest.fixture
def upstream(session_upstream: LocalUpstream) -> LocalUpstream:
    """The local upstream with nothing received and a fresh prompt cache."""
    session_upstream.answer = Providers()
    session_upstream.forget()
    return session_upstream


@pytest.fixture(scope="session")
def session_proxy(session_upstream: LocalUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with Proxy(session_upstream, tmp_path_factory.mktemp("proxy")) as proxy:
        yield proxy


@pytest.fixture
def proxy(session_proxy: Proxy, upstream: LocalUpstream) -> Proxy:  # noqa: ARG001 - is made anew for each test
    """The real mitmdump with the addon and default settings; its flow log shows this test's flows only."""
    session_proxy.flow_log.mark()
    return session_proxy


@pytest.fixture
def start_proxy(upstream: LocalUpstream, tmp_path: Path) -> Iterator[Callable[..., Proxy]]:
    """Start another proxy: `start_proxy(options={...})`, and any other argument of `Proxy`. Ended with the test."""
    with ExitStack() as running:

        def start(directory: Path = tmp_path / "proxy", **arguments: Any) -> Proxy:
            return running.enter_context(Proxy(upstream, directory, **arguments))

        yield start
