"""Transactions from start to end: card, cable, contactor, register, faults (OCPP 1.6 §4.8, §4.10)."""

from __future__ import annotations

import pytest

from evsed.core import events as ev
from evsed.core.records import KnownToken
from evsed.core.reports import TransactionEnded, TransactionStarted
from evsed.core.words import Status, StopReason, Token, TokenStatus, Verdict
from tests.evsed.core.box_world import OTHER, TAG, World
from tests.evsed.core.plant import HOT, TRIPPED
from tests.evsed.core.stories import LONG_AGO, charging, ended

ACCEPTED, REJECTED = Verdict.ACCEPTED, Verdict.REJECTED
SOFT, HARD = ev.ResetKind.SOFT, ev.ResetKind.HARD


# --- start and stop ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("card_first", [True, False])
def test_card_and_cable_in_either_order(card_first: bool) -> None:
    world = World().online()
    for step in (world.swipe, world.plug_in) if card_first else (world.plug_in, world.swipe):
        step()
        world.answer_all()
    start = world.last(TransactionStarted)
    assert (start.evse, start.token, start.meter_wh) == (1, TAG, 1_000_000)
    assert world.bays[1].facts.locked


def test_the_contactor_closes_for_a_car_that_asks_and_only_then() -> None:
    world = World().online()
    world.plug_in()
    world.wants()
    assert not world.bays[1].facts.closed
    world.swipe()
    world.answer_all()
    assert world.bays[1].facts.closed
    assert world.demands[1].max_ma == 16_000


def test_a_stop_waits_for_the_open_contactor_and_a_reading_after_it() -> None:
    world = charging()
    world.advance(60)
    world.swipe()
    assert not world.bays[1].facts.closed
    assert world.tx() is not None
    assert world.bays[1].facts.locked
    world.bays[1].register += 2  # what flowed since the last reading
    stop = ended(world)
    assert stop.meter_wh == world.bays[1].register
    assert (stop.reason, stop.token) == (StopReason.LOCAL, TAG)
    assert not world.bays[1].facts.locked


def test_the_next_start_begins_where_the_last_stop_ended() -> None:
    world = charging()
    world.advance(100)
    world.swipe()
    stop = ended(world)
    world.swipe()
    world.answer_all()
    assert world.last(TransactionStarted).meter_wh == stop.meter_wh


def test_a_stop_does_not_wait_for_ever_for_a_reading() -> None:
    world = charging()
    world.bays[1].meter_works = False
    world.swipe()
    world.advance(2.9)
    assert world.tx() is not None
    world.advance(0.1)
    assert world.tx() is None


def test_a_stop_does_not_wait_for_ever_for_a_contactor() -> None:
    world = charging()
    world.bays[1].contactor_sticks = True
    world.swipe()
    world.advance(14.9)
    assert world.tx() is not None
    world.advance(0.2)
    assert world.tx() is None
    assert world.transactions()[0].end_wh == world.bays[1].register


def test_a_register_that_falls_costs_nothing_that_was_counted() -> None:
    world = charging()
    world.advance(120)
    world.bays[1].register = 17  # another meter
    world.swipe()
    assert ended(world).meter_wh == 1_000_360


def test_offline_start_and_stop_are_delivered_in_order() -> None:
    world = World(local=(TAG.value,)).online()
    world.disconnect()
    world.plug_in()
    world.swipe()
    world.wants()
    world.advance(60)
    world.swipe()
    world.advance(2)
    world.unplug()
    world.connect()
    world.answer_all()
    start, stop = world.last(TransactionStarted), world.last(TransactionEnded)
    assert (start.tx, start.meter_wh, start.at.mono_ms) == (stop.tx, 1_000_000, 1_000)
    assert (stop.meter_wh, stop.at.mono_ms) == (1_000_180, 61_000)


def test_a_box_without_a_central_system_lives_on_its_own() -> None:
    world = World(local=(TAG.value,)).offline()
    world.plug_in()
    world.swipe()
    world.wants()
    world.advance(3_000)
    world.swipe()
    world.advance(2)
    assert [tx.end_wh for tx in world.transactions()] == [1_009_000]
    assert world.sent == []


