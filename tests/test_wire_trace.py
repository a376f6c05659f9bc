"""The two real processes, a central system that puts a canary wherever a secret can stand in a frame, and a server on
loopback that takes what the box uploads: the frames are in it, and no canary is.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.evsed.servers import WebFiles, serving
from tests.evsed.threaded_central import Payload, ThreadedCentral
from tests.stand import Wallbox

PASSWORD = "canary-password1"
KEY, WIFI = "canary-key-rejected", "canary-wifi"
CARD, GROUP = "CANARYCARD0001", "CANARYGROUP01"
USER, SIGNATURE = "canaryuser", "canaryquery"
SECRETS = re.compile("canary", re.IGNORECASE)
NOW = "2027-01-01T00:00:00Z"
LATER = "2037-01-01T00:00:00Z"
LINE = re.compile(r"20\d\d-\d\d-\d\dT[\d:.]+\+00:00 ([<>]) (CALL|RESULT|ERROR) (\S+) (\w+) (.*)")


class Central(ThreadedCentral):
    """Accepts everything; `answers` has what the next message of an action gets instead, with ID for its id."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def answers_next(self, action: str, frame: str) -> None:
        """Have that said to the next message of this action, and have it asked for."""
        before = len(self.all(action))
        self.answers[action] = frame
        assert self.ask("TriggerMessage", requestedMessage=action) == {"status": "Accepted"}
        self.comes(action, before)

    def comes(self, action: str, more_than: int = 0) -> None:
        """Wait for a message of the station."""
        self.wait(action, lambda: len(self.all(action)) > more_than)

    def answer(self, id: str, action: str) -> str:
        plain = json.dumps([3, "ID", PLAIN.get(action, {})])
        return self.answers.pop(action, plain).replace("ID", id)


INFO = {"status": "Accepted", "parentIdTag": GROUP}
PLAIN: dict[str, Payload] = {
    "BootNotification": {"status": "Accepted", "currentTime": NOW, "interval": 3_600},
    "Heartbeat": {"currentTime": NOW},
    "Authorize": {"idTagInfo": INFO},
    "StartTransaction": {"idTagInfo": INFO, "transactionId": 7},
    "StopTransaction": {"idTagInfo": INFO},
    "DataTransfer": {"status": "Accepted", "data": "canary-answered-data"},
}


@pytest.fixture
def central() -> Iterator[Central]:
    with Central() as system:
        yield system


@pytest.fixture
def box(central: Central, tmp_path: Path) -> Iterator[Wallbox]:
    site = tmp_path / "site.toml"
    site.write_text(
        '[station]\nidentity = "EVSE1"\n[board]\nname = "sim"\n'
        f'[central]\nurl = "{central.url}"\npassword = "{PASSWORD}"\n'
    )
    site.chmod(0o600)
    with Wallbox(state=tmp_path, restart_s=0.1) as running:
        central.comes("BootNotification")
        yield running


def charges(box: Wallbox, central: Central) -> None:
    box.sim("plug-in", "--cable", "32")
    box.sim("swipe", CARD)
    central.comes("StartTransaction")
    box.sim("swipe", CARD)
    central.comes("StopTransaction")


def asks_with_secrets(central: Central) -> None:
    """Requests that are taken, and requests that are not."""
    ask, place = central.ask, f"ftp://{USER}:canary%2Fpass@127.0.0.1:9/in?{SIGNATURE}=1"
    assert ask("ChangeConfiguration", key="AuthorizationKey", value=KEY[:14]) == {"status": "Rejected"}
    assert ask("ChangeConfiguration", key="authorizationkey", value=KEY + "x" * 30) == {"status": "Rejected"}
    assert ask("ChangeConfiguration", key="WifiPassword", value=WIFI) == {"status": "NotSupported"}
    assert ask("ChangeConfiguration", key="HeartbeatInterval", value="3601") == {"status": "Accepted"}
    assert ask("ChangeConfiguration", key="AuthorizationKey", value=[KEY]) == "TypeConstraintViolation"
    assert ask("ChangeConfiguration", value=KEY) == "OccurenceConstraintViolation"
    assert {entry["key"]: entry.get("value") for entry in ask("GetConfiguration")["configurationKey"]}
    ask("UpdateFirmware", location=place, retrieveDate=LATER)
    firmware = {"location": place, "retrieveDateTime": LATER, "signature": "canarysig", "signingCertificate": "canary"}
    ask("SignedUpdateFirmware", requestId=1, firmware=firmware)
    private = "-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----"
    ask("InstallCertificate", certificateType="CentralSystemRootCertificate", certificate=private)
    ask("CertificateSigned", certificateChain=private)
    ask("DataTransfer", vendorId="org.example", messageId="m", data="canary-data")
    cards = [{"idTag": CARD, "idTagInfo": INFO}, {"idTag": GROUP}]
    ask("SendLocalList", listVersion=3, updateType="Full", localAuthorizationList=cards)
    ask("ReserveNow", connectorId=1, expiryDate=LATER, idTag=CARD, parentIdTag=GROUP, reservationId=4)
    ask("CancelReservation", reservationId=4)
    ask("RemoteStartTransaction", idTag=CARD, connectorId=2)
    ask("RemoteStartTransaction", idTag={"canary": CARD}, canary="canary", connectorId="two")
    ask("Heartbeat", canary={"canary": ["canary"]})


