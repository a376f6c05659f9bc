"""The simulated relay for the second and third phase."""

from __future__ import annotations

from collections.abc import Callable

from hal.sim.agenda import MS, Agenda

TRAVEL_MS = 40


class SimPhases:
    """A `Phases`. `sparks` counts how often it moved under load, which no car should live through.

    `before_meter`: it stands between the mains and the meter, which then sees only the phases that are through.
    """

    def __init__(self, agenda: Agenda, changed: Callable[[], None], live: Callable[[], bool]) -> None:
        self._agenda, self._changed, self._live = agenda, changed, live
        self._key = (self, "travel")
        self._ordered = self.closed = True
        self.stuck = self.lying = self.before_meter = False
        self.sparks = 0

    def use(self, three: bool) -> None:
        """Choose."""
        if three is not self._ordered:
            with self._agenda.lock:
                self._ordered = three
                self._travel()

    def three(self) -> bool:
        """Whether three phases are through."""
        return self._ordered if self.lying else self.closed

    def weld(self, on: bool = True) -> None:
        """Let its contacts stick while its feedback says what was ordered, or free them."""
        self.lying = on
        self.jam(on)

    def jam(self, on: bool = True) -> None:
        """Let it stick where it is, or free it."""
        with self._agenda.lock:
            self.stuck = on
            self._travel()

    def _travel(self) -> None:
        if self.stuck or self._ordered is self.closed:
            self._agenda.drop(self._key)
        else:
            self._agenda.after(TRAVEL_MS * MS, self._key, self._arrive)

    def _arrive(self) -> None:
        self.sparks += self._live()
        self.closed = self._ordered
        self._changed()
