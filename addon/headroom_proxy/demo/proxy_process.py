"""The real proxy as a process of its own: `mitmdump -s headroom_addon.py`, with a CA of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from headroom_core.errors import HeadroomError
from headroom_proxy.local_upstream import LocalUpstream
from headroom_proxy.paths import addon_script

_START_SECONDS = 20.0
_STOP_SECONDS = 8.0
_LISTENING = re.compile(r"listening at \S*?:(\d+)")


class ProxyError(HeadroomError):
    """mitmdump did not start, or not with the addon. The message is one line."""


class ProxyProcess:
    """mitmdump with the addon, on a free port, while the context is open.

    `folder` gets the flow log (`data`) and what mitmdump prints (`mitmdump.log`); `secrets` gets the key of its CA.
    """

    def __init__(self, folder: Path, secrets: Path, upstream: LocalUpstream, more_args: Sequence[str] = ()) -> None:
        self.data = folder / "data"
        self.ca_file = secrets / "mitmproxy-ca-cert.pem"
        self.log_file = folder / "mitmdump.log"
        self.port = 0
        options = {
            "ssl_verify_upstream_trusted_ca": str(upstream.ca_file),
            "connection_strategy": "lazy",
            "confdir": str(secrets),
            "headroom_data_dir": str(self.data),
        }
        self.command = [
            _mitmdump(),
            "-s",
            str(addon_script()),
            "--listen-host",
            "127.0.0.1",
            "-p",
            "0",
            "--mode",
            f"upstream:{upstream.proxy_url}",
        ]
        for name, value in options.items():
            self.command += ["--set", f"{name}={value}"]
        self.command += more_args
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """What HTTPS_PROXY is set to."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        with self.log_file.open("wb") as log:
            # A session of its own: Ctrl-C in the terminal is for the demo, which then ends the proxy in good order.
            self._process = subprocess.Popen(
                self.command, env=clean_environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        with ExitStack() as undo:
            undo.callback(self.stop)
            self._wait_until_ready()
            undo.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        """End it, so that it writes its log first; by force if it does not end. Its worker processes are of its session."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if hasattr(os, "killpg"):
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                return

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                break
            if self.port == 0 and (found := _LISTENING.search(self.log_file.read_text(errors="replace"))):
                self.port = int(found[1])
            if self.port and self._is_healthy():
                return
            time.sleep(0.05)
        raise ProxyError(
            f"mitmdump with the addon did not start: {_reason(self.log_file.read_text(errors='replace'))} (see {self.log_file})"
        )

    def _is_healthy(self) -> bool:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.url}/health", timeout=2) as response:
                return b'"healthy"' in response.read()
        except (urllib.error.URLError, OSError):
            return False


def clean_environment(**added: str) -> dict[str, str]:
    """This process's environment without proxies, CAs, and providers' settings and keys, so that none of them can interfere or leak."""
    kept = {name: value for name, value in os.environ.items() if not _FOREIGN.match(name)}
    return kept | {"PYTHONUNBUFFERED": "1"} | added


def _reason(printed: str) -> str:
    """The line that says why: the addon's own, else one that speaks of an error, else the last."""
    lines = [re.sub(r"^\[[\d:.]+\] *", "", line).strip() for line in printed.splitlines() if line.strip()]
    for sign in ("headroom: ", "error"):
        if found := next((line for line in lines if sign in line.lower()), None):
            return found
    return lines[-1] if lines else "it printed nothing"


_FOREIGN = re.compile(r"(?i)(.*_proxy|ssl_cert_(file|dir)|anthropic_.*|openai_.*|azure_openai_.*|headroom_.*)$")


def _mitmdump() -> str:
    name = "mitmdump.exe" if os.name == "nt" else "mitmdump"
    for folder in (sysconfig.get_path("scripts"), str(Path(sys.executable).parent)):
        if (found := Path(folder) / name).exists():
            return str(found)
    raise ProxyError(f"no mitmdump beside {sys.executable}: install mitmproxy in the same environment")
