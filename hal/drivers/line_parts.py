"""Parts that are nothing but digital lines: contactor, heartbeat, residual current, contact, choice of phases.

Rules this file upholds:
- Every coil is reached, whatever the one before it did.
- Several relays of one contactor are closed when all say so while that is ordered, and open only when all are.
- A broken feedback wire reads as the answer that opens: a mirror contact as welded, a residual-current output as
  tripped. An auxiliary contact can't do that, so a mirror contact is what a board should have.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hal.drivers.lines import In, Out
from hal.drivers.protocols import PartFailed


class Switch:
    """A `Contactor`: one or more relays that follow one order. `seen` says of each whether it is closed."""

    def __init__(self, coils: Sequence[Out], seen: Sequence[Callable[[], bool]]) -> None:
        self._coils, self._seen = coils, seen
        self._ordered = False

    def order(self, closed: bool) -> None:
        """Energise or release all coils."""
        self._ordered = closed
        failed: PartFailed | None = None
        for coil in self._coils:
            try:
                coil.set(closed)
            except PartFailed as broken:
                failed = broken
        if failed is not None:
            raise failed

    def closed(self) -> bool:
        """What the feedback of all relays says now."""
        said = [seen() for seen in self._seen]
        return all(said) if self._ordered else any(said)


class Heartbeat:
    """An `Enable`: a line that changes with every beat; what hangs on it must let go when it stands still."""

    def __init__(self, line: Out) -> None:
        self._line = line
        self._level = False

    def beat(self) -> None:
        """One edge."""
        self._line.set(not self._level)
        self._level = not self._level

    def drop(self) -> None:
        """Stand still, low."""
        self._level = False
        self._line.set(False)


class Fault:
    """A `ResidualCurrent`; `seen` says whether its output is active, or was since the last call."""

    def __init__(self, seen: Callable[[], bool]) -> None:
        self._seen = seen

    def tripped(self) -> bool:
        """Whether the fault output is active."""
        return self._seen()


class Contact:
    """An `Input`."""

    def __init__(self, seen: Callable[[], bool]) -> None:
        self._seen = seen

    def active(self) -> bool:
        """Whether it says it now."""
        return self._seen()


class PhaseRelay:
    """A `Phases`: one relay that adds the second and third phase, and was found with `three`."""

    def __init__(self, relay: Switch, three: bool) -> None:
        relay.order(three)
        self._relay, self._ordered = relay, three

    def use(self, three: bool) -> None:
        """Choose; repeated equal orders cost nothing."""
        if three != self._ordered:
            self._relay.order(three)
            self._ordered = three

    def three(self) -> bool:
        """What its feedback says now."""
        return self._relay.closed()


def when(contact: In, made: bool) -> Callable[[], bool]:
    """Whether the contact is as `made` says."""
    return contact.made if made else lambda: not contact.made()
