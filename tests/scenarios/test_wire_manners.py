"""How real central systems use the wire: what they forget, repeat, write oddly and never answer. None of it is wrong
enough to be refused, and all of it was met in the field.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest

from tests.scenarios import day
from tests.scenarios.conftest import Make
from tests.scenarios.test_cert_control import read, trigger, write
from tests.scenarios.test_cert_smart_charging import composite, profile, sets
from tests.world.csms import NEW_YEAR_2027, Message
from tests.world.wallbox import TAG, Wallbox

QUICK = {"OCPPCommCtrlr.MessageTimeout": "10", "OCPPCommCtrlr.MessageAttempts": "3"}
REGISTER_WH = 1_234_567


def hears(world: Wallbox, frame: str) -> list[Any]:
    """The station's next answer to a frame that is written by hand."""
    heard: list[str] = []
    world.carries = lambda sent: json.loads(sent)[0] == 2 or heard.append(sent) is not None
    world.csms.say(frame)
    world.advance(1)
    world.carries = lambda sent: True
    assert len(heard) == 1
    return list(json.loads(heard[0]))


# --- silence -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("restarts", [False, True])
def test_half_a_minute_of_silence_after_a_line_that_dropped_with_a_question_open(box: Wallbox, restarts: bool) -> None:
    """Its own open call blocks such a central system until that times out: it reads, and says nothing."""
    box.charge(20)
    box.carries = lambda frame: json.loads(frame)[0] == 2
    box.csms.call("GetConfiguration")
    box.advance(1)
    box.drop_line()
    box.carries = lambda frame: True
    if restarts:
        box.kill_evsed(restart_s=0.5)
    silent_until_ms = box.csms._now_ms() + 33_000
    box.csms.fate = lambda message: box.csms._now_ms() < silent_until_ms
    begin = len(box.csms.received)
    box.advance(100)
    box.finish()
    day.rest(box)
    boots = [message for message in box.csms.received[begin:] if message.action == "BootNotification"]
    assert len(boots) == (2 if restarts else 0)
    assert box.csms.connections == 2
    day.books(box, REGISTER_WH)


@pytest.mark.parametrize("action", ["Authorize", "Heartbeat", "MeterValues", "StatusNotification"])
def test_an_action_that_is_never_answered_holds_nothing_up_for_ever(make: Make, action: str) -> None:
    keys = {"SampledDataCtrlr.TxUpdatedInterval": "20", "OCPPCommCtrlr.MessageAttemptInterval": "5"}
    world = make(presets=QUICK | keys, tags=(TAG,))
    world.csms.interval_s = 15
    world.advance(60)
    world.csms.silent_on(action)
    world.charge(45)
    world.swipe()
    world.until(lambda: not world.held(), within=120)
    world.unplug()
    world.until(lambda: day.owes(world) == 0, within=900)
    assert world.csms.connections == 1
    charge = world.csms.charges[1]
    assert charge.stop is not None
    assert charge.energy_wh == world.register() - REGISTER_WH
    assert write(world, "HeartbeatInterval", "60") == "Accepted"


# --- numbers of transactions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [0, -1, 2_147_483_646, 2_147_483_647])
@pytest.mark.parametrize("status", ["Invalid", "Blocked", "Expired", "ConcurrentTx"])
def test_a_refused_start_is_stopped_under_whatever_number_it_got(box: Wallbox, number: int, status: str) -> None:
    """Some answer a start that they refuse with the transaction 0."""
    box.csms.answers_next("StartTransaction", {"transactionId": number, "idTagInfo": {"status": status}})
    box.plug_in()
    box.swipe()
    box.advance(20)
    assert not box.bay().contactor.main
    stop = box.csms.charges[number].stop
    assert stop is not None
    assert (stop.transactionId, stop.reason) == (number, "DeAuthorized")
    day.rest(box)
    day.books(box, REGISTER_WH)


