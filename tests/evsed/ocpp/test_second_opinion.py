"""Every message of the station read, judged and answered by the `ocpp` package's central system side, and every request
of it answered by the station: a parser and a validator from other hands.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import ocpp.messages
import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result, enums

from evsed.core import reports
from evsed.core.credentials import HashData, RootsReply, SigningAnswer, SigningAsked
from evsed.core.effects import Answered, Reply, Send, VariablesReply, VariableView
from evsed.core.errands import FirmwareStatus, LogReply, UploadStatus
from evsed.core.events import (
    BootAnswer,
    Delivered,
    Event,
    FromCentral,
    Noted,
    Request,
    TimeAnswer,
    TokenAnswer,
    VendorAnswer,
)
from evsed.core.listed import ListVersion
from evsed.core.profiles import Composite, CompositePeriod, RateUnit
from evsed.core.security_events import SecurityKind, SecurityNoted
from evsed.core.words import (
    Context,
    FaultNote,
    Measurand,
    MeterSet,
    Registration,
    SampledValue,
    Status,
    StopReason,
    Token,
    TokenStatus,
    Verdict,
)
from evsed.ocpp.exchange import Exchange, Output
from evsed.ocpp.v16.dialect import DIALECT, INBOUND, OUTBOUND
from tests.evsed.ocpp.world import NAMEPLATE, T0, at

NOW = "2027-01-01T00:00:00Z"
CARD = {"status": "Accepted", "parentIdTag": "GROUP", "expiryDate": "2027-01-01T00:00:00.123456+00:00"}
INFO = TokenAnswer(TokenStatus.ACCEPTED, T0 + 123, "GROUP")


class Central(ChargePoint):  # type: ignore[misc]
    """Every message of the core profile, noted as the package understood it."""

    def __init__(self, connection: object) -> None:
        super().__init__("station", connection)
        self.understood: list[tuple[str, dict[str, Any]]] = []


def _taken(action: str, result: object) -> Callable[..., object]:
    def handler(self: Central, **fields: Any) -> object:
        self.understood.append((action, fields))
        return result

    handler.__name__ = f"on_{action.lower()}"
    made: Callable[..., object] = on(enums.Action(action))(handler)
    return made


RESULTS = {
    "Authorize": call_result.Authorize(id_tag_info=CARD),
    "BootNotification": call_result.BootNotification(current_time=NOW, interval=60, status="Accepted"),
    "DataTransfer": call_result.DataTransfer(status="Accepted"),
    "DiagnosticsStatusNotification": call_result.DiagnosticsStatusNotification(),
    "FirmwareStatusNotification": call_result.FirmwareStatusNotification(),
    "LogStatusNotification": call_result.LogStatusNotification(),
    "SignedFirmwareStatusNotification": call_result.SignedFirmwareStatusNotification(),
    "Heartbeat": call_result.Heartbeat(current_time=NOW),
    "MeterValues": call_result.MeterValues(),
    "SecurityEventNotification": call_result.SecurityEventNotification(),
    "SignCertificate": call_result.SignCertificate(status="Accepted"),
    "StartTransaction": call_result.StartTransaction(transaction_id=0, id_tag_info=CARD),
    "StatusNotification": call_result.StatusNotification(),
    "StopTransaction": call_result.StopTransaction(id_tag_info=CARD),
}
for _action, _result in RESULTS.items():
    _handler = _taken(_action, _result)
    setattr(Central, f"on_{_action.lower()}", _handler)


class Pipe:
    """A connection as the package wants one, joined to an exchange."""

    def __init__(self, answers: Callable[[Request], Reply]) -> None:
        self.exchange = Exchange(DIALECT, NAMEPLATE, lambda stamp: stamp.wall_ms)
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self._to_central: asyncio.Queue[str] = asyncio.Queue()
        self._answers = answers
        self.exchange.opened(0)

    async def recv(self) -> str:
        return await self._to_central.get()

    async def send(self, frame: str) -> None:
        self.take(self.exchange.receive(frame, 0))

    def take(self, output: Output) -> None:
        for frame in output.frames:
            self._to_central.put_nowait(frame)
        for event in output.events:
            if isinstance(event, FromCentral):
                self.take(self.exchange.reply(self._answers(event.request)))
            else:
                self.events.put_nowait(event)


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocpp.messages, "ASYNC_VALIDATION", False)


VALUES = tuple(SampledValue(measurand, 15_953, "L1") for measurand in Measurand)
SAMPLES = tuple(MeterSet(at(), context, VALUES) for context in Context)
FAULT = FaultNote("WELDED", opens=True, latched=True, code16="PowerSwitchFailure", text="contactor does not open")

REPORTS = [
    (reports.Booted(), BootAnswer(Registration.ACCEPTED, T0, 60)),
    (reports.HeartbeatDue(), TimeAnswer(T0)),
    (reports.AuthorizationAsked(1, Token("CARD")), INFO),
    (reports.StatusChanged(0, Status.AVAILABLE, at()), Noted()),
    (reports.StatusChanged(1, Status.FAULTED, at(), FAULT, "x" * 60), Noted()),
    (reports.TransactionStarted("tx", 1, Token("CARD"), at(), 1, reservation=7), INFO),
    (reports.TransactionUpdated("tx", 1, SAMPLES), Noted()),
    (reports.MetersSampled(0, SAMPLES), Noted()),
    (reports.TransactionEnded("tx", 1, Token("CARD"), at(), 9, StopReason.EV_DISCONNECTED, SAMPLES), INFO),
    (reports.DiagnosticsProgress(UploadStatus.PERMISSION_DENIED), Noted()),
    (reports.LogProgress(UploadStatus.PERMISSION_DENIED, 5), Noted()),
    (reports.FirmwareProgress(FirmwareStatus.INSTALLING), Noted()),
    (reports.SignedFirmwareProgress(FirmwareStatus.INSTALL_REBOOTING, 5), Noted()),
    (reports.VendorMessage("org.example", "note", "text"), VendorAnswer(Verdict.ACCEPTED)),
    (SecurityNoted(SecurityKind.STARTED, at(), "x" * 300, True), Noted()),
    (SigningAsked("-----BEGIN CERTIFICATE REQUEST-----"), SigningAnswer(True)),
]


def test_every_kind_of_report_is_in_the_list() -> None:
    assert {type(report) for report, _ in REPORTS} == set(OUTBOUND)


def test_the_package_understands_every_report_and_we_its_answer() -> None:
    async def run() -> list[tuple[str, dict[str, Any]]]:
        pipe = Pipe(lambda request: Reply(request.ref, Verdict.REJECTED))
        central = Central(pipe)
        serving = asyncio.create_task(central.start())
        for n, (report, answer) in enumerate(REPORTS):
            pipe.take(pipe.exchange.send(Send(str(n), report, 1_000), 0))
            event = await asyncio.wait_for(pipe.events.get(), 5)
            assert isinstance(event, Delivered), event
            assert event.answer == answer
        serving.cancel()
        return central.understood

    understood = asyncio.run(run())
    assert [action for action, _ in understood] == [OUTBOUND[type(report)].action for report, _ in REPORTS]
    assert understood[6][1]["transaction_id"] == 0
    assert len(understood[8][1]["transaction_data"]) == len(Context)


PING = VariableView("OCPPCommCtrlr", "WebSocketPingInterval", "30", True)
PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.1}]},
}
FIRMWARE = {
    "location": "https://example.org/fw",
    "retrieveDateTime": NOW,
    "installDateTime": NOW,
    "signingCertificate": "PEM",
    "signature": "c2ln",
}
CALLED = {"hashAlgorithm": "SHA256", "issuerNameHash": "0A", "issuerKeyHash": "0B", "serialNumber": "FFF"}
REQUESTS = [
    (call.ChangeAvailability(0, "Operative"), Verdict.ACCEPTED, "Accepted"),
    (call.ChangeConfiguration("WebSocketPingInterval", "30"), Verdict.ACCEPTED, "Accepted"),
    (call.ClearCache(), Verdict.REJECTED, "Rejected"),
    (call.ClearChargingProfile(id=1), Verdict.UNKNOWN, "Unknown"),
    (call.SetChargingProfile(1, PROFILE), Verdict.ACCEPTED, "Accepted"),
    (call.GetCompositeSchedule(1, 60), Verdict.REJECTED, "Rejected"),
    (call.DataTransfer("org.example"), None, "UnknownVendorId"),
    (call.RemoteStartTransaction("CARD", connector_id=1), Verdict.ACCEPTED, "Accepted"),
    (call.RemoteStopTransaction(1), Verdict.REJECTED, "Rejected"),
    (call.Reset("Soft"), Verdict.ACCEPTED, "Accepted"),
    (call.ExtendedTriggerMessage("StatusNotification", 1), Verdict.ACCEPTED, "Accepted"),
    (call.TriggerMessage("StatusNotification", 1), Verdict.ACCEPTED, "Accepted"),
    (call.SignedUpdateFirmware(1, FIRMWARE), Verdict.INVALID_CERTIFICATE, "InvalidCertificate"),
    (call.UnlockConnector(1), Verdict.UNLOCKED, "Unlocked"),
    (call.ReserveNow(1, NOW, "CARD", 7, "GROUP"), Verdict.OCCUPIED, "Occupied"),
    (call.CancelReservation(7), Verdict.REJECTED, "Rejected"),
    (call.InstallCertificate("ManufacturerRootCertificate", "PEM"), Verdict.FAILED, "Failed"),
    (call.DeleteCertificate(CALLED), Verdict.NOT_FOUND, "NotFound"),
    (call.GetInstalledCertificateIds("ManufacturerRootCertificate"), RootsReply(()), "NotFound"),
    (call.CertificateSigned("PEM"), Verdict.REJECTED, "Rejected"),
    (call.SendLocalList(1, "Full", [{"id_tag": "CARD", "id_tag_info": CARD}]), Verdict.FAILED, "Failed"),
]
NO_STATUS = {"GetConfiguration", "GetLog", "GetDiagnostics", "GetLocalListVersion", "UpdateFirmware"}


def ask(request: object, answer: Answered | None) -> Any:
    async def run() -> Any:
        pipe = Pipe(lambda asked: Reply(asked.ref, answer or Verdict.REJECTED))
        central = Central(pipe)
        serving = asyncio.create_task(central.start())
        result = await asyncio.wait_for(central.call(request, suppress=False), 5)
        serving.cancel()
        return result

    return asyncio.run(run())


def test_every_request_is_in_the_list() -> None:
    assert {type(request).__name__ for request, *_ in REQUESTS} | NO_STATUS == set(INBOUND)


@pytest.mark.parametrize(("request_", "answer", "status"), REQUESTS)
def test_the_package_understands_our_answers(request_: object, answer: Verdict | None, status: str) -> None:
    assert ask(request_, answer).status == status


def test_the_package_understands_our_configuration() -> None:
    result = ask(call.GetConfiguration(key=["WebSocketPingInterval", "nope"]), VariablesReply((PING,)))
    assert result.configuration_key == [{"key": "WebSocketPingInterval", "readonly": False, "value": "30"}]
    assert result.unknown_key == ["nope"]


@pytest.mark.parametrize(("version", "told"), [(7, 7), (0, 0), (None, -1)])
def test_the_package_understands_our_list_version(version: int | None, told: int) -> None:
    assert ask(call.GetLocalListVersion(), ListVersion(version)).list_version == told


def test_the_package_understands_our_composite_schedule() -> None:
    """Its validator takes a limit of one decimal, which a naive one may not."""
    periods = (CompositePeriod(0, 8_100, 3), CompositePeriod(30, 16_300))
    result = ask(call.GetCompositeSchedule(1, 60), Composite(1, T0, 60, RateUnit.AMPS, periods))
    assert (result.status, result.connector_id, result.schedule_start) == ("Accepted", 1, "2027-01-01T00:00:00.000Z")
    limits = [period["limit"] for period in result.charging_schedule["charging_schedule_period"]]
    assert [float(limit) for limit in limits] == [8.1, 16.3]


def test_the_package_understands_our_errors() -> None:
    with pytest.raises(ocpp.exceptions.NotSupportedError):
        ask(call.UpdateFirmware("http://example.org", NOW), Verdict.NOT_SUPPORTED)


def test_the_package_understands_what_our_roots_are_called() -> None:
    called = HashData("SHA256", "0A", "0B", "FFF")
    result = ask(call.GetInstalledCertificateIds("CentralSystemRootCertificate"), RootsReply((called,)))
    (told,) = result.certificate_hash_data
    assert (result.status, told["serial_number"], told["issuer_key_hash"]) == ("Accepted", "FFF", "0B")


def test_the_package_understands_what_becomes_of_firmware_and_logs() -> None:
    assert ask(call.GetDiagnostics("ftp://example.org"), LogReply("log.gz", False)).file_name == "log.gz"
    for cancels, status in ((False, "Accepted"), (True, "AcceptedCanceled")):
        log = call.GetLog({"remoteLocation": "ftp://example.org"}, "SecurityLog", 7)
        told = ask(log, LogReply("log.gz", cancels))
        assert (told.status, told.filename) == (status, "log.gz")
    assert ask(call.UpdateFirmware("http://example.org", NOW), Verdict.ACCEPTED) is not None
    with pytest.raises(ocpp.exceptions.GenericError):
        ask(call.UpdateFirmware("http://example.org", NOW), Verdict.REJECTED)
