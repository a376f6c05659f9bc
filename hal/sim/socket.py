"""The socket outlet: the plug's PP resistor and the bolt that holds the plug."""

from __future__ import annotations

from enum import StrEnum

from hal.sim.agenda import MS, Agenda

PP_OHMS = {13: 1_500.0, 20: 680.0, 32: 220.0, 63: 100.0}  # what a Type 2 cable carries, by its resistor
TRAVEL_MS = 600


class SimLock:
    """A `Lock` whose bolt needs `TRAVEL_MS` for its way."""

    def __init__(self, agenda: Agenda) -> None:
        self._agenda = agenda
        self._key = (self, "bolt")
        self._ordered = False
        self._locked = False
        self.stuck = self.weak = False

    def order(self, locked: bool) -> None:
        """Drive the bolt. While its supply is too low the motor only hums, and nobody drives it again later."""
        if locked != self._ordered and not self.weak:
            with self._agenda.lock:
                self._ordered = locked
                self._travel()

    def locked(self) -> bool:
        """Where the bolt is; on its way it counts as not locked."""
        return self._locked and not self._agenda.has(self._key)

    @property
    def holds(self) -> bool:
        """Whether a plug can't be pulled: until the bolt is back."""
        return self._locked

    def jam(self, on: bool = True) -> None:
        """Let the bolt stick where it is, or free it."""
        with self._agenda.lock:
            self.stuck = on
            self._travel()

    def _travel(self) -> None:
        if self.stuck or self._ordered == self._locked:
            self._agenda.drop(self._key)
        else:
            self._agenda.after(TRAVEL_MS * MS, self._key, self._arrive)

    def _arrive(self) -> None:
        self._locked = self._ordered


class PpFault(StrEnum):
    """How the proximity contact fails."""

    BROKEN = "pp-broken"
    SHORT = "pp-short"


class SimProximity:
    """A `Proximity`; the plug of `cable_a` decides, None = no plug. A builder's plain resistor may stand for one."""

    def __init__(self) -> None:
        self.cable_a: int | None = None
        self.plain_ohms: float | None = None
        self.faults: set[PpFault] = set()

    def ohms(self) -> float | None:
        """Resistance PP to PE."""
        ohms = self.plain_ohms if self.cable_a is None else PP_OHMS[self.cable_a]
        if ohms is None or PpFault.BROKEN in self.faults:
            return None
        return 0.0 if PpFault.SHORT in self.faults else ohms

    def fault(self, name: PpFault, on: bool) -> None:
        """Break or repair."""
        (self.faults.add if on else self.faults.discard)(name)
