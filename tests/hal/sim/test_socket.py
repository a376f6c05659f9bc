"""The plug's resistor and the bolt."""

from __future__ import annotations

import pytest

from tests.hal.sim.world import Hand


@pytest.mark.parametrize(
    ("amperes", "low", "high"), [("13", 1_100, 2_460), ("20", 400, 936), ("32", 164, 308), ("63", 80, 140)]
)
def test_the_plug_tells_what_its_cable_carries(amperes: str, low: float, high: float) -> None:
    hand = Hand()
    assert hand.parts.proximity is not None
    assert hand.parts.proximity.ohms() is None
    hand.say("plug-in", "--cable", amperes)
    ohms = hand.parts.proximity.ohms()
    assert ohms is not None
    assert low <= ohms <= high
    hand.say("unplug")
    assert hand.parts.proximity.ohms() is None


def test_a_broken_or_shorted_proximity_contact() -> None:
    hand = Hand()
    assert hand.parts.proximity is not None
    hand.say("plug-in")
    hand.say("fault", "pp-broken")
    assert hand.parts.proximity.ohms() is None
    hand.say("clear", "pp-broken")
    hand.say("fault", "pp-short")
    assert hand.parts.proximity.ohms() == 0.0
    hand.say("clear", "pp-short")
    assert hand.parts.proximity.ohms() == 220.0


def test_the_bolt_needs_its_time_and_holds_until_it_is_back() -> None:
    hand = Hand()
    lock = hand.parts.lock
    assert lock is not None
    hand.say("plug-in")
    lock.order(True)
    hand.wait(500)
    assert not lock.locked()
    hand.wait(120)
    assert lock.locked()
    assert "locked" in hand.refused("unplug")
    lock.order(False)
    hand.wait(10)
    assert not lock.locked()
    assert "locked" in hand.refused("unplug")
    hand.wait(600)
    hand.say("unplug")


def test_a_stuck_bolt_stays_where_it_is() -> None:
    hand = Hand()
    lock = hand.parts.lock
    assert lock is not None
    hand.say("fault", "lock-stuck")
    lock.order(True)
    hand.wait(2_000)
    assert not lock.locked()
    hand.say("clear", "lock-stuck")
    hand.wait(700)
    assert lock.locked()
    hand.say("fault", "lock-stuck")
    lock.order(False)
    hand.wait(2_000)
    assert lock.locked()


def test_force_breaks_the_plug_out() -> None:
    hand = Hand()
    assert hand.parts.lock is not None
    hand.say("plug-in")
    hand.parts.lock.order(True)
    hand.wait(700)
    hand.say("unplug", "--force")
    assert not hand.bay.car.plugged


def test_a_fixed_cable_has_neither() -> None:
    hand = Hand(socket=False)
    assert hand.parts.lock is None
    assert hand.parts.proximity is None
    assert "fixed cable" in hand.refused("plug-in", "--cable", "20")
    hand.say("plug-in")
    hand.say("unplug")
