"""What may befall the answer to one call of the station, and what the central system may ask while it is on its way."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.evsed.ocpp import pki
from tests.hardship.walk import ATTEMPTS, QUICK, Walk
from tests.world.csms import ERROR_CODES, Csms
from tests.world.messages import Message, Payload, iso

TIMEOUT_S = int(QUICK["OCPPCommCtrlr.MessageTimeout"])

Fate = Callable[[Message], bool]
# What it does with the answer to a message, and what befalls those after it.
Blow = Callable[[Csms, Message], Fate | None]


def _twice(csms: Csms, message: Message) -> None:
    answer = csms.book(message)
    csms.say(answer)
    csms.say(answer)


def _twice_in_time(csms: Csms, message: Message) -> None:
    csms.say(csms.book(message))
    csms.say_later(csms.book(message), 0.5)


def _empty(csms: Csms, message: Message) -> None:
    csms.miss(message)
    csms.say(f'[3,"{message.id}"]')


def _error(code: str, csms: Csms, message: Message) -> None:
    csms.refuse(message, code)


def _lost(csms: Csms, message: Message) -> None:
    csms.book(message)


def _never_read(csms: Csms, message: Message) -> None:
    csms.miss(message)


def _later(seconds: float, csms: Csms, message: Message) -> None:
    csms.say_later(csms.book(message), seconds)


def _with_the_next(csms: Csms, message: Message) -> Fate:
    late = [csms.book(message)]

    def then(following: Message) -> bool:
        if late:
            csms.say(late.pop())
        return False

    return then


def _instead_of_the_next(csms: Csms, message: Message) -> Fate:
    late = [csms.book(message)]

    def then(following: Message) -> bool:
        if not late:
            return False
        csms.say(late.pop())
        csms.miss(following)
        return True

    return then


def _with_its_line(csms: Csms, message: Message) -> Fate:
    """A line that breaks is no try: all but the last of them may fail after it."""
    csms.book(message)
    csms.hang_up()
    tries = iter(range(ATTEMPTS - 1))

    def then(following: Message) -> bool:
        fails = following.id == message.id and next(tries, None) is not None
        if fails:
            csms.refuse(following, "InternalError")
        return fails

    return then


ONCE: dict[str, Blow] = {
    "lost": _lost,
    "lost with its line, then errors": _with_its_line,
    "never read": _never_read,
    "late, but in time": partial(_later, TIMEOUT_S - 1),
    "too late": partial(_later, TIMEOUT_S + 2),
    "too late, before another one": _with_the_next,
    "too late, instead of another one": _instead_of_the_next,
    "when it was asked again": partial(_later, TIMEOUT_S + 20),
    "twice": _twice,
    "twice, with a pause": _twice_in_time,
    "no object": _empty,
    **{code: partial(_error, code) for code in ERROR_CODES},
}
FOR_EVER: dict[str, Blow] = {
    "lost": _lost,
    "never read": _never_read,
    "InternalError": partial(_error, "InternalError"),
}


class Hardship:
    """What befalls the `place`-th call of the station in a world, or the first after it that nothing else befell."""

    def __init__(self, place: int) -> None:
        self.place = place
        self.fell = False

    def fate(self, walk: Walk, csms: Csms) -> Fate:
        """Whether a message of this world was dealt with."""
        raise NotImplementedError

    def __call__(self, walk: Walk, csms: Csms) -> None:
        csms.fate = self.fate(walk, csms)


class Together(Hardship):
    """Several of them in one walk."""

    def __init__(self, *each: Hardship) -> None:
        self.each = each

    def fate(self, walk: Walk, csms: Csms) -> Fate:
        fates = [hardship.fate(walk, csms) for hardship in self.each]
        return lambda message: any(fate(message) for fate in fates)


class Struck(Hardship):
    """The answer to the call, or with `always` each answer to this message."""

    def __init__(self, place: int, blow: Blow, *, always: bool = False) -> None:
        super().__init__(place)
        self._blow, self._always = blow, always

    def fate(self, walk: Walk, csms: Csms) -> Fate:
        waits, then = True, None

        def fate(message: Message) -> bool:
            nonlocal waits, then
            if waits and len(csms.received) > self.place:
                waits = False
                walk.refused = message if self._always else walk.refused
            elif not (self._always and walk.refused is not None and message.id == walk.refused.id):
                return then is not None and then(message)
            self.fell = True
            then = self._blow(csms, message)
            return True

        return fate


# --- questions that cross ours -------------------------------------------------------------------------------


def _profile(csms: Csms) -> Payload:
    periods = [{"startPeriod": 0, "limit": 10.0}]
    schedule = {"startSchedule": iso(csms._now_ms()), "chargingRateUnit": "A", "chargingSchedulePeriod": periods}
    return {
        "connectorId": 1,
        "csChargingProfiles": {
            "chargingProfileId": 1,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": schedule,
        },
    }


def _reservation(csms: Csms) -> Payload:
    return {"connectorId": 1, "expiryDate": iso(csms._now_ms() + 60_000), "idTag": "0B0B0B0B", "reservationId": 1}


def _newest(csms: Csms) -> Payload:
    return {"transactionId": max(csms.charges, default=1)}


def _entry(csms: Csms) -> Payload:
    listed = [{"idTag": "04A1B2C3", "idTagInfo": {"status": "Accepted"}}]
    return {"listVersion": 1, "updateType": "Full", "localAuthorizationList": listed}


def _file(csms: Csms) -> Payload:
    return {"location": "https://files.test/nothing", "retries": 0, "retrieveDate": iso(csms._now_ms())}


def _signed_file(csms: Csms) -> Payload:
    firmware = {"location": "https://files.test/nothing", "retrieveDateTime": iso(csms._now_ms())}
    return {"requestId": 1, "retries": 0, "firmware": firmware | {"signingCertificate": _root(), "signature": "AAAA"}}


def _certificate(csms: Csms) -> Payload:
    return {"certificateType": "CentralSystemRootCertificate", "certificate": _root()}


@cache
def _root() -> str:
    """A real certificate of somebody else."""
    with TemporaryDirectory(prefix="evsed-") as folder:
        return pki.make(Path(folder), "root", authority=True, common_name="Root").alone.read_text()


Question = tuple[str, Payload | Callable[[Csms], Payload]]

NOBODYS = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "00" * 32,
    "issuerKeyHash": "00" * 32,
    "serialNumber": "1",
}

QUESTIONS: tuple[Question, ...] = (
    ("CancelReservation", {"reservationId": 1}),
    ("CertificateSigned", lambda csms: {"certificateChain": _root()}),
    ("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}),
    ("ChangeAvailability", {"connectorId": 1, "type": "Operative"}),
    ("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "7"}),
    ("ClearCache", {}),
    ("ClearChargingProfile", {}),
    ("DataTransfer", {"vendorId": "org.nobody"}),
    ("DeleteCertificate", {"certificateHashData": NOBODYS}),
    ("ExtendedTriggerMessage", {"requestedMessage": "LogStatusNotification"}),
    ("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}),
    ("GetCompositeSchedule", {"connectorId": 1, "duration": 60}),
    ("GetConfiguration", {}),
    ("GetDiagnostics", {"location": "https://files.test/", "retries": 0}),
    ("GetInstalledCertificateIds", {"certificateType": "CentralSystemRootCertificate"}),
    ("GetLocalListVersion", {}),
    ("GetLog", {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": "https://files.test/"}}),
    ("InstallCertificate", _certificate),
    ("RemoteStartTransaction", {"connectorId": 1, "idTag": "04A1B2C3"}),
    ("RemoteStopTransaction", _newest),
    ("ReserveNow", _reservation),
    ("Reset", {"type": "Hard"}),
    ("Reset", {"type": "Soft"}),
    ("SendLocalList", _entry),
    ("SetChargingProfile", _profile),
    ("SignedUpdateFirmware", _signed_file),
    ("TriggerMessage", {"requestedMessage": "BootNotification"}),
    ("TriggerMessage", {"requestedMessage": "Heartbeat"}),
    ("TriggerMessage", {"requestedMessage": "MeterValues"}),
    ("TriggerMessage", {"requestedMessage": "StatusNotification"}),
    ("UnlockConnector", {"connectorId": 1}),
    ("UpdateFirmware", _file),
)


def ask(walk: Walk, csms: Csms, question: Question) -> None:
    """The central system asks; that it gets an answer is judged."""
    action, payload = question
    asked = csms.call(action, payload(csms) if callable(payload) else payload)
    muted = csms.boot_status == "Rejected"  # OCPP 1.6 §4.2: then it gets none
    walk.asked += [] if muted else [(csms, asked, max(csms.connections, 1))]


PLACES: dict[str, float | None] = {"before the answer": 0, "long before it": 1, "right after it": None}


class Crossed(Hardship):
    """A question is on the wire together with the answer to the call."""

    def __init__(self, place: int, question: Question, order: str) -> None:
        super().__init__(place)
        self._question, self._pause_s = question, PLACES[order]

    def fate(self, walk: Walk, csms: Csms) -> Fate:
        waits = True

        def fate(message: Message) -> bool:
            nonlocal waits
            if not waits or len(csms.received) <= self.place:
                return False
            waits, self.fell = False, True
            answer = csms.book(message)
            if self._pause_s is None:
                csms.say(answer)
            ask(walk, csms, self._question)
            if self._pause_s:
                csms.say_later(answer, self._pause_s)
            elif self._pause_s == 0:
                csms.say(answer)
            return True

        return fate
