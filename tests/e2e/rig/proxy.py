"""The real mitmdump (or mitmweb) of this venv, with the addon, as a subprocess in front of the local upstream."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from headroom_proxy.local_upstream import LocalUpstream
from tests.e2e.rig.flow_log import FlowLog

ROOT = Path(__file__).parents[3]
ADDON = ROOT / "addon" / "headroom_addon.py"
START_SECONDS = 30.0
_LISTENING = re.compile(r"proxy .*listening at 127\.0\.0\.1:(\d+)")


def program(name: str) -> str:
    """A program of the venv that runs the tests."""
    return str(Path(sys.executable).parent / name)


def environment(home: Path) -> dict[str, str]:
    """This process's environment without proxies, with a home of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    return kept | {"HOME": str(home), "PYTHONUNBUFFERED": "1"}


class Proxy:
    """A running proxy; a context manager. `options` are mitmproxy options, as `--set` takes them."""

    def __init__(  # noqa: PLR0913 - what differs from test to test
        self,
        upstream: LocalUpstream,
        directory: Path,
        *,
        options: Mapping[str, str] | None = None,
        name: str = "mitmdump",
        arguments: Sequence[str] = (),
        addon: bool = True,
        port: int = 0,
    ) -> None:
        self.directory = directory
        self.data_dir = directory / "data"
        self.log_file = directory / f"{name}.log"
        self.port = port
        self.flow_log = FlowLog(self.data_dir)
        self._addon = addon
        directory.mkdir(parents=True, exist_ok=True)
        settings = {
            "ssl_verify_upstream_trusted_ca": str(upstream.ca_file),
            "connection_strategy": "lazy",
            "confdir": str(directory / "conf"),
            **({"headroom_data_dir": str(self.data_dir)} if addon else {}),
            **(options or {}),
        }
        self.command = [
            program(name),
            *(("-s", str(ADDON)) if addon else ()),
            *("--listen-host", "127.0.0.1", "-p", str(port), "--mode", f"upstream:{upstream.proxy_url}"),
            *(part for key, value in settings.items() for part in ("--set", f"{key}={value}")),
            *arguments,
        ]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ca_file(self) -> Path:
        return self.directory / "conf" / "mitmproxy-ca-cert.pem"

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def start(self) -> Self:
        """Start it and wait until it serves. Raises RuntimeError with its log where it does not."""
        self._process = self._spawn()
        deadline = time.monotonic() + START_SECONDS
        while not self._serves():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"{' '.join(self.command)}\n{self.log}")
            time.sleep(0.02)
        return self

    def stop(self) -> int:
        """End it as Ctrl-C does; its exit status."""
        assert self._process
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(5)
                raise
        return self._process.returncode

    def health(self) -> dict[str, Any]:
        """What the addon answers on its own port."""
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(f"{self.url}/health", timeout=5) as response:
            value: dict[str, Any] = json.load(response)
            return value

    def client(self, *, http2: bool = False, timeout: float = 20.0) -> httpx2.Client:
        """An HTTP client that knows the proxy and its CA."""
        return httpx2.Client(proxy=self.url, verify=ssl.create_default_context(cafile=self.ca_file), http2=http2, timeout=timeout)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.log_file.open("wb") as log:
            return subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment(self.directory)
            )

    def _serves(self) -> bool:
        if not self.port:
            found = _LISTENING.search(self.log)
            if found is None:
                return False
            self.port = int(found[1])
        if not self._addon:
            return True
        with contextlib.suppress(urllib.error.URLError, ConnectionError, ValueError):
            return bool(self.health()["status"] == "healthy")
        return False


def direct_client(upstream: LocalUpstream, *, http2: bool = False, timeout: float = 20.0) -> httpx2.Client:
    """An HTTP client that reaches the local upstream without mitmproxy in between."""
    context = ssl.create_default_context(cafile=upstream.ca_file)
    return httpx2.Client(proxy=upstream.proxy_url, verify=context, http2=http2, timeout=timeout)
