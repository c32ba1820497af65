"""A copy of the project's scripts to set up from: real interpreters and shells, but nothing is installed from an index."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).resolve().parents[2]
BASH = shutil.which("bash") or "/bin/bash"

# What the installed `pip` and `headroom` do in the copy: note how they were called.
FAKE_PIP = '''
import os, pathlib, sys, time
with open("pip.log", "a") as log:
    log.write(" ".join(sys.argv[1:]) + "\\n")
if os.environ.get("PIP_FAILS"):
    sys.exit("no network")
time.sleep(float(os.environ.get("PIP_TAKES", "0")))
command = pathlib.Path(sys.prefix, "bin", "headroom")
command.write_text('#!/bin/sh\\necho "ran:$#:$*"\\n')
command.chmod(0o755)
for name in ("ruff", "mypy", "lint-imports", "cog"):
    tool = command.with_name(name)
    tool.write_text(f'#!/bin/sh\\necho "{name} $*" >>tools.log\\n[ "$FAILS" != {name} ]\\n')
    tool.chmod(0o755)
pathlib.Path(__file__).parent.with_name("pytest.py").write_text("""
import os, sys
with open("tools.log", "a") as log:
    log.write("pytest " + " ".join(sys.argv[1:]) + "\\\\n")
sys.exit(os.environ.get("FAILS") == "pytest")
""")
'''


class Checkout:
    """A folder with the project's scripts, and an environment in which only the given programs exist."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.bin = home / "bin"
        self.bin.mkdir(parents=True)
        for name in ("cat", "dirname", "env", "ls", "mkdir", "readlink", "rm", "rmdir", "sleep"):
            (self.bin / name).symlink_to(shutil.which(name) or name)
        (self.bin / "bash").symlink_to(BASH)
        self.environment = {"PATH": os.fspath(self.bin), "HOME": os.fspath(home)}
        shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, folder / name)

    def program(self, name: str, text: str) -> Path:
        """A shell script on PATH."""
        file = self.bin / name
        file.write_text(f"#!{BASH}\n{text}\n")
        file.chmod(0o755)
        return file

    def real_python(self, name: str = "python3", folder: Path | None = None) -> Path:
        """A real interpreter whose `venv` makes an environment in which pip is the stand-in."""
        file = (folder or self.bin) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            dedent(f"""\
            #!{BASH}
            if [ "$*" = "-I -m venv $4" ]; then
                "{sys.executable}" -I -m venv --without-pip "$4" || exit
                for site in "$4"/lib/python*/site-packages; do
                    mkdir "$site/pip" && printf '' >"$site/pip/__init__.py" && cat "{self.folder}/fake_pip.py" >"$site/pip/__main__.py"
                done
                exit 0
            fi
            exec "{sys.executable}" "$@"
            """)
        )
        file.chmod(0o755)
        (self.folder / "fake_pip.py").write_text(FAKE_PIP)
        return file

    def fake_python(self, name: str, answer: str) -> Path:
        """An interpreter that answers the probe with a state and a version."""
        return self.program(name, f"echo {answer}")

    def run(self, *command: str, cwd: Path | None = None, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a program with nothing but this environment."""
        return subprocess.run(
            [BASH, *command],
            env=self.environment | (environment or {}),
            cwd=cwd or self.folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def sourced(self, code: str, **environment: str) -> list[str]:
        """The lines that `code` prints with setup.sh sourced."""
        return self.run("-c", f'. "$PWD/scripts/setup.sh"\n{code}', environment=environment).stdout.splitlines()

    def headroom(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs scripts/headroom."""
        return self.run(os.fspath(self.folder / "scripts" / "headroom"), *arguments, environment=environment)

    def pip_calls(self) -> list[str]:
        """How the stand-in for pip was called."""
        log = self.folder / "pip.log"
        return log.read_text().splitlines() if log.exists() else []
