"""The power path of one outlet: heartbeat gate, residual-current device, contactor with its mirror contact.

Rules this file upholds:
- The coil has current only while it is ordered, the gate is fed and the residual-current device has not tripped: in
  hardware, whatever any software believes.
- Contacts move after a delay; a weld holds them, and the mirror contact tells of the contacts, not of the order.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from hal.sim.agenda import MS, Agenda

GATE_MS = 500
CLOSE_MS = 20
OPEN_MS = 15
SLOW_MS = 400
TRIP_MS = 120
CLEAR_MS = 80
SLOW_TRIP_MS = 2_000


class SimGate:
    """An `Enable`: open for `gate_ms` after each beat, then it drops by itself."""

    def __init__(self, agenda: Agenda, changed: Callable[[], None], gate_ms: int = GATE_MS) -> None:
        self._agenda = agenda
        self._gate_us = gate_ms * MS
        self._changed = changed
        self._key = (self, "drop")
        self._fed_us = 0
        self.alive = self.stuck = False

    def beat(self) -> None:
        """Feed it."""
        self._fed_us = self._agenda.now_us
        if not self.alive:
            with self._agenda.lock:
                self.alive = True
                self._agenda.after(self._gate_us, self._key, self._starve, seen=False)
                self._changed()

    def feed(self, until_us: int) -> None:
        """Count as beaten without a pause until then; a gate that is shut stays shut."""
        if self.alive:
            rest_us = until_us + self._gate_us - self._agenda.now_us
            self._agenda.after(rest_us, self._key, self._starve, seen=False)

    def drop(self) -> None:
        """Starve it at once."""
        if self.alive and not self.stuck:
            with self._agenda.lock:
                self.alive = False
                self._agenda.drop(self._key)
                self._changed()

    def stick(self, on: bool = True) -> None:
        """Bridge it, so that it is open whatever it is fed, or mend it."""
        with self._agenda.lock:
            self.stuck = on
            self.alive = on
            self._changed()

    def _starve(self) -> None:
        rest_us = self._fed_us + self._gate_us - self._agenda.now_us
        if rest_us > 0:
            self._agenda.after(rest_us, self._key, self._starve, seen=False)
        else:
            self.drop()


class ResidualFault(StrEnum):
    """How a residual-current device fails its test."""

    DEAF = "rcd-deaf"
    SLOW = "rcd-slow"
    STUCK = "rcd-stuck"


class SimResidual:
    """A `ResidualCurrent` that trips on request and stays so until it is reset; a `ResidualTest` that lets go."""

    def __init__(self, agenda: Agenda, changed: Callable[[], None]) -> None:
        self._agenda = agenda
        self._changed = changed
        self._key = (self, "test")
        self._tripped = self._called = self._tested = False
        self.faults: set[ResidualFault] = set()

    @property
    def leaks(self) -> bool:
        """Whether it has tripped by a current to earth."""
        return self._tripped

    def tripped(self) -> bool:
        """Its fault output."""
        return self._tripped or self._tested

    def test(self, active: bool) -> None:
        """Its test input."""
        if active != self._called:
            with self._agenda.lock:
                self._called = active
                self._follow()

    def fault(self, name: ResidualFault, on: bool) -> None:
        """Break or repair."""
        with self._agenda.lock:
            (self.faults.add if on else self.faults.discard)(name)
            self._follow()

    def _follow(self) -> None:
        """Let the output follow the test input after its time."""
        broken = ResidualFault.DEAF if self._called else ResidualFault.STUCK
        if self._called is self._tested or broken in self.faults:
            self._agenda.drop(self._key)
            return
        slow = SLOW_TRIP_MS if self._called and ResidualFault.SLOW in self.faults else 0
        self._agenda.after(((TRIP_MS if self._called else CLEAR_MS) + slow) * MS, self._key, self._arrive)

    def _arrive(self) -> None:
        self._tested = self._called
        self._changed()

    def trip(self, on: bool = True) -> None:
        """Let current leak to earth, or reset the device."""
        with self._agenda.lock:
            self._tripped = on
            self._changed()


class ContactorFault(StrEnum):
    """How a contactor fails."""

    WELDED = "contactor-welded"
    DEAD = "contactor-dead"
    SLOW = "contactor-slow"
    UNFED = "coil-unfed"
    AUX_OPEN = "aux-open"
    AUX_CLOSED = "aux-closed"


class SimContactor:
    """A `Contactor`; `main` is what the power contacts really do."""

    def __init__(self, agenda: Agenda, changed: Callable[[], None]) -> None:
        self._agenda = agenda
        self._changed = changed
        self._key = (self, "move")
        self._ordered = False
        self._supplied = False
        self._fed = False
        self.main = False
        self.faults: set[ContactorFault] = set()

    def order(self, closed: bool) -> None:
        """Energise or release the coil, as far as the chain before it lets."""
        if closed != self._ordered:
            with self._agenda.lock:
                self._ordered = closed
                self._drive()

    def closed(self) -> bool:
        """The mirror contact."""
        if self.faults:
            if ContactorFault.AUX_OPEN in self.faults:
                return False
            if ContactorFault.AUX_CLOSED in self.faults:
                return True
        return self.main

    def supply(self, on: bool) -> None:
        """Give the coil its supply or take it away: the gate and the residual-current device do this."""
        if on != self._supplied:
            self._supplied = on
            self._drive()

    def fault(self, name: ContactorFault, on: bool) -> None:
        """Break or repair. A weld takes hold when the contacts are closed; once repaired they follow the coil."""
        with self._agenda.lock:
            (self.faults.add if on else self.faults.discard)(name)
            self._drive()

    def _drive(self) -> None:
        """Let the contacts follow the coil after their delay."""
        coil = self._ordered and self._supplied and ContactorFault.UNFED not in self.faults
        if coil == self.main:
            self._agenda.drop(self._key)
        elif coil != self._fed or not self._agenda.has(self._key):
            slow = SLOW_MS if ContactorFault.SLOW in self.faults else 0
            self._agenda.after(((CLOSE_MS if coil else OPEN_MS) + slow) * MS, self._key, self._move)
        self._fed = coil

    def _move(self) -> None:
        held = ContactorFault.WELDED in self.faults and self.main
        if not held and not (self._fed and ContactorFault.DEAD in self.faults):
            self.main = self._fed
            self._changed()