@pytest.mark.parametrize("first", ["answer", "stop"])
def test_a_remote_stop_within_the_second_of_the_starts_answer(box: Wallbox, first: str) -> None:
    """In one breath with the answer; who stops before the answer names a transaction that nobody knows yet."""
    asked = []

    def fate(message: Message) -> bool:
        if message.action != "StartTransaction" or asked:
            return False
        answer = box.csms.book(message)
        if first == "answer":
            box.csms.say(answer)
        asked.append(box.csms.call("RemoteStopTransaction", {"transactionId": 1}))
        if first == "stop":
            box.csms.say(answer)
        return True

    box.csms.fate = fate
    box.plug_in()
    box.swipe()
    box.advance(20)
    if first == "stop":
        assert asked[0].status == "Rejected"
        asked.append(box.csms.call("RemoteStopTransaction", {"transactionId": 1}))
        box.advance(5)
    assert asked[-1].status == "Accepted"
    stop = box.csms.charges[1].stop
    assert stop is not None
    assert stop.reason == "Remote"
    assert not box.bay().contactor.main
    day.books(box, REGISTER_WH)
    stopped = box.csms.last("StopTransaction")
    finishing = next(m for m in box.csms.all("StatusNotification") if m.status == "Finishing")
    assert box.csms.received.index(stopped) < box.csms.received.index(finishing)


# --- questions -----------------------------------------------------------------------------------------------


def test_ten_questions_while_our_statuses_are_in_flight(make: Make) -> None:
    """As some ask right after the boot, before they answer what the station says meanwhile."""
    world = make()
    world.csms.holds("StatusNotification")
    world.advance(1)
    assert world.actions() == ["BootNotification", "StatusNotification"]
    asked = [
        world.csms.call("ChangeConfiguration", {"key": "HeartbeatInterval", "value": str(60 + n)}) for n in range(10)
    ]
    world.advance(1)
    assert [question.status for question in asked] == ["Accepted"] * 10
    assert world.actions() == ["BootNotification", "StatusNotification"]  # one call of ours is open at a time
    world.csms.releases("StatusNotification")
    world.advance(1)
    assert world.statuses() == ["Available"]
    assert read(world, "HeartbeatInterval")["HeartbeatInterval"][0] == "69"


@pytest.mark.parametrize("connector", [None, 0])
def test_meter_values_are_asked_for_at_connector_0(make: Make, connector: int | None) -> None:
    """There is no meter of the station as a whole: every outlet answers, under its own number."""
    world = make(evses=2)
    world.advance(5)
    assert trigger(world, "MeterValues", connector) == "Accepted"
    assert sorted(message.connectorId for message in world.csms.all("MeterValues")) == [1, 2]


def test_a_relative_maximum_of_the_station_counts_from_its_setting(box: Wallbox) -> None:
    """No charge begins at a station; to refuse such a profile would leave it without its maximum."""
    maximum = profile(box, "ChargePointMaxProfile", [(0, 8), (60, 10)], kind="Relative")
    assert sets(box, maximum, connector=0) == "Accepted"
    box.charge(10)
    assert box.outlet().offered_ma == 8_000
    assert composite(box, 300)[0] == (0, 8)
    box.advance(60)
    assert box.outlet().offered_ma == 10_000
    box.finish()


# --- how it is written ---------------------------------------------------------------------------------------

NOW = "2027-01-01T{}:00:01"


@pytest.mark.parametrize(
    "written",
    [
        NOW.format("00") + ".123456Z",
        NOW.format("00") + ".1234567Z",
        NOW.format("01") + ".123456+01:00",
        NOW.format("02") + "+02:00",
        NOW.format("00"),
        NOW.format("00") + ".000+0000",
    ],
)
def test_the_time_is_understood_however_it_is_written(make: Make, written: str) -> None:
    world = make()
    world.csms.answers_next("BootNotification", {"status": "Accepted", "currentTime": written, "interval": 300})
    world.advance(2)
    assert world.evsed is not None
    wall_ms = world.evsed.now().wall_ms
    assert wall_ms is not None
    assert 0 <= wall_ms - NEW_YEAR_2027 - world.ms < 300


