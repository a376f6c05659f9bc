"""Clears away behind a stand that was killed: ends its processes and removes its folder.

It runs as a process of its own, out of reach of the terminal's signals. Each line that it reads is the id of a process
that was started; the end of its input is the end of whoever wrote it.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

FAREWELL_MS = 5_000


class Undertaker:
    """Stands by until `close`, or until this process is no more."""

    def __init__(self, folder: Path) -> None:
        # -S -E: it needs nothing but the standard library, and is to be there at once.
        command = [sys.executable, "-S", "-E", __file__, str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)

    def watch(self, pid: int) -> None:
        """A process was started."""
        assert self._process.stdin is not None
        with suppress(OSError):  # somebody killed it: then nobody clears away
            self._process.stdin.write(b"%d\n" % pid)
            self._process.stdin.flush()

    def close(self) -> None:
        """Let it do what is left to do, and wait for its end."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        self._process.wait()


def main(folder: str) -> None:
    """Wait for the end of the input, then clear away."""
    living: list[int] = []
    for line in sys.stdin:
        with suppress(ProcessLookupError):
            living.append(os.pidfd_open(int(line)))
        for fd in [fd for fd in living if _ended(fd, 0)]:
            living.remove(fd)
            os.close(fd)
    for fd in reversed(living):
        _signal(fd, signal.SIGTERM)
        _signal(fd, signal.SIGTERM)  # a second one tells evse-hal not to wait for the car
        if not _ended(fd, FAREWELL_MS):
            _signal(fd, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def _signal(fd: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(fd, number)


def _ended(fd: int, wait_ms: int) -> bool:
    """Whether the process behind a pidfd has ended, or does so in time."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    return bool(poll.poll(wait_ms))


if __name__ == "__main__":
    main(sys.argv[1])
