"""SecurityEventNotification and ExtendedTriggerMessage of the security whitepaper, edition 3."""

from __future__ import annotations

from evsed.core.events import Ref, Triggered, TriggerKind
from evsed.core.security_events import SecurityKind, SecurityNoted
from evsed.core.words import Verdict
from evsed.ocpp.dialect import Lookups
from evsed.ocpp.frames import Payload
from evsed.ocpp.times import write_date

LONGEST_INFO = 255

CRITICAL = frozenset(
    {
        SecurityKind.FIRMWARE_UPDATED,
        SecurityKind.TIME_SET,
        SecurityKind.STARTED,
        SecurityKind.RESET,
        SecurityKind.LOG_CLEARED,
        SecurityKind.MEMORY_EXHAUSTED,
        SecurityKind.TAMPERED,
    }
)
"""Whitepaper §8."""

_NAMES = {
    SecurityKind.REFUSED_BY_CENTRAL: "FailedToAuthenticateAtCentralSystem",
    SecurityKind.CENTRAL_REFUSED: "CentralSystemFailedToAuthenticate",
    SecurityKind.CENTRAL_CERTIFICATE: "InvalidCentralSystemCertificate",
    SecurityKind.STATION_CERTIFICATE: "InvalidChargePointCertificate",
}
"""Those that 1.6 spells in its own way."""

# §6.16.
_KINDS = {
    "BootNotification": TriggerKind.BOOT,
    "FirmwareStatusNotification": TriggerKind.SIGNED_FIRMWARE,
    "Heartbeat": TriggerKind.HEARTBEAT,
    "LogStatusNotification": TriggerKind.LOG,
    "MeterValues": TriggerKind.METER_VALUES,
    "SignChargePointCertificate": TriggerKind.SIGNING,
    "StatusNotification": TriggerKind.STATUS,
}
_OF_ONE_CONNECTOR = (TriggerKind.METER_VALUES, TriggerKind.STATUS)


def event_name(kind: SecurityKind) -> str:
    """As it is called in 1.6."""
    return _NAMES.get(kind, kind.value)


def encode_event(report: SecurityNoted, lookups: Lookups) -> Payload:
    """§5.15."""
    payload = {
        "type": event_name(report.kind),
        "timestamp": write_date(lookups.required_date(report.at)),
    }
    if report.info:
        payload["techInfo"] = report.info[:LONGEST_INFO]
    return payload


def decode_trigger(payload: Payload, ref: Ref, lookups: Lookups) -> Triggered | Verdict:
    """§5.5; a connector is ignored where it says nothing."""
    kind = _KINDS.get(payload["requestedMessage"])
    if kind is None:
        return Verdict.NOT_IMPLEMENTED
    return Triggered(ref, kind, payload.get("connectorId") if kind in _OF_ONE_CONNECTOR else None)
