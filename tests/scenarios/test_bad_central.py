"""A central system that is silent, slow, wrong or contradicts itself: the charge goes on, the books come right."""

from __future__ import annotations

import json
from itertools import pairwise, permutations

import pytest

from tests.scenarios import day
from tests.scenarios.conftest import Make
from tests.world.csms import wall_ms
from tests.world.wallbox import TAG, Wallbox

QUICK = {
    "OCPPCommCtrlr.MessageTimeout": "10",
    "OCPPCommCtrlr.MessageAttempts": "3",
    "OCPPCommCtrlr.MessageAttemptInterval": "20",
    "SampledDataCtrlr.TxUpdatedInterval": "30",
}


@pytest.fixture
def world(make: Make) -> Wallbox:
    made = make(presets=QUICK)
    made.advance(5)
    return made


def sent_at(world: Wallbox, action: str) -> list[float]:
    return [(m.at_ms - world.csms.all(action)[0].at_ms) / 1_000 for m in world.csms.all(action)]


def test_a_start_that_fails_is_tried_with_growing_pauses_and_given_up(world: Wallbox) -> None:
    """Errata 3.18: what follows an undelivered start carries -1; other messages are not held up."""
    world.csms.rejects_next("StartTransaction", times=3)
    world.charge(100)
    assert sent_at(world, "StartTransaction") == [0, 20, 60]  # the interval times the tries before
    assert len({m.id for m in world.csms.all("StartTransaction")}) == 1
    assert world.bay().contactor.main
    world.swipe()
    world.advance(10)
    assert not world.csms.charges
    assert {m.transactionId for m in world.csms.all("MeterValues")} == {-1}
    stop = world.csms.last("StopTransaction")
    assert (stop.transactionId, stop.meterStop) == (-1, world.register())
    world.until(lambda: not world.held())
    world.unplug()
    world.csms.unbooked.clear()
    world.charge(40)
    world.finish()
    assert [charge.number for charge in world.csms.charges.values()] == [1]
    assert {m.transactionId for m in world.csms.charges[1].samples} == {1}


def test_a_start_that_fails_at_first_is_booked_once(world: Wallbox) -> None:
    world.csms.rejects_next("StartTransaction", times=2)
    world.charge(70)
    world.advance(30)
    assert sent_at(world, "StartTransaction") == [0, 20, 60]
    world.finish()
    world.advance(60)
    assert len(world.csms.charges) == 1
    assert world.csms.charges[1].stop is not None
    assert world.csms.unbooked == []


@pytest.mark.parametrize("action", ["StopTransaction", "MeterValues"])
def test_other_transaction_messages_are_retried_and_given_up_too(world: Wallbox, action: str) -> None:
    world.charge(20)
    world.csms.rejects_next(action, times=3)
    world.advance(20)
    world.finish()
    world.advance(120)
    tries = [m for m in world.csms.all(action) if m.id == world.csms.all(action)[0].id]
    assert len(tries) == 3
    assert day.owes(world) == 0


def test_statuses_pass_while_a_start_waits_for_its_next_try(world: Wallbox) -> None:
    world.csms.rejects_next("StartTransaction")
    world.charge(5)
    assert world.statuses()[-1] == "Charging"
    assert len(world.csms.all("StartTransaction")) == 1
    world.advance(20)
    world.finish()


def test_silence_is_a_failed_try(world: Wallbox) -> None:
    world.csms.silent_on("StartTransaction")
    world.charge(25)
    assert world.bay().contactor.main
    world.csms.speaks_on("StartTransaction")
    world.advance(40)
    assert sent_at(world, "StartTransaction") == [0, 30]  # the time-out, then the interval
    world.finish()
    assert len(world.csms.charges) == 1


def test_a_line_that_breaks_is_no_failed_try(world: Wallbox) -> None:
    world.csms.holds("StartTransaction")
    world.charge(5)
    for _ in range(6):
        world.drop_line()
        world.advance(5)
    world.csms.releases("StartTransaction")
    world.advance(15)
    world.finish()
    world.advance(30)
    assert len(world.csms.charges) == 1
    assert world.csms.charges[1].stop is not None


