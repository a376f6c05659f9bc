"""A new firmware whose signer is named, as the OCPP 1.6 certification walks through it and the security whitepaper has
it (L01). Each test of a case bears its id. Images, certificates and signatures are real.
"""

from __future__ import annotations

import base64
from typing import Any

import pytest

from evsed.core.errands import Outcome
from evsed.installer import ROOTS
from tests.evsed.pki import RSA, Pki, Signer, image, program
from tests.scenarios.conftest import Make
from tests.world.csms import NEW_YEAR_2027, Question, iso
from tests.world.wallbox import Wallbox

THERE = "https://box:canary@files.test/fw"
GOOD = ["Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting", "Installed"]
NUMBER = 4711


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def signer(pki: Pki) -> Signer:
    return pki.signer()


@pytest.fixture(scope="module")
def good(signer: Signer) -> bytes:
    return image(signer, program("1.0.0"))


@pytest.fixture
def box(make: Make, pki: Pki, good: bytes) -> Wallbox:
    world = make()
    roots = world.folder / ROOTS
    roots.mkdir()
    (roots / "maker.pem").write_text(pki.root.pem)
    world.depot.files[THERE] = good
    world.depot.takes_s = 2
    world.advance(5)
    return world


def order(box: Wallbox, signer: Signer, data: bytes, number: int = NUMBER, **more: Any) -> Question:
    firmware = {
        "location": THERE,
        "retrieveDateTime": iso(NEW_YEAR_2027 + box.ms),
        "signingCertificate": signer.pem,
        "signature": base64.b64encode(signer.sign(data)).decode(),
    }
    payload = {"requestId": number, "retries": 1, "retryInterval": 10, "firmware": firmware | more}
    question = box.csms.call("SignedUpdateFirmware", payload)
    box.until(lambda: question.answer is not None or question.error is not None)
    return question


def told(box: Wallbox, number: int | None = NUMBER) -> list[str]:
    messages = box.csms.all("SignedFirmwareStatusNotification")
    return [message.status for message in messages if message.payload.get("requestId") == number]


def events(box: Wallbox) -> list[str]:
    return [message.type for message in box.csms.all("SecurityEventNotification")]


def later(box: Wallbox, seconds: float) -> str:
    return iso(NEW_YEAR_2027 + box.ms + round(seconds * 1_000))


def ask_again(box: Wallbox) -> tuple[str, int | None]:
    question = box.csms.call("ExtendedTriggerMessage", {"requestedMessage": "FirmwareStatusNotification"})
    box.advance(0.2)
    assert question.status == "Accepted"
    last = box.csms.last("SignedFirmwareStatusNotification")
    return last.status, last.payload.get("requestId")


def test_tc_080_a_signed_firmware_is_installed(box: Wallbox, signer: Signer, good: bytes) -> None:
    assert order(box, signer, good).status == "Accepted"
    box.until(lambda: told(box) == GOOD)
    assert box.csms.last("BootNotification").firmwareVersion == "1.0.0"
    box.until(lambda: "FirmwareUpdated" in events(box))
    assert told(box, None) == []
    assert not any("canary" in line for line in box.lines)


def test_tc_081_a_wrong_signature_is_told_and_nothing_is_installed(box: Wallbox, signer: Signer, good: bytes) -> None:
    assert order(box, signer, good + b"!").status == "Accepted"
    box.until(lambda: told(box) == ["Downloading", "Downloaded", "InvalidSignature"])
    box.until(lambda: "InvalidFirmwareSignature" in events(box))
    box.advance(60)
    assert box.version() == "0.1.0" and len(told(box)) == 3


