"""A new firmware as the OCPP 1.6 certification walks through it, and what may happen on its way. Each test of a case
bears its id. Images, signatures and slots are real.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from evsed.core.errands import Outcome
from evsed.installer import ROOTS
from evsed.slots import Slots
from tests.evsed.pki import Pki, Signer, image, program
from tests.scenarios.conftest import Make
from tests.world.csms import NEW_YEAR_2027, Question, iso
from tests.world.wallbox import Wallbox

THERE = "https://box:canary@files.test/fw"
GOOD = ["Downloading", "Downloaded", "Installing", "Installed"]


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def signer(pki: Pki) -> Signer:
    return pki.signer()


@pytest.fixture(scope="module")
def good(signer: Signer) -> bytes:
    return image(signer, program("1.0.0"))


@pytest.fixture
def box(make: Make, pki: Pki, good: bytes) -> Iterator[Wallbox]:
    """Connected and idle, with the maker's root, and a good image on the server."""
    world = make()
    roots = world.folder / ROOTS
    roots.mkdir()
    (roots / "maker.pem").write_text(pki.root.pem)
    world.depot.files[THERE] = good
    world.advance(5)
    yield world


def order(box: Wallbox, wait_s: float = 0, **more: Any) -> Question:
    payload = {"location": THERE, "retrieveDate": iso(NEW_YEAR_2027 + box.ms + round(wait_s * 1_000))}
    question = box.csms.call("UpdateFirmware", payload | {"retries": 1, "retryInterval": 10} | more)
    box.advance(0.5)
    return question


def told(box: Wallbox) -> list[str]:
    return [message.status for message in box.csms.all("FirmwareStatusNotification")]


def trigger(box: Wallbox) -> str:
    question = box.csms.call("TriggerMessage", {"requestedMessage": "FirmwareStatusNotification"})
    box.advance(0.2)
    assert question.status == "Accepted"
    return str(box.csms.last("FirmwareStatusNotification").status)


def running(box: Wallbox) -> str:
    """What the station says that it runs."""
    return str(box.csms.last("BootNotification").firmwareVersion)


# --- the cases ---------------------------------------------------------------------------------------------------


def test_tc_044_1_a_firmware_is_downloaded_and_installed(box: Wallbox) -> None:
    assert order(box).answer == {}
    box.until(lambda: told(box) == GOOD)
    assert running(box) == "1.0.0"
    box.until(lambda: box.statuses()[-1] == "Available")
    box.advance(700)
    assert told(box) == GOOD
    assert not Slots(box.folder).on_trial()


def test_tc_044_2_a_download_that_fails_is_told_after_its_retries(box: Wallbox) -> None:
    order(box, location="https://files.test/none")
    box.advance(14)
    assert told(box) == ["Downloading"]
    box.until(lambda: told(box) == ["Downloading", "DownloadFailed"])
    assert box.statuses()[-1] == "Available"


def test_tc_044_3_an_image_that_cannot_be_installed_changes_nothing(box: Wallbox, pki: Pki) -> None:
    stranger = Pki(pki.folder / "stranger", "Stranger")
    box.depot.files[THERE] = image(stranger.signer())
    order(box)
    box.until(lambda: told(box) == ["Downloading", "Downloaded", "Installing", "InstallationFailed"])
    box.until(lambda: box.statuses()[-1] == "Available")
    assert len(box.csms.all("BootNotification")) == 1
    assert box.version() == "0.1.0"


# --- when --------------------------------------------------------------------------------------------------------


def test_nothing_is_fetched_before_its_date(box: Wallbox) -> None:
    order(box, wait_s=3_600)
    box.advance(3_500)
    assert told(box) == []
    box.until(lambda: told(box) == GOOD, within=300)


def test_a_date_is_kept_over_a_power_cut(box: Wallbox) -> None:
    order(box, wait_s=600)
    box.power_cut()
    box.advance(400)
    assert told(box) == []
    box.until(lambda: told(box) == GOOD, within=400)


def test_a_broken_download_is_tried_again(box: Wallbox) -> None:
    box.depot.fails_next(Outcome.FAILED)
    order(box)
    box.until(lambda: told(box) == GOOD)


def test_a_charge_is_let_finish_and_none_begins(make: Make, pki: Pki, good: bytes) -> None:
    box = make(evses=2)
    (box.folder / ROOTS).mkdir()
    (box.folder / ROOTS / "maker.pem").write_text(pki.root.pem)
    box.depot.files[THERE] = good
    box.advance(5)
    box.charge(10)
    order(box)
    box.until(lambda: told(box) == ["Downloading", "Downloaded"])
    box.advance(5)
    assert box.statuses(2)[-1] == "Unavailable"
    assert box.statuses(1)[-1] == "Charging"
    box.plug_in(2)
    box.swipe("0B0B0B0B", evse=2)
    box.advance(60)
    assert told(box) == ["Downloading", "Downloaded"]
    assert len(box.csms.charges) == 1
    started = box.csms.call("RemoteStartTransaction", {"connectorId": 2, "idTag": "0B0B0B0B"})
    box.advance(1)
    assert started.status == "Rejected"
    box.finish()
    box.until(lambda: told(box) == GOOD)
    box.until(lambda: box.statuses(1)[-1] == "Available")
    assert box.csms.charges[1].stop is not None and box.csms.charges[1].stop.reason == "Local"


