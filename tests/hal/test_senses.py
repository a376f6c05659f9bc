"""What an outlet makes of a pilot that measures late, not any more, or not yet."""

from __future__ import annotations

from dataclasses import replace

from hal.boards import assemble
from hal.bus import Mailbox
from hal.contract import Cp, Limits
from hal.drivers.protocols import Enable, Pilot
from hal.iec61851 import DISOBEYED, PilotState
from hal.lease import Permit
from hal.senses import FROZEN_MS, Senses
from tests.hal.box import Box, Memory, sim_board


class Beside:
    """The simulated pilot as one that measures beside the tick: `age` ms old when it is told."""

    def __init__(self, pilot: Pilot, dumb: int = 0) -> None:
        self._pilot, self.offer = pilot, pilot.offer
        self.dumb = dumb  # looks until the first measurement
        self.age = 10
        self.stuck = False
        self._seen = (0.0, 0.0, 0)

    def volts(self) -> tuple[float, float, int]:
        if self.dumb:
            self.dumb -= 1
        elif self.stuck:
            self.age += 10
        else:
            self._seen = self._pilot.volts()
        return self._seen

    def age_ms(self) -> int:
        return self.age


class Gate:
    """The enable of the board; `ages` are those of the pilot's newest measurement at each beat."""

    def __init__(self, enable: Enable, pilot: Beside) -> None:
        self._enable, self._pilot = enable, pilot
        self.drop = enable.drop
        self.ages: list[int] = []

    def beat(self) -> None:
        self.ages.append(self._pilot.age)
        self._enable.beat()


class Late(Box):
    """A wallbox with such a pilot, and a car in its socket since before the start."""

    def __init__(self, dumb: int = 0) -> None:
        board = assemble(sim_board(socket=False))
        assert board.order(1, ("plug-in",))[0]
        board.advance(900_000)
        outlet = board.outlets[1]
        self.pilot = Beside(outlet.parts.pilot, dumb)
        self.gate = Gate(outlet.parts.enable, self.pilot)
        board.outlets[1] = replace(outlet, parts=replace(outlet.parts, pilot=self.pilot, enable=self.gate))
        super().__init__(board)


def test_a_car_that_is_there_at_the_start_is_no_short_before_it_was_measured() -> None:
    box = Late(dumb=3)
    assert all(snapshot.outlets for snapshot in box.snapshots)  # whoever hears of a box hears of its outlets
    assert [fault for snapshot in box.snapshots for outlet in snapshot.outlets for fault in outlet.faults] == []
    assert (box.outlet().cp, box.faults(), box.outlet().closed) == (Cp.B, [], False)
    box.allow(16_000)
    box.until(closed=True)


def test_a_pilot_that_is_never_measured_has_no_level_and_then_a_broken_driver() -> None:
    outlet = assemble(sim_board()).outlets[1]
    outlet = replace(outlet, parts=replace(outlet.parts, pilot=Beside(outlet.parts.pilot, dumb=1_000)))
    senses, permit, found = Senses(1, outlet, Mailbox(), Memory(), 0), Permit(Limits()), []
    for now_ms in range(5_000, 5_000 + FROZEN_MS + 10, 10):
        assert not senses.quiet(permit, now_ms)
        found.append(senses.level(PilotState(), now_ms))
    assert found[:-1] == [None] * (FROZEN_MS // 10)
    assert found[-1] == DISOBEYED[Cp.E] and senses.pilot_broken == "pilot: it is not measured"


def charging() -> Late:
    box = Late()
    box.allow(16_000)
    box.until(closed=True)
    box.run(1_000)
    box.gate.ages.clear()
    return box


def test_a_measurement_that_was_told_late_is_as_old_as_its_begin() -> None:
    box = charging()
    box.pilot.age = 35
    assert box.run(500).interruptions == 0
    box.pilot.age = 36
    assert box.run(10).reason == "STALE_SAMPLE" and box.outlet().interruptions == 1


def test_a_pilot_that_hangs_gets_its_last_beat_at_30_ms_and_opens_at_40() -> None:
    box = charging()
    box.pilot.stuck = True
    box.run(30)
    assert box.pilot.age == 40
    assert box.gate.ages == [20, 30] and box.outlet().reason == "STALE_SAMPLE"


def test_at_rest_the_reason_is_that_no_car_is_there_though_each_measurement_is_as_old_as_a_rest() -> None:
    box = Late()
    box.say("unplug")
    box.pilot.age = 60
    outlet = box.run(2_000)
    assert box.tick.resting and (outlet.reason, box.faults()) == ("PILOT_A", [])
