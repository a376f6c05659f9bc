"""The tables of 1.6: whole, and spelt as the specification spells."""

from __future__ import annotations

from typing import get_args

from evsed.core.central_systems import SecretWritten
from evsed.core.events import Request
from evsed.core.reports import Report
from evsed.ocpp.v16.dialect import CODES, DIALECT, INBOUND, OUTBOUND, RULES
from evsed.ocpp.violations import Flaw

CORE_PROFILE = {
    "ChangeAvailability",
    "ChangeConfiguration",
    "ClearCache",
    "DataTransfer",
    "GetConfiguration",
    "RemoteStartTransaction",
    "RemoteStopTransaction",
    "Reset",
    "UnlockConnector",
}


SECURITY = {"CertificateSigned", "DeleteCertificate", "ExtendedTriggerMessage"} | {
    "GetInstalledCertificateIds",
    "InstallCertificate",
}
FIRMWARE = {"GetDiagnostics", "GetLog", "SignedUpdateFirmware", "UpdateFirmware"}
LOCAL_AUTH_LIST = {"GetLocalListVersion", "SendLocalList"}
RESERVATION = {"CancelReservation", "ReserveNow"}
SMART_CHARGING = {"SetChargingProfile", "ClearChargingProfile", "GetCompositeSchedule"}


def test_the_requests_of_the_supported_profiles_are_answered() -> None:
    profiles = CORE_PROFILE | FIRMWARE | LOCAL_AUTH_LIST | RESERVATION | SMART_CHARGING
    assert set(INBOUND) == profiles | SECURITY | {"TriggerMessage"}


def test_every_report_has_a_message() -> None:
    assert set(OUTBOUND) == set(get_args(Report))
    assert {outbound.action for outbound in OUTBOUND.values()} == {
        "Authorize",
        "BootNotification",
        "DataTransfer",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "SecurityEventNotification",
        "SignCertificate",
        "SignedFirmwareStatusNotification",
        "StartTransaction",
        "StatusNotification",
        "StopTransaction",
    }


# Other words for what the core knows by one.
SAME = {"ExtendedTriggerMessage", "GetDiagnostics", "UpdateFirmware"}


def test_every_request_of_the_core_can_be_asked() -> None:
    secrets = {SecretWritten}  # comes from ChangeConfiguration too
    assert len(get_args(Request)) - len(secrets) == len(INBOUND) - len(SAME)


def test_error_codes_have_the_spelling_of_1_6() -> None:
    assert CODES[Flaw.MALFORMED] == "FormationViolation"
    assert CODES[Flaw.OCCURRENCE] == "OccurenceConstraintViolation"
    assert set(Flaw) - set(CODES) == {Flaw.UNKNOWN_TYPE}  # ignored, OCPP-J 1.6 §4.1.3


def test_the_subprotocol_and_the_rules() -> None:
    assert DIALECT.subprotocol == "ocpp1.6"
    assert RULES.unlock_stops_transaction and not RULES.answers_while_rejected
    assert not RULES.remote_start_while_pending
    assert RULES.clear_by_id_alone
