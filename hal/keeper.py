"""Keeps what must outlive evse-hal: writes it as soon as something wakes it, and looks again from time to time.

Rules this file upholds:
- A disk may take seconds for a sync: only this thread waits for it, neither the tick nor who listens to evsed.
- What fails is tried again. Only `stop` waits for the end of a write.
- An end by a bug is said, and ends the process: who keeps nothing must not look sound.
"""

from __future__ import annotations

import logging
import os
import select
import threading
from collections.abc import Callable

log = logging.getLogger("hal")

LOOK_S = 5.0


class Keeper:
    """A thread that flushes; `ended` is called when a bug ends it, and `failure` is that bug."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended
        self.failure: BaseException | None = None
        self._wake_fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._flushes: tuple[Callable[[], None], ...] = ()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)

    def wake(self) -> None:
        """There is something to keep; any thread may call it, and does not wait."""
        os.eventfd_write(self._wake_fd, 1)

    def start(self, *flushes: Callable[[], None]) -> None:
        """Begin; each of them may block, and does nothing where nothing is to be written."""
        self._flushes = flushes
        self._thread.start()

    def stop(self) -> None:
        """End after the write in hand."""
        self._stopping = True
        self.wake()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            self._keep()
        except BaseException as bug:
            self.failure = bug
            self._ended()  # first: who has no memory may have none for a line
            log.critical("! the keeper of faults and wear has ended", exc_info=bug)

    def _keep(self) -> None:
        while not self._stopping:
            for flush in self._flushes:
                flush()
            if select.select([self._wake_fd], [], [], LOOK_S)[0]:
                os.eventfd_read(self._wake_fd)
