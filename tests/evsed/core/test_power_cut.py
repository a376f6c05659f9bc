"""Power cuts and crashes of evsed in each moment of a session: I5 to I9, and what becomes of the charge.

The moments are those of a session: m1 idle, m2 permitted without cable, m3 cable without permission, m4 start written
and contactor open, m5 charging, m6 contactor opened and stop not written, m7 stop written and not answered, m8 the
queue being flushed. The sweeps need no names: they cut at every commit of a whole session.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evsed.core import events as ev
from evsed.core.reports import TransactionEnded, TransactionStarted
from evsed.core.words import Status, StopReason
from tests.evsed.core.box_world import TAG, World
from tests.evsed.core.disk import PowerCut
from tests.evsed.core.ledger import COMMITS, SAMPLES, check, reasons, session, settle
from tests.evsed.core.plant import Facts
from tests.evsed.core.stories import charging

BOTH = [True, False]

# --- moments -----------------------------------------------------------------------------------------------------


def m1() -> World:
    return World().online()


def m2() -> World:
    world = m1()
    world.swipe()
    world.answer_all()
    return world


def m3() -> World:
    world = m1()
    world.plug_in()
    return world


def m4() -> World:
    world = m3()
    world.swipe()
    world.until(TransactionStarted)
    return world


def m5() -> World:
    world = charging()
    world.advance(65)
    return world


def m6() -> World:
    world = m5()
    world.answer_all()
    world.swipe()
    assert world.tx() is not None
    assert not world.bays[1].facts.closed
    return world


def m7() -> World:
    world = m6()
    world.advance(2)
    world.until(TransactionEnded)
    return world


def m8() -> World:
    """Two sessions wait; the central system has got, and not answered, the second message of them."""
    world = World(local=(TAG.value,)).online()
    world.disconnect()
    world.plug_in()
    for _ in range(2):
        world.swipe()
        world.wants()
        world.advance(10.5)
        world.swipe()
        world.advance(2)
    world.connect()
    world.until(TransactionStarted)
    world.answer_one()
    assert len(world.station.box.outbox) == 3
    return world


MOMENTS: dict[str, Callable[[], World]] = {m.__name__: m for m in (m1, m2, m3, m4, m5, m6, m7, m8)}


# --- afterwards --------------------------------------------------------------------------------------------------


def restart(world: World, how: str, car: bool) -> None:
    """The power or evsed comes back; the car, if it is there, asks again."""
    asked = world.bays[1].facts.asks
    car = car and world.bays[1].facts.plugged
    if how == "power cut":
        world.power_cut()
    if not car:
        world.bays[1].facts = Facts(locked=world.bays[1].facts.locked and how == "crash")
    if how == "crash":
        world.crash()
    else:
        world.hal_up()
    world.advance(3)
    if car and asked:
        world.wants()
    world.advance(12)  # within this time everything is decided (I8)


@pytest.mark.parametrize("resumes", BOTH)
@pytest.mark.parametrize("car", BOTH, ids=["car", "no car"])
@pytest.mark.parametrize("how", ["power cut", "crash"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_after_each_moment_everything_is_told_once_and_every_watt_hour_counted(
    moment: str, how: str, car: bool, resumes: bool
) -> None:
    world = MOMENTS[moment]().set("ResumeAfterPowerLoss", resumes)
    restart(world, how, car)
    check(world)


@pytest.mark.parametrize(
    ("how", "car", "resumes", "goes_on", "reason"),
    [
        ("power cut", True, True, True, StopReason.LOCAL),
        ("power cut", True, False, False, StopReason.POWER_LOSS),
        ("power cut", False, True, False, StopReason.POWER_LOSS),
        ("power cut", False, False, False, StopReason.POWER_LOSS),
        ("crash", True, True, True, StopReason.LOCAL),
        ("crash", True, False, True, StopReason.LOCAL),
        ("crash", False, True, False, StopReason.EV_DISCONNECTED),
        ("crash", False, False, False, StopReason.EV_DISCONNECTED),
    ],
)
@pytest.mark.parametrize("moment", [m4, m5])
def test_a_running_transaction_goes_on_or_ends_for_the_right_reason(
    moment: Callable[[], World], how: str, car: bool, resumes: bool, goes_on: bool, reason: StopReason
) -> None:
    world = moment().set("ResumeAfterPowerLoss", resumes)
    restart(world, how, car)
    assert (world.tx() is not None) is goes_on
    if goes_on and moment is m5:
        assert world.status() is Status.CHARGING
    settle(world)
    assert reasons(world) == [reason]


def test_no_crash_of_evsed_interrupts_the_energy() -> None:
    """I13: the contactor never moves."""
    world = m5()
    world.effects.clear()
    for _ in range(3):
        world.crash()
        assert world.bays[1].facts.closed
        world.advance(20)
        assert world.bays[1].facts.closed
    assert [line for line in world.lines if "ends" in line] == []


@pytest.mark.parametrize("how", ["power cut", "crash"])
def test_who_had_stopped_does_not_charge_on(how: str) -> None:
    world = m6()
    restart(world, how, True)
    assert reasons(world) == [StopReason.LOCAL]
    assert not world.bays[1].facts.closed
    told = settle(world)
    assert isinstance(told[-1], TransactionEnded)
    assert told[-1].token == TAG


@pytest.mark.parametrize("how", ["power cut", "crash"])
def test_a_stop_that_was_written_frees_the_cable_after_the_restart(how: str) -> None:
    world = m7()
    world.bays[1].facts = Facts(plugged=True, cable_ma=32_000, locked=True)
    restart(world, how, True)
    assert world.bays[1].facts.locked is False


def test_after_a_power_cut_nothing_flows_before_the_car_is_seen() -> None:
    world = m5().set("ResumeAfterPowerLoss", False)
    world.power_cut()
    world.do(ev.HalUp((1,)))
    assert not any(demand.closes for demand in world.demands.values())
    world.hal_up()
    assert not any(demand.closes for demand in world.demands.values())


def test_a_meter_that_boots_slowly_still_has_the_last_word() -> None:
    world = m5()
    world.advance(40)
    world.power_cut()
    world.bays[1].facts = Facts(locked=False)
    world.bays[1].meter_works = False
    world.hal_up()
    world.advance(25)
    assert world.tx() is not None
    world.bays[1].meter_works = True
    check(world)


def test_and_one_that_never_comes_does_not_hold_the_cable_for_ever() -> None:
    world = m5()
    world.power_cut()
    world.bays[1].facts = Facts(locked=False)
    world.bays[1].meter_works = False
    world.hal_up()
    world.advance(45)
    assert reasons(world) == [StopReason.POWER_LOSS]


@pytest.mark.parametrize("stops", BOTH)
def test_a_transaction_that_may_outlive_its_car_outlives_a_crash_without_it(stops: bool) -> None:
    world = charging(World().online().set("StopTransactionOnEVSideDisconnect", stops))
    world.unplug()
    if stops:
        world.advance(3)
    world.crash()
    world.advance(60)
    assert (world.tx() is not None) is not stops
    world.plug_in()
    world.wants()
    assert (world.status() is Status.CHARGING) is not stops


def test_a_free_charge_that_was_stopped_does_not_begin_again_by_a_crash() -> None:
    """After a power cut, though, nobody knows whether it is still the same car."""
    world = World(free=True).online()
    world.plug_in()
    world.wants()
    tx = world.tx()
    assert tx is not None
    world.answer_all()
    world.advance(0.5)
    world.asks(ev.StopRequested("stop", tx.id))
    world.advance(3)
    world.crash()
    world.advance(60)
    assert world.status() is Status.FINISHING
    world.unplug()
    world.plug_in()
    assert world.tx() is not None
    world.do(ev.UnlockRequested("control-1", 1))
    world.advance(3)
    assert world.tx() is None
    world.power_cut()
    world.hal_up()
    assert world.tx() is not None


def test_a_board_without_that_outlet_leaves_its_transaction_on_disk() -> None:
    world = charging(World(2).online(), 2)
    world.power_cut()
    second = world.bays.pop(2)
    world.hal_up()
    world.advance(60)
    assert [tx.ended for tx in world.transactions()] == [None]
    assert any("outlet 2" in line for line in world.lines)
    world.bays[2] = second
    world.do(ev.HalDown())
    world.watch.hops[2] = []
    world.hal_up()
    world.wants(2)
    assert world.status(2) is Status.CHARGING


# --- the sweeps --------------------------------------------------------------------------------------------------


def test_the_session_has_commits_worth_cutting() -> None:
    world = session(World(presets=SAMPLES))
    assert reasons(world) == [StopReason.LOCAL] * 2
    assert world.disk.commits >= 8
    check(world)


def cut(commit: int, before: bool, resumes: bool = True) -> World:
    world = World(presets={**SAMPLES, "TxCtrlr.ResumeAfterPowerLoss": str(resumes).lower()})
    world.disk.cut_at, world.disk.cut_before = commit, before
    with pytest.raises(PowerCut):
        session(world)
    return world


@pytest.mark.parametrize("car", BOTH, ids=["car", "no car"])
@pytest.mark.parametrize(("how", "resumes"), [("power cut", True), ("power cut", False), ("crash", True)])
@pytest.mark.parametrize("before", BOTH, ids=["before", "after"])
@pytest.mark.parametrize("commit", range(1, COMMITS + 1))
def test_the_journal_cut_at_every_commit(commit: int, before: bool, how: str, car: bool, resumes: bool) -> None:
    world = cut(commit, before, resumes)
    open_before = [tx.id for tx in world.transactions() if tx.ended is None]
    restart(world, how, car)
    tx = world.tx()
    assert tx is None or tx.id in open_before
    check(world)


@pytest.mark.parametrize("again", range(1, 6))
@pytest.mark.parametrize("commit", range(1, COMMITS + 1))
def test_a_second_cut_soon_after_the_first(commit: int, again: int) -> None:
    world = cut(commit, before=False)
    world.power_cut()
    world.disk.cut_at = world.disk.commits + again
    try:
        world.hal_up()
        world.advance(30)
        settle(world)
    except PowerCut:
        world.power_cut()
        world.hal_up()
        world.advance(60)
    world.disk.cut_at = None
    check(world)
