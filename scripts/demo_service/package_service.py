"""A small HTTP service over the packages that are installed here; the subject of the demo's conversation.

    python package_service.py PORT LOGFILE

GET /packages, /packages/NAME, /packages/NAME/licence, /search?q=WORD, and /log[?status=CODE], the service's own log as JSON.
It logs each request but those for /log. It has a real fault, which the demo's agent looks for.
"""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import threading
import time
import traceback
import uuid
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

VERSION = "1.4.2"


class NotFoundError(Exception):
    """The path names nothing that is here."""


class Catalogue:
    """What importlib.metadata knows of this environment."""

    def __init__(self) -> None:
        self._packages = {(found.name or "").lower(): found for found in metadata.distributions()}

    def package(self, name: str) -> dict[str, Any]:
        """One package's facts. Raises NotFoundError."""
        found = self._find(name)
        files = found.files or []
        return {
            "name": found.name,
            "version": found.version,
            "summary": found.metadata["Summary"],
            "requires_python": found.metadata["Requires-Python"],
            "requires": [re.split(r"[ ;<>=!~(\[]", line, maxsplit=1)[0] for line in found.requires or [] if "extra ==" not in line],
            "installer": (found.read_text("INSTALLER") or "").strip(),
            "files": len(files),
            "bytes": sum(file.size or 0 for file in files),
        }

    def packages(self) -> list[dict[str, Any]]:
        """Every package's facts, by name."""
        return [self.package(name) for name in sorted(self._packages)]

    def licence(self, name: str) -> dict[str, str]:
        """A package's licence in one line. Raises NotFoundError."""
        fields = self._find(name).metadata
        text = fields["License-Expression"] or fields["License"]
        return {"name": name, "licence": text.splitlines()[0]}

    def search(self, word: str) -> list[str]:
        """The names of the packages whose whole metadata contains the word."""
        found = {name: package.read_text("METADATA") or "" for name, package in self._packages.items()}
        return sorted(name for name, text in found.items() if word.lower() in text.lower())

    def _find(self, name: str) -> metadata.Distribution:
        try:
            return self._packages[name.lower()]
        except KeyError:
            raise NotFoundError(f"no package {name!r}") from None


class RequestLog:
    """JSON lines in a file, also offered as JSON values."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def write(self, **fields: object) -> None:
        """Append one record."""
        with self._lock, self._path.open("a") as file:
            file.write(json.dumps(fields) + "\n")

    def read(self, status: str = "") -> list[dict[str, Any]]:
        """All records, or those with one status."""
        with self._lock:
            lines = self._path.read_text().splitlines() if self._path.exists() else []
        records: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [record for record in records if not status or str(record["status"]) == status]


def answer(catalogue: Catalogue, log: RequestLog, target: str) -> Any:
    """The JSON value behind a path. Raises NotFoundError."""
    url = urlsplit(target)
    query = parse_qs(url.query)
    match url.path.strip("/").split("/"):
        case ["packages"]:
            return catalogue.packages()
        case ["packages", name]:
            return catalogue.package(name)
        case ["packages", name, "licence"]:
            return catalogue.licence(name)
        case ["search"]:
            return catalogue.search(query.get("q", [""])[0])
        case ["log"]:
            return log.read(query.get("status", [""])[0])
    raise NotFoundError(f"nothing at {url.path}")


class Handler(BaseHTTPRequestHandler):
    """Answers in JSON; each request leaves one record in the log."""

    protocol_version = "HTTP/1.1"
    catalogue: Catalogue
    log: RequestLog

    def do_GET(self) -> None:
        """Answer one request and log it."""
        started = time.perf_counter()
        error = None
        try:
            status, value = HTTPStatus.OK, answer(self.catalogue, self.log, self.path)
        except NotFoundError as missing:
            status, value = HTTPStatus.NOT_FOUND, {"error": str(missing)}
        except (AttributeError, KeyError, ValueError, OSError) as fault:
            last = traceback.extract_tb(fault.__traceback__)[-1]
            error = f"{type(fault).__name__}: {fault} ({Path(last.filename).name}:{last.lineno} in {last.name})"
            status, value = HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "internal error"}
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        if not self.path.startswith("/log"):
            self._record(status, len(body), (time.perf_counter() - started) * 1000, error)

    def _record(self, status: int, size: int, milliseconds: float, error: str | None) -> None:
        level = "error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "warning" if status >= HTTPStatus.BAD_REQUEST else "info"
        self.log.write(
            time=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            level=level,
            request_id=uuid.uuid4().hex,
            service="package-service",
            version=VERSION,
            host=socket.gethostname(),
            pid=os.getpid(),
            client=self.headers.get("user-agent", ""),
            method=self.command,
            path=self.path,
            status=int(status),
            bytes=size,
            duration_ms=round(milliseconds, 2),
            error=error,
        )

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name is the base class's)
        """Nothing: the log file says it all."""
        del format, args


def main() -> None:
    """Serve until the process is ended."""
    Handler.catalogue = Catalogue()
    Handler.log = RequestLog(Path(sys.argv[2]))
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
