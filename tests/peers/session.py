"""One whole life of a station before a foreign central system: every message it sends, every request it answers.

Each step is a function of the two; it returns when what it is about has happened, or raises with a sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.evsed.pki import Pki
from tests.evsed.servers import WebFiles, serving
from tests.peers.central import CentralSystem
from tests.stand import Wallbox

TAG, OTHER_TAG, LISTED_TAG = "04A1B2C3", "REMOTE1", "LISTED01"

# What a station of all profiles sends and answers.
MESSAGES = (
    *("Authorize", "BootNotification", "DataTransfer", "Heartbeat", "MeterValues"),
    *("SecurityEventNotification", "StartTransaction", "StatusNotification", "StopTransaction"),
    *("DiagnosticsStatusNotification", "FirmwareStatusNotification"),
    *("LogStatusNotification", "SignedFirmwareStatusNotification", "SignCertificate"),
)
REQUESTS = (
    *("ChangeAvailability", "ChangeConfiguration", "ClearCache", "DataTransfer", "GetConfiguration"),
    *("RemoteStartTransaction", "RemoteStopTransaction", "Reset", "TriggerMessage", "UnlockConnector"),
    "ExtendedTriggerMessage",
    *("SetChargingProfile", "ClearChargingProfile", "GetCompositeSchedule"),
    *("GetLocalListVersion", "SendLocalList", "ReserveNow", "CancelReservation"),
    *("GetDiagnostics", "GetLog", "SignedUpdateFirmware", "UpdateFirmware"),
    *("InstallCertificate", "DeleteCertificate", "GetInstalledCertificateIds", "CertificateSigned"),
)
PROFILE: dict[str, Any] = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.5}]},
}
PAUSE = {"startPeriod": 0, "limit": 0}
LATER, LONG_AGO = "2030-01-02T03:04:05Z", "2020-01-02T03:04:05Z"
ROOTS = "CentralSystemRootCertificate"


class Unexpected(AssertionError):
    """The station answered something else than it should."""


def expect(central: CentralSystem, action: str, status: str, **payload: object) -> None:
    """Ask, and insist on the status of the answer. Raises Unexpected, Refused, Missing."""
    got = central.ask(action, **payload)
    if got.get("status") != status:
        raise Unexpected(f"{action} {payload} was answered with {got}, not {status}")


def wait_status(central: CentralSystem, status: str, connector: int = 1) -> None:
    """Until the newest status of the connector is this. Raises Missing."""
    central.wait(
        f"connector {connector} {status}", lambda: central.ledger.statuses.get(connector, [""])[-1].startswith(status)
    )


def boots(box: Wallbox, central: CentralSystem) -> None:
    central.wait_for("BootNotification")
    wait_status(central, "Available")


def is_configured(box: Wallbox, central: CentralSystem) -> None:
    keys = central.ask("GetConfiguration")["configurationKey"]
    unknown = central.ask("GetConfiguration", key=["NoSuchKey", "HeartbeatInterval"])
    if len(keys) < 10 or unknown.get("unknownKey") != ["NoSuchKey"]:
        raise Unexpected(f"GetConfiguration gave {len(keys)} keys, and for an unknown one {unknown}")
    expect(central, "ChangeConfiguration", "Accepted", key="MeterValueSampleInterval", value="1")
    expect(central, "ChangeConfiguration", "NotSupported", key="NoSuchKey", value="1")
    expect(central, "ChangeConfiguration", "Rejected", key="HeartbeatInterval", value="often")


def charges_by_card(box: Wallbox, central: CentralSystem) -> None:
    box.sim("plug-in")
    wait_status(central, "Preparing")
    box.sim("swipe", TAG)
    central.wait_for("Authorize")
    central.wait_for("StartTransaction")
    wait_status(central, "Charging")
    central.wait("two samples", lambda: central.ledger.charges[-1].samples >= 2)
    triggers(central, "MeterValues", connectorId=1)
    box.wait("energy", lambda status: (status["outlets"][0]["session_wh"] or 0) > 2)
    box.sim("car", "stop")
    wait_status(central, "SuspendedEV")
    box.sim("swipe", TAG)
    central.wait_for("StopTransaction")
    wait_status(central, "Finishing")
    unplugs(box, central)


def unplugs(box: Wallbox, central: CentralSystem) -> None:
    box.unplug()
    wait_status(central, "Available")


def charges_remotely_and_through_a_cut(box: Wallbox, central: CentralSystem) -> None:
    expect(central, "RemoteStartTransaction", "Accepted", connectorId=1, idTag=OTHER_TAG)
    box.sim("car", "resume")
    box.sim("plug-in")
    central.wait_for("StartTransaction", 1)
    wait_status(central, "Charging")
    booted = central.seen("BootNotification")
    central.drop()
    central.wait("the end of the connection", lambda: central.stations == [])
    central.wait("the next connection", lambda: central.stations != [])
    samples = central.ledger.charges[-1].samples
    central.wait("a sample after the cut", lambda: central.ledger.charges[-1].samples > samples)
    if central.seen("BootNotification") != booted:
        raise Unexpected("a plain reconnect brought a BootNotification")
    expect(central, "RemoteStopTransaction", "Rejected", transactionId=1)
    expect(central, "RemoteStopTransaction", "Accepted", transactionId=central.ledger.charges[-1].id)
    central.wait_for("StopTransaction", 1)
    wait_status(central, "Finishing")
    unplugs(box, central)


def is_limited_by_profiles(box: Wallbox, central: CentralSystem) -> None:
    box.sim("plug-in")
    box.sim("swipe", TAG)
    wait_status(central, "Charging")
    expect(central, "SetChargingProfile", "Accepted", connectorId=1, csChargingProfiles=PROFILE)
    box.wait("the lower offer", lambda status: status["outlets"][0]["offered_ma"] == 10_500)
    told = central.ask("GetCompositeSchedule", connectorId=1, duration=60)
    if told["chargingSchedule"]["chargingSchedulePeriod"] != [{"startPeriod": 0, "limit": 10.5}]:
        raise Unexpected(f"GetCompositeSchedule was answered with {told}")
    paused = PROFILE | {"chargingSchedule": PROFILE["chargingSchedule"] | {"chargingSchedulePeriod": [PAUSE]}}
    expect(central, "SetChargingProfile", "Accepted", connectorId=1, csChargingProfiles=paused)
    wait_status(central, "SuspendedEVSE")
    expect(central, "ClearChargingProfile", "Accepted", id=PROFILE["chargingProfileId"])
    expect(central, "ClearChargingProfile", "Unknown", id=PROFILE["chargingProfileId"])
    wait_status(central, "Charging")
    stopped = central.seen("StopTransaction")
    box.sim("swipe", TAG)
    central.wait_for("StopTransaction", stopped)
    unplugs(box, central)


def has_version(central: CentralSystem, version: int) -> None:
    told = central.ask("GetLocalListVersion")
    if told != {"listVersion": version}:
        raise Unexpected(f"GetLocalListVersion was answered with {told}, not {version}")


def charges_by_a_card_of_the_list(box: Wallbox, central: CentralSystem) -> None:
    known = {"status": "Accepted", "expiryDate": LATER, "parentIdTag": "FAMILY"}
    entries = [{"idTag": LISTED_TAG, "idTagInfo": known}, {"idTag": "GONE0001", "idTagInfo": {"status": "Blocked"}}]
    has_version(central, 0)
    expect(central, "SendLocalList", "Accepted", listVersion=3, updateType="Full", localAuthorizationList=entries)
    gone = {"listVersion": 4, "updateType": "Differential", "localAuthorizationList": [{"idTag": "GONE0001"}]}
    expect(central, "SendLocalList", "Accepted", **gone)
    expect(central, "SendLocalList", "VersionMismatch", **gone)
    has_version(central, 4)
    expect(central, "ChangeConfiguration", "Accepted", key="LocalPreAuthorize", value="true")
    asked, stopped = central.seen("Authorize"), central.seen("StopTransaction")
    box.sim("plug-in")
    box.sim("swipe", LISTED_TAG)
    wait_status(central, "Charging")
    if central.seen("Authorize") != asked:
        raise Unexpected("a card of the list was asked about")
    box.sim("swipe", LISTED_TAG)
    central.wait_for("StopTransaction", stopped)
    unplugs(box, central)
    expect(central, "ChangeConfiguration", "Accepted", key="LocalPreAuthorize", value="false")
    expect(central, "SendLocalList", "Accepted", listVersion=5, updateType="Full")
    has_version(central, 0)


def is_reserved(box: Wallbox, central: CentralSystem) -> None:
    place = {"expiryDate": LATER, "idTag": TAG, "parentIdTag": "FAMILY", "reservationId": 7}
    expect(central, "ReserveNow", "Accepted", connectorId=1, **place)
    wait_status(central, "Reserved")
    expect(central, "ReserveNow", "Occupied", connectorId=1, **place | {"reservationId": 8})
    expect(central, "ReserveNow", "Accepted", connectorId=0, **place)
    wait_status(central, "Reserved")
    expect(central, "CancelReservation", "Rejected", reservationId=8)
    expect(central, "CancelReservation", "Accepted", reservationId=7)
    wait_status(central, "Available")
    expect(central, "ReserveNow", "Accepted", connectorId=1, **place)
    expect(central, "RemoteStartTransaction", "Rejected", connectorId=1, idTag=OTHER_TAG)
    box.sim("plug-in")
    box.sim("swipe", TAG)
    wait_status(central, "Charging")
    if central.frames("StartTransaction")[-1].get("reservationId") != 7:
        raise Unexpected("StartTransaction does not name the reservation that it ends")
    expect(central, "CancelReservation", "Rejected", reservationId=7)
    stopped = central.seen("StopTransaction")
    box.sim("swipe", TAG)
    central.wait_for("StopTransaction", stopped)
    unplugs(box, central)


def is_unlocked_in_mid_charge(box: Wallbox, central: CentralSystem) -> None:
    box.sim("plug-in")
    box.sim("swipe", TAG)
    wait_status(central, "Charging")
    stopped = central.seen("StopTransaction")
    expect(central, "UnlockConnector", "Unlocked", connectorId=1)
    central.wait_for("StopTransaction", stopped)
    unplugs(box, central)


def is_put_out_of_service_and_back(box: Wallbox, central: CentralSystem) -> None:
    for connector in (1, 0):
        expect(central, "ChangeAvailability", "Accepted", connectorId=connector, type="Inoperative")
        wait_status(central, "Unavailable")
        expect(central, "ChangeAvailability", "Accepted", connectorId=connector, type="Operative")
        wait_status(central, "Available")


def talks_of_this_and_that(box: Wallbox, central: CentralSystem) -> None:
    expect(central, "ClearCache", "Accepted")
    central.ask("DataTransfer", vendorId="nobody", messageId="hello", data="there")
    central.script("DataTransfer", status="Accepted")
    done = box.evsectl("send-data", "evsed", "greeting", "hello")
    if done.returncode != 0:
        raise Unexpected(f"evsectl send-data: {done.stderr}")
    central.wait_for("DataTransfer")


def triggers(central: CentralSystem, message: str, by: str = "TriggerMessage", **more: object) -> None:
    """Ask for a message and wait for it."""
    before = central.seen(message)
    expect(central, by, "Accepted", requestedMessage=message, **more)
    central.wait_for(message, before)


def is_triggered(box: Wallbox, central: CentralSystem) -> None:
    triggers(central, "Heartbeat")
    triggers(central, "StatusNotification")
    triggers(central, "StatusNotification", connectorId=1)
    triggers(central, "MeterValues", connectorId=1)
    triggers(central, "BootNotification")
    for message in ("Heartbeat", "StatusNotification", "MeterValues"):
        triggers(central, message, by="ExtendedTriggerMessage")
    triggers(central, "LogStatusNotification", by="ExtendedTriggerMessage")
    told = central.seen("SignedFirmwareStatusNotification")
    expect(central, "ExtendedTriggerMessage", "Accepted", requestedMessage="FirmwareStatusNotification")
    central.wait_for("SignedFirmwareStatusNotification", told)
    for idle in ("DiagnosticsStatusNotification", "FirmwareStatusNotification"):
        triggers(central, idle)


def is_looked_into(box: Wallbox, central: CentralSystem) -> None:
    with serving(WebFiles()) as files:
        told = central.seen("DiagnosticsStatusNotification")
        name = central.ask("GetDiagnostics", location=f"{files.url}/logs")["fileName"]
        central.wait_for("DiagnosticsStatusNotification", told + 1)
        last = central.frames("DiagnosticsStatusNotification")[-1]["status"]
        if last != "Uploaded" or not files.files[f"/logs/{name}"]:
            raise Unexpected(f"the log did not arrive: {files.asked}")
        told = central.seen("FirmwareStatusNotification")
        central.ask("UpdateFirmware", location=f"{files.url}/none", retrieveDate=LONG_AGO, retries=0)
        central.wait_for("FirmwareStatusNotification", told + 1)
        if central.frames("FirmwareStatusNotification")[-1]["status"] != "DownloadFailed":
            raise Unexpected(f"a firmware that is not there did not fail: {files.asked}")
        told = central.seen("LogStatusNotification")
        place = {"remoteLocation": f"{files.url}/security"}
        expect(central, "GetLog", "Accepted", log=place, logType="SecurityLog", requestId=5)
        central.wait_for("LogStatusNotification", told + 1)
        if central.frames("LogStatusNotification")[-1] != {"status": "Uploaded", "requestId": 5}:
            raise Unexpected(f"the security log did not arrive: {files.asked}")
        firmware = {"location": f"{files.url}/none", "retrieveDateTime": LONG_AGO, "signingCertificate": "none"}
        unproven = {"requestId": 6, "firmware": firmware | {"signature": "none"}}
        expect(central, "SignedUpdateFirmware", "InvalidCertificate", **unproven)


def has_certificates(box: Wallbox, central: CentralSystem) -> None:
    """A root comes and goes; the station has a key of its own signed, and takes no wrong certificate for it."""
    expect(central, "GetInstalledCertificateIds", "NotFound", certificateType=ROOTS)
    with TemporaryDirectory() as folder:
        root = Pki(Path(folder)).root.pem
    expect(central, "InstallCertificate", "Accepted", certificateType=ROOTS, certificate=root)
    [held] = central.ask("GetInstalledCertificateIds", certificateType=ROOTS)["certificateHashData"]
    expect(central, "DeleteCertificate", "Accepted", certificateHashData=held)
    expect(central, "DeleteCertificate", "NotFound", certificateHashData=held)
    expect(central, "ChangeConfiguration", "Accepted", key="CpoName", value="Peers")
    expect(central, "ExtendedTriggerMessage", "Accepted", requestedMessage="SignChargePointCertificate")
    central.wait_for("SignCertificate")
    expect(central, "CertificateSigned", "Rejected", certificateChain=root)


def is_reset(box: Wallbox, central: CentralSystem) -> None:
    for kind in ("Soft", "Hard"):
        booted = central.seen("BootNotification")
        expect(central, "Reset", "Accepted", type=kind)
        central.wait_for("BootNotification", booted)
        wait_status(central, "Available")


STEPS: tuple[Callable[[Wallbox, CentralSystem], None], ...] = (
    boots,
    is_configured,
    charges_by_card,
    charges_remotely_and_through_a_cut,
    is_limited_by_profiles,
    charges_by_a_card_of_the_list,
    is_reserved,
    is_unlocked_in_mid_charge,
    is_put_out_of_service_and_back,
    talks_of_this_and_that,
    is_triggered,
    is_looked_into,
    has_certificates,
    is_reset,
)


def gaps(central: CentralSystem) -> list[str]:
    """What the session should have shown and did not, and what the book does not balance."""
    found = [f"{action} was never sent" for action in MESSAGES if not central.seen(action)]
    found += [f"{action} was never answered" for action in REQUESTS if not central.seen(action, "CALLRESULT")]
    values = [bool(payload.get("transactionId")) for payload in central.frames("MeterValues")]
    found += [
        f"no MeterValues {where} a transaction"
        for where, inside in (("in", True), ("out of", False))
        if inside not in values
    ]
    for charge in central.ledger.charges:
        if charge.kwh is None or charge.kwh < 0:
            found.append(f"transaction {charge.id} was not stopped well: {charge}")
    registers = [wh for charge in central.ledger.charges for wh in (charge.start_wh, charge.stop_wh)]
    if registers != sorted(registers, key=lambda wh: wh or 0):
        found.append(f"the register fell: {registers}")
    return found
