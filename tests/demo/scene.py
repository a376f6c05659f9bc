"""What the demo shows, gathered from evse-hal's snapshots, evsed's status, and the messages on the wire.

Each source tells the `Stage` in a thread of its own; every change is handed to the view, one at a time.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evsed.ctl_link import Control, Trouble
from evsed.hal_link import HalClient, HalSilent
from hal.contract import Outlet

DATE = re.compile(r"^[-\d]+ [:,\d]+ ")
RETRY_S = 0.2
PATIENCE_S = 3.0

Document = dict[str, Any]


@dataclass(slots=True)
class Scene:
    """Everything the view may show. `outlet` and `status` are None until their daemon has spoken."""

    title: str
    trace_title: str
    step: str = ""
    outlet: Outlet | None = None
    status: Document | None = None
    trace: list[str] = field(default_factory=list)

    @property
    def charge(self) -> Document | None:
        """Outlet 1 as evsed tells it."""
        outlets = self.status["outlets"] if self.status else []
        return outlets[0] if outlets else None


class Stage:
    """The scene and who looks at it; the sources may call from any thread."""

    def __init__(self, title: str, trace_title: str, show: Callable[[Scene], None]) -> None:
        self.scene = Scene(title, trace_title)
        self._show = show
        self._lock = threading.Lock()

    def step(self, text: str) -> None:
        """The story goes on."""
        with self._lock:
            self.scene.step = text
            self._show(self.scene)

    def saw_outlet(self, outlet: Outlet | None) -> None:
        """evse-hal says so; None = it is not there."""
        with self._lock:
            self.scene.outlet = outlet
            self._show(self.scene)

    def saw_status(self, status: Document | None) -> None:
        """evsed says so; None = it is not there."""
        with self._lock:
            self.scene.status = status
            self._show(self.scene)

    def saw_message(self, text: str) -> None:
        """A line of the trace."""
        with self._lock:
            self.scene.trace.append(text)
            self._show(self.scene)


class Watchers:
    """Threads that follow the daemons through all their restarts, and `log` if it is given. For a `with` block."""

    def __init__(self, stage: Stage, env: dict[str, str], log: Path | None = None) -> None:
        self._stage, self._env, self._log = stage, env, log
        self._over = threading.Event()
        watches = [self._watch_hal, self._watch_evsed, *([self._watch_log] if log else [])]
        self._threads = [threading.Thread(target=watch, daemon=True) for watch in watches]

    def __enter__(self) -> Watchers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def _watch_hal(self) -> None:
        while not self._over.is_set():
            try:
                with HalClient(self._env["EVSE_HAL_SOCKET"], PATIENCE_S) as hal:
                    while not self._over.is_set():
                        self._stage.saw_outlet(hal.snapshot().outlets[0])
            except HalSilent:
                self._stage.saw_outlet(None)
                self._over.wait(RETRY_S)

    def _watch_evsed(self) -> None:
        while not self._over.is_set():
            try:
                with Control(self._env["EVSED_CONTROL"], PATIENCE_S) as evsed:
                    for status in evsed.watch():
                        self._stage.saw_status(status)
                        if self._over.is_set():
                            return
            except Trouble:
                self._stage.saw_status(None)
                self._over.wait(RETRY_S)

    def _watch_log(self) -> None:
        assert self._log is not None
        with self._log.open(errors="replace") as log:
            while not self._over.is_set():
                while (line := log.readline()).endswith("\n"):
                    self._stage.saw_message(DATE.sub("", line.rstrip()))
                log.seek(log.tell() - len(line.encode()))  # half a line: the rest comes
                self._over.wait(RETRY_S)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self) -> None:
        self._began_s = time.monotonic()

    def __call__(self) -> float:
        return time.monotonic() - self._began_s
