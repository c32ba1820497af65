#!/usr/bin/env python
"""Records the tool outputs of `headroom demo`: real commands, real file reads and a real service on this machine.

    .venv/bin/python scripts/record_demo.py [--git REPOSITORY]

Copies the service of scripts/demo_service to a scratch folder, lets it answer some hundreds of requests (some fail, by a real fault),
and then does what an agent would do who looks for that fault: reads the service's log over HTTP, greps, reads the source, runs the tests,
lists packages and files, looks at a git history. What names this machine or a person is replaced by stand-ins.

Written to addon/headroom_proxy/demo/data/ (UTF-8, JSON, sorted keys, one line for each file's values; the folder is replaced as a whole):

    NAME.json           {"output": text of the tool output, "recorded_with": what was run here}
    conversation.json   {"system": text,
                         "tools": [{"name", "description", "parameters": JSON schema}],
                         "turns": [{"human": text}
                                   | {"says": text, "tool": name, "arguments": {...}, "output": NAME}
                                   | {"says": text}],
                         "facts": {"asked": [{"output": NAME, "key": field, "record": {...}}],
                                   "errors": {"output": NAME, "key": field, "records": [{...}]}}}

The format depends on nothing but the recording; times, durations and ids are those of the run. The traffic is seeded.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import json
import os
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
SERVICE = ROOT / "scripts" / "demo_service"
DATA = ROOT / "addon" / "headroom_proxy" / "demo" / "data"
REQUESTS = 420
SEED = 20
PORT = 8400
"""The port that the recording shows; the one used is any free one."""
LIMIT = 400_000


@dataclass
class StandIns:
    """What stands in for names of this machine and of people."""

    pairs: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, text: str) -> str:
        """The text with stand-ins."""
        for real, shown in sorted(self.pairs, key=lambda pair: -len(pair[0])):
            text = re.sub(rf"(?<![\w-]){re.escape(real)}(?![\w-])", shown.replace("\\", "\\\\"), text)
        text = re.sub(r"[\w.+-]+@[\w-]+(\.[\w-]+)+", "dev@example.org", text)
        text = re.sub(
            r"(?im)^(\s*(?:Author|Commit|Signed-off-by|Co-authored-by|Reviewed-by):).*$", r"\1 A. Developer <dev@example.org>", text
        )
        return re.sub(r"(?m)^([-dlbcps][-rwxsStT]{9}[.+@]? +\d+) \S+ +\S+", r"\1 dev dev", text)


@dataclass
class Recorder:
    """The steps' outputs by name, in order, with the turns that lead to them."""

    folder: Path
    stand_ins: StandIns
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    turns: list[dict[str, Any]] = field(default_factory=list)

    def human(self, text: str) -> None:
        """The person asks."""
        self.turns.append({"human": text})

    def says(self, text: str) -> None:
        """The assistant answers."""
        self.turns.append({"says": text})

    def fetch(self, name: str, says: str, path: str, port: int) -> Any:
        """The assistant reads `path` from the service. Returns the JSON value with stand-ins."""
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as response:
            text = self.stand_ins(response.read().decode())
        url = f"http://127.0.0.1:{PORT}{path}"
        self._add(
            name,
            {"says": says, "tool": "http_get", "arguments": {"url": url}},
            text,
            f"GET {url} from scripts/demo_service/package_service.py",
        )
        return json.loads(text)

    def command(self, name: str, says: str, line: str) -> str:
        """The assistant runs a command line in the service's folder."""
        environment = {
            "PATH": f"{Path(sys.executable).parent}:{os.defpath}",
            "HOME": str(Path.home()),
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "120",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        done = subprocess.run(
            ["bash", "-c", line], cwd=self.folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        text, shown = self.stand_ins(done.stdout), self.stand_ins(line)
        if not text.strip() or done.returncode > 1:
            raise SystemExit(f"record_demo: exit {done.returncode} of: {line}\n{text}")
        self._add(name, {"says": says, "tool": "run_command", "arguments": {"command": shown}}, text, shown)
        return text

    def read(self, name: str, says: str, path: Path) -> None:
        """The assistant reads a file with line numbers."""
        lines = self.stand_ins(path.read_text(encoding="utf-8")).splitlines()
        text = "\n".join(f"{number}\t{line}" for number, line in enumerate(lines, 1))
        self._add(
            name,
            {"says": says, "tool": "read_file", "arguments": {"path": self.stand_ins(str(path))}},
            text,
            f"the text of scripts/demo_service/{path.name}, numbered",
        )

    def _add(self, name: str, turn: dict[str, Any], text: str, recorded_with: str) -> None:
        self.outputs[name] = {"output": text, "recorded_with": recorded_with}
        self.turns.append({**turn, "output": name})


def main() -> None:
    """Record everything anew, or leave the old recording where a step fails."""
    parser = argparse.ArgumentParser(description="Records the tool outputs of `headroom demo`.")
    parser.add_argument("--git", type=Path, default=ROOT, help="the repository whose history is shown (default: the project)")
    options = parser.parse_args()
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory() as scratch, console.status("Recording"):
        folder = Path(scratch).resolve() / "package-service"
        folder.mkdir()
        for source in sorted(SERVICE.glob("*.py")):
            shutil.copy(source, folder)
        recorder = Recorder(folder, _stand_ins(folder, options.git))
        with _service(folder) as port:
            _traffic(port)
            facts = _conversation(recorder, port, options.git.resolve())
    files = {name: json.dumps(output, ensure_ascii=False, sort_keys=True) for name, output in recorder.outputs.items()}
    assistant = json.loads((SERVICE / "assistant.json").read_text(encoding="utf-8"))
    conversation = {**assistant, "turns": recorder.turns, "facts": facts}
    files["conversation"] = json.dumps(conversation, ensure_ascii=False, sort_keys=True)
    _write(files, console)


def _conversation(recorder: Recorder, port: int, repository: Path) -> dict[str, Any]:
    """All turns, and the facts that the demo checks."""
    place = len(recorder.turns)
    records = recorder.fetch("request_log", "I start with the service's own record of its requests.", "/log", port)
    asked = _asked([record for record in records if record["status"] == 200], "duration_ms")
    errors = [record for record in records if record["level"] == "error"]
    question = (
        f"A user says that request {asked['request_id']} to package-service felt slow. What was it, what did it return and how long did it"
        " take? Others report errors: which requests failed, why, and what would you change?"
    )
    recorder.turns.insert(place, {"human": question})

    says = f"The request in question is there. {len(errors)} others failed in the licence route. Which packages declare a licence at all?"
    recorder.command("licence_fields", says, f"grep -rn '^License' {_site_packages()} --include=METADATA")
    recorder.read("source", "Now the source of the licence route.", recorder.folder / "package_service.py")
    recorder.command("tests", "The tests should show it.", "python -m pytest -q -p no:cacheprovider check_package_service.py")
    recorder.command("pip_list", "Which packages and versions does it run with?", "python -m pip list -v --format=json")
    recorder.command("site_packages", "When were they put there?", f"ls -l {_site_packages()}")
    log = f"git -C {repository} log -n 60 --stat=100 --date=iso --pretty=format:'commit %h%nDate: %ad%n%n    %s%n' | head -n 200"
    recorder.command("git_log", "Last, did the installation of Python itself change?", log)
    recorder.says(_verdict(asked, errors))

    place = len(recorder.turns)
    packages = recorder.fetch("packages", "The service itself can tell.", "/packages", port)
    package = _asked(packages, "bytes")
    recorder.turns.insert(
        place, {"human": f"Thanks. For the ticket: which version of {package['name']} is installed, and how many files has it?"}
    )
    recorder.says(f"{package['name']} is installed in version {package['version']}; it has {package['files']} files.")
    return {
        "asked": [
            {"output": "request_log", "key": "request_id", "record": asked},
            {"output": "packages", "key": "name", "record": package},
        ],
        "errors": {"output": "request_log", "key": "request_id", "records": errors},
    }


def _asked(records: Sequence[dict[str, Any]], measure: str) -> dict[str, Any]:
    """An everyday record in the middle: nothing but being asked about would make it stand out."""
    usual = statistics.median(record[measure] for record in records)
    middle = records[len(records) * 2 // 5 : len(records) * 3 // 5]
    return min(middle, key=lambda record: abs(record[measure] - usual))


def _verdict(asked: dict[str, Any], errors: Sequence[dict[str, Any]]) -> str:
    paths = ", ".join(sorted({record["path"] for record in errors}))
    return (
        f"Request {asked['request_id']} was {asked['method']} {asked['path']}; it returned {asked['status']} after "
        f"{asked['duration_ms']} ms, which is usual for this service. {len(errors)} requests failed with status 500: {paths}. "
        f"Cause: {errors[0]['error']}: "
        "these packages have neither a License-Expression nor a License field. I would let `licence` answer with null, or with the licence "
        "classifiers."
    )


def _traffic(port: int) -> None:
    """REQUESTS requests by four clients at a time; what they ask for is drawn with a seed."""
    chance = random.Random(SEED)
    names = [package["name"] for package in _get(port, "/packages", "recorder/1.0")]

    def target() -> str:
        kind = chance.random()
        if kind < 0.03:
            return f"/packages/{chance.choice(['leftpad', 'nump', 'requestes', 'pyyaml2'])}"
        if kind < 0.23:
            return f"/packages/{chance.choice(names)}/licence"
        return f"/packages/{chance.choice(names)}" if kind < 0.97 else f"/search?q={chance.choice(['async', 'proxy', 'json', 'crypto'])}"

    clients = ("web-frontend/5.0.3", "billing-report/2.1", "nightly-audit/0.9")
    work = [(target(), chance.choice(clients)) for _ in range(REQUESTS)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda item: _get(port, *item), work))


def _get(port: int, path: str, client: str) -> Any:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"user-agent": client})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code


