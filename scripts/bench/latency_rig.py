"""What scripts/bench/latency.py measures with: a fast upstream, mitmdump with and without the addon, a bare client. Loopback only.

The upstream is a process of its own that answers from asyncio's C core without parsing more than a length; the client is one blocking
TLS socket a connection. So neither is what limits mitmdump.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from headroom_proxy.local_upstream.certificates import make_server_context

HOST = "api.anthropic.com"
ROOT = Path(__file__).resolve().parent.parent.parent
STREAM_CHUNKS = 10
STREAM_PAUSE = 0.02
_START_SECONDS = 20.0
_STREAM_HEADER = b"x-bench-stream"
_LENGTH = re.compile(rb"(?i)content-length: *(\d+)")


def _usage() -> dict[str, int]:
    return {"input_tokens": 1000, "cache_read_input_tokens": 900, "cache_creation_input_tokens": 0, "output_tokens": 400}


def _plain_answer() -> bytes:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-5-5", "stop_reason": "end_turn"}
    body = json.dumps(message | {"content": [{"type": "text", "text": "word " * 350}], "usage": _usage()}).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)


def _stream_answer() -> list[bytes]:
    start = {"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "usage": _usage()}}
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "some words "}}
    stop = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": _usage()}
    events = [("message_start", start), *[("content_block_delta", delta)] * (STREAM_CHUNKS - 2), ("message_delta", stop)]
    chunks = [f"event: {kind}\ndata: {json.dumps(event)}\n\n".encode() for kind, event in events]
    chunks = [b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks]
    chunks[0] = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n" + chunks[0]
    chunks[-1] += b"0\r\n\r\n"
    return chunks


class _Responder(asyncio.Protocol):
    """One connection to the upstream."""

    plain = _plain_answer()
    stream = _stream_answer()

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._owed = False
        self._head = b""
        self._missing = 0
        self._streams = False

    def attach(self, transport: asyncio.Transport) -> None:
        """TLS stands. A request may have come together with the handshake's end, before this."""
        self._transport = transport
        if self._owed:
            self._answer(transport)

    def data_received(self, data: bytes) -> None:
        """Count the body; answer once it is whole. Requests are never pipelined here."""
        if self._missing:
            self._missing -= len(data)
        else:
            self._head += data
            head, end, rest = self._head.partition(b"\r\n\r\n")
            if not end:
                return
            length = _LENGTH.search(head)
            self._missing = int(length[1]) - len(rest) if length else 0
            self._streams = _STREAM_HEADER in head.lower()
            self._head = b""
        if not self._missing:
            if self._transport is None:
                self._owed = True
            else:
                self._answer(self._transport)

    def _answer(self, transport: asyncio.Transport) -> None:
        if not self._streams:
            transport.write(self.plain)
            return
        loop = asyncio.get_running_loop()
        transport.write(self.stream[0])
        for number, chunk in enumerate(self.stream[1:], 1):
            loop.call_later(number * STREAM_PAUSE, transport.write, chunk)


class _Tunnel(asyncio.Protocol):
    """A CONNECT, answered by TLS on the same connection: the upstream is its own proxy, so no bytes are copied between two."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._head = b""
        self._upgrade: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Read the CONNECT; TLS follows only after its answer."""
        self._head += data
        if self._head.endswith(b"\r\n\r\n") and isinstance(self._transport, asyncio.Transport):
            self._transport.pause_reading()
            self._transport.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._upgrade = asyncio.get_running_loop().create_task(self._start_tls(self._transport))

    async def _start_tls(self, transport: asyncio.Transport) -> None:
        responder = _Responder()
        try:
            secured = await asyncio.get_running_loop().start_tls(transport, responder, self._context, server_side=True)
        except (OSError, ssl.SSLError):
            return
        if secured is not None:
            responder.attach(secured)


async def _serve(folder: str) -> None:
    context, _ = make_server_context([HOST], Path(folder))
    context.set_alpn_protocols(["http/1.1"])
    server = await asyncio.get_running_loop().create_server(lambda: _Tunnel(context), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class Upstream:
    """The upstream's process, with a certificate of its own CA."""

    def __init__(self, folder: Path) -> None:
        self.ca_file = folder / "upstream-ca.pem"
        self._process = subprocess.Popen([sys.executable, __file__, str(folder)], stdout=subprocess.PIPE, text=True)
        self.port = int(self._process.stdout.readline()) if self._process.stdout else 0
        """Of a proxy that answers CONNECT itself."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(10)


class Mitmdump:
    """mitmdump as a process, bare or with the addon, leading to the upstream."""

    def __init__(self, name: str, folder: Path, upstream: Upstream, *, addon: bool) -> None:
        self.name = name
        self._log = folder / f"{name}.log"
        confdir = folder / f"ca-{name}"
        options = {
            "ssl_verify_upstream_trusted_ca": str(upstream.ca_file),
            "connection_strategy": "lazy",
            "confdir": str(confdir),
        }
        command = [str(Path(sysconfig.get_path("scripts")) / "mitmdump"), "--listen-host", "127.0.0.1", "-p", "0"]
        command += ["--mode", f"upstream:http://127.0.0.1:{upstream.port}"]
        if addon:
            command += ["-s", str(ROOT / "addon" / "headroom_addon.py")]
            options["headroom_data_dir"] = str(folder / "data")
        for option, value in options.items():
            command += ["--set", f"{option}={value}"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.port = self._wait_for_port("Headroom .* active" if addon else "listening at")
        self.context = ssl.create_default_context(cafile=str(confdir / "mitmproxy-ca-cert.pem"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def _wait_for_port(self, sign: str) -> int:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            text = self._log.read_text()
            if (found := re.search(r"listening at \S*?:(\d+)", text)) and re.search(sign, text):
                return int(found[1])
            time.sleep(0.05)
        raise SystemExit(f"latency: {self.name} did not start:\n{self._log.read_text()}")


class Connection:
    """A kept-alive TLS connection through a mitmdump."""

    def __init__(self, arm: Mitmdump) -> None:
        plain = socket.create_connection(("127.0.0.1", arm.port), timeout=60)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.sendall(f"CONNECT {HOST}:443 HTTP/1.1\r\nhost: {HOST}:443\r\n\r\n".encode())
        answer = plain.recv(65536)
        if b" 200 " not in answer.split(b"\r\n")[0]:
            raise SystemExit(f"latency: CONNECT was answered {answer!r}")
        self._socket = arm.context.wrap_socket(plain, server_hostname=HOST)

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def send(self, body: bytes, *, stream: bool = False) -> tuple[float, float]:
        """One request. Milliseconds until the first byte of the answer, and until its last."""
        more = b"x-bench-stream: 1\r\n" if stream else b""
        head = b"POST /v1/messages HTTP/1.1\r\nhost: %s\r\ncontent-type: application/json\r\n%scontent-length: %d\r\n\r\n"
        request = head % (HOST.encode(), more, len(body)) + body
        started = time.perf_counter()
        self._socket.sendall(request)
        data = self._socket.recv(262_144)
        first = time.perf_counter()
        while not _complete(data):
            more = self._socket.recv(262_144)
            if not more:
                raise SystemExit(f"latency: the connection ended within an answer: {data[:200]!r}")
            data += more
        last = time.perf_counter()
        if not data.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"latency: an answer that is no success: {data[:300]!r}")
        return (first - started) * 1000, (last - started) * 1000


def _complete(data: bytes) -> bool:
    head, end, body = data.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return bool(end) and (len(body) >= int(length[1]) if length else body.endswith(b"0\r\n\r\n"))


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
