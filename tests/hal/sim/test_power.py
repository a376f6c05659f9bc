"""The power path: contacts follow the coil with delay, and the coil follows the hardware chain."""

from __future__ import annotations

import pytest

from hal.sim.power import ContactorFault
from tests.hal.sim.world import Hand


@pytest.fixture
def hand() -> Hand:
    hand = Hand()
    hand.wait(20)
    return hand


def test_contacts_follow_the_order_after_their_time(hand: Hand) -> None:
    hand.parts.contactor.order(True)
    hand.wait(10)
    assert not hand.parts.contactor.closed()
    hand.wait(20)
    assert hand.parts.contactor.closed()
    hand.parts.contactor.order(False)
    hand.wait(20)
    assert not hand.parts.contactor.closed()


def test_an_order_taken_back_in_time_moves_nothing(hand: Hand) -> None:
    hand.parts.contactor.order(True)
    hand.wait(10)
    hand.parts.contactor.order(False)
    hand.wait(100)
    assert not hand.parts.contactor.closed()


def test_without_beats_nothing_closes(hand: Hand) -> None:
    hand.beats = False
    hand.wait(600)
    hand.parts.contactor.order(True)
    hand.wait(1_000)
    assert not hand.parts.contactor.closed()


def test_the_gate_opens_the_contactor_by_itself_500_ms_after_the_last_beat(hand: Hand) -> None:
    hand.parts.contactor.order(True)
    hand.wait(100)
    hand.beats = False
    hand.wait(490)
    assert hand.parts.contactor.closed()
    hand.wait(40)
    assert not hand.parts.contactor.closed()
    hand.beats = True
    hand.wait(50)
    assert hand.parts.contactor.closed()  # the order still stands


def test_a_dropped_gate_opens_at_once(hand: Hand) -> None:
    hand.parts.contactor.order(True)
    hand.wait(100)
    hand.beats = False
    hand.parts.enable.drop()
    hand.wait(20)
    assert not hand.parts.contactor.closed()


def test_the_residual_current_device_opens_in_hardware_and_stays_so(hand: Hand) -> None:
    hand.parts.contactor.order(True)
    hand.wait(100)
    assert hand.parts.residual is not None
    hand.say("fault", "residual")
    assert hand.parts.residual.tripped()
    hand.wait(20)
    assert not hand.parts.contactor.closed()
    hand.say("clear", "residual")
    hand.wait(50)
    assert hand.parts.contactor.closed()


def test_a_weld_holds_the_contacts_once_they_are_closed(hand: Hand) -> None:
    hand.say("fault", "contactor-welded")
    assert not hand.parts.contactor.closed()
    hand.parts.contactor.order(True)
    hand.wait(50)
    hand.parts.contactor.order(False)
    hand.wait(1_000)
    assert hand.parts.contactor.closed()
    assert hand.bay.contactor.main
    hand.say("clear", "contactor-welded")
    hand.wait(50)
    assert not hand.parts.contactor.closed()


def test_a_dead_contactor_does_not_close_but_opens(hand: Hand) -> None:
    hand.say("fault", "contactor-dead")
    hand.parts.contactor.order(True)
    hand.wait(1_000)
    assert not hand.parts.contactor.closed()
    hand.say("clear", "contactor-dead")
    hand.wait(50)
    assert hand.parts.contactor.closed()
    hand.say("fault", "contactor-dead")
    hand.parts.contactor.order(False)
    hand.wait(50)
    assert not hand.parts.contactor.closed()


def test_a_slow_contactor_takes_its_time_both_ways(hand: Hand) -> None:
    hand.say("fault", "contactor-slow")
    for closed in (True, False):
        hand.parts.contactor.order(closed)
        hand.wait(400)
        assert hand.parts.contactor.closed() is not closed
        hand.wait(30)
        assert hand.parts.contactor.closed() is closed


@pytest.mark.parametrize(("fault", "told"), [(ContactorFault.AUX_OPEN, False), (ContactorFault.AUX_CLOSED, True)])
def test_a_stuck_mirror_contact_tells_the_same_whatever_the_contacts_do(
    hand: Hand, fault: ContactorFault, told: bool
) -> None:
    hand.say("fault", fault)
    for closed in (True, False):
        hand.parts.contactor.order(closed)
        hand.wait(50)
        assert hand.bay.contactor.main is closed
        assert hand.parts.contactor.closed() is told