def test_free_charging_begins_with_the_cable_and_once_per_cable() -> None:
    world = World(free=True).online()
    world.plug_in()
    world.answer_all()
    assert world.last(TransactionStarted).token == Token("FREE")
    world.wants()
    world.asks(ev.StopRequested("stop", world.last(TransactionStarted).tx))
    world.advance(60)
    assert world.status() is Status.FINISHING
    world.unplug()
    world.plug_in()
    world.answer_all()
    assert len(world.reports(TransactionStarted)) == 2


def test_a_car_that_leaves_and_is_back_before_the_end_is_written_is_a_new_use() -> None:
    world = charging(World(free=True).online())
    world.unplug()
    world.plug_in()
    world.wants()
    stop = ended(world)
    assert stop.reason is StopReason.EV_DISCONNECTED
    assert len(world.reports(TransactionStarted)) == 2
    assert world.status() is Status.CHARGING


def test_two_outlets_keep_apart() -> None:
    world = charging(charging(World(2).online()), 2)
    second = world.tx(2)
    assert second is not None
    world.advance(60)
    world.swipe(TAG, 1)
    world.advance(2)
    world.answer_all()
    assert world.tx(1) is None
    assert world.tx(2) is not None
    assert world.status(2) is Status.CHARGING
    world.advance(60)
    world.swipe(OTHER, 2)
    world.swipe(TAG, 2)
    stop = ended(world)
    assert (stop.evse, stop.tx) == (2, second.id)
    counted = {evse: bay.register - 1_000_000 for evse, bay in world.bays.items()}
    assert {tx.evse: (tx.end_wh or 0) - tx.start_wh for tx in world.transactions()} == counted


def test_without_a_fresh_reading_nothing_begins_and_a_permission_does_not_wait_for_ever() -> None:
    world = World().online()
    world.bays[1].meter_works = False
    world.advance(6)
    world.plug_in()
    world.swipe()
    world.wants()
    world.answer_all()
    assert world.tx() is None
    assert not world.bays[1].facts.closed
    world.advance(30)
    world.bays[1].meter_works = True
    world.advance(1)
    assert world.tx() is not None


# --- the cable at the car ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("unlocks", [True, False])
def test_unplugged_at_the_car_the_transaction_ends(unlocks: bool) -> None:
    world = charging(World().online().set("UnlockConnectorOnEVSideDisconnect", unlocks))
    world.unplug()
    assert not world.bays[1].facts.closed
    stop = ended(world)
    assert (stop.reason, stop.token) == (StopReason.EV_DISCONNECTED, None)
    assert world.bays[1].facts.locked is not unlocks
    if not unlocks:
        world.disconnect()
        world.swipe(OTHER)
        assert world.bays[1].facts.locked
        world.swipe(TAG)
        assert not world.bays[1].facts.locked


@pytest.mark.parametrize("unlocks", [True, False])
def test_or_goes_on_with_the_cable_locked_whatever_the_other_key_says(unlocks: bool) -> None:
    world = World().online().set("UnlockConnectorOnEVSideDisconnect", unlocks)
    world = charging(world.set("StopTransactionOnEVSideDisconnect", False))
    world.unplug()
    world.advance(600)
    assert world.tx() is not None
    assert world.bays[1].facts.locked
    world.plug_in()
    world.wants()
    assert world.status() is Status.CHARGING
    world.swipe()
    assert ended(world).reason is StopReason.LOCAL


def test_a_fixed_cable_has_nothing_to_unlock_and_says_so() -> None:
    world = World(socket=False).online()
    key = ("OCPPCommCtrlr", "UnlockOnEVSideDisconnect")
    view = world.asks(ev.VariablesRead("read", (key,))).found[0]
    assert (view.value, view.writable) == ("false", False)
    assert world.asks(ev.VariableWritten("write", *key, "true")) is REJECTED
    assert World().online().asks(ev.VariableWritten("write", *key, "false")) is ACCEPTED


# --- faults in mid-charge ----------------------------------------------------------------------------------------


def test_a_fault_pauses_and_its_end_resumes() -> None:
    world = charging()
    world.advance(60)
    tx = world.tx()
    world.fault(HOT)
    assert not world.bays[1].facts.closed
    world.advance(600)
    assert world.status() is Status.FAULTED
    assert world.tx() is not None
    world.fault()
    world.advance(1)
    world.answer_all()
    assert world.status() is Status.CHARGING
    assert world.tx() is not None
    assert tx is not None
    assert world.tx().id == tx.id  # type: ignore[union-attr]


