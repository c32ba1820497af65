"""The compressors that are laid side by side: an environment for each, kept in a cache folder, and a process that speaks JSON lines.

Rule of the room: nothing calls out but pip to its package index, while an environment is made. A peer that can't be installed or
started raises `PeerError`, so that the report can say so.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import platformdirs

from headroom_core.tokens.vocabulary import O200K_BASE, Vocabulary, find
from scripts.bench.cases import Case

ROOT = Path(__file__).resolve().parents[2]
WORKER = Path(__file__).with_name("peer_worker.py")

_CL100K_BASE = Vocabulary(
    name="cl100k_base",
    url_sha1="9b5ad71b2ce5302211f9c61530b329a4922fc6a4",
    sha256="223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    pattern="",
)


class PeerError(Exception):
    """A peer is not to be had, or did not answer."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One compressor in one configuration. `requirement` is what pip installs; empty: this project, in this environment."""

    name: str
    requirement: str = ""
    folder: str = ""
    """Of its environment: arms of one package share it."""
    note: str = ""

    @property
    def ours(self) -> bool:
        """Whether this is the project itself."""
        return not self.requirement


ARMS = (
    Arm("ours-lossless"),
    Arm("ours-balanced"),
    Arm(
        "headroom-0.2.0",
        "headroom-ai==0.2.0",
        "headroom-0.2.0",
        "base install with BM25, 15 items; its embeddings need torch. Chat Completions: it does not see Anthropic's result blocks.",
    ),
    Arm(
        "headroom-0.42.0",
        "headroom-ai[proxy]==0.42.0",
        "headroom-0.42.0",
        "compress() with its defaults; without its ML text model, which is downloaded at run time.",
    ),
    Arm(
        "secondwind",
        "secondwind==0.5.1",
        "secondwind",
        "Session().rewrite() on the request; its offloading to a resolve tool is off, so that nothing is left out.",
    ),
    Arm("llmtrim-safe", "llmtrim==0.13.7", "llmtrim", 'compress() on the request, preset "safe".'),
    Arm("llmtrim-auto", "llmtrim==0.13.7", "llmtrim", 'compress() on the request, preset "auto".'),
)


def cache_folder() -> Path:
    """Where the environments and vocabularies are kept."""
    return Path(platformdirs.user_cache_dir("headroom"), "bench")


def python_of(arm: Arm) -> Path:
    """The interpreter that has the arm's package; its environment is made if need be. Raises PeerError."""
    if arm.ours:
        return Path(sys.executable)
    folder = cache_folder() / arm.folder
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    made_of = f"{arm.requirement} orjson {sys.version}"
    stamp = folder / "made-of.txt"
    if stamp.is_file() and stamp.read_text() == made_of:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    _run([sys.executable, "-I", "-m", "venv", str(folder)], arm)
    # orjson is the yardstick that each process measures for itself.
    _run([str(python), "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", arm.requirement, "orjson"], arm)
    stamp.write_text(made_of)
    return python


def _run(command: list[str], arm: Arm) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerError(f"{arm.requirement}: {error}") from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise PeerError(f"{arm.requirement}: {lines[-1]}")


def _vocabularies() -> Path:
    """A folder in which tiktoken finds its vocabularies, so that it does not download them."""
    folder = cache_folder() / "tiktoken"
    folder.mkdir(parents=True, exist_ok=True)
    for vocabulary in (O200K_BASE, _CL100K_BASE):
        path = folder / vocabulary.url_sha1
        if not path.is_file() and (data := find(vocabulary)) is not None:
            path.write_bytes(data)
    return folder


def _environment(home: Path, arm: Arm) -> dict[str, str]:
    keep = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "TMPDIR") if name in os.environ}
    nowhere = "http://127.0.0.1:9"
    quiet = {"HF_HUB_OFFLINE": "1", "HEADROOM_BEACON": "off", "HEADROOM_TELEMETRY": "off", "DO_NOT_TRACK": "1", "HEADROOM_OFFLINE": "1"}
    scratch = {"HOME": str(home), "HEADROOM_WORKSPACE_DIR": str(home), "TIKTOKEN_CACHE_DIR": str(_vocabularies())}
    closed = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), nowhere)
    return keep | quiet | scratch | closed | ({"PYTHONPATH": str(ROOT)} if arm.ours else {})


@dataclass(frozen=True, slots=True)
class Reply:
    """What an arm made of a conversation. With an `error` there is nothing else."""

    texts: tuple[str, ...] = ()
    seconds: float = 0.0
    parse_seconds: float = 1e-6
    size: int = 0
    error: str = ""


class Worker:
    """An arm's process: a context manager, in a scratch home of its own. One that died or hung is started anew for the next case."""

    def __init__(self, arm: Arm, *, limit: float = 60.0) -> None:
        """`limit`: seconds for one case. Makes the arm's environment, which may raise PeerError."""
        self.arm = arm
        self.limit = limit
        self._python = python_of(arm)
        self._process: subprocess.Popen[bytes] | None = None
        self._home = tempfile.TemporaryDirectory(prefix="headroom-bench-", ignore_cleanup_errors=True)

    def __enter__(self) -> Self:
        try:
            self._start()
        except PeerError:
            self._home.cleanup()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()
        self._home.cleanup()

    def ask(self, case: Case) -> Reply:
        """The arm's answer; errors are part of it."""
        try:
            process = self._process or self._start()
            found = self._exchange(process, {"steps": [asdict(step) for step in case.steps]})
        except PeerError as error:
            return Reply(error=str(error))
        if "error" in found:
            return Reply(error=found["error"])
        return Reply(tuple(found["texts"]), found["seconds"], found["parse"], found["bytes"])

    def restart(self) -> None:
        """Forget all that the process has learned; its home stays empty too."""
        self._stop()
        for path in Path(self._home.name).iterdir():
            shutil.rmtree(path, ignore_errors=True)
        self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        home = Path(self._home.name)
        with (home / "stderr.txt").open("wb") as log:
            process = subprocess.Popen(
                [str(self._python), "-P", str(WORKER), self.arm.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=home,
                env=_environment(home, self.arm),
            )
        self._process = process
        self._exchange(process, None)
        return process

    def _exchange(self, process: subprocess.Popen[bytes], message: dict[str, Any] | None) -> dict[str, Any]:
        if process.stdin is None or process.stdout is None:
            raise PeerError("no pipes")
        killer = threading.Timer(self.limit, process.kill)
        killer.start()
        try:
            if message is not None:
                process.stdin.write(json.dumps(message).encode() + b"\n")
                process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = b""
        finally:
            killer.cancel()
        if not line:
            self._stop()
            raise PeerError(self._last_words(process.returncode))
        found: dict[str, Any] = json.loads(line)
        return found

    def _last_words(self, status: int) -> str:
        lines = (Path(self._home.name) / "stderr.txt").read_text(errors="replace").strip().splitlines()
        return f"the process ended with status {status}" + (f": {lines[-1][:200]}" if lines else f", perhaps after {self.limit:g} s")

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        try:
            process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
