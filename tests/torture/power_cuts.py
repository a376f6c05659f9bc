"""Power cuts: the wallbox in a machine of its own, a charge, the end of all power, and the books after the next boot.

Rules this file upholds:
- When the power goes is drawn from a seed; how long a boot takes is the machine's.
- The meter is outside. It counts on until the gate has opened, and keeps its register: what the wallbox sells must be
  what this register says, to the Wh (I6), in starts and stops that come once and in order (I7).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import urlsplit

from evsed.ctl_link import Trouble
from hal.sim.battery import PJ_PER_WH
from hal.sim.meter import Flow, power_uw
from hal.sim.power import GATE_MS, OPEN_MS
from tests.hands import StandFailed
from tests.lab.kernel import LINUX
from tests.torture.charges import SOON_S, Charges, Round, spread
from tests.torture.machine import Machine
from tests.torture.surroundings import Beyond, MeterAdapter

ASIDE = ("is kept as", "was damaged", "moved aside")  # what evsed's log says of a journal that it could not read


class Moment(NamedTuple):
    """When the power goes. `flows`: current surely flows then."""

    name: str
    reach: Callable[[PowerCuts, Random], None]
    flows: bool = False


class LastingMeter(MeterAdapter):
    """A meter outside the machine: it counts what the plant says flowed, and has it still when the plant has not."""

    def __init__(self, folder: Path) -> None:
        self._register_pj = self._plant_pj = 0
        super().__init__(folder)
        self._register_pj = self._plant_pj = self._flow.energy_pj

    @property
    def wh(self) -> int:
        """What it has counted."""
        return self._register_pj // PJ_PER_WH

    def ask(self) -> Flow:
        """What flows now, as its registers tell it."""
        return self._measure()

    def coast(self) -> None:
        """Until the gate has opened, current flows on; then none."""
        uw = sum(power_uw(mv, ma) for mv, ma in zip(self._flow.voltage_mv, self._flow.current_ma, strict=True))
        self._register_pj += uw * (GATE_MS + OPEN_MS) * 1_000

    def rest(self) -> None:
        """There is no plant: nothing flows."""
        self._flow = self._flow._replace(current_ma=(0, 0, 0))

    def _measure(self) -> Flow:
        told = super()._measure()
        self._register_pj += max(0, told.energy_pj - self._plant_pj)  # a plant that woke up may have forgotten
        self._plant_pj = told.energy_pj
        return told._replace(energy_pj=self.wh * PJ_PER_WH)  # it shows whole Wh


class PowerCuts:
    """The surroundings and the machine in them, from `with` to its end."""

    def __init__(self, seed: int) -> None:
        self._dice = Random(seed)
        self._folder = TemporaryDirectory(prefix="evse-power-")
        folder = Path(self._folder.name)
        self._beyond = Beyond(folder)
        self.central, self.line = self._beyond.central, self._beyond.line
        self.meter = LastingMeter(folder)
        site = self._beyond.site("POWERCUT", "/etc/evse/ca.pem", "/dev/ttyS1")
        files = {"site.toml": site, "ca.pem": self._beyond.root.read_text()}
        self.box = Machine(LINUX, files, self.meter.port, urlsplit(self.line.url).port or 0)
        self.meter.hal_socket = self.box.env["EVSE_HAL_SOCKET"]
        self.charges = Charges(self.box, self.central, lambda: self.meter.wh)
        self.back_ms: list[float] = []  # from the power to a station that the central system has accepted

    def __enter__(self) -> PowerCuts:
        try:
            self._boot()
        except BaseException:
            self.__exit__()
            raise
        self.charges.count_from_here()
        return self

    def __exit__(self, *_: object) -> None:
        self.box.close()
        self._beyond.close()
        self.meter.unplug()
        self._folder.cleanup()

    @property
    def gaps(self) -> Iterator[str]:
        """What is not done for want of a tool: nothing."""
        return iter(())

    def figures(self) -> Iterator[str]:
        """What was measured, a line each."""
        yield f"from the power to a station that the central system has accepted: {spread(self.back_ms)}"
        yield f"from the card to the open contactor: {spread([s * 1_000 for s in self.charges.opened_s])}"

    def late(self) -> list[str]:
        """What only shows in the end: nothing."""
        return []

    def passes(self, seconds: float) -> None:
        """Let time pass, as it does for a real machine."""
        time.sleep(seconds)

    def rounds(self, until: float, most: int) -> Iterator[Round]:
        """Until that monotonic time in seconds, or so many; each moment comes before any comes again."""
        number, turn = 0, list[Moment]()
        while number < most and (number == 0 or time.monotonic() < until):
            turn = turn or (self._dice.sample(MOMENTS, len(MOMENTS)) if number else list(MOMENTS))
            number += 1
            moment, began = turn.pop(0), time.monotonic()
            try:
                violations = list(self._cut(moment))
            except (StandFailed, Trouble, AssertionError) as wrong:
                violations = [f"no recovery without a human: {str(wrong)[:300]}"]
            yield Round(number, f"the power goes {moment.name}", time.monotonic() - began, violations)
            if violations:
                return  # what comes after a violation proves nothing

    def _cut(self, moment: Moment) -> Iterator[str]:
        moment.reach(self, self._dice)
        self.meter.ask()
        self.box.cut()
        if moment.flows:
            self.meter.coast()
        self.meter.rest()
        self._boot()
        self.line.hang(False)
        self.box.wait("an empty queue", _at_rest, timeout_s=SOON_S)
        self.charges.begun = len(self.central.ledger.charges)
        self.charges.wait_for_the_end()
        yield from self.charges.wrong()
        log = self.box.log
        yield from (line for line in log.splitlines() if any(words in line for words in ASIDE))

    def _boot(self) -> None:
        began, heard = time.monotonic(), self.central.seen("BootNotification")
        self.box.boot()
        self.line.hang(False)
        self.central.wait_for("BootNotification", more_than=heard, timeout_s=SOON_S)
        self.back_ms.append((time.monotonic() - began) * 1_000)


def _at_rest(status: dict[str, object]) -> bool:
    """Whether all that the central system must hear has been heard."""
    return status["registration"] == "Accepted" and status["queue_length"] == 0 and bool(status["outlets"])


def in_mid_charge(cuts: PowerCuts, dice: Random) -> None:
    cuts.charges.begin()
    cuts.passes(dice.uniform(0, 4))


def as_one_begins(cuts: PowerCuts, dice: Random) -> None:
    cuts.charges.ask()
    cuts.passes(dice.uniform(0, 1.5))


def as_one_ends(cuts: PowerCuts, dice: Random) -> None:
    cuts.charges.begin()
    cuts.charges.finish()
    cuts.passes(dice.uniform(0, 1))


def after_charges_without_a_line(cuts: PowerCuts, dice: Random) -> None:
    """They are told after the next boot, all of them."""
    cuts.charges.begin()
    cuts.line.hang(True)
    cuts.line.cut()
    for _ in range(dice.randint(1, 2)):
        cuts.charges.finish()
        cuts.charges.wait_status("Available")
        cuts.charges.ask()
        cuts.charges.wait_power()
    cuts.passes(dice.uniform(0, 2))


MOMENTS = (
    Moment("in mid-charge", in_mid_charge, flows=True),
    Moment("as a charge begins", as_one_begins),
    Moment("as a charge ends", as_one_ends),
    Moment("after charges without a line", after_charges_without_a_line, flows=True),
)