def answers_with_secrets(box: Wallbox, central: Central) -> None:
    """Answers and errors to what the box asks."""
    box.ask("send-data", vendor="org.example", message="m", data="canary-sent-data")
    details = json.dumps({"idTag": CARD, "password": "canary", "canary": ["canary"], "status": {"x": "canary"}})
    said = f"{CARD} of {GROUP} with {PASSWORD} or {KEY[:14]} from {USER}, {WIFI}"
    central.answers_next("Heartbeat", f'[4,"ID","InternalError","{said}",{details}]')
    central.answers_next("Heartbeat", '[3,"ID",{"currentTime":{"canary":"canary"},"canary":"canary"}]')
    central.answers_next("Heartbeat", '[3,"ID",["canary"]]')
    central.answers_next("Heartbeat", f'[4,"ID","{PASSWORD}"]')


def says_nonsense(central: Central) -> None:
    for frame in (
        '{"idTag": "canary"',
        '"canary"',
        '[2,"x1","ChangeConfiguration",["canary"]]',
        '[2,"x2","ChangeConfiguration",{"value":"canary"},"canary"]',
        '[3,"x3",{"canary":"canary"}]',
        '[4,"x4","GenericError","canary",{"canary":"canary"}]',
        '[9,"x5","canary"]',
        '[2,"x6","ChangeConfiguration",{"key":"AuthorizationKey","key":"canary"}]',
        b"canary",
    ):
        central.say(frame)


def uploaded(box: Wallbox, central: Central) -> Iterator[str]:
    """What GetDiagnostics and both kinds of GetLog bring to a server."""
    with serving(WebFiles()) as web:
        there = web.url.replace("//", f"//{USER}:canary-pass@") + "/in"
        name = central.ask("GetDiagnostics", location=there)["fileName"]
        central.comes("DiagnosticsStatusNotification", 1)
        yield gzip.decompress(web.files[f"/in/{name}"]).decode()
        for number, kind in enumerate(("DiagnosticsLog", "SecurityLog"), 1):
            log = {"remoteLocation": f"{web.url}/{kind}?{SIGNATURE}={number}"}
            assert central.ask("GetLog", logType=kind, requestId=number, log=log)["status"] == "Accepted"
            central.comes("LogStatusNotification", 2 * number - 1)
            yield gzip.decompress(web.files[f"/{kind}?{SIGNATURE}={number}"]).decode()


def test_the_frames_are_uploaded_and_no_secret_is(box: Wallbox, central: Central) -> None:
    charges(box, central)
    asks_with_secrets(central)
    answers_with_secrets(box, central)
    says_nonsense(central)
    diagnostics, log, security = uploaded(box, central)
    for text in (diagnostics, log, security):
        assert SECRETS.findall(text) == [], [line for line in text.splitlines() if SECRETS.search(line)]
    assert "[secret]" in diagnostics and "CALL" not in security
    frames = [found.groups() for found in map(LINE.fullmatch, log.splitlines()) if found]
    told = {(arrow, kind, action) for arrow, kind, _, action, _ in frames}
    assert told >= {("<", "CALL", "ChangeConfiguration"), (">", "RESULT", "ChangeConfiguration")}
    assert told >= {(">", "CALL", "StartTransaction"), ("<", "RESULT", "StartTransaction")}
    assert told >= {("<", "ERROR", "Heartbeat"), (">", "ERROR", "RemoteStartTransaction")}
    texts = [text for *_, text in frames]
    assert '{"key":"HeartbeatInterval","value":"3601"}' in texts
    assert f'{{"key":"AuthorizationKey","value":"[{14} characters]"}}' in texts
    assert any('"location":"http://127.0.0.1:' in text for text in texts)
    assert any('"measurand":"Energy' in text or '"meterStop":' in text for text in texts)
    cards = [re.findall(r'"idTag":"(\[card \w+\])"', text) for *_, action, text in frames if action != "SendLocalList"]
    assert len({card for found in cards for card in found}) == 1 and sum(map(len, cards)) >= 5
    assert (
        re.search(r" < 6 bytes, dropped: a binary frame\n", log) and " < 18 characters, dropped: not valid JSON" in log
    )
