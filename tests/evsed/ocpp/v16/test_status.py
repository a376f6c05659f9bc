"""StatusNotification, and that a warning never looks like a broken station."""

from __future__ import annotations

import json

import pytest

from evsed.core.events import AvailabilityRequested
from evsed.core.reports import StatusChanged
from evsed.core.words import FaultNote, Status, Verdict
from evsed.ocpp.v16.dialect import SCHEMAS
from evsed.ocpp.v16.status import ERROR_CODES
from tests.evsed.ocpp.world import UNDATED, Peers, at

WELDED = FaultNote("WELDED", opens=True, latched=True, code16="PowerSwitchFailure", text="contactor does not open")
WARM = FaultNote("WARM", opens=False, latched=False, code16="HighTemperature", text="t" * 99)


@pytest.mark.parametrize("status", list(Status))
def test_every_status_is_one_of_1_6(status: Status) -> None:
    assert Peers().sends(StatusChanged(1, status, at(7))) == {
        "connectorId": 1,
        "status": status.value,
        "errorCode": "NoError",
        "timestamp": "2027-01-01T00:00:07.000Z",
    }


def test_a_fault_that_opens_is_an_error() -> None:
    payload = Peers().sends(StatusChanged(1, Status.FAULTED, at(), WELDED))
    assert payload["errorCode"] == "PowerSwitchFailure"
    assert payload["info"] == "contactor does not open"
    assert (payload["vendorErrorCode"], payload["vendorId"]) == ("WELDED", "Hearth & Home")


def test_a_fault_of_the_list_of_chargex_is_told_by_its_code_and_by_our_name() -> None:
    weld = FaultNote("WELDED", True, True, "PowerSwitchFailure", "contactor does not open", "CX017")
    payload = Peers().sends(StatusChanged(1, Status.FAULTED, at(), weld))
    assert (payload["vendorErrorCode"], payload["vendorId"]) == ("CX017", "https://chargex.inl.gov")
    assert payload["info"] == "WELDED: contactor does not open"


def test_a_warning_goes_with_any_status() -> None:
    payload = Peers().sends(StatusChanged(1, Status.CHARGING, at(), WARM))
    assert (payload["status"], payload["errorCode"]) == ("Charging", "HighTemperature")
    assert payload["info"] == "t" * 50
    assert payload["vendorErrorCode"] == "WARM"


def test_what_the_core_says_goes_before_the_text_of_a_fault() -> None:
    payload = Peers().sends(StatusChanged(1, Status.SUSPENDED_EV, at(), WARM, "EV side disconnected"))
    assert payload["info"] == "EV side disconnected"
    alone = Peers().sends(StatusChanged(1, Status.FINISHING, at(), None, "i" * 60))
    assert alone["info"] == "i" * 50 and "vendorErrorCode" not in alone and "vendorId" not in alone


def test_an_unknown_code_is_another_error() -> None:
    odd = FaultNote("ODD", opens=True, latched=False, code16="GremlinFailure", text="")
    assert Peers().sends(StatusChanged(1, Status.FAULTED, at(), odd))["errorCode"] == "OtherError"


def test_a_communication_error_goes_only_with_some_statuses() -> None:
    silent = FaultNote("EV_SILENT", opens=True, latched=False, code16="EVCommunicationError", text="")
    told = {status: Peers().sends(StatusChanged(1, status, at(), silent))["errorCode"] for status in Status}
    allowed = {status for status, code in told.items() if code == "EVCommunicationError"}
    assert allowed == {Status.PREPARING, Status.SUSPENDED_EV, Status.SUSPENDED_EVSE, Status.FINISHING}
    assert told[Status.FAULTED] == "OtherError"


def test_the_codes_are_those_of_the_schema() -> None:
    schema = json.loads((SCHEMAS._folder / "StatusNotification.json").read_text())
    assert frozenset(schema["properties"]["errorCode"]["enum"]) == ERROR_CODES


def test_without_a_known_time_none_is_told() -> None:
    assert "timestamp" not in Peers().sends(StatusChanged(0, Status.AVAILABLE, UNDATED))


@pytest.mark.parametrize("connector", [-1, 0, 1, 99])
@pytest.mark.parametrize(("type", "operative"), [("Operative", True), ("Inoperative", False)])
def test_availability_is_asked_of_the_core(connector: int, type: str, operative: bool) -> None:
    peers = Peers()
    request = peers.asks("ChangeAvailability", {"connectorId": connector, "type": type})
    assert request == AvailabilityRequested("central-1", connector, operative)
    assert peers.replies(request, Verdict.SCHEDULED) == [[3, "csms-1", {"status": "Scheduled"}]]
