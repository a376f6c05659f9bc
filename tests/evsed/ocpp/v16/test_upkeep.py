"""UpdateFirmware, GetDiagnostics, and the notifications of how far firmware and logs are."""

from __future__ import annotations

from typing import Any

import pytest

from evsed.core import reports
from evsed.core.errands import (
    FirmwareOrder,
    FirmwareOrdered,
    FirmwareStatus,
    LogKind,
    LogOrder,
    LogOrdered,
    LogReply,
    Patience,
    Signed,
    UploadStatus,
)
from evsed.core.words import Verdict
from evsed.ocpp.v16.dialect import OUTBOUND
from tests.evsed.ocpp.world import T0, Peers

WHEN = "2027-01-01T00:00:00Z"


def told(report: reports.Report) -> dict[str, Any]:
    return OUTBOUND[type(report)].encode(report, None)  # type: ignore[arg-type]


def test_an_update_is_read() -> None:
    peers = Peers()
    request = peers.asks("UpdateFirmware", {"location": "ftp://h/x", "retrieveDate": WHEN, "retries": 0})
    assert request == FirmwareOrdered("central-1", FirmwareOrder("ftp://h/x", T0, Patience(0, 60)))
    assert peers.replies(request, Verdict.ACCEPTED) == [[3, "csms-1", {}]]


@pytest.mark.parametrize(
    ("verdict", "code"), [(Verdict.REJECTED, "GenericError"), (Verdict.NOT_SUPPORTED, "NotSupported")]
)
def test_an_update_that_is_not_taken_is_an_error(verdict: Verdict, code: str) -> None:
    peers = Peers()
    request = peers.asks("UpdateFirmware", {"location": "ftp://h/x", "retrieveDate": WHEN})
    assert peers.replies(request, verdict)[0][:3] == [4, "csms-1", code]


def test_a_signed_update_and_a_numbered_log_are_read() -> None:
    firmware = {"location": "https://h", "retrieveDateTime": WHEN, "signingCertificate": "PEM", "signature": "c2ln"}
    request = Peers().asks("SignedUpdateFirmware", {"requestId": 7, "firmware": firmware})
    order = FirmwareOrder("https://h", T0, Patience(3, 60), 7, None, Signed("PEM", "c2ln"))
    assert request == FirmwareOrdered("central-1", order)
    fields = {"logType": "SecurityLog", "requestId": 8, "log": {"remoteLocation": "ftp://h", "latestTimestamp": WHEN}}
    log = LogOrder(LogKind.SECURITY, "ftp://h", Patience(3, 60), 8, None, T0)
    assert Peers().asks("GetLog", fields) == LogOrdered("central-1", log)


def test_a_log_is_read() -> None:
    peers = Peers()
    fields = {"location": "https://h", "startTime": WHEN, "stopTime": "2027-01-01T01:00:01+01:00"}
    request = peers.asks("GetDiagnostics", {**fields, "retryInterval": 5})
    order = LogOrder(LogKind.DIAGNOSTICS, "https://h", Patience(3, 5), None, T0, T0 + 1_000)
    assert request == LogOrdered("central-1", order)
    assert peers.replies(request, LogReply("x.log.gz", False)) == [[3, "csms-1", {"fileName": "x.log.gz"}]]


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("UpdateFirmware", {"location": "ftp://h", "retrieveDate": "soon"}),
        ("UpdateFirmware", {"location": "ftp://h/" + "x" * 3_000, "retrieveDate": WHEN}),
        ("GetDiagnostics", {"location": "ftp://h", "startTime": "yesterday"}),
        ("GetDiagnostics", {"location": "ftp://h", "stopTime": "2027-13-01T00:00:00Z"}),
        ("GetDiagnostics", {"location": "ftp://h/" + "x" * 3_000}),
    ],
)
def test_wrong_values_are_refused(action: str, payload: dict[str, Any]) -> None:
    assert Peers().asked(action, payload)[0][2] == "PropertyConstraintViolation"


@pytest.mark.parametrize(("asked", "patience"), [(-1, Patience(0, 0)), (10**9, Patience(1_000, 86_400))])
def test_retries_are_kept_within_reason(asked: int, patience: Patience) -> None:
    fields = {"location": "ftp://h", "retries": asked, "retryInterval": asked}
    assert Peers().asks("GetDiagnostics", fields).order.patience == patience


def test_why_a_log_failed_has_no_word_in_the_older_message() -> None:
    words = {status: told(reports.DiagnosticsProgress(status))["status"] for status in UploadStatus}
    failed = {status for status, word in words.items() if word == "UploadFailed"}
    assert failed == set(UploadStatus) - {UploadStatus.IDLE, UploadStatus.UPLOADING, UploadStatus.UPLOADED}
    assert words[UploadStatus.UPLOADED] == "Uploaded"


def test_the_number_of_an_order_is_told_where_there_is_one() -> None:
    assert told(reports.LogProgress(UploadStatus.UPLOADING, 0)) == {"status": "Uploading", "requestId": 0}
    assert told(reports.LogProgress(UploadStatus.IDLE, None)) == {"status": "Idle"}
    signed = reports.SignedFirmwareProgress(FirmwareStatus.INVALID_SIGNATURE, 7)
    assert told(signed) == {"status": "InvalidSignature", "requestId": 7}
