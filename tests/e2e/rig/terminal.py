"""mitmproxy's console in a pseudo-terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading

from tests.e2e.rig.proxy import Proxy, environment

ROWS, COLUMNS = 50, 200
_CONTROLS = re.compile(rb"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[()][A-Z0-9]|[\x00-\x09\x0b-\x1f]")


class ConsoleProxy(Proxy):
    """A `Proxy` whose program needs a terminal; `log` is what it painted."""

    def _spawn(self) -> subprocess.Popen[bytes]:
        self._keyboard, terminal = pty.openpty()
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        process = subprocess.Popen(
            self.command,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            env=environment(self.directory) | {"TERM": "xterm-256color"},
        )
        os.close(terminal)
        threading.Thread(target=self._copy, daemon=True).start()
        return process

    @property
    def log(self) -> str:
        painted = self.log_file.read_bytes() if self.log_file.exists() else b""
        return _CONTROLS.sub(b"", painted).decode(errors="replace")

    def press(self, keys: str) -> None:
        os.write(self._keyboard, keys.encode())

    def _copy(self) -> None:
        with self.log_file.open("wb", buffering=0) as log:
            while True:
                try:
                    painted = os.read(self._keyboard, 65536)
                except OSError:
                    return
                log.write(painted)
