"""OCPP in a line or two."""

from __future__ import annotations

from typing import Any

from tests.demo.words import frame_text, summary_text
from tests.peers.ledger import Frame, Ledger


def frame(way: str, kind: str, action: str, payload: Any, id_: str = "1", breach: str | None = None) -> Frame:
    return Frame("2026-01-02T03:04:05Z", way, kind, id_, action, payload, breach)


def text(*parts: Any, **more: Any) -> str:
    return frame_text(frame(*parts, **more).as_dict())


def test_a_call_shows_its_values() -> None:
    assert text("in", "CALL", "Authorize", {"idTag": "A"}) == "→ Authorize idTag=A"
    assert text("out", "CALL", "Reset", {"type": "Soft"}) == "← Reset type=Soft"


def test_an_answer_shows_what_it_says_and_leaves_out_what_everyone_says() -> None:
    assert text("out", "CALLRESULT", "Heartbeat", {"currentTime": "2026"}) == "← Heartbeat answered"
    said = {"idTagInfo": {"status": "Accepted"}}
    assert text("out", "CALLRESULT", "Authorize", said) == "← Authorize answered status=Accepted"
    status = {"connectorId": 1, "status": "Charging", "errorCode": "NoError", "timestamp": "2026"}
    assert text("in", "CALL", "StatusNotification", status) == "→ StatusNotification connectorId=1 status=Charging"


def test_a_refusal_and_a_breach_are_plain_to_see() -> None:
    assert text("in", "CALLERROR", "Reset", {"code": "NotSupported"}) == "→ Reset refused code=NotSupported"
    assert (
        text("in", "?", None, "hello", breach="FormationViolation")
        == "→ a frame unreadable =hello  BREACH: FormationViolation"
    )


def test_a_sample_shows_energy_power_and_offer() -> None:
    values = [
        {"value": "1234", "measurand": "Energy.Active.Import.Register", "unit": "Wh", "context": "Trigger"},
        {"value": "230", "measurand": "Voltage", "unit": "V"},
        {"value": "11000", "measurand": "Power.Active.Import", "unit": "W"},
        {"value": "3600", "measurand": "Power.Active.Import", "unit": "W", "phase": "L1"},
    ]
    sample = {"connectorId": 1, "meterValue": [{"timestamp": "2026", "sampledValue": values}]}
    assert text("in", "CALL", "MeterValues", sample) == "→ MeterValues 1234 Wh, 11000 W  (4 values, Trigger)"


def test_the_summary_is_what_the_central_system_saw() -> None:
    ledger = Ledger()
    start = {"connectorId": 1, "idTag": "A", "timestamp": "T1", "meterStart": 100}
    for seen in (
        frame(
            "in", "CALL", "StatusNotification", {"connectorId": 1, "status": "Preparing", "errorCode": "NoError"}, "0"
        ),
        frame("in", "CALL", "StartTransaction", start, "1"),
        frame("out", "CALLRESULT", "StartTransaction", {"transactionId": 7}, "1"),
        frame("in", "CALL", "MeterValues", {"transactionId": 7, "meterValue": [{}]}, "2"),
        frame("in", "CALL", "StopTransaction", {"transactionId": 7, "timestamp": "T2", "meterStop": 150}, "3"),
    ):
        ledger.note(seen)
    assert summary_text(ledger.summary()) == [
        "What the central system saw",
        "",
        "  transaction 7: card A at connector 1",
        "    started  T1  at 100 Wh",
        "    stopped  T2  at 150 Wh, reason Local",
        "    energy   50 Wh, 1 meter samples on the way",
        "  connector 1: Preparing",
        "  messages: 1 MeterValues, 1 StartTransaction, 1 StatusNotification, 1 StopTransaction",
        "  sent again under their old id: 0",
        "  breaches of the protocol: none",
    ]


def test_breaches_are_in_the_summary() -> None:
    ledger = Ledger()
    ledger.note(frame("in", "CALL", "Reset", {}, breach="TypeConstraintViolation"))
    assert summary_text(ledger.summary())[-1].endswith("Reset CALL to the central system: TypeConstraintViolation")
