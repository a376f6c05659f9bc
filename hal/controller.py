"""A pilot controller of its own: another computer that makes the pilot and switches the contactor. We keep it obedient.

Rules this file upholds:
- It is slow (some looks a second over a serial line), so one thread a controller talks to it and never the tick.
- What it was told is told again until it remembers it; before it is told anything else it is told 0 A.
- What it says is dated when it was asked. While it is silent its last words grow old by themselves.
"""

from __future__ import annotations

import logging
from threading import Event, Thread
from typing import NamedTuple, Protocol

from hal.contract import PLUGGED, Cp
from hal.drivers.protocols import NoReading, PartFailed
from hal.faults import Name

PLUGGED_S, RESTING_S, SILENT_S = 0.1, 0.4, 0.5  # between two looks
CONFIRMED_S, CONFIRMED_TURNS = 3.0, 10

log = logging.getLogger("hal.controller")


class Seen(NamedTuple):
    """What a controller says is so. `set_ma` is the order that it remembers; `closed` is what it says of its relay."""

    at_ms: int
    cp: Cp
    pwm: bool
    offered_ma: int
    set_ma: int
    closed: bool
    faults: tuple[tuple[Name, str], ...] = ()


class Controller(Protocol):
    """The driver of a controller. Every call waits for the wire and raises NoReading; the link's thread calls."""

    def exactly(self, ma: int) -> int:
        """The most that it can offer of so much."""

    def look(self) -> Seen:
        """All that it says now, dated when it was asked."""

    def offer(self, ma: int) -> None:
        """Offer so much from now on; 0 = none, so it takes the PWM away and opens by its own rule."""

    def open(self) -> None:
        """Open at once."""

    def clear(self) -> None:
        """Forget what waits for a person."""

    def close(self) -> None:
        """Give the line back."""


class ControllerLink:
    """Talks to one controller. `want`, `clear` and what it has `seen` are for the tick, and never wait."""

    def __init__(self, controller: Controller, name: str) -> None:
        self._controller, self._name = controller, name
        self._wanted = (0, False)
        self._told_ma: int | None = None
        self._to_clear = False
        self._stopping = False
        self._news, self._safe = Event(), Event()
        self._thread: Thread | None = None
        self.seen: Seen | None = None
        self.silence = "it was not asked yet"
        self.exactly = controller.exactly

    def want(self, ma: int, at_once: bool = False) -> None:
        """Offer so much; `at_once`, with 0: open without waiting for the car."""
        if (ma, at_once) != self._wanted:
            self._wanted = ma, at_once
            self._safe.clear()
            self._news.set()

    def clear(self) -> None:
        """A person has acknowledged its faults."""
        self._to_clear = True
        self._news.set()

    def start(self) -> None:
        """Begin to talk; again is nothing."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Talk no more."""
        self._stopping = True
        self._news.set()
        if self._thread is not None:
            self._thread.join(CONFIRMED_S)
        self._controller.close()

    def make_safe(self) -> None:
        """0 A and open, confirmed by the controller. Raises PartFailed."""
        self.want(0, at_once=True)
        for _ in range(CONFIRMED_TURNS if self._thread is None else 0):
            self.turn()
            if self._safe.is_set() or self.silence:
                break
        if not self._safe.wait(CONFIRMED_S if self._thread is not None else 0):
            raise PartFailed(f"{self._name} did not confirm that it is off: {self.silence or 'it stays on'}")

    def turn(self) -> None:
        """One round of talk: orders first, then a look."""
        ma, at_once = self._wanted
        try:
            if self._told_ma != ma:
                self._controller.offer(ma)
                self._told_ma = ma
            if self._to_clear:
                self._to_clear = False
                self._controller.clear()
            seen = self._controller.look()
            if seen.set_ma != ma:
                self._told_ma = None  # it forgot: it was restarted, or somebody else gives orders too
            if at_once and seen.closed:
                self._controller.open()
        except NoReading as why:
            self._fail(str(why))
            return
        if self.silence:
            log.info("= %s: answers", self._name)
        self.seen, self.silence = seen, ""
        if (ma, at_once) == self._wanted and seen.set_ma == ma == 0 and not seen.closed:
            self._safe.set()

    def _fail(self, why: str) -> None:
        if not self.silence:
            log.warning("! %s: %s", self._name, why)
        self.silence = why

    def _run(self) -> None:
        while not self._stopping:
            try:
                self.turn()
            except Exception as bug:  # a bug in a driver is a silent controller, and not the end of all outlets
                self._fail(repr(bug))
            self._news.wait(self._pause_s())
            self._news.clear()

    def _pause_s(self) -> float:
        if self.silence or self.seen is None:
            return SILENT_S
        return PLUGGED_S if self.seen.cp in PLUGGED or self._wanted[0] else RESTING_S
