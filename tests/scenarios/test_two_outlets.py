"""Two outlets at once: each has its own car, card, transaction, faults and books."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.scenarios import day
from tests.scenarios.conftest import Make, judge
from tests.scenarios.test_cuts import STRIKES, folders
from tests.world.wallbox import TAG, Wallbox

OTHER = "0B0B0B0B"
START_WH = 1_234_567
EVERY = 5


@pytest.fixture
def two(make: Make) -> Wallbox:
    world = make(evses=2, presets={"SampledDataCtrlr.TxUpdatedInterval": "10"})
    world.advance(5)
    return world


def books(world: Wallbox) -> None:
    judge(world)
    assert world.csms.unbooked == []
    assert len(world.csms.charges) == len(world.watch.begun)
    for evse in (1, 2):
        charges = [charge for charge in world.csms.charges.values() if charge.connector == evse]
        assert sum(charge.energy_wh for charge in charges) == world.register(evse) - START_WH
        for before, after in pairwise(charges):
            assert before.stop is not None
            assert after.start.meterStart == before.stop.meterStop


def test_both_charge_and_each_stops_by_its_own_card(two: Wallbox) -> None:
    two.charge(20, evse=1)
    two.charge(20, evse=2, tag=OTHER)
    two.swipe(TAG, evse=2)
    two.advance(5)
    assert two.bay(2).contactor.main  # another driver's card
    two.finish(evse=1)
    assert two.bay(2).contactor.main
    two.advance(20)
    two.finish(evse=2, tag=OTHER)
    assert [(c.connector, c.start.idTag) for c in two.csms.charges.values()] == [(1, TAG), (2, OTHER)]
    books(two)


def test_samples_go_to_their_own_transactions(two: Wallbox) -> None:
    two.charge(5, evse=1)
    two.charge(35, evse=2, tag=OTHER)
    for number, evse in ((1, 1), (2, 2)):
        samples = two.csms.charges[number].samples
        assert len(samples) >= 3
        assert {m.connectorId for m in samples} == {evse}
    two.finish(evse=1)
    two.finish(evse=2, tag=OTHER)
    books(two)


def test_a_fault_of_one_leaves_the_other_alone(two: Wallbox) -> None:
    two.charge(10, evse=1)
    two.charge(10, evse=2, tag=OTHER)
    closings = two.outlet(2).closings
    two.fault("residual", evse=1)
    two.advance(10)
    assert two.statuses(1)[-1] == "Faulted"
    assert two.statuses(2)[-1] == "Charging"
    assert two.outlet(2).closings == closings
    assert [m.status for m in two.csms.all("StatusNotification") if m.connectorId == 0] == ["Available"]


def test_unavailable_is_of_one_outlet(two: Wallbox) -> None:
    two.csms.call("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
    two.charge(10, evse=2)
    two.plug_in(evse=1)
    two.swipe(OTHER, evse=1)
    two.advance(20)
    assert not two.bay(1).contactor.main
    assert two.statuses(1)[-1] == "Unavailable"
    two.finish(evse=2)


def test_a_reset_ends_both(two: Wallbox) -> None:
    two.charge(10, evse=1)
    two.charge(10, evse=2, tag=OTHER)
    two.csms.call("Reset", {"type": "Soft"})
    two.advance(30)
    stops = [charge.stop for charge in two.csms.charges.values()]
    assert [stop.reason for stop in stops if stop is not None] == ["SoftReset", "SoftReset"]
    books(two)


def test_both_offline(two: Wallbox) -> None:
    for evse, tag in ((1, TAG), (2, OTHER)):
        two.charge(3, evse=evse, tag=tag)
        two.finish(evse=evse, tag=tag)
    two.lose_line()
    two.charge(15, evse=1)
    two.charge(15, evse=2, tag=OTHER)
    two.finish(evse=2, tag=OTHER)
    two.advance(10)
    two.finish(evse=1)
    two.find_line()
    day.rest(two)
    assert len(two.csms.charges) == 4
    books(two)


def live(world: Wallbox) -> None:
    """Two charges that overlap, the line lost in between."""
    world.advance(3)
    day.begin(world)
    day.begin(world, OTHER, evse=2)
    world.advance(12)
    world.lose_line()
    day.end(world)
    world.advance(5)
    world.find_line()
    day.end(world, OTHER, evse=2)
    day.rest(world)


@pytest.mark.parametrize("what", STRIKES)
def test_struck_at_every_fifth_moment(disk: Path, what: str) -> None:
    folder = folders(disk)
    strike, follow = STRIKES[what]
    moment, last = 1, EVERY
    while moment <= last:
        world = Wallbox(next(folder), evses=2, presets=day.PRESETS, leaps=True)
        world.strikes = lambda at, moment=moment, world=world: at == moment and strike(world)  # type: ignore[misc]
        world.struck = lambda world=world: follow(world)  # type: ignore[misc]
        live(world)
        world.close()
        books(world)
        moment, last = moment + EVERY, len(world.moments)