@pytest.mark.parametrize(
    ("kind", "ending"),
    [
        ("changed on the way", ["InvalidSignature"]),
        ("cut short", ["InvalidSignature"]),
        ("not sealed by the maker", ["SignatureVerified", "Installing", "InstallVerificationFailed"]),
        ("of another product", ["SignatureVerified", "Installing", "InstallVerificationFailed"]),
        ("older", ["SignatureVerified", "Installing", "InstallVerificationFailed"]),
        ("for a disk that takes no folder", ["SignatureVerified", "Installing", "InstallationFailed"]),
    ],
)
def test_a_bad_image_ends_as_what_is_wrong_with_it(
    box: Wallbox, pki: Pki, signer: Signer, good: bytes, kind: str, ending: list[str]
) -> None:
    """The order's signature covers the file as the maker gave it away; what lies on the server is a real one too."""
    ordered = {
        "not sealed by the maker": image(Pki(pki.folder / "forger", "Maker").signer(), program("1.0.0")),
        "of another product": image(signer, program("1.0.0", product="toaster")),
        "older": image(signer, program("0.0.9")),
    }.get(kind, good)
    box.depot.files[THERE] = {
        "changed on the way": good[:-9] + bytes(9),
        "cut short": good[: len(good) // 2],
    }.get(kind, ordered)
    if kind == "for a disk that takes no folder":
        (box.folder / "slots").write_text("")
    assert order(box, signer, ordered).status == "Accepted"
    box.until(lambda: told(box)[2:] == ending)
    assert ("InvalidFirmwareSignature" in events(box)) is (ending == ["InvalidSignature"])
    box.advance(60)
    assert box.version() == "0.1.0" and len(told(box)) == 2 + len(ending)


def test_a_firmware_signed_by_rsa_is_installed(box: Wallbox, pki: Pki) -> None:
    by_rsa = pki.signer("rsa", RSA)
    box.depot.files[THERE] = data = image(by_rsa, program("1.0.0"))
    assert order(box, by_rsa, data).status == "Accepted"
    box.until(lambda: told(box) == GOOD)


def test_a_strangers_certificate_is_refused_before_anything_is_fetched(box: Wallbox, pki: Pki, good: bytes) -> None:
    stranger = Pki(pki.folder / "stranger", "Maker").signer()
    assert order(box, stranger, good).status == "InvalidCertificate"
    box.until(lambda: "InvalidFirmwareSigningCertificate" in events(box))
    box.advance(60)
    assert told(box) == [] and box.depot.fetched == 0


def test_a_refused_certificate_leaves_the_update_before_it_alone(
    box: Wallbox, pki: Pki, signer: Signer, good: bytes
) -> None:
    box.depot.takes_s = 10
    order(box, signer, good)
    stranger = Pki(pki.folder / "another", "Maker").signer()
    assert order(box, stranger, good, 9).status == "InvalidCertificate"
    box.until(lambda: told(box) == GOOD, within=120)


def test_a_later_date_is_told_and_kept(box: Wallbox, signer: Signer, good: bytes) -> None:
    order(box, signer, good, retrieveDateTime=later(box, 600), installDateTime=later(box, 1_200))
    box.advance(1)
    assert told(box) == ["DownloadScheduled"]
    box.until(lambda: told(box)[-1] == "InstallScheduled", within=620)
    assert told(box) == ["DownloadScheduled", "Downloading", "Downloaded", "SignatureVerified", "InstallScheduled"]
    assert box.statuses()[-1] == "Available", "it may charge until then"
    box.power_cut()
    box.charge(10)
    box.advance(800)
    assert told(box)[-1] == "InstallScheduled", "the charge is let finish"
    box.finish()
    box.until(lambda: told(box)[5:] == GOOD[3:])


def test_a_newer_order_cancels_what_waits_without_looking_for_its_file(
    box: Wallbox, signer: Signer, good: bytes
) -> None:
    order(box, signer, good, installDateTime=later(box, 3_600))
    box.until(lambda: told(box)[-1:] == ["InstallScheduled"])
    second = order(box, signer, good, 4712, location="https://files.test/none")
    assert second.status == "AcceptedCanceled"
    box.until(lambda: told(box, 4712) == ["Downloading", "DownloadFailed"])
    box.advance(3_700)
    assert told(box)[-1] == "InstallScheduled" and box.version() == "0.1.0"


def test_what_can_no_longer_be_cancelled_refuses_the_next(box: Wallbox, signer: Signer, good: bytes) -> None:
    order(box, signer, good)
    box.until(lambda: any("InstallRebooting" in line for line in box.lines))
    assert order(box, signer, good, 4712).status == "Rejected"
    box.until(lambda: told(box) == GOOD)


def test_a_trigger_tells_the_last_status_and_idle_after_installed(box: Wallbox, signer: Signer, good: bytes) -> None:
    assert ask_again(box) == ("Idle", None)
    box.depot.fails_next(Outcome.HOPELESS)
    order(box, signer, good)
    box.until(lambda: told(box)[-1:] == ["DownloadFailed"])
    assert ask_again(box) == ("DownloadFailed", NUMBER)
    order(box, signer, good, 4712)
    box.until(lambda: told(box, 4712) == GOOD)
    assert ask_again(box) == ("Idle", None)


@pytest.mark.parametrize("status", GOOD)
def test_a_power_cut_in_each_state_goes_on_with_the_same_number(
    box: Wallbox, signer: Signer, good: bytes, status: str
) -> None:
    order(box, signer, good)
    box.until(lambda: any(f"firmware {status}" in line for line in box.lines) or status in told(box))
    box.power_cut()
    box.until(lambda: told(box)[-1:] == ["Installed"], within=120)
    assert told(box) == GOOD
    box.until(lambda: box.statuses()[-1] == "Available")