def test_a_late_answer_is_not_taken_for_another_call(world: Wallbox) -> None:
    world.csms.slow_on("StartTransaction", 15)  # after the time-out of 10 s
    world.charge(15)
    world.csms._slow.clear()
    world.advance(40)
    world.finish()
    assert len(world.csms.charges) == 1
    assert world.csms.charges[1].stop is not None
    assert len(world.csms.all("StartTransaction")) == 2


def test_a_repeated_answer_counts_once(world: Wallbox) -> None:
    world.csms.holds("StartTransaction")
    world.charge(3)
    world.csms.releases("StartTransaction", times=3)
    world.advance(5)
    world.finish()
    assert len(world.csms.charges) == 1


@pytest.mark.parametrize("number", [0, -1, -2_147_483_648, 2_147_483_647])
def test_any_integer_is_a_transaction_number(world: Wallbox, number: int) -> None:
    """Errata 3.54."""
    world.csms.answers_next("StartTransaction", {"transactionId": number, "idTagInfo": {"status": "Accepted"}})
    world.charge(40)
    stop = world.csms.call("RemoteStopTransaction", {"transactionId": number})
    world.advance(5)
    assert stop.status == "Accepted"
    assert [charge.number for charge in world.csms.charges.values()] == [number]
    assert {m.transactionId for m in world.csms.all("MeterValues")} == {number}
    assert world.csms.last("StopTransaction").transactionId == number


def test_a_number_that_comes_again_means_the_newest(world: Wallbox) -> None:
    world.charge(3)
    world.finish()
    world.csms.charges.clear()
    world.csms.answers_next("StartTransaction", {"transactionId": 1, "idTagInfo": {"status": "Accepted"}})
    world.charge(3)
    stop = world.csms.call("RemoteStopTransaction", {"transactionId": 1})
    world.advance(5)
    assert stop.status == "Accepted"
    assert not world.bay().contactor.main


GARBAGE = (
    "",
    "null",
    "[]",
    "{}",
    '[2,"x"]',
    '[3,"nobody asked",{}]',
    '[4,"nobody asked","InternalError","",{}]',
    '[5,"x",{}]',
    '[2,"x","Reset",{"type":"Warm"}]',
    '[2,"x","NoSuchAction",{}]',
    '[2,"x","Reset",{"type":"Soft"},"more"]',
    "[" * 100_000,
    json.dumps([2, "x", "DataTransfer", {"vendorId": "v" * 300}]),
    '[2,"x","RemoteStartTransaction",{"connectorId":-1,"idTag":"A"}]',
    '[2,"x","UnlockConnector",{"connectorId":99999999999999999999}]',
)


