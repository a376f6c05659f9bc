"""What a driver sees at the outlet, from an idle box to a refused card."""

from __future__ import annotations

import pytest

from hal.contract import Display, Show
from tests.scenarios.conftest import Make
from tests.world.wallbox import TAG, Wallbox


def display(world: Wallbox) -> Display:
    assert world.tick is not None
    lease = world.tick.seen(1)[1]
    assert lease is not None
    return lease.display


def test_a_box_that_is_connected_adds_nothing(box: Wallbox) -> None:
    assert display(box) == Display()


def test_each_card_is_a_signal_of_its_own(box: Wallbox) -> None:
    box.plug_in()
    box.swipe()
    box.until(lambda: box.outlet().closed)
    assert (display(box).signal, display(box).number) == (Show.ACCEPTED, 1)
    box.swipe()
    box.until(lambda: not box.held())
    assert (display(box).signal, display(box).number) == (Show.ACCEPTED, 2)
    box.unplug()


def test_a_card_that_is_not_known_offline_is_refused_each_time(make: Make) -> None:
    world = make(network=False)
    world.advance(5)
    for number in (1, 2):
        world.swipe("STRANGER")
        world.advance(2)
        assert (display(world).signal, display(world).number) == (Show.REFUSED, number)
    assert display(world).shows is Show.OFFLINE


def test_an_outlet_out_of_service_and_a_reserved_one_say_so(box: Wallbox) -> None:
    box.csms.call("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"})
    box.advance(2)
    assert display(box).shows is Show.UNAVAILABLE
    box.csms.call("ChangeAvailability", {"connectorId": 1, "type": "Operative"})
    box.advance(2)
    booking = {"connectorId": 1, "expiryDate": "2027-01-01T06:00:00Z", "idTag": TAG, "reservationId": 1}
    box.csms.call("ReserveNow", booking)
    box.advance(2)
    assert display(box).shows is Show.RESERVED


def test_a_restart_of_evsed_signals_nothing_again(box: Wallbox) -> None:
    box.charge(5)
    assert display(box).number == 1
    box.kill_evsed(2)
    box.advance(5)
    assert (display(box).signal, display(box).number) == (Show.NOTHING, 0)
    box.finish()


def test_a_box_on_its_own_is_not_offline(make: Make) -> None:
    world = make(systems=(), network=False, tags=(TAG,))
    world.advance(5)
    assert display(world).shows is Show.NOTHING


@pytest.mark.parametrize(("key", "value", "shown"), [("LightIntensity", "40", 400), ("BlinkRepeat", "5", 5)])
def test_the_keys_of_1_6_are_obeyed(box: Wallbox, key: str, value: str, shown: int) -> None:
    box.csms.call("ChangeConfiguration", {"key": key, "value": value})
    box.advance(2)
    assert shown in (display(box).light_permille, display(box).blinks)
