"""Where the two files are, and that only their owner can read them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import platformdirs

from headroom_core.settings import Settings

FLOWS = "flows.db"
STORE = "store.db"


def locate(settings: Settings) -> Path:
    """The folder of the flow log and the content store, whether or not it is there yet."""
    if settings.data_dir:
        return Path(settings.data_dir).expanduser().absolute()
    return Path(platformdirs.user_data_dir("headroom", appauthor=False))


def data_directory(settings: Settings) -> Path:
    """The folder, made with mode 0700 if that is possible. Never raises: where it can't be made, the writer says so."""
    directory = locate(settings)
    with contextlib.suppress(OSError):
        make_private_directory(directory)
    return directory


def make_private_directory(directory: Path) -> None:
    """Make the folder with mode 0700. One that is there already keeps its mode: it may be the user's own, shared on purpose.

    Raises OSError.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def make_private_file(path: Path) -> None:
    """Make the file with mode 0600, or take from one that is there all rights of others. SQLite gives -wal and -shm the same mode.

    A file that is there is never opened here: closing it would drop the locks that SQLite holds on it elsewhere in the
    process (sqlite.org/howtocorrupt.html, 2.2). Raises OSError.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        mode = path.stat().st_mode
        if mode & 0o077:
            path.chmod(mode & 0o700)