def test_a_faulted_outlet_can_be_stopped_and_unplugged() -> None:
    world = charging()
    world.fault(TRIPPED)
    world.swipe()
    assert ended(world).reason is StopReason.LOCAL
    assert world.status() is Status.FAULTED
    world.unplug()
    world.fault()
    assert world.status() is Status.AVAILABLE


def test_a_permission_does_not_start_a_faulted_outlet() -> None:
    world = World().online()
    world.swipe()
    world.answer_all()
    world.fault(HOT)
    world.plug_in()
    assert world.tx() is None
    world.fault()
    assert world.tx() is not None


def test_hal_silent_in_mid_charge_keeps_the_transaction() -> None:
    world = charging()
    world.advance(60)
    world.hal_down()
    world.advance(600)
    assert world.tx() is not None
    world.hal_up()
    world.advance(1)
    assert world.status() is Status.CHARGING


def test_a_car_that_left_while_hal_was_silent_ends_it() -> None:
    world = charging()
    world.hal_down()
    world.unplug()
    world.advance(5)
    world.hal_up()
    assert ended(world).reason is StopReason.EV_DISCONNECTED


def test_a_stop_while_hal_is_silent_waits_for_its_register_but_not_for_ever() -> None:
    world = charging()
    world.advance(10)
    world.hal_down()
    world.swipe()
    world.advance(20)
    assert world.tx() is not None
    world.hal_up()
    world.advance(1)
    assert world.transactions()[0].end_wh == world.bays[1].register
    world = charging()
    world.hal_down()
    world.swipe()
    world.advance(30)
    assert world.tx() is None


# --- the numbers of the peer -------------------------------------------------------------------------------------


def test_what_only_the_peer_knows_is_kept_and_forgotten() -> None:
    world = World().online()
    world.plug_in()
    world.swipe()
    world.until(TransactionStarted)
    tx = world.tx()
    assert tx is not None
    world.answer(ev.TokenAnswer(TokenStatus.ACCEPTED), ev.Binding("ocpp1.6", tx.id, "42"))
    assert [bound.binding.value for bound in world.disk.recovered().bindings] == ["42"]
    world.answer_all()
    world.advance(1)
    world.swipe()
    world.advance(2)
    world.until(TransactionEnded)
    world.answer(ev.Noted(), ev.Binding("ocpp1.6", tx.id, None))
    assert world.disk.recovered().bindings == ()


def test_what_only_the_peer_knows_is_forgotten_with_a_stop_that_is_given_up() -> None:
    world = World().online().set("TransactionMessageAttempts", 1).set("MeterValueSampleInterval", 0)
    world.plug_in()
    world.swipe()
    tx = world.until(TransactionStarted).tx()
    assert tx is not None
    world.answer(ev.TokenAnswer(TokenStatus.ACCEPTED), ev.Binding("ocpp1.6", tx.id, "42"))
    world.answer_all()
    world.crash()
    world.connect()
    world.answer_all()
    world.advance(1)
    world.swipe()
    world.advance(2)
    world.until(TransactionEnded).fail("InternalError")
    assert world.disk.recovered().bindings == ()


def test_a_refusal_that_comes_before_the_board_does_is_not_forgotten() -> None:
    world = World(local=(TAG.value,)).online()
    world.disconnect()
    world.charging()
    world.hal_down()
    world.crash()
    world.connect()
    world.advance(6)
    world.verdicts[TransactionStarted] = ev.TokenAnswer(TokenStatus.INVALID)
    world.answer_all()
    assert world.tx() is None
    world.hal_up()
    assert not world.bays[1].facts.closed
    world.advance(3)
    assert [tx.reason for tx in world.transactions()] == [StopReason.DEAUTHORIZED]


def test_the_group_that_the_start_learns_lets_its_members_stop() -> None:
    world = World().online()
    world.verdicts[TransactionStarted] = ev.TokenAnswer(TokenStatus.ACCEPTED, group="FAMILY")
    charging(world)
    world.advance(31)
    world.disk.records[KnownToken, OTHER.key] = KnownToken(OTHER, TokenStatus.ACCEPTED, None, "FAMILY", LONG_AGO)
    world.crash()
    world.swipe(OTHER)
    world.advance(2)
    assert world.tx() is None
