"""The official schemas: found without loading the package, strict, and telling no values."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import files

import pytest

from evsed.ocpp.schemas import Schemas, Violation
from evsed.ocpp.v16.dialect import SCHEMAS
from evsed.ocpp.violations import Flaw

PERIOD = {"startPeriod": 0, "limit": 16.0}
SCHEDULE = {"chargingRateUnit": "A", "chargingSchedulePeriod": [PERIOD]}
PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": SCHEDULE,
}


def test_all_39_actions_are_known() -> None:
    assert len(SCHEMAS.actions) == 39
    assert {"Heartbeat", "SetChargingProfile", "SignedUpdateFirmware"} <= SCHEMAS.actions


def test_every_schema_compiles() -> None:
    for action in SCHEMAS.actions:
        SCHEMAS.of_request(action, {})
        SCHEMAS.of_answer(action, {})


@pytest.mark.parametrize(
    ("action", "payload", "flaw", "field"),
    [
        ("Reset", {}, Flaw.OCCURRENCE, "type"),
        ("Reset", {"type": "soft"}, Flaw.VALUE, "type"),
        ("Reset", {"type": None}, Flaw.TYPE, "type"),
        ("Reset", {"type": 1}, Flaw.TYPE, "type"),
        ("Reset", {"type": "Soft", "x": 1}, Flaw.MALFORMED, ""),
        ("Reset", {"x": 1}, Flaw.MALFORMED, ""),
        ("RemoteStartTransaction", {"idTag": "x" * 21}, Flaw.VALUE, "idTag"),
        ("RemoteStartTransaction", {"idTag": "a", "connectorId": True}, Flaw.TYPE, "connectorId"),
        ("RemoteStartTransaction", {"idTag": "a", "connectorId": 1.5}, Flaw.TYPE, "connectorId"),
        ("RemoteStartTransaction", {"idTag": "a", "connectorId": "1"}, Flaw.TYPE, "connectorId"),
        ("ChangeConfiguration", {"key": "k" * 51, "value": ""}, Flaw.VALUE, "key"),
        ("ChangeConfiguration", {"key": "k", "value": "v" * 501}, Flaw.VALUE, "value"),
        ("GetConfiguration", {"key": "k"}, Flaw.TYPE, "key"),
        ("GetConfiguration", {"key": [7]}, Flaw.TYPE, "key.0"),
        (
            "SetChargingProfile",
            {"connectorId": 1, "csChargingProfiles": PROFILE | {"chargingProfilePurpose": "Max"}},
            Flaw.VALUE,
            "csChargingProfiles.chargingProfilePurpose",
        ),
        (
            "SetChargingProfile",
            {
                "connectorId": 1,
                "csChargingProfiles": PROFILE
                | {"chargingSchedule": SCHEDULE | {"chargingSchedulePeriod": [PERIOD | {"limit": 6.05}]}},
            },
            Flaw.VALUE,
            "csChargingProfiles.chargingSchedule.chargingSched",
        ),
    ],
)
def test_violations_are_named(action: str, payload: dict[str, object], flaw: Flaw, field: str) -> None:
    violation = SCHEMAS.of_request(action, payload)
    assert violation is not None
    assert violation.flaw is flaw
    assert violation.field.startswith(field) if field else violation.field == ""


def test_one_decimal_is_a_multiple_of_a_tenth() -> None:
    for limit in (0.0, 0.3, 6.1, 21.4, 32, 16.7):
        schedule = SCHEDULE | {"chargingSchedulePeriod": [PERIOD | {"limit": limit}]}
        payload = {"connectorId": 1, "csChargingProfiles": PROFILE | {"chargingSchedule": schedule}}
        assert SCHEMAS.of_request("SetChargingProfile", payload) is None


def test_dates_are_left_to_who_reads_them() -> None:
    assert SCHEMAS.of_answer("Heartbeat", {"currentTime": "2027-01-01T00:00:00"}) is None


def test_a_violation_never_tells_the_value() -> None:
    secret = "hunter2" * 100
    violation = SCHEMAS.of_request("ChangeConfiguration", {"key": "AuthorizationKey", "value": secret})
    assert violation == Violation(Flaw.VALUE, "value", "value is too long")


def test_a_forgiven_answer_may_say_more_but_not_less() -> None:
    more = {"currentTime": "now", "extra": 1}
    assert SCHEMAS.of_answer("Heartbeat", more) is not None
    assert SCHEMAS.of_answer("Heartbeat", more, forgiving=True) is None
    assert SCHEMAS.of_answer("Heartbeat", {"extra": 1}, forgiving=True) is not None


def test_a_file_is_read_when_its_message_first_passes() -> None:
    schemas = Schemas(files("ocpp") / "v16" / "schemas", request="", answer="Response")
    assert schemas._validators == {}
    schemas.of_request("Heartbeat", {})
    assert list(schemas._validators) == ["Heartbeat"]


def test_the_package_itself_is_never_loaded() -> None:
    code = (
        "import sys, evsed.ocpp.v16.dialect as d; d.SCHEMAS.of_request('Heartbeat', {});"
        "print([m for m in sys.modules if m == 'jsonschema' or m.startswith('ocpp.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