@pytest.mark.parametrize("written", ["{}.123456Z", "{}.123456+00:00", "{}+00:00", "{}"])
def test_the_dates_of_a_schedule_are_understood_however_they_are_written(box: Wallbox, written: str) -> None:
    one = profile(box, "TxDefaultProfile", [(0, 8), (60, 10)])
    one["chargingSchedule"]["startSchedule"] = written.format("2027-01-01T00:00:00")
    one["validFrom"], one["validTo"] = written.format("2026-12-31T23:59:00"), written.format("2027-01-01T01:00:00")
    frame = json.dumps([2, "hand", "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": one}])
    assert hears(box, frame) == [3, "hand", {"status": "Accepted"}]
    steps = composite(box, 300)
    assert [amps for _, amps in steps] == [8, 10]
    assert abs(60 - steps[1][0] - box.ms / 1_000) < 1.2


@pytest.mark.parametrize("id", ["1", "0", "-1", "42", "1.0", "a", " ", "null", "true", "é", "0" * 36, '\\"', "\\u0000"])
def test_a_message_id_is_any_text(box: Wallbox, id: str) -> None:
    """It comes back as it was, character by character; it is never a number."""
    reply = hears(box, f'[2,"{id}","ClearCache",{{}}]')
    assert reply == [3, json.loads(f'"{id}"'), {"status": "Accepted"}]


@pytest.mark.parametrize(
    "frame",
    [
        '[2, "s", "ClearCache", {}]',
        ' [ 2 , "s" , "ClearCache" , { } ] ',
        '\n[\n\t2,\r\n"s",\n"ClearCache",\n{\n}\n]\n',
        '[2,"s","\\u0043learCache",{}]',
        '[2,"s","ClearCache",null]',
    ],
)
def test_spaces_and_escapes_mean_nothing(box: Wallbox, frame: str) -> None:
    assert hears(box, frame) == [3, "s", {"status": "Accepted"}]


def test_the_same_few_ids_over_and_over(box: Wallbox) -> None:
    """Some count from 1 in each connection, or use one id for every call."""
    for _ in range(3):
        for _ in range(3):
            assert hears(box, '[2,"1","ClearCache",{}]') == [3, "1", {"status": "Accepted"}]
        box.drop_line()
        box.advance(3)


def test_answers_with_spaces_and_fields_of_their_own_are_taken(box: Wallbox) -> None:
    def fate(message: Message) -> bool:
        answer = json.loads(box.csms.book(message))
        answer[2]["vendorNote"] = {"anything": [1, None]}
        box.csms.say(json.dumps(answer, indent=2))
        return True

    box.csms.fate = fate
    box.charge(20)
    box.finish()
    assert all(later.id != earlier.id for earlier, later in pairwise(box.csms.received))
    day.books(box, REGISTER_WH)


# --- one thing twice, or too late ----------------------------------------------------------------------------


def test_a_profile_for_a_transaction_that_is_over_is_rejected_and_not_kept(box: Wallbox) -> None:
    box.charge(10)
    box.swipe()
    box.until(lambda: box.csms.charges[1].stop is not None)
    assert sets(box, profile(box, "TxProfile", [(0, 6)], transactionId=1)) == "Rejected"
    box.until(lambda: not box.held())
    box.unplug()
    box.charge(10)
    assert box.outlet().offered_ma == 16_000
    assert sets(box, profile(box, "TxProfile", [(0, 6)], transactionId=1)) == "Rejected"
    box.finish()


def test_two_lists_in_one_breath_leave_the_one_that_was_taken_last(box: Wallbox) -> None:
    def listed(version: int, tag: str) -> dict[str, Any]:
        entries = [{"idTag": tag, "idTagInfo": {"status": "Accepted"}}]
        return {"listVersion": version, "updateType": "Differential", "localAuthorizationList": entries}

    first = box.csms.call("SendLocalList", listed(1, TAG))
    second = box.csms.call("SendLocalList", listed(1, "0B0B0B0B"))
    third = box.csms.call("SendLocalList", listed(2, "0B0B0B0B"))
    version = box.csms.call("GetLocalListVersion")
    box.advance(1)
    assert [each.status for each in (first, second, third)] == ["Accepted", "VersionMismatch", "Accepted"]
    assert version.answer == {"listVersion": 2}
