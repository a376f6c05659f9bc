"""What heat and contacts are to an outlet over the simulated plant, how soon, and how that ends."""

from __future__ import annotations

import pytest

from hal.boards import load
from hal.contract import Ceiling, Limits, Owner, Temperature
from hal.faults import Name
from tests.hal.box import Box

# --- heat ------------------------------------------------------------------------------------------------------


def test_heat_lowers_the_offer_in_steps_and_then_opens_at_once() -> None:
    box = Box(limits=Limits(max_ma=32_000))
    box.charge(20_000)
    box.run(5_000)
    box.say("warm 66")
    outlet = box.run(8_000)
    assert (outlet.offered_ma, outlet.limits[0]) == (16_000, Ceiling(Owner.HEAT, 16_000))
    box.say("warm 71")
    box.run(2_010)
    assert not box.tick.loaded and box.faults() == ["OVER_TEMPERATURE"]
    fault = box.outlet().faults[0]
    assert (fault.code16, fault.text) == ("HighTemperature", "too hot to charge: enclosure, 71 °C")
    box.say("warm 63")
    box.run(60_000)
    assert box.faults() == ["OVER_TEMPERATURE"]
    box.say("warm 62")
    box.until(closed=True, within_ms=20_000)
    assert box.faults() == []


def test_a_thermometer_that_is_gone_lowers_the_offer_and_then_opens() -> None:
    box = Box()
    box.charge(16_000)
    box.run(5_000)
    assert box.outlet().temperatures == (Temperature("enclosure", 25_000),)
    box.say("fault enclosure-thermometer-gone")
    outlet = box.run(17_000)
    assert (outlet.offered_ma, outlet.temperatures, outlet.limits[0].owner) == (6_000, (), Owner.HEAT)
    assert box.run(47_000).faults[0].name == "THERMOMETER_SILENT" and not box.outlet().closed
    box.say("clear enclosure-thermometer-gone")
    box.until(closed=True, within_ms=20_000)


def test_a_thermometer_counts_for_its_outlets_only() -> None:
    box = Box(load("sim2"))
    for evse in (1, 2):
        box.charge(evse=evse)
    box.say("warm 80", evse=2)
    box.run(2_010)
    assert box.outlet(1).closed and box.faults(2) == ["OVER_TEMPERATURE"]


# --- contacts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("contact", "fault"), [("emergency-stop", "EMERGENCY_STOP"), ("earth-lost", "EARTH_LOST")])
@pytest.mark.parametrize("order", ["input {} on", "fault input-{}-gone"])
def test_what_endangers_people_opens_at_once(contact: str, fault: str, order: str) -> None:
    box = Box()
    box.charge()
    box.say(order.format(contact))
    assert not box.tick.loaded and box.faults()[0] == fault


def test_an_emergency_stop_is_latched_until_it_is_acknowledged() -> None:
    box = Box()
    box.charge()
    box.say("input emergency-stop on")
    box.tick.acknowledge(1)
    box.run(1_000)
    box.say("input emergency-stop off")
    box.run(60_000)
    assert box.faults() == ["EMERGENCY_STOP"] and box.memory.kept == {1: (Name.EMERGENCY_STOP,)}
    box.tick.acknowledge(1)
    box.until(closed=True)


def test_an_earth_that_is_back_must_stay_for_half_a_minute() -> None:
    box = Box()
    box.charge()
    box.say("input earth-lost on")
    box.say("input earth-lost off")
    box.run(29_000)
    assert box.faults() == ["EARTH_LOST"]
    box.until(closed=True)


def test_an_open_enclosure_warns_and_opens_nothing() -> None:
    box = Box()
    box.charge()
    box.say("input enclosure-open on")
    assert box.run(1_000).closed and box.faults() == ["ENCLOSURE_OPEN"]


def test_the_grid_operator_and_the_switch_have_limits_of_their_own() -> None:
    box = Box()
    box.charge(16_000)
    box.run(5_000)
    box.say("input grid-dim on")
    outlet = box.run(6_000)
    assert (outlet.offered_ma, outlet.limits[0]) == (6_086, Ceiling(Owner.GRID, 6_086))
    box.say("input switched-off on")
    box.until(closed=False)
    assert box.outlet().limits[0] == Ceiling(Owner.SWITCH, 0) and box.faults() == []
    box.say("input switched-off off")
    box.say("input grid-dim off")
    box.until(closed=True, within_ms=20_000)
    assert box.run(20_000).offered_ma == 16_000


def test_a_contact_that_cannot_be_read_is_told_beside_what_it_stands_for() -> None:
    box = Box()
    box.say("fault input-grid-dim-gone")
    box.charge(16_000)
    assert box.outlet().offered_ma == 6_086
    assert [fault.text for fault in box.outlet().faults] == [
        "an input cannot be read and counts as what is safe: grid-dim: its wire is gone"
    ]


def test_presses_are_counted() -> None:
    box = Box()
    box.say("input button on")
    box.say("input button off")
    box.say("input button on")
    assert box.outlet().presses == 2
