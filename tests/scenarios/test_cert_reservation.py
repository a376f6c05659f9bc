"""Reservations as the OCPP 1.6 certification walks through them, and how they live on. Each test of a case bears
its id.

A reservation of any connector is first walked through with one outlet, where the whole box waits for its driver.
"""

from __future__ import annotations

import pytest

from tests.scenarios.conftest import Make
from tests.world.csms import NEW_YEAR_2027, iso
from tests.world.wallbox import TAG, Wallbox

OTHER = "0B0B0B0B"
HALF_AN_HOUR = 1_800


def reserve(world: Wallbox, connector: int = 1, *, id: int = 7, seconds: float = HALF_AN_HOUR, **more: str) -> str:
    until = iso(NEW_YEAR_2027 + world.ms + round(seconds * 1_000))
    payload: dict[str, object] = {
        "connectorId": connector,
        "expiryDate": until,
        "idTag": TAG,
        "reservationId": id,
        **more,
    }
    return told(world, "ReserveNow", payload)


def told(world: Wallbox, action: str, payload: dict[str, object]) -> str:
    """The status of the answer, or the error."""
    asked = world.csms.call(action, payload)
    world.advance(1)
    return asked.error or str(asked.status)


def cancel(world: Wallbox, id: int = 7) -> str:
    return told(world, "CancelReservation", {"reservationId": id})


def make_unavailable(world: Wallbox, connector: int) -> None:
    asked = world.csms.call("ChangeAvailability", {"connectorId": connector, "type": "Inoperative"})
    world.advance(1)
    assert asked.status == "Accepted"


def remote_start(world: Wallbox, tag: str = TAG) -> str:
    asked = world.csms.call("RemoteStartTransaction", {"connectorId": 1, "idTag": tag})
    world.advance(1)
    return str(asked.status)


def charges(world: Wallbox, tag: str = TAG, reservation: int | None = 7) -> None:
    """It has begun, with this card, and ended this reservation."""
    world.until(lambda: world.statuses()[-1] == "Charging")
    start = world.csms.last("StartTransaction")
    assert (start.idTag, start.payload.get("reservationId")) == (tag, reservation)
    world.finish(tag=tag)
    assert world.statuses()[-1] == "Available"


def test_tc_046_1_a_reserved_connector_is_used_by_its_card(box: Wallbox) -> None:
    assert reserve(box) == "Accepted"
    assert box.statuses()[-1] == "Reserved"
    box.swipe(OTHER)
    box.advance(5)
    assert not box.csms.all("Authorize")
    box.swipe()
    assert box.statuses()[-1] == "Preparing"
    box.plug_in()
    charges(box)


def test_tc_046_2_a_reserved_connector_is_used_by_a_remote_start(box: Wallbox) -> None:
    assert reserve(box) == "Accepted"
    assert box.statuses()[-1] == "Reserved"
    assert remote_start(box, OTHER) == "Rejected"
    assert remote_start(box) == "Accepted"
    box.plug_in()
    charges(box)


def test_tc_047_a_reservation_is_over_in_time(box: Wallbox) -> None:
    assert reserve(box, seconds=60) == "Accepted"
    assert box.statuses()[-1] == "Reserved"
    box.advance(58)
    assert box.statuses()[-1] == "Reserved"
    box.advance(2)
    assert box.statuses()[-1] == "Available"
    box.plug_in()
    box.swipe(OTHER)
    charges(box, OTHER, reservation=None)


@pytest.mark.parametrize("connector", [pytest.param(1, id="TC_048_1_CS"), pytest.param(0, id="TC_050_1_CS")])
def test_a_faulted_one_is_not_reserved(box: Wallbox, connector: int) -> None:
    box.fault("residual")
    box.until(lambda: box.statuses()[-1] == "Faulted")
    assert reserve(box, connector) == "Faulted"


@pytest.mark.parametrize("connector", [pytest.param(1, id="TC_048_2_CS"), pytest.param(0, id="TC_050_2_CS")])
def test_an_occupied_one_is_not_reserved(box: Wallbox, connector: int) -> None:
    box.plug_in()
    assert box.statuses()[-1] == "Preparing"
    assert reserve(box, connector) == "Occupied"
    box.swipe(OTHER)
    charges(box, OTHER, reservation=None)


@pytest.mark.parametrize("connector", [pytest.param(1, id="TC_048_3_CS"), pytest.param(0, id="TC_050_3_CS")])
def test_an_unavailable_one_is_not_reserved(box: Wallbox, connector: int) -> None:
    make_unavailable(box, connector)
    assert box.statuses()[-1] == "Unavailable"
    assert reserve(box, connector) == "Unavailable"


@pytest.mark.parametrize("connector", [pytest.param(1, id="TC_048_4_CS"), pytest.param(0, id="TC_050_4_CS")])
def test_a_box_that_takes_no_reservations_says_so(make: Make, connector: int) -> None:
    world = make(presets={"ReservationCtrlr.Enabled": "false"})
    world.advance(5)
    assert reserve(world, connector) == "Rejected"
    world.plug_in()
    world.swipe(OTHER)
    charges(world, OTHER, reservation=None)


