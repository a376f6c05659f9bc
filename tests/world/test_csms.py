"""The central system of the scenario tests: that it notices what a station must not do, and misbehaves as told."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.world.csms import Csms

BOOT = {"chargePointVendor": "v", "chargePointModel": "m"}
START = {"connectorId": 1, "idTag": "CARD", "meterStart": 1, "timestamp": "2027-01-01T00:00:00Z"}
STOP = {"transactionId": 1, "meterStop": 2, "timestamp": "2027-01-01T00:01:00Z"}


@pytest.fixture
def csms() -> Csms:
    made = Csms()
    made.registered = True
    return made


def tell(csms: Csms, id: str, action: str, payload: dict[str, Any] | None = None) -> list[Any]:
    csms.receive(json.dumps([2, id, action, payload or {}]))
    return [json.loads(frame) for frame in csms.take()]


def test_nothing_comes_before_the_boot() -> None:
    csms = Csms()
    assert tell(csms, "a", "Heartbeat")[0][2] == "SecurityError"
    assert tell(csms, "b", "BootNotification", BOOT)[0][2]["status"] == "Accepted"
    assert tell(csms, "c", "Heartbeat")[0][0] == 3
    assert csms.breaches == ["Heartbeat before the station was accepted"]


def test_while_pending_only_what_was_asked_for() -> None:
    csms = Csms()
    csms.boot_status = "Pending"
    tell(csms, "a", "BootNotification", BOOT)
    csms.call("TriggerMessage", {"requestedMessage": "Heartbeat"})
    tell(csms, "b", "Heartbeat")
    assert csms.breaches == []
    tell(csms, "c", "Authorize", {"idTag": "CARD"})
    assert len(csms.breaches) == 1


def test_schemas_are_judged(csms: Csms) -> None:
    """Twice: by our engine, and by the validator of the `ocpp` package."""
    tell(csms, "a", "Heartbeat", {"extra": 1})
    assert len(csms.breaches) == 2
    question = csms.call("ClearCache")
    csms.receive(json.dumps([3, question.id, {"status": "Perhaps"}]))
    assert question.status == "Perhaps" and len(csms.breaches) == 4


@pytest.mark.parametrize("code", ["FormatViolation", "OccurrenceConstraintViolation", "MadeUp"])
def test_the_spellings_of_error_codes_are_judged(csms: Csms, code: str) -> None:
    question = csms.call("ClearCache")
    csms.receive(json.dumps([4, question.id, code, "", {}]))
    assert question.error == code and csms.breaches


def test_charges_are_booked_once(csms: Csms) -> None:
    first = tell(csms, "a", "StartTransaction", START)
    assert tell(csms, "a", "StartTransaction", START) == first
    tell(csms, "b", "StopTransaction", STOP)
    tell(csms, "b", "StopTransaction", STOP)
    assert csms.breaches == []
    assert list(csms.charges) == [1] and csms.charges[1].stop is not None
    tell(csms, "c", "StopTransaction", STOP)
    assert csms.breaches == ["transaction 1 stopped twice"]
    tell(csms, "d", "StopTransaction", STOP | {"transactionId": -1})
    assert csms.last("StopTransaction") in csms.unbooked


def test_an_id_belongs_to_one_message(csms: Csms) -> None:
    tell(csms, "a", "StartTransaction", START)
    tell(csms, "a", "StopTransaction", STOP)
    (breach,) = csms.breaches
    assert "has the id of" in breach and breach.index("StopTransaction") < breach.index("StartTransaction")


def test_answers_fail_get_lost_or_never_come(csms: Csms) -> None:
    csms.rejects_next("Heartbeat", "InternalError")
    assert tell(csms, "a", "Heartbeat")[0][:3] == [4, "a", "InternalError"]
    csms.loses_next_answer("StartTransaction")
    assert tell(csms, "b", "StartTransaction", START) == []
    assert tell(csms, "b", "StartTransaction", START)[0][2]["transactionId"] == 1
    csms.silent_on("Heartbeat")
    assert tell(csms, "c", "Heartbeat") == []
    csms.speaks_on("Heartbeat")
    assert tell(csms, "c", "Heartbeat")[0][0] == 3


def test_an_answer_to_nothing_is_a_breach(csms: Csms) -> None:
    csms.receive('[3,"x",{}]')
    assert csms.breaches == ['an answer to nothing: [3,"x",{}]']
