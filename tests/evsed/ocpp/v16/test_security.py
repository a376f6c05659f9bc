"""SecurityEventNotification and ExtendedTriggerMessage."""

from __future__ import annotations

import pytest

from evsed.core.events import Triggered, TriggerKind
from evsed.core.security_events import SecurityKind, SecurityNoted
from evsed.core.words import Verdict
from evsed.ocpp.v16.security import CRITICAL, LONGEST_INFO
from tests.evsed.ocpp.world import UNDATED, Peers, at

# Security whitepaper edition 3, §8: every event, and whether it is critical.
EVENTS = {
    "FirmwareUpdated": True,
    "FailedToAuthenticateAtCentralSystem": False,
    "CentralSystemFailedToAuthenticate": False,
    "SettingSystemTime": True,
    "StartupOfTheDevice": True,
    "ResetOrReboot": True,
    "SecurityLogWasCleared": True,
    "ReconfigurationOfSecurityParameters": False,
    "MemoryExhaustion": True,
    "InvalidMessages": False,
    "AttemptedReplayAttacks": False,
    "TamperDetectionActivated": True,
    "InvalidFirmwareSignature": False,
    "InvalidFirmwareSigningCertificate": False,
    "InvalidCentralSystemCertificate": False,
    "InvalidChargePointCertificate": False,
    "InvalidTLSVersion": False,
    "InvalidTLSCipherSuite": False,
}


def test_every_event_of_the_whitepaper_has_its_name_and_weight() -> None:
    peers = Peers()
    found = {peers.sends(SecurityNoted(kind, at(), "", True))["type"]: kind in CRITICAL for kind in SecurityKind}
    assert found == EVENTS


def test_an_event_has_its_date_and_what_more_is_known() -> None:
    sent = Peers().sends(SecurityNoted(SecurityKind.STARTED, at(5), "é" * 300, True))
    assert sent == {
        "type": "StartupOfTheDevice",
        "timestamp": "2027-01-01T00:00:05.000Z",
        "techInfo": "é" * LONGEST_INFO,
    }


def test_an_undated_event_is_not_sent() -> None:
    assert "time is not known" in Peers().refused(SecurityNoted(SecurityKind.STARTED, UNDATED, "", True)).text


@pytest.mark.parametrize(
    ("message", "kind", "connector"),
    [
        ("BootNotification", TriggerKind.BOOT, None),
        ("Heartbeat", TriggerKind.HEARTBEAT, None),
        ("MeterValues", TriggerKind.METER_VALUES, 1),
        ("StatusNotification", TriggerKind.STATUS, 1),
    ],
)
def test_extended_triggers(message: str, kind: TriggerKind, connector: int | None) -> None:
    peers = Peers()
    asked = peers.asks("ExtendedTriggerMessage", {"requestedMessage": message, "connectorId": 1})
    assert isinstance(asked, Triggered)
    assert (asked.kind, asked.evse) == (kind, connector)
    assert peers.replies(asked, Verdict.ACCEPTED)[0][2] == {"status": "Accepted"}


@pytest.mark.parametrize("message", ["SignCertificate", "NoSuchMessage"])
def test_what_can_t_be_told_is_not_implemented(message: str) -> None:
    assert Peers().asked("ExtendedTriggerMessage", {"requestedMessage": message})[0][2] == {"status": "NotImplemented"}
