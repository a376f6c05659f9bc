"""OCPP 1.6-J, edition 2 with its errata and all its profiles, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from evsed.core import reports
from evsed.core.credentials import SigningAsked
from evsed.core.rules import Rules
from evsed.core.security_events import SecurityNoted
from evsed.core.words import Verdict
from evsed.ocpp.dialect import Dialect, Inbound, Outbound
from evsed.ocpp.schemas import Schemas
from evsed.ocpp.v16 import (
    authorization,
    boot,
    certificates,
    configuration,
    control,
    local_list,
    metering,
    profiles,
    reservations,
    security,
    status,
    transactions,
    upkeep,
    veils,
    vendor,
)
from evsed.ocpp.v16.numbers import SUBPROTOCOL
from evsed.ocpp.v16.plain import decode_nothing, encode_verdict
from evsed.ocpp.violations import Flaw

# The package is only asked for its folder: importing its code would cost some megabytes.
SCHEMAS = Schemas(files("ocpp") / "v16" / "schemas", request="", answer="Response")

# OCPP-J 1.6 §4.2.3, with its spellings (J errata 5.1, 5.2). An unknown message type is ignored (§4.1.3).
CODES = {
    Flaw.MALFORMED: "FormationViolation",
    Flaw.OCCURRENCE: "OccurenceConstraintViolation",
    Flaw.TYPE: "TypeConstraintViolation",
    Flaw.VALUE: "PropertyConstraintViolation",
    Flaw.UNKNOWN_ACTION: "NotImplemented",
    Flaw.UNSUPPORTED_ACTION: "NotSupported",
    Flaw.INTERNAL: "InternalError",
    Flaw.OTHER: "GenericError",
}

INBOUND: Mapping[str, Inbound] = {
    "CancelReservation": Inbound(reservations.decode_cancel, encode_verdict),
    "CertificateSigned": Inbound(certificates.decode_signed, encode_verdict),
    "ChangeAvailability": Inbound(status.decode_change_availability, encode_verdict),
    "ChangeConfiguration": Inbound(configuration.decode_change, encode_verdict),
    "ClearCache": Inbound(authorization.decode_clear_cache, encode_verdict),
    "ClearChargingProfile": Inbound(profiles.decode_clear, profiles.encode_clear),
    "DataTransfer": Inbound(vendor.decode_transferred, vendor.encode_transferred),
    "DeleteCertificate": Inbound(certificates.decode_delete, encode_verdict),
    "ExtendedTriggerMessage": Inbound(
        security.decode_trigger, encode_verdict, {"requestedMessage": Verdict.NOT_IMPLEMENTED}
    ),
    "GetCompositeSchedule": Inbound(profiles.decode_composite, profiles.encode_composite),
    "GetDiagnostics": Inbound(upkeep.decode_diagnostics, upkeep.encode_diagnostics),
    "GetLog": Inbound(upkeep.decode_log, upkeep.encode_log),
    "GetConfiguration": Inbound(configuration.decode_get, configuration.encode_get),
    "GetInstalledCertificateIds": Inbound(certificates.decode_ids, certificates.encode_ids),
    "GetLocalListVersion": Inbound(local_list.decode_version, local_list.encode_version),
    "InstallCertificate": Inbound(certificates.decode_install, encode_verdict),
    "RemoteStartTransaction": Inbound(transactions.decode_remote_start, encode_verdict),
    "RemoteStopTransaction": Inbound(transactions.decode_remote_stop, encode_verdict),
    "ReserveNow": Inbound(reservations.decode_reserve, encode_verdict),
    "Reset": Inbound(control.decode_reset, encode_verdict),
    "SendLocalList": Inbound(local_list.decode_list, encode_verdict),
    "SetChargingProfile": Inbound(profiles.decode_set, profiles.encode_set),
    "SignedUpdateFirmware": Inbound(upkeep.decode_signed_update, encode_verdict),
    "TriggerMessage": Inbound(control.decode_trigger, encode_verdict, {"requestedMessage": Verdict.NOT_IMPLEMENTED}),
    "UnlockConnector": Inbound(control.decode_unlock, encode_verdict),
    "UpdateFirmware": Inbound(upkeep.decode_update, upkeep.encode_update),
}

OUTBOUND: Mapping[type, Outbound[Any]] = {
    reports.AuthorizationAsked: Outbound("Authorize", authorization.encode_authorize, authorization.decode_authorize),
    reports.Booted: Outbound("BootNotification", boot.encode_boot, boot.decode_boot),
    reports.DiagnosticsProgress: Outbound(
        "DiagnosticsStatusNotification", upkeep.encode_diagnostics_progress, decode_nothing
    ),
    reports.FirmwareProgress: Outbound("FirmwareStatusNotification", upkeep.encode_firmware_progress, decode_nothing),
    reports.HeartbeatDue: Outbound("Heartbeat", boot.encode_heartbeat, boot.decode_heartbeat),
    reports.LogProgress: Outbound("LogStatusNotification", upkeep.encode_log_progress, decode_nothing),
    reports.MetersSampled: Outbound("MeterValues", metering.encode_sampled, decode_nothing),
    SecurityNoted: Outbound("SecurityEventNotification", security.encode_event, decode_nothing),
    reports.SignedFirmwareProgress: Outbound(
        "SignedFirmwareStatusNotification", upkeep.encode_signed_firmware_progress, decode_nothing
    ),
    SigningAsked: Outbound("SignCertificate", certificates.encode_signing, certificates.decode_signing),
    reports.StatusChanged: Outbound("StatusNotification", status.encode_status, decode_nothing),
    reports.TransactionEnded: Outbound("StopTransaction", transactions.encode_stop, transactions.decode_stop),
    reports.TransactionStarted: Outbound("StartTransaction", transactions.encode_start, transactions.decode_start),
    reports.TransactionUpdated: Outbound("MeterValues", metering.encode_updated, decode_nothing),
    reports.VendorMessage: Outbound("DataTransfer", vendor.encode_transfer, vendor.decode_transfer),
}

RULES = Rules(
    unlock_stops_transaction=True,  # §5.18
    boot_trigger_after_accepted=False,  # errata 3.35, 3.40
    answers_while_rejected=False,  # §4.2
    remote_start_while_pending=False,  # §4.2
    clear_by_id_alone=True,  # errata 3.26
    critical_security=security.CRITICAL,
)

# Fields that say what happens, and neither who charges nor what was written.
SHOWN = (
    "connectorId",
    "transactionId",
    "status",
    "errorCode",
    "info",
    "type",
    "key",
    "requestedMessage",
    "meterStart",
    "meterStop",
    "reason",
    "vendorId",
    "messageId",
    "interval",
    "currentTime",
    "chargePointVendor",
    "chargePointModel",
    "firmwareVersion",
    "idTagInfo.status",
    "id",
    "chargingProfilePurpose",
    "stackLevel",
    "fileName",
    "retrieveDate",
    "duration",
    "chargingRateUnit",
    "csChargingProfiles.chargingProfileId",
    "csChargingProfiles.chargingProfilePurpose",
    "csChargingProfiles.stackLevel",
    "listVersion",
    "updateType",
    "reservationId",
    "expiryDate",
    "certificateType",
)

DIALECT = Dialect(SUBPROTOCOL, SCHEMAS, CODES, INBOUND, OUTBOUND, RULES, SHOWN, veils.VEILS)
