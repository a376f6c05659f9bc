"""UpdateFirmware and GetDiagnostics, SignedUpdateFirmware and GetLog, and the notifications of how far they are."""

from __future__ import annotations

from evsed.core.errands import (
    FirmwareOrder,
    FirmwareOrdered,
    LogKind,
    LogOrder,
    LogOrdered,
    LogReply,
    Patience,
    Signed,
    UploadStatus,
)
from evsed.core.events import Ref
from evsed.core.reports import DiagnosticsProgress, FirmwareProgress, LogProgress, SignedFirmwareProgress
from evsed.core.words import Verdict
from evsed.ocpp.dialect import Lookups, Refusal, RequestAnswer
from evsed.ocpp.frames import Payload
from evsed.ocpp.times import read_date
from evsed.ocpp.violations import Flaw, LocalViolation

MOST_RETRIES = 1_000
LONGEST_INTERVAL_S = 86_400
LONGEST_LOCATION = 2_000

# OCPP 1.6 §7.24
DIAGNOSTICS = {
    UploadStatus.IDLE: "Idle",
    UploadStatus.UPLOADING: "Uploading",
    UploadStatus.UPLOADED: "Uploaded",
}


def decode_update(payload: Payload, ref: Ref, lookups: Lookups) -> FirmwareOrdered | Refusal:
    """OCPP 1.6 §5.19. A retrieve date that is none is refused: at a wrong time nobody wants it."""
    retrieve_ms = read_date(payload["retrieveDate"])
    if retrieve_ms is None:
        return Refusal(Flaw.VALUE, "retrieveDate is no date")
    if len(payload["location"]) > LONGEST_LOCATION:
        return Refusal(Flaw.VALUE, f"location is longer than {LONGEST_LOCATION} characters")
    return FirmwareOrdered(ref, FirmwareOrder(payload["location"], retrieve_ms, patience(payload)))


def encode_update(answer: RequestAnswer, asked: Payload, lookups: Lookups) -> Payload | Refusal:
    """OCPP 1.6 §6.56 has no status: one that is not taken gets an error."""
    if answer is Verdict.NOT_SUPPORTED:
        return Refusal(Flaw.UNSUPPORTED_ACTION, "here only SignedUpdateFirmware is taken")
    if answer is Verdict.REJECTED:
        return Refusal(Flaw.OTHER, "another firmware is just being installed")
    return {}


def decode_diagnostics(payload: Payload, ref: Ref, lookups: Lookups) -> LogOrdered | Refusal:
    """OCPP 1.6 §5.9."""
    dates = {field: read_date(payload[field]) for field in ("startTime", "stopTime") if field in payload}
    wrong = [field for field, wall_ms in dates.items() if wall_ms is None]
    if wrong:
        return Refusal(Flaw.VALUE, f"{wrong[0]} is no date")
    if len(payload["location"]) > LONGEST_LOCATION:
        return Refusal(Flaw.VALUE, f"location is longer than {LONGEST_LOCATION} characters")
    order = LogOrder(
        LogKind.DIAGNOSTICS,
        payload["location"],
        patience(payload),
        from_ms=dates.get("startTime"),
        to_ms=dates.get("stopTime"),
    )
    return LogOrdered(ref, order)


def encode_diagnostics(answer: RequestAnswer, asked: Payload, lookups: Lookups) -> Payload:
    """The name of the file, if there will be one (OCPP 1.6 §6.26)."""
    if not isinstance(answer, LogReply):
        raise LocalViolation(f"a {type(answer).__name__} where a log was due")
    return {} if answer.name is None else {"fileName": answer.name}


def decode_signed_update(payload: Payload, ref: Ref, lookups: Lookups) -> FirmwareOrdered | Refusal:
    """Security whitepaper §5.21."""
    told = payload["firmware"]
    retrieve_ms = read_date(told["retrieveDateTime"])
    install_ms = read_date(told["installDateTime"]) if "installDateTime" in told else None
    if retrieve_ms is None or (install_ms is None and "installDateTime" in told):
        return Refusal(Flaw.VALUE, "a date of the firmware is none")
    signed = Signed(told["signingCertificate"], told["signature"])
    order = FirmwareOrder(told["location"], retrieve_ms, patience(payload), payload["requestId"], install_ms, signed)
    return FirmwareOrdered(ref, order)


def decode_log(payload: Payload, ref: Ref, lookups: Lookups) -> LogOrdered | Refusal:
    """Security whitepaper §5.9."""
    told, fields = payload["log"], ("oldestTimestamp", "latestTimestamp")
    dates = {field: read_date(told[field]) for field in fields if field in told}
    wrong = [field for field, wall_ms in dates.items() if wall_ms is None]
    if wrong:
        return Refusal(Flaw.VALUE, f"{wrong[0]} is no date")
    span = (dates.get(field) for field in fields)
    kind, number = LogKind(payload["logType"]), payload["requestId"]
    return LogOrdered(ref, LogOrder(kind, told["remoteLocation"], patience(payload), number, *span))


def encode_log(answer: RequestAnswer, asked: Payload, lookups: Lookups) -> Payload:
    """Security whitepaper §5.10."""
    if not isinstance(answer, LogReply):
        raise LocalViolation(f"a {type(answer).__name__} where a log was due")
    if answer.name is None:
        return {"status": "Rejected"}
    return {"status": "AcceptedCanceled" if answer.cancels else "Accepted", "filename": answer.name}


def encode_diagnostics_progress(report: DiagnosticsProgress, lookups: Lookups) -> Payload:
    """OCPP 1.6 §6.17: why it failed has no word here."""
    return {"status": DIAGNOSTICS.get(report.status, "UploadFailed")}


def encode_firmware_progress(report: FirmwareProgress, lookups: Lookups) -> Payload:
    """OCPP 1.6 §6.19."""
    return {"status": report.status.value}


def encode_log_progress(report: LogProgress, lookups: Lookups) -> Payload:
    """Security whitepaper §5.13."""
    return _numbered(report.status, report.number)


def encode_signed_firmware_progress(report: SignedFirmwareProgress, lookups: Lookups) -> Payload:
    """Security whitepaper §5.19."""
    return _numbered(report.status, report.number)


def _numbered(status: str, number: int | None) -> Payload:
    payload: Payload = {"status": str(status)}
    return payload if number is None else payload | {"requestId": number}


def patience(payload: Payload) -> Patience:
    """How often to try again and how long to wait, within reason; where it is not said, as we like."""
    usual = Patience()
    return Patience(
        retries=min(max(payload.get("retries", usual.retries), 0), MOST_RETRIES),
        interval_s=min(max(payload.get("retryInterval", usual.interval_s), 0), LONGEST_INTERVAL_S),
    )
