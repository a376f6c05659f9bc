"""The local authorization list as the OCPP 1.6 certification walks through it, and how it lives on. Each test of a case
bears its id.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenarios.conftest import Make
from tests.world.wallbox import TAG, Wallbox

OTHER = "0B0B0B0B"
AT_ONCE = {"AuthCtrlr.LocalPreAuthorize": "true", "AuthCacheCtrlr.Enabled": "false"}
OFF = {"LocalAuthListCtrlr.Enabled": "false"}


def entry(tag: str, status: str = "Accepted", **more: str) -> dict[str, Any]:
    return {"idTag": tag, "idTagInfo": {"status": status, **more}}


def send(world: Wallbox, version: int, *entries: dict[str, Any], kind: str = "Full") -> str:
    listed = {"localAuthorizationList": list(entries)} if entries else {}
    asked = world.csms.call("SendLocalList", {"listVersion": version, "updateType": kind} | listed)
    world.advance(1)
    return str(asked.status)


def version(world: Wallbox) -> int:
    asked = world.csms.call("GetLocalListVersion")
    world.advance(1)
    assert asked.answer is not None
    return int(asked.answer["listVersion"])


def ready(make: Make, presets: dict[str, str]) -> Wallbox:
    world = make(presets=presets)
    world.advance(5)
    return world


def test_tc_008_1_a_card_of_the_list_starts_without_a_question(make: Make) -> None:
    world = ready(make, AT_ONCE)
    assert version(world) == 0
    assert send(world, 1, entry(TAG)) == "Accepted"
    world.swipe()
    assert world.statuses()[-1] == "Preparing"
    world.plug_in()
    world.until(lambda: world.statuses()[-1] == "Charging")
    assert not world.csms.all("Authorize")
    assert world.csms.last("StartTransaction").idTag == TAG
    world.finish()


def test_tc_008_2_a_card_that_the_list_refuses_is_asked_about(make: Make) -> None:
    world = ready(make, AT_ONCE)
    assert send(world, 1, entry(TAG, "Blocked")) == "Accepted"
    world.csms.invalid_tags.add(TAG)
    world.plug_in()
    world.swipe()
    world.advance(30)
    assert [m.idTag for m in world.csms.all("Authorize")] == [TAG]
    assert not world.csms.charges
    assert not world.bay().contactor.main


def test_tc_042_1_the_version_of_a_station_without_lists(make: Make) -> None:
    assert version(ready(make, OFF)) == -1


def test_tc_042_2_the_version_of_an_empty_list(box: Wallbox) -> None:
    assert send(box, 1) == "Accepted"
    assert version(box) == 0


def test_tc_043_a_full_list_and_a_change_to_it(box: Wallbox) -> None:
    assert send(box, 1, entry(TAG)) == "Accepted"
    assert send(box, 2, entry(OTHER), kind="Differential") == "Accepted"
    box.lose_line()
    for card in (TAG, OTHER):
        box.plug_in()
        box.swipe(card)
        box.until(lambda: box.bay().contactor.main)
        box.finish(tag=card)


def test_tc_043_1_a_station_without_lists_takes_none(make: Make) -> None:
    world = ready(make, OFF)
    assert send(world, 1, entry(TAG)) == "NotSupported"
    world.lose_line()
    world.plug_in()
    world.swipe()
    world.advance(10)
    assert not world.bay().contactor.main


def test_tc_043_2_a_change_of_an_older_version(box: Wallbox) -> None:
    assert send(box, 2, entry(TAG)) == "Accepted"
    assert version(box) == 2
    assert send(box, 5, entry(OTHER), kind="Differential") == "Accepted"
    assert version(box) == 5
    assert send(box, 4, {"idTag": OTHER}, kind="Differential") == "VersionMismatch"
    assert version(box) == 5


def test_tc_043_3_a_list_that_cannot_be_kept(box: Wallbox) -> None:
    assert send(box, 1, entry(TAG)) == "Accepted"
    box.disk_full = True
    box.csms.call("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "299"})
    box.advance(1)
    assert send(box, 2, entry(OTHER)) == "Failed"
    box.disk_full = False
    box.advance(30)
    assert version(box) == 1


def test_a_list_whose_commit_fails_is_never_obeyed(box: Wallbox) -> None:
    """Its sender hears an error; mended or cut, the list is the one before."""
    assert send(box, 1, entry(TAG), entry("0C0C0C0C")) == "Accepted"
    box.disk_full = True
    sent = {"listVersion": 2, "updateType": "Full", "localAuthorizationList": [entry(OTHER), entry(TAG, "Blocked")]}
    asked = box.csms.call("SendLocalList", sent)
    box.advance(1)
    assert asked.error == "InternalError"
    assert version(box) == 1
    box.disk_full = False
    box.advance(30)
    assert version(box) == 1
    box.power_cut()
    box.advance(10)
    assert version(box) == 1
    assert send(box, 2, entry(OTHER), kind="Differential") == "Accepted"


def test_a_whole_list_in_one_message(box: Wallbox) -> None:
    """As long as SendLocalListMaxLength and LocalAuthListMaxLength allow; one more is refused and changes nothing."""
    keys = box.csms.call("GetConfiguration", {"key": ["SendLocalListMaxLength", "LocalAuthListMaxLength"]})
    box.advance(1)
    assert keys.answer is not None
    (most,) = {int(key["value"]) for key in keys.answer["configurationKey"]}
    info = {"expiryDate": "2030-01-01T00:00:00.000+01:00", "parentIdTag": "P" * 20}
    cards = [entry(f"{n:020}", "ConcurrentTx", **info) for n in range(most + 1)]
    assert send(box, 1, *cards[1:]) == "Accepted"
    assert send(box, 2, *cards) == "Failed"
    assert send(box, 2, cards[0], kind="Differential") == "Failed"
    assert version(box) == 1


def test_the_list_outlives_a_power_cut(box: Wallbox) -> None:
    send(box, 7, entry(TAG))
    box.lose_line()
    box.power_cut()
    box.advance(5)
    box.plug_in()
    box.swipe()
    box.until(lambda: box.bay().contactor.main)
    box.finish()
    box.reconnect()
    box.advance(10)
    assert version(box) == 7


@pytest.mark.parametrize("minutes", [8, 12])
def test_a_listed_card_expires_by_time(box: Wallbox, minutes: int) -> None:
    send(box, 1, entry(TAG, expiryDate="2027-01-01T00:10:00Z"))
    box.advance(minutes * 60)
    box.lose_line()
    box.plug_in()
    box.swipe()
    box.advance(10)
    assert box.bay().contactor.main is (minutes < 10)
    if minutes < 10:
        box.finish()


def test_a_central_system_that_contradicts_its_own_list_hears_of_it(make: Make) -> None:
    world = ready(make, AT_ONCE)
    send(world, 1, entry(TAG))
    world.csms.invalid_tags.add(TAG)
    world.plug_in()
    world.swipe()
    world.until(lambda: world.csms.charges[1].stop is not None)
    (told,) = [m for m in world.csms.all("StatusNotification") if m.errorCode == "LocalListConflict"]
    assert (told.connectorId, told.status) == (0, "Available")
    assert world.csms.last("StopTransaction").reason == "DeAuthorized"


def test_no_card_number_is_in_any_line_of_the_log(box: Wallbox) -> None:
    send(box, 1, entry(TAG), entry(OTHER, "Blocked"))
    assert any("SendLocalList" in line and "Full" in line for line in box.lines)
    assert not any(tag in line for line in box.lines for tag in (TAG, OTHER))