@pytest.mark.parametrize("evses", [1, 2])
def test_tc_049_any_connector_is_reserved_and_used(make: Make, evses: int) -> None:
    """Of two, the other one is out of service, so that the box has one connector left to keep."""
    world = make(evses=evses)
    world.advance(5)
    for connector in range(2, evses + 1):
        make_unavailable(world, connector)
    assert reserve(world, 0) == "Accepted"
    assert world.statuses()[-1] == "Reserved"
    world.swipe(OTHER)
    world.advance(5)
    assert world.statuses()[-1] == "Reserved"
    world.swipe()
    world.plug_in()
    charges(world)


def test_tc_051_a_reservation_is_cancelled(box: Wallbox) -> None:
    assert reserve(box) == "Accepted"
    assert box.statuses()[-1] == "Reserved"
    assert cancel(box) == "Accepted"
    assert box.statuses()[-1] == "Available"


def test_tc_052_a_reservation_that_is_not_there_is_not_cancelled(box: Wallbox) -> None:
    assert reserve(box) == "Accepted"
    assert cancel(box, 8) == "Rejected"
    assert box.statuses()[-1] == "Reserved"


def test_tc_053_1_a_card_of_the_group_uses_it(box: Wallbox) -> None:
    box.csms.parents = {OTHER: "GROUP"}
    assert reserve(box, parentIdTag="GROUP") == "Accepted"
    assert box.statuses()[-1] == "Reserved"
    box.swipe(OTHER)
    box.plug_in()
    charges(box, OTHER)


def test_tc_053_2_a_remote_start_for_the_group_uses_it(box: Wallbox) -> None:
    box.csms.parents = {OTHER: "GROUP"}
    assert reserve(box, parentIdTag="GROUP") == "Accepted"
    assert box.statuses()[-1] == "Reserved"
    assert remote_start(box, OTHER) == "Accepted"
    box.plug_in()
    charges(box, OTHER)


def test_it_outlives_a_power_cut_and_a_lost_line(box: Wallbox) -> None:
    assert reserve(box) == "Accepted"
    box.lose_line()
    box.power_cut()
    box.advance(5)
    box.plug_in()
    box.swipe(OTHER)
    box.advance(10)
    assert not box.bay().contactor.main
    box.reconnect()
    box.until(lambda: box.statuses()[-1] == "Reserved")
    box.swipe()
    charges(box)


def test_the_start_that_ends_it_is_told_after_a_power_cut_too(box: Wallbox) -> None:
    box.charge(5)
    box.finish()
    assert reserve(box) == "Accepted"
    box.lose_line()
    box.plug_in()
    box.swipe()
    box.until(lambda: box.bay().contactor.main)
    box.power_cut()
    box.reconnect()
    box.until(lambda: len(box.csms.charges) == 2)
    assert box.csms.charges[2].start.reservationId == 7
    assert cancel(box) == "Rejected"
    box.until(lambda: box.statuses()[-1] == "Charging")
    box.finish()


def test_one_whose_commit_fails_is_not_there(box: Wallbox) -> None:
    box.disk_full = True
    assert reserve(box) == "InternalError"
    box.disk_full = False
    box.advance(30)
    assert cancel(box) == "Rejected"
    assert reserve(box, id=8) == "Accepted"
    assert box.statuses()[-1] == "Reserved"


@pytest.mark.parametrize("mended", [True, False])
def test_one_whose_end_or_change_could_not_be_kept_is_as_before(box: Wallbox, mended: bool) -> None:
    assert reserve(box) == "Accepted"
    box.disk_full = True
    assert (cancel(box) if mended else reserve(box, idTag=OTHER)) == "InternalError"
    box.disk_full = False
    if mended:
        box.advance(30)
    else:
        box.power_cut()
        box.advance(10)
    assert box.statuses()[-1] == "Reserved"
    box.plug_in()
    box.swipe()
    charges(box)


def test_a_reset_leaves_it(box: Wallbox) -> None:
    assert reserve(box) == "Accepted"
    box.csms.call("Reset", {"type": "Hard"})
    box.until(lambda: len(box.csms.all("BootNotification")) == 2)
    box.advance(5)
    assert box.statuses()[-1] == "Reserved"


def test_of_two_connectors_the_last_free_one_is_kept(make: Make) -> None:
    world = make(evses=2)
    world.advance(5)
    assert reserve(world, 0) == "Accepted"
    assert (world.statuses(1)[-1], world.statuses(2)[-1]) == ("Available", "Available")
    world.plug_in(1)
    assert world.statuses(2)[-1] == "Reserved"
    world.swipe(OTHER, 1)
    world.until(lambda: world.statuses(1)[-1] == "Charging")
    world.plug_in(2)
    world.swipe(OTHER, 2)
    world.advance(5)
    assert len(world.csms.charges) == 1
    world.swipe(TAG, 2)
    world.until(lambda: world.statuses(2)[-1] == "Charging")
    assert world.csms.charges[2].start.reservationId == 7
    world.finish(2)
    world.finish(1, OTHER)
    assert world.statuses(2)[-1] == "Available"


def test_no_card_number_is_in_any_line_of_the_log(box: Wallbox) -> None:
    reserve(box, parentIdTag="GROUP77")
    assert any("ReserveNow" in line and "reservationId=7" in line for line in box.lines)
    assert not any(text in line for line in box.lines for text in (TAG, "GROUP77"))
