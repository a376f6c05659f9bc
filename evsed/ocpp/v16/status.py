"""StatusNotification and ChangeAvailability."""

from __future__ import annotations

from evsed.core.events import AvailabilityRequested, Ref
from evsed.core.reports import StatusChanged
from evsed.core.words import FaultNote, Status
from evsed.ocpp.dialect import Lookups
from evsed.ocpp.frames import Payload
from evsed.ocpp.times import write_date

NO_ERROR = "NoError"
OTHER_ERROR = "OtherError"
EV_COMMUNICATION = "EVCommunicationError"
LONGEST_INFO = 50
CHARGEX = "https://chargex.inl.gov"  # vendorId beside a code of its list of minimum required error codes

# OCPP 1.6 §7.6
ERROR_CODES = frozenset(
    {
        "ConnectorLockFailure",
        EV_COMMUNICATION,
        "GroundFailure",
        "HighTemperature",
        "InternalError",
        "LocalListConflict",
        NO_ERROR,
        OTHER_ERROR,
        "OverCurrentFailure",
        "OverVoltage",
        "PowerMeterFailure",
        "PowerSwitchFailure",
        "ReaderFailure",
        "ResetFailure",
        "UnderVoltage",
        "WeakSignal",
    }
)
# OCPP 1.6 §4.9: the only ones that go with EVCommunicationError.
_EV_COMMUNICATION_STATUSES = (Status.PREPARING, Status.SUSPENDED_EV, Status.SUSPENDED_EVSE, Status.FINISHING)


def encode_status(report: StatusChanged, lookups: Lookups) -> Payload:
    """OCPP 1.6 §6.47. With another status than Faulted, a fault is a warning (§4.9)."""
    fault = report.fault
    payload = {
        "connectorId": report.evse,
        "status": report.status.value,
        "errorCode": NO_ERROR if fault is None else _error_code(fault, report.status),
    }
    if fault is not None:
        payload["vendorId"] = CHARGEX if fault.mrec else lookups.nameplate.vendor
        payload["vendorErrorCode"] = (fault.mrec or fault.name)[:LONGEST_INFO]
    info = report.info or (_text(fault) if fault else "")
    if info:
        payload["info"] = info[:LONGEST_INFO]
    wall_ms = lookups.date(report.at)
    if wall_ms is not None:
        payload["timestamp"] = write_date(wall_ms)
    return payload


def decode_change_availability(payload: Payload, ref: Ref, lookups: Lookups) -> AvailabilityRequested:
    """OCPP 1.6 §5.2."""
    return AvailabilityRequested(ref, payload["connectorId"], payload["type"] == "Operative")


def _text(fault: FaultNote) -> str:
    """What is wrong; with our own name where the list of ChargeX has only one code for several faults."""
    return f"{fault.name}: {fault.text}" if fault.mrec else fault.text


def _error_code(fault: FaultNote, status: Status) -> str:
    if fault.code16 == EV_COMMUNICATION and status not in _EV_COMMUNICATION_STATUSES:
        return OTHER_ERROR
    return fault.code16 if fault.code16 in ERROR_CODES else OTHER_ERROR
