"""Writes constraints.txt: the newest versions that pip resolves for this project, one interpreter at a time.

    python scripts/lock.py PYTHON...        # such as python3.12 python3.13

A package whose version differs between the interpreters gets a line for each, with a marker. Packages of other
platforms are not pinned (mitmproxy itself pins its own).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HEAD = "# Made by: python scripts/lock.py python3.12 python3.13\n"

type Minor = tuple[int, int]


def resolve(python: str) -> tuple[Minor, dict[str, str]]:
    """The minor version of the interpreter, and what pip would install there: versions by normalised name."""
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch, "report.json")
        subprocess.run([python, "-m", "venv", f"{scratch}/venv"], check=True)
        inner = f"{scratch}/venv/bin/python"
        # An old pip, as it comes with an interpreter, can be minutes slower in finding a set that fits.
        subprocess.run([inner, "-m", "pip", "install", "-qq", "--upgrade", "pip"], check=True)
        options = ["-qq", "--dry-run", "--ignore-installed", "--report", str(report)]
        subprocess.run([inner, "-m", "pip", "install", *options, "hatchling", "-e", f"{ROOT}[dev]"], check=True)
        found = json.loads(report.read_text())
    major, minor, *_ = found["environment"]["python_version"].split(".")
    metadata = [item["metadata"] for item in found["install"]]
    versions = {item["name"].lower().replace("_", "-").replace(".", "-"): item["version"] for item in metadata}
    del versions["headroom-mitmproxy"]
    return (int(major), int(minor)), versions


def merge(resolved: dict[Minor, dict[str, str]]) -> list[str]:
    """One constraint a line, sorted; a marker only where the interpreters differ."""
    names = sorted({name for versions in resolved.values() for name in versions})
    return [line for name in names for line in _lines(name, {minor: v[name] for minor, v in sorted(resolved.items()) if name in v})]


def _lines(name: str, versions: dict[Minor, str]) -> list[str]:
    runs: list[tuple[Minor, str]] = []
    for minor, version in versions.items():
        if not runs or runs[-1][1] != version:
            runs.append((minor, version))
    if len(runs) == 1:
        return [f"{name}=={runs[0][1]}"]
    lines = []
    for index, (first, version) in enumerate(runs):
        bounds = ['python_version >= "{}.{}"'.format(*first)] if index else []
        if index + 1 < len(runs):
            bounds.append('python_version < "{}.{}"'.format(*runs[index + 1][0]))
        lines.append(f"{name}=={version} ; {' and '.join(bounds)}")
    return lines


def main(pythons: list[str]) -> int:
    """Resolves for each interpreter and writes the file. Fails with pip's own message, leaving the old file."""
    if not pythons:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        resolved = dict(resolve(python) for python in pythons)
    except subprocess.CalledProcessError as error:
        print(f"lock: {error}", file=sys.stderr)
        return 1
    (ROOT / "constraints.txt").write_text(HEAD + "\n".join(merge(resolved)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
