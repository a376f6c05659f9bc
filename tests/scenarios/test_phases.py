"""A central system asks for one phase, and gets it in its own time."""

from __future__ import annotations

from hal.contract import Limits
from tests.scenarios.conftest import Make
from tests.scenarios.test_smart_charging import read, sets
from tests.world.wallbox import Wallbox


def surplus(world: Wallbox, watts: int, phases: int | None) -> None:
    """As evcc charges with the surplus of a roof."""
    period = {"startPeriod": 0, "limit": watts} | ({} if phases is None else {"numberPhases": phases})
    schedule = {"chargingRateUnit": "W", "chargingSchedulePeriod": [period]}
    one = {"chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile"}
    assert sets(world, {**one, "chargingProfileKind": "Relative", "chargingSchedule": schedule}) == "Accepted"


def phases_drawn(world: Wallbox) -> int:
    return sum(ma > 0 for ma in world.bay().flow().current_ma)


def power_offered(world: Wallbox) -> int:
    world.csms.call("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1})
    world.advance(1)
    values = world.csms.last("MeterValues").meterValue[0]["sampledValue"]
    return next(int(value["value"]) for value in values if value["measurand"] == "Power.Offered")


def test_less_than_three_phases_can_carry_flows_on_one_after_a_minute(make: Make) -> None:
    world = make(limits=Limits(max_ma=16_000, switch_phases=True))
    world.advance(5)
    assert read(world)["ConnectorSwitch3to1PhaseSupported"] == ("true", True)
    world.charge(30)
    assert phases_drawn(world) == 3
    surplus(world, 2_300, 1)
    world.until(lambda: phases_drawn(world) == 1, within=80)
    world.advance(15)
    assert world.outlet().offered_ma == 10_000 and world.bay().phases.sparks == 0
    assert 2_100 < power_offered(world) < 2_400  # of the one phase, though the meter has three
    surplus(world, 11_000, None)
    world.advance(300)
    assert phases_drawn(world) == 1
    world.until(lambda: phases_drawn(world) == 3, within=400)
    assert world.bay().phases.sparks == 0 and len(world.csms.charges) == 1
    world.finish()


def test_the_next_car_begins_with_three(make: Make) -> None:
    world = make(limits=Limits(max_ma=16_000, switch_phases=True))
    world.advance(5)
    surplus(world, 2_300, 1)
    world.charge(30)
    assert phases_drawn(world) == 1
    world.finish()
    surplus(world, 11_000, 3)
    world.charge(30)
    assert phases_drawn(world) == 3
    world.finish()


def test_without_the_installers_word_phases_stay(make: Make) -> None:
    world = make()
    world.advance(5)
    surplus(world, 5_000, 1)
    world.charge(100)
    assert phases_drawn(world) == 3 and world.outlet().offered_ma < 10_000
    world.finish()
