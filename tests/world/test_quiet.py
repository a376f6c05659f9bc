"""A world that leaves out quiet seconds lives the same life as one that doesn't."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hal.contacts import Dim
from hal.contract import Limits
from hal.outlet import OutletLoop
from tests.world.csms import NEW_YEAR_2027
from tests.world.messages import iso
from tests.world.quiet import quiet_until
from tests.world.wallbox import Wallbox

PRESETS = {"AlignedDataCtrlr.Interval": "300"}


def sleepy(world: Wallbox) -> None:
    """Idle, then a charge that a schedule lowers and pauses, a car that is full, a line that is gone for a while."""
    world.advance(200)
    world.order("plug-in", "--cable", "20")
    world.advance(3)
    world.swipe()
    world.advance(100)
    world.csms.call("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": schedule(world)})
    world.advance(800)
    world.lose_line()
    world.advance(400)
    world.find_line()
    world.advance(200)
    world.order("car", "stop")
    world.advance(200)
    world.swipe()
    world.advance(100)
    world.unplug()
    world.advance(200)


def broken(world: Wallbox) -> None:
    """Kills, a cut, a meter that is silent, a cable that is torn out, while nobody calls."""
    world.advance(60)
    world.charge(200)
    world.kill_evsed(restart_s=0.5)
    world.advance(200)
    world.kill_hal(restart_s=0.5)
    world.advance(200)
    world.fault("meter-silent")
    world.advance(90)
    world.clear("meter-silent")
    world.advance(200)
    world.power_cut(300)
    world.advance(200)
    world.order("unplug", "--force")
    world.advance(200)


def troubled(world: Wallbox) -> None:
    """An emergency stop that somebody acknowledges, and a hot enclosure."""
    world.charge(100)
    world.order("input", "emergency-stop", "on")
    world.advance(200)
    world.order("input", "emergency-stop", "off")
    world.advance(200)
    assert world.tick is not None
    world.tick.acknowledge(1)
    world.touched()
    world.advance(100)
    world.order("warm", "80")
    world.advance(300)
    world.order("warm", "25")
    world.advance(300)


def misdated(world: Wallbox) -> None:
    """Clocks that are set while nothing happens, by the machine and by the central system, and what follows of it."""
    truth = world.csms._now_ms
    world.advance(103)
    for offset_ms in (0, 3_600_000, -5_000):
        world.set_clock(offset_ms)
        world.advance(303.3)
    world.set_clock(None)
    world.csms._now_ms = lambda: truth() + 7_200_000
    world.advance(700)
    world.charge(100)
    world.finish()
    world.advance(900)


def schedule(world: Wallbox) -> dict[str, Any]:
    periods = [{"startPeriod": at, "limit": limit} for at, limit in ((0, 16.0), (300, 8.0), (600, 0.0), (900, 10.0))]
    begins = iso(NEW_YEAR_2027 + world.ms)
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "startSchedule": begins,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": periods,
        },
    }


def lived(story: Callable[[Wallbox], None], folder: Path, leaps: bool) -> Wallbox:
    world = Wallbox(folder, presets=PRESETS, leaps=leaps)
    story(world)
    world.close()
    return world


@pytest.mark.parametrize("story", [sleepy, broken, troubled, misdated])
def test_the_central_system_hears_the_same_at_the_same_time(tmp_path: Path, story: Callable[[Wallbox], None]) -> None:
    steady, leaping = (lived(story, tmp_path / str(leaps), leaps) for leaps in (False, True))
    told = [[(m.at_ms, m.action, m.payload) for m in world.csms.received] for world in (steady, leaping)]
    assert told[0] == told[1]
    assert len(told[0]) > 20
    assert steady.register() == leaping.register()
    assert steady.watch.breaches == leaping.watch.breaches == []
    assert leaping.steps < steady.steps / 3


def test_there_is_no_quiet_where_something_is_broken_or_was_just_touched(tmp_path: Path) -> None:
    world = Wallbox(tmp_path)
    world.advance(60)
    assert quiet_until(world) > world.ms + 60_000
    world.fault("meter-silent")
    world.advance(2)
    assert quiet_until(world) == world.ms
    world.clear("meter-silent")
    assert quiet_until(world) == world.ms
    world.kill_evsed()
    assert quiet_until(world) == world.ms
    world.close()


def test_there_is_no_quiet_while_hal_has_seen_half_of_an_edge(tmp_path: Path) -> None:
    world = Wallbox(tmp_path)
    world.advance(5)
    world.charge(20)
    world.order("car", "stop")
    world.until(lambda: not world.bay().car.s2)
    assert world.bay().contactor.main
    world._lively_ms = 0
    world._meter_at_ms = world._tick_at_ms  # the worst phase: the next round of routine comes with that tick
    assert quiet_until(world) == world.ms
    world.close()


def dimmed(world: Wallbox) -> int:
    """When the whole current is offered again, after a grid operator dimmed for a while; his limit is held for 30 s."""
    loop = world.tick._all[0] if world.tick is not None else None
    assert isinstance(loop, OutletLoop)
    loop._ceilings._dimmer._dim = Dim(hold_s=30)
    world.charge(20)
    for switch in ("on", "off"):
        world.order("input", "grid-dim", switch)
        world.advance(10)
    world.until(lambda: world.bay().pilot._offered > 200)
    return world.ms


def to_one_phase(world: Wallbox) -> int:
    """When a charge goes on after its phases were chosen anew."""
    period = {"startPeriod": 0, "limit": 2_300, "numberPhases": 1}
    payload = schedule(world) | {"chargingProfileKind": "Relative"}
    payload["chargingSchedule"] = {"chargingRateUnit": "W", "chargingSchedulePeriod": [period]}
    world.charge(20)
    world.csms.call("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": payload})
    world.until(lambda: not world.bay().phases.closed)
    world.until(lambda: world.bay().contactor.main, within=100)
    return world.ms


@pytest.mark.parametrize("story", [dimmed, to_one_phase])
def test_what_hal_times_by_itself_comes_when_it_would(tmp_path: Path, story: Callable[[Wallbox], int]) -> None:
    came = []
    for leaps in (False, True):
        world = Wallbox(tmp_path / str(leaps), leaps=leaps, limits=Limits(switch_phases=True))
        world.advance(5)
        came.append(story(world))
        world.close()
    assert came[0] == came[1]
