"""One daemon is gone for a while, or the power is: what goes on meanwhile, and what becomes of it, at each moment of a
charge that a failure may find (m1 to m8).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evsed.core.words import Status
from hal.contract import Limits
from tests.scenarios import day
from tests.scenarios.conftest import Make
from tests.world.csms import NEW_YEAR_2027
from tests.world.messages import iso
from tests.world.wallbox import RESTART_S, TAG, Wallbox

AMPS_16, AMPS_6 = 16_000, 6_000


def seconds_until(world: Wallbox, what: Callable[[], bool], within: float = 120) -> float:
    began = world.ms
    world.until(what, within=within)
    return (world.ms - began) / 1_000


def test_a_charge_goes_on_while_evsed_restarts(box: Wallbox) -> None:
    box.charge(20)
    closings = box.outlet().closings
    box.kill_evsed(restart_s=8)
    box.until(lambda: box.outlet().offered_ma == AMPS_16, within=10)
    assert box.outlet().closings == closings  # it never opened
    box.advance(5)
    assert len(box.csms.charges) == 1
    assert box.statuses()[-1] == "Charging"
    box.finish()
    assert box.csms.charges[1].energy_wh == box.register() - 1_234_567


def test_a_restart_without_a_network_keeps_the_time_and_what_hangs_on_it(make: Make) -> None:
    box = make(uptime_ms=86_400_000)  # a box that runs for longer than the reservation lasts
    box.advance(5)
    until = iso(NEW_YEAR_2027 + box.ms + 1_800_000)
    box.csms.call("ReserveNow", {"connectorId": 1, "expiryDate": until, "idTag": TAG, "reservationId": 7})
    box.until(lambda: box.statuses()[-1] == "Reserved")
    box.lose_line()
    box.kill_evsed(restart_s=2)
    box.advance(5)
    assert box.status() is Status.RESERVED
    box.advance(1_800)
    assert box.status() is Status.AVAILABLE


def test_without_evsed_the_lease_falls_back_and_ends(box: Wallbox) -> None:
    box.charge(20)
    box.kill_evsed()
    fell = seconds_until(box, lambda: box.outlet().offered_ma == AMPS_6)
    assert 2 <= fell <= 3.1
    assert box.bay().contactor.main
    assert 59 <= seconds_until(box, lambda: not box.outlet().pwm) <= 61  # grace_s
    assert box.bay().contactor.main  # the car has time to stop by itself
    assert seconds_until(box, lambda: not box.bay().contactor.main) <= 3
    box.advance(30)
    assert not box.bay().contactor.main
    assert box.held()  # nobody knows whether the cable may go
    box.start_evsed()
    box.until(lambda: box.statuses()[-1] == "Charging", within=30)
    box.finish()
    assert len(box.csms.charges) == 1


def test_a_car_that_does_not_stop_is_cut_off_by_the_6_s_rule(box: Wallbox) -> None:
    box.order("car", "manners", "never-stops", "on")
    box.charge(20)
    box.kill_evsed()
    box.until(lambda: not box.outlet().pwm, within=80)
    opened = seconds_until(box, lambda: not box.bay().contactor.main)
    assert 6.0 <= opened <= 6.1  # IEC 61851-1 A.6 seq. 10.2
    box.start_evsed()
    box.advance(5)
    box.order("car", "manners", "never-stops", "off")
    day.conclude(box)


@pytest.mark.parametrize(("fallback_ma", "grace_s"), [(0, 60), (8_000, 0), (8_000, 10)])
def test_the_installer_decides_what_happens_without_evsed(make: Make, fallback_ma: int, grace_s: int) -> None:
    world = make(limits=Limits(fallback_ma=fallback_ma, grace_s=grace_s))
    world.advance(5)
    world.charge(20)
    world.kill_evsed()
    lasted = seconds_until(world, lambda: not world.outlet().pwm)
    grace = grace_s if fallback_ma else 0
    assert 2 + grace <= lasted <= 3.1 + grace
    assert world.outlet().offered_ma == 0
    world.start_evsed()
    world.until(lambda: world.statuses()[-1] == "Charging", within=30)
    world.finish()


def test_evsed_that_comes_back_after_the_car_has_left_writes_the_end(box: Wallbox) -> None:
    box.charge(20)
    box.kill_evsed()
    box.advance(20)
    box.order("unplug", "--force")
    box.advance(5)
    assert not box.held()  # people get their cable though nobody knows
    box.start_evsed()
    box.advance(20)
    stop = box.csms.charges[1].stop
    assert stop is not None
    assert (stop.reason, stop.meterStop) == ("EVDisconnected", box.register())
    assert box.statuses()[-1] == "Available"


def test_nothing_closes_without_evsed(box: Wallbox) -> None:
    box.kill_evsed()
    box.plug_in()
    box.swipe()
    box.advance(60)
    assert not box.bay().contactor.main
    assert box.outlet().reason in ("NO_LEASE", "LEASE_OVER")
    box.start_evsed()
    box.advance(30)
    assert not box.csms.charges  # a card that was shown to nobody is not taken up later


def test_without_hal_the_gate_opens_by_itself(box: Wallbox) -> None:
    box.charge(20)
    box.kill_hal(restart_s=5)
    box.advance(0.52)  # the gate's 500 ms, and the contacts' own time
    assert not box.bay().contactor.main
    box.advance(1)
    faulted = box.csms.last("StatusNotification")
    assert (faulted.status, faulted.errorCode) == ("Faulted", "InternalError")
    box.until(lambda: box.statuses()[-1] == "Charging", within=60)
    assert box.csms.last("StatusNotification").errorCode == "NoError"
    box.finish()
    assert len(box.csms.charges) == 1
    assert box.csms.charges[1].energy_wh == box.register() - 1_234_567


# --- m1 to m8 ------------------------------------------------------------------------------------------------


def idle(world: Wallbox) -> None:
    """m1"""


def authorized(world: Wallbox) -> None:
    """m2"""
    world.swipe()
    assert light_is(world, Status.PREPARING)


def plugged(world: Wallbox) -> None:
    """m3"""
    world.plug_in()


def begun(world: Wallbox) -> None:
    """m4: the start is written, the contactor is open."""
    world.plug_in()
    world.swipe()
    world.until(lambda: 1 in world.watch.open)
    assert not world.bay().contactor.main


def charging(world: Wallbox) -> None:
    """m5"""
    world.charge(30)


def opened(world: Wallbox) -> None:
    """m6: the contactor is open, the end is not written."""
    world.charge(30)
    world.swipe()
    world.until(lambda: not world.bay().contactor.main)
    assert 1 in world.watch.open


def ended(world: Wallbox) -> None:
    """m7: the end is written and not acknowledged."""
    world.charge(30)
    world.csms.holds("StopTransaction")
    world.swipe()
    world.until(lambda: bool(world.csms.all("StopTransaction")))
    world.csms.releases("StopTransaction", times=0)


def flushing(world: Wallbox) -> None:
    """m8: half of what was queued offline is told."""
    world.charge(30)
    world.lose_line()
    world.advance(45)
    world.swipe()
    world.until(lambda: 1 not in world.watch.open)
    world.find_line()
    began = len(world.csms.all("MeterValues"))
    world.csms.slow_on("MeterValues", 0.5)
    world.until(lambda: len(world.csms.all("MeterValues")) >= began + 2)
    assert day.owes(world) >= 2


@pytest.mark.parametrize("seconds", [2, 4, 9])
def test_an_evsed_that_overslept_the_last_reading_waits_for_it(box: Wallbox, seconds: float) -> None:
    opened(box)
    box.stall_evsed(seconds)
    box.advance(5)
    day.conclude(box)
    day.books(box, 1_234_567)


def light_is(world: Wallbox, status: Status) -> bool:
    return day.light(world) is status


MOMENTS = (idle, authorized, plugged, begun, charging, opened, ended, flushing)
FAILURES: dict[str, Callable[[Wallbox], None]] = {
    "power cut": lambda world: world.power_cut(10),
    "power cut, car leaves": lambda world: world.power_cut(10, meanwhile=lambda: leave(world)),
    "evsed": lambda world: world.kill_evsed(restart_s=RESTART_S),
    "evsed for long": lambda world: world.kill_evsed(restart_s=90),
    "hal": lambda world: world.kill_hal(restart_s=RESTART_S),
    "hal for long": lambda world: world.kill_hal(restart_s=20),
}


def leave(world: Wallbox) -> None:
    if world.bay().car.plugged:
        world.order("unplug", "--force")


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("moment", MOMENTS)
def test_at_each_moment(make: Make, moment: Callable[[Wallbox], None], failure: str) -> None:
    world = make(presets={"SampledDataCtrlr.TxUpdatedInterval": "10"})
    world.advance(5)
    moment(world)
    FAILURES[failure](world)
    world.advance(2)
    day.conclude(world)
    day.books(world, 1_234_567)
    assert len(world.csms.charges) == (moment not in (idle, authorized, plugged))
    day.charge(world, 10)  # and it goes on working
    day.rest(world)
    day.books(world, 1_234_567)


def test_a_cable_that_is_held_for_its_owner_stays_held_when_hal_is_killed(box: Wallbox) -> None:
    box.csms.call("ChangeConfiguration", {"key": "UnlockConnectorOnEVSideDisconnect", "value": "false"})
    box.charge(10)
    box.order("unplug", "--at-car")
    box.advance(20)
    assert box.held()
    box.kill_hal(restart_s=0.5)
    box.advance(30)
    assert box.held()
    box.swipe()
    box.until(lambda: not box.held())
    box.unplug()
