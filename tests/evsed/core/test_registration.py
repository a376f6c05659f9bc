"""Being taken by the central system: boot, wait, again (OCPP 1.6 §4.2, errata 3.11, 3.22, 3.35); what leaves when."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from evsed.core import events as ev
from evsed.core import registration
from evsed.core.effects import AdoptTime, VariablesReply
from evsed.core.reports import (
    AuthorizationAsked,
    Booted,
    HeartbeatDue,
    MetersSampled,
    StatusChanged,
    TransactionEnded,
    TransactionStarted,
)
from evsed.core.security_events import SecurityNoted
from evsed.core.words import Registration, Status, Verdict
from tests.evsed.core.box_world import RULES, TAG, WALL0, World

ACCEPTED, PENDING, REJECTED = Registration.ACCEPTED, Registration.PENDING, Registration.REJECTED
OWN_WAIT_S = 60


def connected(**kinds: object) -> World:
    """The boot is on its way."""
    world = World(**kinds)  # type: ignore[arg-type]
    world.hal_up()
    world.connect()
    assert isinstance(world.open.report if world.open else None, Booted)
    return world


def answered(status: Registration, interval_s: int = 0, **kinds: object) -> World:
    world = connected(**kinds)
    world.answer(ev.BootAnswer(status, WALL0, interval_s))
    return world


def boots(world: World) -> int:
    return len(world.reports(Booted))


# --- the first words -------------------------------------------------------------------------------------------


def test_nothing_leaves_before_the_boot_is_answered() -> None:
    world = connected()
    world.plug_in()
    world.swipe()
    world.advance(29)
    assert [type(send.report) for send in world.sent] == [Booted]


def test_the_boot_waits_a_moment_for_the_board_so_that_all_outlets_can_be_told() -> None:
    world = World(2)
    world.connect()
    world.advance(1)
    assert boots(world) == 0
    world.hal_up()
    assert boots(world) == 1


def test_without_a_board_it_boots_all_the_same_and_is_faulted() -> None:
    world = World()
    world.connect()
    world.advance(5)
    world.answer_all()
    assert boots(world) == 1
    assert [(report.evse, report.status) for report in world.reports(StatusChanged)] == [(0, Status.FAULTED)]


def test_accepted_tells_station_and_outlets_in_order_and_takes_time_and_interval() -> None:
    world = World(3)
    world.hal_up()
    world.connect()
    world.answer(ev.BootAnswer(ACCEPTED, WALL0, 77))
    world.answer_all()
    assert [report.evse for report in world.reports(StatusChanged)] == [0, 1, 2, 3]
    assert AdoptTime(WALL0) in world.effects
    world.advance(76)
    assert world.reports(HeartbeatDue) == []
    world.advance(1)
    assert len(world.reports(HeartbeatDue)) == 1


def test_the_interval_of_the_boot_is_kept_and_0_leaves_ours() -> None:
    world = answered(ACCEPTED, 77)
    world.answer_all()
    world.advance(31)
    world.crash()
    world.connect()
    world.answer(ev.BootAnswer(ACCEPTED, WALL0, 0))
    reply = world.asks(ev.VariablesRead("read", (("OCPPCommCtrlr", "HeartbeatInterval"),)))
    assert isinstance(reply, VariablesReply)
    assert reply.found[0].value == "77"


def test_statuses_come_first_then_the_backlog_in_its_order() -> None:
    world = World(2, local=(TAG.value,)).offline()
    for evse in (1, 2):
        world.plug_in(evse)
        world.swipe(TAG, evse)
    world.advance(1)
    world.swipe(TAG, 1)
    world.advance(2)
    world.connect()
    world.answer_all()
    assert [type(send.report) for send in world.sent] == [
        Booted,
        *[StatusChanged] * 3,
        SecurityNoted,  # the start of the box
        TransactionStarted,
        TransactionStarted,
        TransactionEnded,
    ]


def test_no_answer_to_a_boot_is_tried_again_after_our_own_wait() -> None:
    world = connected()
    world.fail()
    world.advance(OWN_WAIT_S - 1)
    assert boots(world) == 1
    world.advance(1)
    assert boots(world) == 2
    world.fail("InternalError")
    world.advance(OWN_WAIT_S)
    assert boots(world) == 3


def test_over_a_new_line_it_is_tried_at_once() -> None:
    world = connected()
    world.fail()
    world.advance(1)
    world.disconnect()
    world.connect()
    assert boots(world) == 2


# --- pending ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("interval_s", "wait_s"), [(90, 90), (0, OWN_WAIT_S)])
@pytest.mark.parametrize("status", [PENDING, REJECTED])
def test_the_next_boot_waits_for_the_interval(status: Registration, interval_s: int, wait_s: int) -> None:
    world = answered(status, interval_s)
    world.advance(wait_s - 1)
    assert boots(world) == 1
    world.advance(1)
    assert boots(world) == 2
    world.answer_all()
    assert world.statuses() == [Status.AVAILABLE]


def test_nobody_is_silent_for_years() -> None:
    asking = registration.Registration()
    asking.connected()
    asking.answered(ev.BootAnswer(PENDING, None, 2**31), 0)
    assert asking.next_deadline() == 86_400_000


def test_pending_speaks_only_when_asked_but_answers() -> None:
    world = answered(PENDING, 300)
    world.plug_in()
    world.swipe()
    world.advance(200)
    assert [type(send.report) for send in world.sent] == [Booted]
    assert world.asks(ev.VariableWritten("write", "OCPPCommCtrlr", "HeartbeatInterval", "60")) is Verdict.ACCEPTED
    assert isinstance(world.asks(ev.VariablesRead("read", ())), VariablesReply)
    assert world.asks(ev.AvailabilityRequested("off", 1, False)) is Verdict.ACCEPTED
    assert world.asks(ev.CacheCleared("clear")) is Verdict.ACCEPTED


def test_pending_refuses_remote_start_and_stop() -> None:
    world = answered(PENDING, 300)
    world.plug_in()
    assert world.asks(ev.StartRequested("start", 1, TAG)) is Verdict.REJECTED
    assert world.asks(ev.StopRequested("stop", "id1")) is Verdict.REJECTED
    assert world.tx() is None


@pytest.mark.parametrize(
    ("kind", "reports"),
    [
        (ev.TriggerKind.STATUS, [StatusChanged, StatusChanged]),
        (ev.TriggerKind.HEARTBEAT, [HeartbeatDue]),
        (ev.TriggerKind.METER_VALUES, [MetersSampled]),
        (ev.TriggerKind.BOOT, [Booted]),
    ],
)
def test_pending_sends_what_a_trigger_asks_for(kind: ev.TriggerKind, reports: list[type]) -> None:
    world = answered(PENDING, 300)
    assert world.asks(ev.Triggered("tell", kind, None)) is Verdict.ACCEPTED
    while world.open is not None:
        world.answer(ev.BootAnswer(PENDING, None, 300) if kind is ev.TriggerKind.BOOT else ev.Noted())
    assert [type(send.report) for send in world.sent][1:] == reports


def test_a_boot_asked_for_while_pending_may_be_accepted_at_once() -> None:
    world = answered(PENDING, 3_600)
    world.asks(ev.Triggered("again", ev.TriggerKind.BOOT, None))
    world.answer_all()
    assert [report.triggered for report in world.reports(Booted)] == [False, True]
    assert world.statuses() == [Status.AVAILABLE]


def test_a_boot_that_is_on_its_way_will_do() -> None:
    world = connected()
    assert world.asks(ev.Triggered("again", ev.TriggerKind.BOOT, None)) is Verdict.ACCEPTED
    world.answer_all()
    assert boots(world) == 1


def test_pending_charges_as_if_offline() -> None:
    world = answered(PENDING, 300, local=(TAG.value,))
    world.plug_in()
    world.swipe()
    world.wants()
    assert world.status() is Status.CHARGING
    assert world.reports(AuthorizationAsked) == []
    world.advance(300)
    world.answer_all()
    assert isinstance(world.last(TransactionStarted), TransactionStarted)


# --- rejected --------------------------------------------------------------------------------------------------


def test_rejected_neither_speaks_nor_answers() -> None:
    world = answered(REJECTED, 300)
    world.plug_in()
    for request in (
        ev.VariablesRead("read", ()),
        ev.Triggered("tell", ev.TriggerKind.STATUS, None),
        ev.Triggered("boot", ev.TriggerKind.BOOT, None),
        ev.ResetRequested("reset", ev.ResetKind.HARD),
        ev.StartRequested("start", 1, TAG),
    ):
        assert world.asks(request) is None
    world.advance(299)
    assert [type(send.report) for send in world.sent] == [Booted]
    assert world.restarts == []


def test_rejected_stays_silent_over_a_reconnect_until_the_interval_is_over() -> None:
    world = answered(REJECTED, 300)
    world.disconnect()
    world.advance(10)
    world.connect()
    world.advance(289)
    assert boots(world) == 1
    world.advance(1)
    assert boots(world) == 2


def test_a_version_may_answer_while_rejected() -> None:
    rules = replace(RULES, answers_while_rejected=True)
    world = answered(REJECTED, 300, rules=rules)
    assert isinstance(world.asks(ev.VariablesRead("read", ())), VariablesReply)


def test_who_asked_over_a_link_that_is_gone_is_not_heard() -> None:
    world = World().online()
    world.disconnect()
    assert world.asks(ev.Triggered("tell", ev.TriggerKind.STATUS, None)) is None
    assert world.asks(ev.StartRequested("start", 1, TAG)) is None
    assert world.station.outlets[1].grant is None


def test_people_at_the_box_are_answered_always() -> None:
    world = answered(REJECTED, 300)
    world.do(ev.VariablesRead("control-1", ()))
    assert isinstance(world.replies["control-1"], VariablesReply)


# --- reconnect and the boot that is asked for ------------------------------------------------------------------


def test_a_reconnect_is_no_boot() -> None:
    world = World().online()
    for _ in range(3):
        world.disconnect()
        world.advance(100)
        world.connect()
        world.answer_all()
    assert boots(world) == 1


@pytest.mark.parametrize("restart", ["crash", "power cut"])
def test_each_start_of_the_process_is_a_boot(restart: str) -> None:
    world = World().online()
    if restart == "crash":
        world.crash()
    else:
        world.power_cut()
        world.hal_up()
    world.connect()
    assert boots(world) == 1


def test_a_boot_is_refused_after_accepted_until_the_next_reconnect() -> None:
    world = World().online()
    assert world.asks(ev.Triggered("no", ev.TriggerKind.BOOT, None)) is Verdict.REJECTED
    world.disconnect()
    world.connect()
    world.answer_all()
    assert world.asks(ev.Triggered("yes", ev.TriggerKind.BOOT, None)) is Verdict.ACCEPTED
    world.answer_all()
    assert boots(world) == 2
    assert world.statuses() == [Status.AVAILABLE] * 2  # told again after each acceptance
    assert world.asks(ev.Triggered("no more", ev.TriggerKind.BOOT, None)) is Verdict.REJECTED


def test_after_a_second_acceptance_statuses_come_first_too() -> None:
    world = World(local=(TAG.value,)).online().set("MeterValueSampleInterval", 0)
    world.disconnect()
    world.connect()
    world.asks(ev.Triggered("again", ev.TriggerKind.BOOT, None))
    world.answer(ev.BootAnswer(PENDING, None, 60))
    world.plug_in()
    world.swipe()
    world.advance(60)
    world.answer_all()
    kinds = [type(send.report) for send in world.sent]
    assert kinds[-3:] == [StatusChanged, StatusChanged, TransactionStarted]


def test_a_version_may_boot_after_accepted() -> None:
    rules = replace(RULES, boot_trigger_after_accepted=True)
    world = World(rules=rules).online()
    assert world.asks(ev.Triggered("yes", ev.TriggerKind.BOOT, None)) is Verdict.ACCEPTED


# --- before ever accepted --------------------------------------------------------------------------------------


def test_a_card_of_the_installer_charges_before_anyone_has_accepted_us_and_is_delivered_later() -> None:
    world = World(local=(TAG.value,)).offline()
    world.plug_in()
    world.swipe()
    world.wants()
    assert world.status() is Status.CHARGING
    world.advance(100)
    world.swipe()
    world.advance(2)
    world.connect()
    world.answer_all()
    start, stop = world.last(TransactionStarted), world.last(TransactionEnded)
    assert start.tx == stop.tx
    started_ms, ended_ms = (world.station.date(report.at, world.now()) for report in (start, stop))
    assert started_ms is not None
    assert ended_ms is not None
    assert (started_ms, ended_ms) == (WALL0 + 1_000, WALL0 + 1_000 + stop.at.mono_ms - start.at.mono_ms)


def test_an_unknown_card_does_not() -> None:
    world = World().offline()
    world.plug_in()
    world.swipe()
    assert world.tx() is None
