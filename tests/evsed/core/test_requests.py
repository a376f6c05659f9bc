"""What a central system may ask: remote start and stop, unlock, availability, triggers (OCPP 1.6 §5)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from evsed.core import events as ev
from evsed.core.records import Inoperative
from evsed.core.reports import AuthorizationAsked, StatusChanged, TransactionStarted
from evsed.core.words import Registration, Status, StopReason, TokenStatus, Verdict
from tests.evsed.core.box_world import OTHER, RULES, TAG, World
from tests.evsed.core.plant import HOT
from tests.evsed.core.stories import charging, ended

ACCEPTED, REJECTED = Verdict.ACCEPTED, Verdict.REJECTED
SOFT, HARD = ev.ResetKind.SOFT, ev.ResetKind.HARD


# --- remote start ------------------------------------------------------------------------------------------------


def test_remote_start_with_the_car_there() -> None:
    world = World().online()
    world.plug_in()
    assert world.asks(ev.StartRequested("start", 1, OTHER)) is ACCEPTED
    world.answer_all()
    assert world.last(TransactionStarted).token == OTHER
    assert world.reports(AuthorizationAsked) == []


def test_remote_start_waits_for_the_car_as_long_as_a_card_would() -> None:
    world = World().online().set("ConnectionTimeOut", 20)
    assert world.asks(ev.StartRequested("start", 1, TAG)) is ACCEPTED
    assert world.status() is Status.PREPARING
    world.advance(19)
    assert world.status() is Status.PREPARING
    world.advance(1)
    assert world.status() is Status.AVAILABLE


@pytest.mark.parametrize(("status", "starts"), [(TokenStatus.ACCEPTED, True), (TokenStatus.BLOCKED, False)])
def test_remote_start_that_asks_first(status: TokenStatus, starts: bool) -> None:
    world = World().online().set("AuthorizeRemoteTxRequests", True)
    world.verdicts[AuthorizationAsked] = ev.TokenAnswer(status)
    world.plug_in()
    assert world.asks(ev.StartRequested("start", 1, TAG)) is ACCEPTED
    world.answer_all()
    assert len(world.reports(AuthorizationAsked)) == 1
    assert (world.tx() is not None) is starts


def test_remote_start_from_finishing_without_replugging() -> None:
    world = charging()
    world.swipe()
    ended(world)
    assert world.status() is Status.FINISHING
    assert world.asks(ev.StartRequested("start", 1, TAG)) is ACCEPTED
    world.answer_all()
    assert world.status() is Status.CHARGING
    assert world.statuses()[-3:] == [Status.FINISHING, Status.PREPARING, Status.CHARGING]


def test_without_an_outlet_the_station_takes_the_one_with_a_car() -> None:
    world = World(3).online()
    world.plug_in(2)
    assert world.asks(ev.StartRequested("start", None, TAG)) is ACCEPTED
    assert world.tx(2) is not None
    assert world.asks(ev.StartRequested("again", None, OTHER)) is ACCEPTED
    assert world.status(1) is Status.PREPARING


def unfit(how: str) -> World:
    world = charging() if how in ("running", "ending") else World().online()
    if how == "out of service":
        world.asks(ev.AvailabilityRequested("off", 1, False))
    elif how == "faulted":
        world.fault(HOT)
    elif how == "hal silent":
        world.hal_down()
    elif how == "promised":
        world.asks(ev.StartRequested("first", 1, TAG))
    elif how == "asking":
        world.swipe()
    elif how == "resetting":
        world.plug_in()
        world.asks(ev.ResetRequested("reset", SOFT))
    elif how == "journal broken":
        world.breaks()
        world.set("HeartbeatInterval", 99)
    elif how == "ending":
        world.swipe()
    return world


@pytest.mark.parametrize(
    "how",
    [
        "running",
        "ending",
        "out of service",
        "faulted",
        "hal silent",
        "promised",
        "asking",
        "resetting",
        "journal broken",
    ],
)
@pytest.mark.parametrize("evse", [1, None])
def test_remote_start_is_refused_where_it_would_not_be_tried(how: str, evse: int | None) -> None:
    assert unfit(how).asks(ev.StartRequested("start", evse, OTHER)) is REJECTED


def test_remote_start_of_an_unknown_outlet_is_refused() -> None:
    assert World().online().asks(ev.StartRequested("start", 2, TAG)) is REJECTED


# --- remote stop -------------------------------------------------------------------------------------------------


def test_remote_stop() -> None:
    world = charging()
    tx = world.tx()
    assert tx is not None
    assert world.asks(ev.StopRequested("stop", tx.id)) is ACCEPTED
    assert not world.bays[1].facts.closed
    assert world.asks(ev.StopRequested("again", tx.id)) is REJECTED
    stop = ended(world)
    assert (stop.reason, stop.token) == (StopReason.REMOTE, None)
    assert not world.bays[1].facts.locked
    assert world.status() is Status.FINISHING


@pytest.mark.parametrize("tx", ["nobody", None])
def test_remote_stop_of_what_does_not_run(tx: str | None) -> None:
    world = charging()
    assert world.asks(ev.StopRequested("stop", tx)) is REJECTED
    assert world.status() is Status.CHARGING


def test_remote_stop_before_the_start_is_answered_is_of_a_number_nobody_gave() -> None:
    """The dialect finds no transaction for the number and asks for None."""
    world = World().online()
    world.plug_in()
    world.swipe()
    world.until(TransactionStarted)
    assert world.asks(ev.StopRequested("stop", None)) is REJECTED
    assert world.tx() is not None


# --- unlock ------------------------------------------------------------------------------------------------------


def test_unlock_ends_the_transaction_first() -> None:
    world = charging()
    assert world.asks(ev.UnlockRequested("unlock", 1)) is None
    world.advance(2)
    assert world.replies["unlock"] is Verdict.UNLOCKED
    assert ended(world).reason is StopReason.UNLOCK_COMMAND


def test_a_version_may_leave_the_transaction_alone() -> None:
    rules = replace(RULES, unlock_stops_transaction=False)
    world = charging(World(rules=rules).online())
    assert world.asks(ev.UnlockRequested("unlock", 1)) is None
    world.advance(60)
    assert world.status() is Status.CHARGING


@pytest.mark.parametrize(("socket", "evse"), [(False, 1), (True, 2)])
def test_unlock_without_a_lock_or_outlet_is_not_supported(socket: bool, evse: int) -> None:
    world = World(socket=socket).online()
    assert world.asks(ev.UnlockRequested("unlock", evse)) is Verdict.NOT_SUPPORTED


def test_unlock_of_a_free_cable_is_unlocked() -> None:
    world = World().online()
    assert world.asks(ev.UnlockRequested("unlock", 1)) is Verdict.UNLOCKED


def test_a_lock_that_sticks_has_failed_to_unlock() -> None:
    world = charging()
    world.bays[1].lock_sticks = True
    assert world.asks(ev.UnlockRequested("unlock", 1)) is None
    world.advance(19)
    assert "unlock" not in world.replies
    world.advance(1)
    assert world.replies["unlock"] is Verdict.UNLOCK_FAILED


def test_a_second_unlock_takes_the_place_of_the_first() -> None:
    world = charging()
    world.bays[1].lock_sticks = True
    world.asks(ev.UnlockRequested("first", 1))
    assert world.asks(ev.UnlockRequested("second", 1)) is None
    assert world.replies["first"] is Verdict.UNLOCK_FAILED
    world.advance(3)
    world.bays[1].lock_sticks = False
    world.follow(1)
    assert world.replies["second"] is Verdict.UNLOCKED


def test_unlock_frees_the_cable_of_a_refused_card_too() -> None:
    world = World().online()
    world.verdicts[TransactionStarted] = ev.TokenAnswer(TokenStatus.INVALID)
    world.plug_in()
    world.advance(0.5)
    world.swipe()
    world.answer_all()
    world.asks(ev.UnlockRequested("unlock", 1))
    world.advance(2)
    assert world.replies["unlock"] is Verdict.UNLOCKED


def test_unlock_takes_back_a_permission() -> None:
    world = World().online()
    world.swipe()
    world.answer_all()
    world.asks(ev.UnlockRequested("unlock", 1))
    assert world.status() is Status.AVAILABLE


# --- availability ------------------------------------------------------------------------------------------------


def inoperative(world: World) -> set[int]:
    return {record.evse for record in world.disk.of(Inoperative)}


def test_availability_of_one_outlet() -> None:
    world = World(2).online()
    assert world.asks(ev.AvailabilityRequested("off", 1, False)) is ACCEPTED
    assert world.asks(ev.AvailabilityRequested("off again", 1, False)) is ACCEPTED
    assert (world.status(1), world.status(2)) == (Status.UNAVAILABLE, Status.AVAILABLE)
    assert inoperative(world) == {1}
    assert world.asks(ev.AvailabilityRequested("on", 1, True)) is ACCEPTED
    assert inoperative(world) == set()
    world.answer_all()
    assert world.statuses(1) == [Status.AVAILABLE, Status.UNAVAILABLE, Status.AVAILABLE]
    assert world.statuses(0) == [Status.AVAILABLE]


def test_availability_of_the_station_is_that_of_all() -> None:
    world = World(2).online()
    assert world.asks(ev.AvailabilityRequested("off", 0, False)) is ACCEPTED
    world.answer_all()
    assert [world.statuses(evse)[-1] for evse in (0, 1, 2)] == [Status.UNAVAILABLE] * 3
    world.crash()
    world.online()
    assert [world.statuses(evse) for evse in (0, 1, 2)] == [[Status.UNAVAILABLE]] * 3
    assert world.asks(ev.AvailabilityRequested("on", 0, True)) is ACCEPTED
    world.answer_all()
    assert [world.statuses(evse)[-1] for evse in (0, 1, 2)] == [Status.AVAILABLE] * 3
    world.crash()
    world.online()
    assert [world.statuses(evse) for evse in (0, 1, 2)] == [[Status.AVAILABLE]] * 3


@pytest.mark.parametrize("evse", [0, 1])
def test_it_is_scheduled_while_a_transaction_runs(evse: int) -> None:
    world = charging(World(2).online())
    assert world.asks(ev.AvailabilityRequested("off", evse, False)) is Verdict.SCHEDULED
    assert world.status(1) is Status.CHARGING
    assert world.status(2) is (Status.UNAVAILABLE if evse == 0 else Status.AVAILABLE)
    world.swipe()
    ended(world)
    assert world.status(1) is Status.UNAVAILABLE


def test_a_schedule_can_be_taken_back() -> None:
    world = charging()
    world.asks(ev.AvailabilityRequested("off", 1, False))
    assert world.asks(ev.AvailabilityRequested("on", 1, True)) is ACCEPTED
    world.swipe()
    ended(world)
    assert world.status() is Status.FINISHING


def test_a_permission_ends_with_the_availability() -> None:
    world = World().online()
    world.swipe()
    world.answer_all()
    world.asks(ev.AvailabilityRequested("off", 1, False))
    world.plug_in()
    assert world.tx() is None
    assert world.status() is Status.UNAVAILABLE


@pytest.mark.parametrize("restart", ["crash", "power cut"])
def test_unavailable_outlives_a_restart_scheduled_or_not(restart: str) -> None:
    world = charging(World(2).online())
    world.asks(ev.AvailabilityRequested("later", 1, False))
    world.asks(ev.AvailabilityRequested("now", 2, False))
    if restart == "crash":
        world.crash()
    else:
        world.power_cut()
    world.online()
    assert world.status(2) is Status.UNAVAILABLE
    world.wants()
    assert world.status(1) is Status.CHARGING
    world.swipe()
    world.advance(3)
    assert world.status(1) is Status.UNAVAILABLE


@pytest.mark.parametrize("evse", [2, 7])
def test_an_unknown_outlet_is_refused(evse: int) -> None:
    assert World().online().asks(ev.AvailabilityRequested("off", evse, False)) is REJECTED


def test_a_station_that_has_not_seen_its_board_cannot_say() -> None:
    world = World()
    world.connect()
    world.advance(6)
    world.answer_all()
    assert world.asks(ev.AvailabilityRequested("off", 0, False)) is REJECTED
    world.hal_up()
    assert world.status() is Status.AVAILABLE


# --- vendors and the unknown -------------------------------------------------------------------------------------


def test_no_vendor_is_known_here() -> None:
    world = World().online()
    assert world.asks(ev.VendorRequested("data", "org.example", None, None)).verdict is Verdict.UNKNOWN_VENDOR


def test_triggers_that_cannot_be_obeyed_are_refused() -> None:
    world = World().online()
    assert world.asks(ev.Triggered("a", ev.TriggerKind.STATUS, 5)) is REJECTED
    assert world.asks(ev.Triggered("b", ev.TriggerKind.METER_VALUES, 5)) is REJECTED
    world.bays[1].meter_works = False
    world.advance(6)
    assert world.asks(ev.Triggered("c", ev.TriggerKind.METER_VALUES, None)) is REJECTED


@pytest.mark.parametrize(("evse", "told"), [(None, [0, 1, 2]), (0, [0]), (2, [2])])
def test_a_status_is_told_when_asked_for(evse: int | None, told: list[int]) -> None:
    world = World(2).online()
    before = len(world.reports(StatusChanged))
    assert world.asks(ev.Triggered("tell", ev.TriggerKind.STATUS, evse)) is ACCEPTED
    world.answer_all()
    assert [report.evse for report in world.reports(StatusChanged)[before:]] == told


def test_a_rejected_boot_after_all_stops_nothing() -> None:
    world = charging()
    world.disconnect()
    world.connect()
    world.asks(ev.Triggered("boot", ev.TriggerKind.BOOT, None))
    world.answer(ev.BootAnswer(Registration.REJECTED, None, 300))
    world.advance(60)
    assert world.status() is Status.CHARGING


# --- people at the box -------------------------------------------------------------------------------------------


def cancels(world: World) -> object:
    ref = world.ref()
    world.do(ev.CancelRequested(ref, 1))
    return world.replies[ref]


def test_people_stop_a_charge_locally() -> None:
    world = World().online().charging()
    tx = world.tx()
    assert tx is not None
    world.do(ev.StopRequested("control-1", tx.id, StopReason.LOCAL))
    assert ended(world).reason is StopReason.LOCAL


def test_a_card_that_waits_for_its_cable_can_be_forgotten() -> None:
    world = World().online()
    world.swipe()
    world.answer_all()
    assert world.status() is Status.PREPARING
    assert cancels(world) is ACCEPTED
    assert world.status() is Status.AVAILABLE
    world.plug_in()
    assert world.tx() is None
    assert cancels(world) is REJECTED


def test_a_question_about_a_card_can_be_forgotten() -> None:
    world = World().online()
    world.plug_in()
    world.answer_all()
    world.swipe()
    assert cancels(world) is ACCEPTED
    world.answer_all()
    assert world.tx() is None


def test_a_free_box_has_no_card_to_forget() -> None:
    world = World(free=True).offline()
    world.bays[1].meter_works = False
    world.plug_in()
    assert cancels(world) is REJECTED


def test_without_hal_no_cable_is_unlocked_and_no_charge_ended() -> None:
    world = World().online().charging()
    world.hal_down()
    assert world.asks(ev.UnlockRequested("unlock", 1)) is Verdict.UNLOCK_FAILED
    assert world.tx() is not None and world.tx().reason is None
