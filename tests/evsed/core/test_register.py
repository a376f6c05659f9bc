"""The register that is told never falls, and no Wh of it is lost, whatever meter, evse-hal and power do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evsed.core import events as ev
from evsed.core.overview import Surroundings, overview
from evsed.core.register import LITTLE_WH, WORTH_NOTING_WH
from evsed.core.reports import MetersSampled, TransactionEnded, TransactionStarted, TransactionUpdated
from evsed.core.status import HalStatus, LinkStatus, OutletStatus
from evsed.core.why import why
from evsed.core.words import Measurand, StopReason, TokenStatus, Verdict
from tests.evsed.core.box_world import World
from tests.evsed.core.ledger import REGISTER, check
from tests.evsed.core.stories import available, charging, ended, finishing

AROUND = Surroundings("box", "1", HalStatus(up=True), LinkStatus(), None)


def hal_restarts(world: World) -> None:
    world.hal_down()
    world.advance(1)
    world.hal_up()


def power_cut(world: World) -> None:
    world.power_cut()
    world.hal_up()
    world.connect()
    world.answer_all()


def nothing(world: World) -> None:
    """The lie comes out of the blue."""


RESTARTS: dict[str, Callable[[World], None]] = {"hal": hal_restarts, "power cut": power_cut, "none": nothing}
restarts = pytest.mark.parametrize("restart", RESTARTS.values(), ids=RESTARTS)
lies = pytest.mark.parametrize("lie", [0, REGISTER // 2], ids=["zero", "lower"])


def shown(world: World) -> OutletStatus:
    return overview(world.station, AROUND, world.now()).outlets[0]


def registers(world: World) -> list[int]:
    """Every register that was told, in the order of telling."""
    told: list[int] = []
    for send in world.sent:
        report = send.report
        if isinstance(report, TransactionStarted | TransactionEnded):
            told.append(report.meter_wh)
        elif isinstance(report, TransactionUpdated | MetersSampled):
            values = [value for sample in report.samples for value in sample.values]
            told += [value.value for value in values if value.measurand is Measurand.ENERGY_IMPORT]
    return told


def asks_for_values(world: World) -> list[Measurand]:
    """What a central system gets when it asks for the present values."""
    world.asks(ev.Triggered(world.ref(), ev.TriggerKind.METER_VALUES, 1))
    world.answer_all()
    report = next(
        r for r in reversed(list(world.arrived.values())) if isinstance(r, TransactionUpdated | MetersSampled)
    )
    return [value.measurand for value in report.samples[0].values]


# --- a register that fell ----------------------------------------------------------------------------------------


@lies
@restarts
def test_at_idle_nothing_begins_and_the_sentence_says_why(restart: Callable[[World], None], lie: int) -> None:
    world = finishing()
    world.answer_all()
    world.unplug()
    known = world.bays[1].register
    world.bays[1].register = lie
    restart(world)
    world.advance(2)
    world.plug_in()
    world.swipe()
    world.answer_all()
    world.advance(5)
    assert world.tx() is None
    assert shown(world).fell == (known, lie)
    assert [fault.name for fault in shown(world).faults] == ["REGISTER_FELL"]
    assert "no charge may begin" in why(shown(world), overview(world.station, AROUND, world.now()))
    start = ev.StartRequested(world.ref(), 1, world.access.free_token or ev.Token("ANYONE"))
    assert world.asks(start) is Verdict.REJECTED
    measurands = asks_for_values(world)
    assert Measurand.ENERGY_IMPORT not in measurands
    assert Measurand.POWER_IMPORT in measurands


@lies
@restarts
def test_in_mid_charge_it_is_left_out_and_the_end_is_what_was_known(restart: Callable[[World], None], lie: int) -> None:
    world = charging()
    world.advance(65)
    world.answer_all()
    world.disk.flush()
    known = max(registers(world))
    truth, world.bays[1].register = world.bays[1].register, lie
    restart(world)
    world.wants()
    world.advance(65)
    world.answer_all()
    assert world.tx() is not None
    assert Measurand.ENERGY_IMPORT not in asks_for_values(world)
    assert shown(world).session_wh is None
    world.swipe()
    assert known <= ended(world).meter_wh <= truth
    assert registers(world) == sorted(registers(world))


@pytest.mark.parametrize("flush", [True, False])
def test_what_was_told_is_known_after_a_power_cut(flush: bool) -> None:
    """The journal writes samples in batches: what was told since the last one may be lost, and no more."""
    world = charging()
    world.advance(65)
    world.answer_all()
    if flush:
        world.disk.flush()
    told = max(registers(world))
    world.power_cut()
    assert world.disk.recovered().meters[0].wh == (told if flush else REGISTER)


def test_one_that_comes_back_is_believed_again_and_nothing_was_lost() -> None:
    world = finishing()
    truth = world.bays[1].register
    world.bays[1].register = 0
    hal_restarts(world)
    world.advance(5)
    assert shown(world).energy_wh is None
    world.bays[1].register = truth
    world.advance(2)
    assert (shown(world).energy_wh, shown(world).faults) == (truth, ())
    world.swipe()
    world.answer_all()
    assert world.tx() is not None
    check(world)


@pytest.mark.parametrize("lost", [1, LITTLE_WH])
def test_a_little_that_the_meter_forgot_is_told_as_it_was_until_it_has_caught_up(lost: int) -> None:
    world = finishing()
    known = world.bays[1].register
    world.bays[1].register -= lost
    power_cut(world)
    assert (shown(world).energy_wh, shown(world).faults) == (known, ())
    world.unplug()
    world.charging()
    assert world.last(TransactionStarted).meter_wh == known
    world.advance(60.5)
    world.swipe()
    assert ended(world).meter_wh == world.bays[1].register
    assert registers(world) == sorted(registers(world))


def test_a_refused_card_has_no_energy_left_that_cannot_be_counted() -> None:
    world = World().online().set("MaxEnergyOnInvalidId", 100_000).set("StopTransactionOnInvalidId", False)
    world.verdicts[TransactionStarted] = ev.TokenAnswer(TokenStatus.BLOCKED)
    world = charging(world)
    assert world.demands[1].closes
    world.bays[1].register = 0
    world.advance(2)
    assert not world.demands[1].closes


# --- the first one -----------------------------------------------------------------------------------------------


def test_a_new_meter_has_counted_nothing_and_may_say_so() -> None:
    world = World()
    world.bays[1].register = 0
    world.online()
    charging(world)
    assert world.last(TransactionStarted).meter_wh == 0
    world.advance(30)
    world.swipe()
    assert ended(world).meter_wh == world.bays[1].register


# --- another meter -----------------------------------------------------------------------------------------------


def replaced(world: World) -> object:
    ref = world.ref()
    world.do(ev.MeterReplaced(ref, 1))
    return world.replies[ref]


@pytest.mark.parametrize("restart", [hal_restarts, power_cut])
def test_a_person_says_that_the_meter_is_another_one(restart: Callable[[World], None]) -> None:
    world = finishing()
    world.unplug()
    world.bays[1].register = 17
    restart(world)
    world.advance(2)
    assert replaced(world) is Verdict.ACCEPTED
    world.advance(1)
    assert (shown(world).energy_wh, shown(world).faults) == (17, ())
    restart(world)  # the new base is on the disk at once
    world.advance(1)
    assert shown(world).energy_wh == 17
    charging(world)
    world.advance(30)
    world.swipe()
    assert ended(world).meter_wh == world.bays[1].register


def test_without_need_nothing_is_replaced() -> None:
    world = finishing()
    assert replaced(world) is Verdict.REJECTED
    ref = world.ref()
    world.do(ev.MeterReplaced(ref, 7))
    assert world.replies[ref] is Verdict.REJECTED


def test_in_mid_charge_the_meter_cannot_be_another_one() -> None:
    world = charging()
    world.bays[1].register = 17
    world.advance(2)
    assert replaced(world) is Verdict.REJECTED
    world.swipe()
    assert ended(world).meter_wh >= REGISTER
    assert replaced(world) is Verdict.ACCEPTED


# --- what belongs to no transaction ------------------------------------------------------------------------------


def in_the_dark(world: World, seconds: int = 30) -> int:
    """The meter falls silent, energy flows, the charge is stopped; the Wh that nobody has seen."""
    world.bays[1].meter_works = False
    world.advance(seconds)
    world.swipe()
    return world.bays[1].register - ended(world).meter_wh


def test_what_flowed_behind_a_silent_meter_is_noted_and_shown_with_the_next_charge() -> None:
    world = charging()
    dark = in_the_dark(world)
    assert dark >= WORTH_NOTING_WH
    world.swipe()
    world.answer_all()
    assert world.tx() is None  # what flowed in the dark is nobody's start
    world.bays[1].meter_works = True
    world.advance(1)
    assert f"! outlet 1 {dark} Wh were counted since the last transaction" in world.lines
    tx = world.tx()
    assert tx is not None
    assert (tx.start_wh, tx.unassigned_wh) == (world.bays[1].register, dark)
    check(world)


@pytest.mark.parametrize("restart", [hal_restarts, power_cut])
def test_it_is_known_after_a_restart(restart: Callable[[World], None]) -> None:
    world = charging()
    dark = in_the_dark(world)
    world.bays[1].meter_works = True
    world.unplug()
    restart(world)
    restart(world)
    world.advance(2)
    assert shown(world).unassigned_wh == dark
    charging(world)
    assert shown(world).unassigned_wh == 0
    world.swipe()
    ended(world)
    assert shown(world).unassigned_wh == 0
    check(world)


def test_a_reading_from_before_the_contactor_opened_is_no_start() -> None:
    """The next driver would pay for the last seconds of the one before."""
    world = charging()
    in_the_dark(world, 1)
    world.swipe()
    world.answer_all()
    assert world.tx() is None
    world.bays[1].meter_works = True
    world.advance(1)
    assert world.tx() is not None
    check(world)


def test_a_transaction_that_never_began_takes_nothing_along() -> None:
    world = charging()
    dark = in_the_dark(world)
    world.bays[1].meter_works = True
    world.advance(2)
    world.breaks()
    world.swipe()
    world.answer_all()
    assert world.tx() is None
    world.mends()
    world.advance(1)
    assert shown(world).unassigned_wh == dark
    assert [tx.reason for tx in world.transactions()] == [StopReason.LOCAL]


def test_a_trickle_is_noted_but_not_at_each_wh() -> None:
    world = available()
    for _ in range(2 * WORTH_NOTING_WH):
        world.bays[1].register += 1
        world.advance(1)
    assert shown(world).unassigned_wh == 2 * WORTH_NOTING_WH
    assert len([line for line in world.lines if "since the last" in line]) == 2