@pytest.mark.parametrize("frame", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_in_mid_charge_changes_nothing(world: Wallbox, frame: str) -> None:
    world.charge(10)
    closings = world.outlet().closings
    world.csms.say(frame)
    world.advance(5)
    # What answers it bears an id that this central system never gave out; everything else is a breach.
    world.csms.breaches = [text for text in world.csms.breaches if '"x"' not in text]
    asked = world.csms.call("GetConfiguration", {"key": ["HeartbeatInterval"]})
    world.advance(1)
    assert asked.answer is not None
    assert world.outlet().closings == closings
    world.finish()


def test_calls_may_cross(world: Wallbox) -> None:
    world.csms.holds("StartTransaction")
    world.charge(3)
    asked = [
        world.csms.call("GetConfiguration", {"key": ["HeartbeatInterval"]}),
        world.csms.call("TriggerMessage", {"requestedMessage": "StatusNotification"}),
        world.csms.call("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "77"}),
    ]
    world.advance(1)
    assert all(question.answer for question in asked)  # though our own call is open
    world.csms.releases("StartTransaction")
    world.advance(3)
    world.finish()
    assert len(world.csms.charges) == 1


def test_a_remote_stop_before_its_number_is_known_is_rejected(world: Wallbox) -> None:
    world.csms.holds("StartTransaction")
    world.charge(3)
    stop = world.csms.call("RemoteStopTransaction", {"transactionId": 1})
    world.advance(1)
    assert stop.status == "Rejected"
    world.csms.releases("StartTransaction")
    world.advance(1)
    stop = world.csms.call("RemoteStopTransaction", {"transactionId": 1})
    world.advance(5)
    assert stop.status == "Accepted"


# --- races: the same few things in every order ---------------------------------------------------------------

RACERS = ("refusal", "unplug", "remote stop", "cut")


@pytest.mark.parametrize("order", list(permutations(RACERS)), ids="-".join)
@pytest.mark.parametrize("pause", [0.0, 0.05, 1.0])
def test_refused_start_unplug_remote_stop_and_power_cut_in_every_order(
    make: Make, order: tuple[str, ...], pause: float
) -> None:
    world = make(presets=QUICK)
    world.advance(5)
    world.csms.holds("StartTransaction")
    world.csms.answers_next("StartTransaction", {"transactionId": 1, "idTagInfo": {"status": "Invalid"}})
    world.charge(10)

    def act(what: str) -> None:
        if what == "refusal":
            world.csms.releases("StartTransaction")
        elif what == "unplug" and world.bay().car.plugged:
            world.order("unplug", "--force")
        elif what == "remote stop":
            world.csms.call("RemoteStopTransaction", {"transactionId": 1})
        elif what == "cut":
            world.power_cut(2)

    for what in order:
        act(what)
        world.advance(pause)
    day.rest(world)
    world.advance(40)
    day.books(world, 1_234_567)
    assert len(world.csms.charges) == 1
    assert world.statuses()[-1] == "Available"
    assert not world.bay().contactor.main


@pytest.mark.parametrize("order", list(permutations(("card", "remote start", "plug"))), ids="-".join)
def test_card_remote_start_and_plug_in_every_order_make_one_charge(world: Wallbox, order: tuple[str, ...]) -> None:
    for what in order:
        if what == "card":
            world.order("swipe", TAG)
        elif what == "remote start":
            world.csms.call("RemoteStartTransaction", {"connectorId": 1, "idTag": TAG})
        else:
            world.order("plug-in", "--cable", "20")
        world.advance(0.01)
    world.advance(30)
    assert len(world.csms.charges) == 1
    if world.bay().contactor.main:
        world.finish()


@pytest.mark.parametrize("kinds", list(permutations(("Soft", "Hard"))), ids="-".join)
def test_two_resets_are_one(world: Wallbox, kinds: tuple[str, ...]) -> None:
    world.charge(20)
    asked = [world.csms.call("Reset", {"type": kind}) for kind in kinds]
    world.advance(60)
    assert {question.status for question in asked} == {"Accepted"}
    assert world.csms.charges[1].stop is not None
    assert world.csms.charges[1].stop.reason in ("SoftReset", "HardReset")
    assert len(world.csms.all("BootNotification")) == 2


def test_everything_at_once(world: Wallbox) -> None:
    """Start, stop, unlock, availability and reset in one breath."""
    world.charge(10)
    world.csms.call("RemoteStopTransaction", {"transactionId": 1})
    world.csms.call("RemoteStartTransaction", {"connectorId": 1, "idTag": TAG})
    world.csms.call("UnlockConnector", {"connectorId": 1})
    world.csms.call("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"})
    world.csms.call("Reset", {"type": "Soft"})
    world.advance(60)
    day.rest(world)
    assert len(world.csms.all("StopTransaction")) == 1
    assert world.statuses()[-1] == "Unavailable"
    assert not world.bay().contactor.main


def test_a_central_system_that_hangs_up_after_every_message(make: Make) -> None:
    """All that is owed arrives in the end, once and in order."""
    world = make(presets=QUICK, tags=(TAG,), network=False)
    world.charge(100)
    world.finish()
    world.find_line()
    seen = 0
    for _ in range(60):
        world.advance(0.3)
        if len(world.csms.received) > seen:
            seen = len(world.csms.received)
            world.drop_line()
    world.advance(30)
    charge = world.csms.charges[1]
    stamps = [wall_ms(m.meterValue[0]["timestamp"]) for m in charge.samples]
    assert len(stamps) == 3
    assert all(earlier < later for earlier, later in pairwise(stamps))
    assert charge.stop is not None