@contextlib.contextmanager
def _service(folder: Path) -> Iterator[int]:
    """The service on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-W", "ignore", "package_service.py", str(port), str(folder.parent / "requests.jsonl")]
    process = subprocess.Popen(command, cwd=folder)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _site_packages() -> str:
    return next(path for path in sys.path if path.endswith("site-packages"))


def _stand_ins(folder: Path, repository: Path) -> StandIns:
    pairs = [
        (str(folder), "/home/dev/package-service"),
        (sys.prefix, "/home/dev/venv"),
        (str(ROOT), "/home/dev/headroom"),
        (str(Path.home()), "/home/dev"),
        (socket.gethostname(), "build-host"),
    ]
    people = subprocess.run(
        ["git", "-C", str(repository), "log", "--format=%an%n%cn"], text=True, stdout=subprocess.PIPE, check=False
    ).stdout.splitlines()
    pairs += [(name, "A. Developer") for name in {*people, getpass.getuser()} if len(name) > 5]
    return StandIns(pairs)


def _write(files: dict[str, str], console: Console) -> None:
    """Replace the recording, if it is small enough."""
    total = sum(len(text.encode()) for text in files.values())
    if total > LIMIT:
        raise SystemExit(f"record_demo: {total:,} bytes are more than {LIMIT:,}; nothing was written")
    shutil.rmtree(DATA, ignore_errors=True)
    DATA.mkdir(parents=True)
    table = Table("file", "bytes")
    table.columns[1].justify = "right"
    for name, text in files.items():
        (DATA / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        table.add_row(f"{name}.json", f"{len(text.encode()):,}")
    table.add_row("all", f"{total:,}")
    console.print(table)


if __name__ == "__main__":
    main()
