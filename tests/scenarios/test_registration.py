"""Coming and going of the connection, and what the central system says to a boot (OCPP 1.6 §4.2)."""

from __future__ import annotations

import pytest

from tests.scenarios.conftest import Make
from tests.world.wallbox import TAG, Wallbox


def test_a_plain_reconnect_is_no_boot(box: Wallbox) -> None:
    box.charge(20)
    begin = len(box.csms.received)
    box.drop_line()
    box.advance(60)
    assert "BootNotification" not in [m.action for m in box.csms.received[begin:]]
    box.finish()


def test_a_restart_is_a_boot_and_tells_every_status(make: Make) -> None:
    world = make(evses=2)
    world.advance(5)
    world.kill_evsed(restart_s=1)
    world.advance(5)
    assert world.actions() == (["BootNotification"] + ["StatusNotification"] * 3) * 2


def test_a_first_connection_that_is_dropped_at_once_is_dialled_again(make: Make) -> None:
    """Home Assistant drops the first connection of a station that it does not know."""
    world = make()
    world.carries = lambda frame: False
    world.advance(1)
    world.drop_line()
    world.carries = lambda frame: True
    world.until(lambda: len(world.csms.all("StatusNotification")) == 2, within=10)
    assert world.actions() == ["BootNotification"] + ["StatusNotification"] * 2


def test_rejected_is_silence(make: Make) -> None:
    world = make()
    world.csms.boot_status, world.csms.interval_s = "Rejected", 60
    world.advance(5)
    asked = [world.csms.call("GetConfiguration"), world.csms.call("TriggerMessage", {"requestedMessage": "Heartbeat"})]
    world.plug_in()
    world.advance(50)
    assert [question.answer or question.error for question in asked] == [None, None]
    assert world.actions() == ["BootNotification"]
    world.advance(130)
    assert world.actions() == ["BootNotification"] * 4
    world.csms.boot_status = "Accepted"
    world.advance(60)
    assert world.statuses() == ["Preparing"]


def test_rejected_over_reconnects_still_waits(make: Make) -> None:
    world = make()
    world.csms.boot_status, world.csms.interval_s = "Rejected", 60
    world.advance(5)
    for _ in range(4):
        world.drop_line()
        world.advance(10)
    assert world.actions() == ["BootNotification"]


def test_pending_answers_questions_and_tells_what_it_is_asked_for(make: Make) -> None:
    world = make()
    world.csms.boot_status, world.csms.interval_s = "Pending", 60
    world.advance(5)
    world.plug_in()
    world.swipe()
    start = world.csms.call("RemoteStartTransaction", {"connectorId": 1, "idTag": TAG})
    stop = world.csms.call("RemoteStopTransaction", {"transactionId": 1})
    key = world.csms.call("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "100"})
    told = world.csms.call("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1})
    world.advance(5)
    assert (start.status, stop.status, key.status, told.status) == ("Rejected", "Rejected", "Accepted", "Accepted")
    assert world.actions() == ["BootNotification", "StatusNotification"]
    boot = world.csms.call("TriggerMessage", {"requestedMessage": "BootNotification"})
    world.advance(1)
    assert boot.status == "Accepted"
    assert world.actions()[-1] == "BootNotification"
    world.csms.boot_status = "Accepted"
    world.advance(60)
    assert world.statuses()[-1] == "Preparing"


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_an_interval_of_0_floods_nobody(make: Make, status: str) -> None:
    world = make()
    world.csms.boot_status, world.csms.interval_s = status, 0
    world.advance(600)
    assert 2 <= len(world.csms.all("BootNotification")) <= 20


def test_a_known_card_charges_while_the_box_is_not_registered(make: Make) -> None:
    """Pending is as good as offline: the list decides, and the queue waits."""
    world = make(tags=(TAG,))
    world.csms.boot_status, world.csms.interval_s = "Pending", 30
    world.advance(5)
    world.charge(65)
    world.finish()
    assert set(world.actions()) == {"BootNotification"}
    world.csms.boot_status = "Accepted"
    world.advance(60)
    charge = world.csms.charges[1]
    assert charge.stop is not None
    assert len(charge.samples) == 1
    assert charge.energy_wh == world.register() - 1_234_567
    queued = world.actions().index("StartTransaction")
    assert "StatusNotification" in world.actions()[:queued]  # first what is so now, then what was


def test_a_boot_without_an_answer_is_tried_again(make: Make) -> None:
    world = make()
    world.csms.silent_on("BootNotification")
    world.advance(200)
    assert set(world.actions()) == {"BootNotification"}
    assert 2 <= len(world.actions()) <= 4
    world.csms.speaks_on("BootNotification")
    world.advance(100)
    assert world.statuses() == ["Available"]


def test_a_boot_that_is_refused_with_an_error_is_tried_again(make: Make) -> None:
    world = make()
    world.csms.rejects_next("BootNotification", times=3)
    world.until(lambda: world.statuses() == ["Available"], within=300)
    assert len(world.csms.all("BootNotification")) == 4


def test_heartbeats_keep_their_interval_only_in_silence(make: Make) -> None:
    world = make(presets={"SampledDataCtrlr.TxUpdatedInterval": "20"})
    world.csms.interval_s = 30
    world.advance(5)
    world.advance(100)
    beats = len(world.csms.all("Heartbeat"))
    assert beats == 3
    world.charge(120)
    assert len(world.csms.all("Heartbeat")) <= beats + 1  # the samples say that we are alive
    world.finish()


def test_the_time_of_the_central_system_is_taken(make: Make) -> None:
    """Without a clock of its own the box says no time, and after the boot the right one."""
    world = make()
    world.csms.boot_status, world.csms.interval_s = "Pending", 20
    world.csms.answers_next(
        "BootNotification", {"status": "Pending", "currentTime": "1970-01-01T00:00:00Z", "interval": 20}
    )
    world.advance(2)
    world.csms.call("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1})
    world.advance(1)
    assert "timestamp" not in world.csms.last("StatusNotification").payload
    world.csms.boot_status = "Accepted"
    world.advance(30)
    assert "timestamp" in world.csms.last("StatusNotification").payload