def test_a_trigger_tells_how_it_stands_and_idle_otherwise(box: Wallbox) -> None:
    assert trigger(box) == "Idle"
    order(box)
    assert trigger(box) == "Downloading"
    box.until(lambda: told(box)[-1] == "Installed")
    assert trigger(box) == "Idle"


# --- newer orders ------------------------------------------------------------------------------------------------


def test_a_newer_order_takes_the_place_of_the_older_one(box: Wallbox) -> None:
    order(box, wait_s=60)
    order(box, location="https://files.test/none", retries=0)
    box.until(lambda: told(box) == ["Downloading", "DownloadFailed"])
    box.advance(120)
    assert len(told(box)) == 2
    assert box.version() == "0.1.0"


def test_nothing_can_be_ordered_while_the_switch_is_under_way(box: Wallbox) -> None:
    order(box)
    box.until(lambda: any("InstallRebooting" in line for line in box.lines))
    assert order(box).error == "GenericError"
    box.until(lambda: told(box) == GOOD)


# --- what may go wrong -------------------------------------------------------------------------------------------


def test_a_program_that_crashes_at_its_start_is_taken_back(box: Wallbox) -> None:
    box.crashes.add("1.0.0")
    order(box)
    box.until(lambda: told(box) == [*GOOD[:3], "InstallationFailed"])
    assert running(box) == "0.1.0"
    box.until(lambda: box.statuses()[-1] == "Available")


def test_a_program_that_does_not_find_the_central_system_is_taken_back(box: Wallbox) -> None:
    order(box)
    box.until(lambda: told(box) == GOOD[:3])
    box.lose_line()
    box.until(lambda: box.version() == "1.0.0")
    box.advance(590)
    assert box.version() == "1.0.0"
    box.until(lambda: box.version() == "0.1.0", within=30)
    box.reconnect()
    box.until(lambda: told(box) == [*GOOD[:3], "InstallationFailed"])


def test_a_program_that_finds_no_meter_is_taken_back(box: Wallbox) -> None:
    order(box)
    box.until(lambda: told(box) == GOOD[:3])
    box.fault("meter-silent")
    box.until(lambda: box.version() == "1.0.0")
    box.until(lambda: box.version() == "0.1.0", within=700)
    box.clear("meter-silent")
    box.until(lambda: told(box) == [*GOOD[:3], "InstallationFailed"])


@pytest.mark.parametrize("kind", ["older", "other", "damaged", "unsigned", "empty"])
def test_an_image_that_is_not_for_us_is_not_installed(box: Wallbox, signer: Signer, good: bytes, kind: str) -> None:
    box.depot.files[THERE] = {
        "older": image(signer, program("0.0.9")),
        "other": image(signer, program(product="toaster")),
        "damaged": good[:-20] + bytes(20),
        "unsigned": program(),
        "empty": b"",
    }[kind]
    order(box)
    box.until(lambda: told(box) == [*GOOD[:3], "InstallationFailed"])
    assert box.version() == "0.1.0"
    assert any("= firmware is here, and waits until nothing charges" in line for line in box.lines)


def test_nothing_older_comes_after_what_was_confirmed(box: Wallbox, signer: Signer) -> None:
    order(box)
    box.until(lambda: told(box) == GOOD)
    box.depot.files[THERE] = image(signer, program("0.5.0"))
    order(box)
    box.until(lambda: told(box)[4:] == [*GOOD[:3], "InstallationFailed"])
    assert box.version() == "1.0.0"
    box.depot.files[THERE] = image(signer, program("1.0.1"))
    order(box)
    box.until(lambda: told(box)[8:] == GOOD)
    assert box.version() == "1.0.1"


def test_a_cut_at_any_moment_loses_no_status_and_no_order(make: Make, pki: Pki, good: bytes) -> None:
    """Each moment of an update at which something became durable, or was about to be said."""
    moments = 1
    nth = 0
    while nth < moments:
        box = make()
        (box.folder / ROOTS).mkdir()
        (box.folder / ROOTS / "maker.pem").write_text(pki.root.pem)
        box.depot.files[THERE] = good
        box.advance(5)
        begun = len(box.moments)
        struck = begun + 1 + nth
        box.strikes = lambda moment, struck=struck: moment == struck
        asked = order(box)
        box.advance(300)
        if asked.answer is not None:
            assert list(dict.fromkeys(told(box))) == GOOD, f"a cut at {box.moments[struck - 1]} {nth}"
            assert box.version() == "1.0.0"
        moments, nth = min(len(box.moments) - begun, 40), nth + 4
