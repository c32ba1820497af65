"""Real agents from npm, installed once into a cache folder outside the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import platformdirs


def cache_folder() -> Path:
    """`$HEADROOM_AGENT_CACHE`, else a folder of the user's cache."""
    chosen = os.environ.get("HEADROOM_AGENT_CACHE")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("headroom-test-agents", appauthor=False))


def installed(package: str, command: str) -> Path:
    """The path of an npm package's command. Installs it where it is not there yet; needs npm, and the network once."""
    folder = cache_folder() / package.replace("/", "-").lstrip("@")
    path = folder / "node_modules" / ".bin" / command
    if not path.exists():
        npm = shutil.which("npm")
        assert npm, "npm is needed to install the agent"
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), package],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert path.exists(), done.stdout + done.stderr
    return path
