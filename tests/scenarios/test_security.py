"""Security events over a whole life: told once, in time, and after every cut; and the extended trigger."""

from __future__ import annotations

import pytest

from evsed import farewell
from tests.scenarios.conftest import Make
from tests.world.csms import Message, wall_ms
from tests.world.wallbox import Wallbox


def events(world: Wallbox) -> list[str]:
    return [message.type for message in world.csms.all("SecurityEventNotification")]


def test_a_start_is_told_after_the_statuses(make: Make) -> None:
    world = make()
    world.advance(5)
    assert [m.action for m in world.csms.received] == [
        "BootNotification",
        *["StatusNotification"] * 2,
        "SecurityEventNotification",
    ]
    assert events(world) == ["StartupOfTheDevice"]


def test_a_clock_that_is_set_is_told_and_one_that_is_learnt_is_not(box: Wallbox) -> None:
    box.csms.judges_statuses = False  # by the true time
    box.set_clock(0)
    box.advance(60)
    box.power_cut()
    box.advance(60)
    assert "SettingSystemTime" not in events(box)
    box.set_clock(3_600_000)
    box.advance(60)
    for _ in range(3):
        box.power_cut()
        box.kill_evsed(restart_s=0.5)
        box.advance(60)
    (told,) = (m for m in box.csms.all("SecurityEventNotification") if m.type == "SettingSystemTime")
    assert told.techInfo == "by +3600 s"


@pytest.mark.parametrize("kind", ["Soft", "Hard"])
def test_a_reset_is_told(box: Wallbox, kind: str) -> None:
    box.csms.call("Reset", {"type": kind})
    box.advance(20)
    told = {message.id: message for message in box.csms.all("SecurityEventNotification")[1:]}
    reset, start, *_ = told.values()  # what was on its way at the restart comes again, with its id
    assert (reset.type, reset.techInfo, start.type) == ("ResetOrReboot", kind, "StartupOfTheDevice")


def test_a_restart_by_the_watchdog_is_told_as_what_it_was(box: Wallbox) -> None:
    box.kill_evsed()
    farewell.note(box.runtime, "watchdog")  # as the unit's ExecStopPost
    box.advance(0.5)
    box.start_evsed()
    box.advance(20)
    box.power_cut()
    box.advance(20)
    _, reset, start, after_the_cut = box.csms.all("SecurityEventNotification")
    assert (reset.type, reset.techInfo) == ("ResetOrReboot", farewell.ENDS["watchdog"])
    assert start.type == after_the_cut.type == "StartupOfTheDevice"


def test_events_of_an_offline_week_are_told_once_with_their_dates(make: Make) -> None:
    world = make(network=False)
    for _ in range(3):
        world.advance(3_600)
        world.power_cut()
    world.reconnect()
    world.advance(60)
    told = world.csms.all("SecurityEventNotification")
    assert events(world).count("StartupOfTheDevice") == 4
    assert len({message.id for message in told}) == len(told)
    dates = [wall_ms(message.timestamp) for message in told]
    assert dates == sorted(dates)


def test_a_central_system_without_the_extension_is_not_pestered(make: Make) -> None:
    world = make()
    world.csms.rejects_next("SecurityEventNotification", code="NotImplemented", times=2)
    world.advance(600)
    assert events(world) == ["StartupOfTheDevice"]


def test_a_central_system_that_is_silent_on_it_still_hears_the_rest(make: Make) -> None:
    world = make()
    world.csms.silent_on("SecurityEventNotification")
    world.advance(60)
    world.charge(600)
    world.finish()
    world.until(lambda: world.csms.charges[1].stop is not None, within=120)
    asked = [message.at_ms for message in world.csms.all("SecurityEventNotification")]
    assert len(asked) < 6  # ever more slowly
    world.csms.speaks_on("SecurityEventNotification")
    world.advance(3_600)
    assert events(world)[len(asked) :] == ["StartupOfTheDevice"]


def test_the_disk_fills_and_that_is_told(box: Wallbox) -> None:
    box.disk_full = True
    box.plug_in()
    box.swipe()
    box.advance(30)
    box.disk_full = False
    box.advance(60)
    assert events(box)[1:] == ["MemoryExhaustion"]


def test_frames_that_are_no_messages_are_told_once_in_a_while(box: Wallbox) -> None:
    for _ in range(50):
        box.csms.say("nonsense")
        box.advance(0.1)
    box.advance(5)
    assert events(box)[1:] == ["InvalidMessages"]


@pytest.mark.parametrize("message", ["BootNotification", "Heartbeat", "MeterValues", "StatusNotification"])
@pytest.mark.parametrize("connector", [{}, {"connectorId": 1}])
def test_extended_trigger(box: Wallbox, message: str, connector: dict[str, int]) -> None:
    if message == "BootNotification":  # errata 3.35: after the next connection
        box.drop_line()
        box.advance(5)
    begin = len(box.csms.received)
    asked = box.csms.call("ExtendedTriggerMessage", {"requestedMessage": message, **connector})
    box.advance(2)
    assert asked.status == "Accepted"
    told: list[Message] = box.csms.received[begin:]
    assert told[0].action == message
    if message == "StatusNotification":
        assert {m.connectorId for m in told} == ({1} if connector else {0, 1})
