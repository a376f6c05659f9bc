"""What the process asks of its surroundings: systemd's attention, real-time priority, locked memory, a log.

Rules this file upholds: nothing here may block the tick, and what the system refuses is said in one clear line.
"""

from __future__ import annotations

import ctypes
import logging
import logging.handlers
import os
import queue
import resource
import socket
import sys

FIFO_PRIORITY = 20
MOST_LINES = 200
LINES_WINDOW_S = 10
_CAP_IPC_LOCK = 14
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_SYSLOG = {logging.CRITICAL: 2, logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}


class Notifier:
    """sd_notify: one datagram to systemd, or nothing where there is no systemd."""

    def __init__(self) -> None:
        path = os.environ.get("NOTIFY_SOCKET", "")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) if path else None
        self._address = "\0" + path[1:] if path.startswith("@") else path
        if self._socket is not None:
            self._socket.setblocking(False)

    def tell(self, text: str) -> None:
        """Send it; what systemd cannot take now is lost."""
        if self._socket is None:
            return
        try:
            self._socket.sendto(text.encode(), self._address)
        except OSError as refused:
            logging.getLogger("hal.system").debug("systemd did not take %s: %s", text, refused)


def raise_priority() -> str:
    """Give the calling thread SCHED_FIFO where allowed; says what came of it."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(FIFO_PRIORITY))
    except OSError as refused:
        return f"no SCHED_FIFO ({refused.strerror}), so other programs can make it late"
    return f"SCHED_FIFO {FIFO_PRIORITY}"


def be_ordinary() -> None:
    """Take the calling thread back from a real-time priority that it was started with."""
    if os.sched_getscheduler(0) == os.SCHED_FIFO:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def lock_memory() -> str:
    """Keep in memory what was touched, where allowed; says what came of it."""
    if not _may_lock_all():
        return "memory not locked (no CAP_IPC_LOCK), so swapping can make it late"
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) != 0:
        return f"memory not locked ({os.strerror(ctypes.get_errno())}), so swapping can make it late"
    return "memory locked"


def _may_lock_all() -> bool:
    """A limit that holds today could make an allocation fail tomorrow, so only without one."""
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY:
        return True
    with open("/proc/self/status", encoding="ascii") as status:
        line = next((line for line in status if line.startswith("CapEff:")), "CapEff: 0")
    return bool(int(line.split()[1], 16) >> _CAP_IPC_LOCK & 1)


class _Lines(logging.Formatter):
    """`<N>` before each line for the journal, the time of day elsewhere."""

    def __init__(self, journal: bool) -> None:
        super().__init__("%(message)s" if journal else "%(asctime)s.%(msecs)03d %(message)s", "%H:%M:%S")
        self._journal = journal

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        if not self._journal:
            return text
        prefix = f"<{_SYSLOG.get(record.levelno, 6)}>"
        return "\n".join(prefix + line for line in text.splitlines())


class Throttle(logging.Filter):
    """At most MOST_LINES in LINES_WINDOW_S: a wire that flaps must not fill a disk."""

    def __init__(self) -> None:
        super().__init__()
        self._begun_s = 0.0
        self._lines = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line may be written."""
        if not 0 <= record.created - self._begun_s < LINES_WINDOW_S:
            if self._lines > MOST_LINES:
                record.msg = f"{record.getMessage()} (after {self._lines - MOST_LINES} lines left out)"
                record.args = None
            self._begun_s, self._lines = record.created, 0
        self._lines += 1
        return self._lines <= MOST_LINES


def _is_journal(fd: int) -> bool:
    """Whether systemd connected this descriptor to the journal; the variable alone may be inherited."""
    status = os.fstat(fd)
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def start_log(level: str) -> logging.handlers.QueueListener:
    """Log to stderr from a thread of its own, so that a slow stderr holds up nobody. `stop()` writes the rest."""
    lines: queue.SimpleQueue[logging.LogRecord] = queue.SimpleQueue()
    entry = logging.handlers.QueueHandler(lines)
    entry.addFilter(Throttle())
    stderr = logging.StreamHandler(sys.stderr)
    stderr.setFormatter(_Lines(_is_journal(stderr.stream.fileno())))
    root = logging.getLogger()
    root.handlers[:] = [entry]
    root.setLevel(level)
    listener = logging.handlers.QueueListener(lines, stderr)
    listener.start()
    return listener
