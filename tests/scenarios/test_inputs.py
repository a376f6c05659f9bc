"""What the contacts of a board do to a charge, and who hears of it."""

from __future__ import annotations

from tests.scenarios.conftest import Make
from tests.scenarios.test_heat import sentence
from tests.world.wallbox import Wallbox


def test_an_emergency_stop_is_told_and_needs_a_person(box: Wallbox) -> None:
    box.charge(10)
    box.order("input", "emergency-stop", "on")
    box.advance(5)
    last = box.csms.last("StatusNotification")
    assert (last.status, last.errorCode, last.vendorErrorCode) == ("Faulted", "OtherError", "CX008")
    box.order("input", "emergency-stop", "off")
    box.advance(60)
    assert not box.outlet().closed and "its cause has gone" in sentence(box)
    assert box.tick is not None and box.tick.acknowledge(1)
    box.until(lambda: box.outlet().closed)
    box.finish()


def test_an_opened_enclosure_is_a_security_event_once(make: Make) -> None:
    world = make(evses=2)
    world.advance(5)
    world.order("input", "enclosure-open", "on")
    world.advance(30)
    world.kill_hal(1)
    world.advance(30)
    tampers = [m for m in world.csms.all("SecurityEventNotification") if m.type == "TamperDetectionActivated"]
    assert [m.techInfo for m in tampers] == ["the enclosure is open"]
    world.order("input", "enclosure-open", "off")
    world.advance(5)
    world.order("input", "enclosure-open", "on")
    world.advance(5)
    tampers = [m for m in world.csms.all("SecurityEventNotification") if m.type == "TamperDetectionActivated"]
    assert len(tampers) == 2


def test_the_grid_operator_dims_and_status_says_so(box: Wallbox) -> None:
    box.charge(10)
    box.order("input", "grid-dim", "on")
    box.advance(12)
    assert sentence(box) == "Charging at 6.0 A, limited by the grid operator."
    box.order("input", "switched-off", "on")
    box.advance(15)
    assert sentence(box) == "Paused by its switch: 0.0 A are allowed, and a car needs at least 6.0 A."
    assert box.csms.last("StatusNotification").status == "SuspendedEVSE"
    box.order("input", "switched-off", "off")
    box.order("input", "grid-dim", "off")
    box.until(lambda: box.outlet().closed and box.outlet().offered_ma == 16_000)
    box.finish()


def press(world: Wallbox) -> None:
    for way in ("on", "off"):
        world.order("input", "button", way)
        world.advance(1)


def test_the_button_of_a_free_box_ends_a_charge_and_begins_another(make: Make) -> None:
    world = make(free=True)
    world.advance(5)
    world.plug_in()
    world.until(lambda: world.outlet().closed)
    press(world)
    world.until(lambda: not world.outlet().closed)
    world.advance(60)
    assert not world.outlet().closed
    press(world)
    world.until(lambda: world.outlet().closed)
    press(world)
    world.until(lambda: not world.held())
    world.unplug()


def test_where_cards_are_asked_for_the_button_does_nothing(box: Wallbox) -> None:
    box.charge(10)
    press(box)
    box.advance(10)
    assert box.outlet().closed and any("button ignored: a card is needed here" in line for line in box.lines)
    box.finish()
