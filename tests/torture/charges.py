"""The charges of a torture, begun and ended by card and plug, and what the central system's books say of them.

Rules this file upholds:
- Energy is judged by a register that the wallbox cannot touch, messages by what came in at the central system.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median
from typing import NamedTuple

from tests.hands import Hands
from tests.peers.central import CentralSystem

TAG = "04A1B2C3"
SOON_S = 40.0


class Round(NamedTuple):
    """What was done, and what was wrong afterwards."""

    number: int
    name: str
    took_s: float
    violations: list[str]


def spread(ms: list[float]) -> str:
    """Times in words."""
    if not ms:
        return "not once in these rounds"
    return f"{median(ms):.0f} ms in the middle, {max(ms):.0f} ms at most, {len(ms)} times"


class Charges:
    """At outlet 1 of `box`; `register` is what its meter has counted, in Wh, beside the wallbox."""

    def __init__(self, box: Hands, central: CentralSystem, register: Callable[[], int]) -> None:
        self._box, self._central, self._register = box, central, register
        self._first_wh = 0
        self.begun = 0
        self.opened_s: list[float] = []  # from the card to the open contactor, as seen from outside

    def count_from_here(self) -> None:
        """What the register says now was counted before."""
        self._first_wh = self._register()

    def ask(self) -> None:
        """A plug, and a card."""
        self._box.sim("plug-in", "--cable", "32")
        self.wait_status("Preparing")
        self._box.sim("swipe", TAG)

    def begin(self) -> None:
        """A charge that the central system knows of, with current. Raises StandFailed, Missing."""
        self.ask()
        self.begun += 1
        self._central.wait_for("StartTransaction", more_than=self.begun - 1, timeout_s=SOON_S)
        self.wait_power()

    def wait_power(self) -> None:
        """Until current flows. Raises StandFailed."""
        self._box.wait_outlet("power", lambda o: o.meter is not None and o.meter.power_w > 1_000, timeout_s=SOON_S)

    def finish(self) -> None:
        """The card again, until the contactor is open, and the plug. Raises StandFailed."""
        shown_s = time.monotonic()
        self._box.sim("swipe", TAG)
        self._box.wait_outlet("an open contactor", lambda outlet: not outlet.closed, timeout_s=SOON_S)
        self.opened_s.append(time.monotonic() - shown_s)
        self._box.unplug()

    def wait_for_the_end(self) -> None:
        """Until the central system has all stops, and the outlet is free. Raises StandFailed, Missing."""
        charges = self._central.ledger.charges
        self._central.wait(
            f"stop {self.begun}",
            lambda: len(charges) == self.begun and all(charge.stopped for charge in charges),
            timeout_s=SOON_S,
        )
        self.wait_status("Available")

    def wait_status(self, name: str) -> None:
        """Until the box shows it. Raises StandFailed."""
        self._box.wait(name, lambda status: [o["status"] for o in status["outlets"]] == [name], timeout_s=SOON_S)

    def wrong(self) -> Iterator[str]:
        """I6, I7: each start and stop once and in order, and each Wh with them."""
        charges = self._central.ledger.charges
        yield from self._central.ledger.breaches
        sold_wh = sum((charge.stop_wh or 0) - charge.start_wh for charge in charges)
        counted_wh = self._register() - self._first_wh
        if sold_wh != counted_wh:
            yield f"{sold_wh} Wh were sold, {counted_wh} Wh flowed"
        order = [(frame["action"], frame["dir"]) for frame in self._frames()]
        if order != [("StartTransaction", "in"), ("StopTransaction", "in")] * self.begun:
            yield f"starts and stops came in this order: {[action for action, _ in order]}"

    def _frames(self) -> Iterator[dict[str, str]]:
        """Starts and stops as they came, a repeated one once."""
        ids = set()
        for line in list(self._central.lines):
            frame = line.get("frame", {})
            if frame.get("kind") == "CALL" and frame.get("action") in ("StartTransaction", "StopTransaction"):
                if frame["id"] not in ids:
                    yield frame
                ids.add(frame["id"])
