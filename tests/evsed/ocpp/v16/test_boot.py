"""BootNotification and Heartbeat."""

from __future__ import annotations

import pytest

from evsed.core.events import BootAnswer, Noted, TimeAnswer
from evsed.core.reports import Booted, HeartbeatDue
from evsed.core.words import Nameplate, Registration
from tests.evsed.ocpp.world import T0, Peers


def test_a_boot_says_who_we_are() -> None:
    assert Peers().sends(Booted()) == {
        "chargePointVendor": "Hearth & Home",
        "chargePointModel": "Wallbox",
        "chargePointSerialNumber": "SN-1",
        "firmwareVersion": "0.1.0",
    }


def test_long_names_are_cut_and_a_missing_serial_left_out() -> None:
    peers = Peers(nameplate=Nameplate("v" * 21, "m" * 21, None, "f" * 51))
    assert peers.sends(Booted()) == {
        "chargePointVendor": "v" * 20,
        "chargePointModel": "m" * 20,
        "firmwareVersion": "f" * 50,
    }
    long_serial = Peers(nameplate=Nameplate("v", "m", "s" * 26, "f"))
    assert long_serial.sends(Booted())["chargePointSerialNumber"] == "s" * 25


@pytest.mark.parametrize("status", list(Registration))
def test_the_central_system_decides(status: Registration) -> None:
    peers = Peers()
    peers.csms.boot_status = status.value
    assert peers.answer_to(Booted()) == BootAnswer(status, T0, 300)


@pytest.mark.parametrize("time", ["", "soon", "1970-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_a_time_that_is_not_the_present_is_not_taken(time: str) -> None:
    peers = Peers()
    peers.csms.answers_next("BootNotification", {"status": "Accepted", "currentTime": time, "interval": -5})
    assert peers.answer_to(Booted()) == BootAnswer(Registration.ACCEPTED, None, 0)
    peers.csms.answers_next("Heartbeat", {"currentTime": time})
    assert peers.answer_to(HeartbeatDue()) == Noted()


def test_a_heartbeat_is_empty_and_brings_the_time() -> None:
    peers = Peers()
    assert peers.sends(HeartbeatDue()) == {}
    peers.csms.answers_next("Heartbeat", {"currentTime": "2027-01-01T01:00:00.123456+01:00"})
    assert peers.answer_to(HeartbeatDue()) == TimeAnswer(T0 + 123)
