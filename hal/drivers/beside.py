"""Work that takes longer than a tick may wait: done in a thread of its own, once whenever it is asked for.

Rules this file upholds:
- Asking returns at once. Who asks while the work is being done gets it done once more afterwards, not several times.
- The thread asks for the tick's priority: a measurement that other programs hold up would open the contactor.
- Work that raises is a bug: the thread ends, and `ended_by` says so to whoever asks.
- It is asked by the tick, so it rests when the tick does, and a tick that hangs measures nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from hal.system import raise_priority

log = logging.getLogger("hal.drivers")

LONGEST_END_S = 1.0


class Beside:
    """A thread for `work`, which must not raise."""

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self._name, self._work = name, work
        self._wanted = threading.Event()
        self._ended = False
        self.ended_by: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def ask(self) -> None:
        """Let it be done once from now on."""
        self._wanted.set()

    def close(self) -> None:
        """End after the work in hand."""
        self._ended = True
        self._wanted.set()
        self._thread.join(LONGEST_END_S)

    def _run(self) -> None:
        log.info("= %s: %s", self._name, raise_priority())
        while True:
            self._wanted.wait()
            self._wanted.clear()
            if self._ended:
                return
            try:
                self._work()
            except BaseException as bug:
                self.ended_by = bug
                log.critical("! %s: the thread has ended", self._name, exc_info=bug)
                return
