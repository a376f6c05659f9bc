"""Certificates as the OCPP 1.6 certification walks through them. Each test bears the id of the case it mirrors.

Keys, requests, chains and signatures are real; TLS itself is proven in tests/evsed/ocpp/test_tls.py.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from evsed.core.central_systems import CentralSystem, Target
from evsed.x509 import one
from tests.evsed.ocpp import pki
from tests.scenarios.conftest import Make
from tests.scenarios.test_cert_security import BROUGHT, OLD, TLS, change, events
from tests.world.csms import Payload, Question
from tests.world.wallbox import Wallbox

CENTRAL, MAKER = "CentralSystemRootCertificate", "ManufacturerRootCertificate"
CPO = "A CPO"
CERTIFIED = CentralSystem("wss://csms/ocpp", "written", OLD, 3, trusted=True, own=BROUGHT)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> pki.Certificate:
    return pki.make(tmp_path_factory.mktemp("pki"), "root", authority=True, common_name="Root")


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> pki.Certificate:
    return pki.make(tmp_path_factory.mktemp("pki"), "second", authority=True, common_name="Second")


@pytest.fixture
def box(make: Make, root: pki.Certificate) -> Wallbox:
    """A box with security profile 3 and the root of its operator."""
    world = make(systems=(CERTIFIED,), presets={"SecurityCtrlr.OrganizationName": CPO})
    world.chain = lambda: (one(root.alone.read_text()).id,)
    world.advance(5)
    install(world, CENTRAL, root)
    world.drop_line()  # the root is in use from now on
    world.advance(5)
    return world


def ask(world: Wallbox, action: str, payload: Payload) -> Question:
    asked = world.csms.call(action, payload)
    world.becomes(lambda: asked.answer is not None or asked.error is not None, within=20)
    return asked


def install(world: Wallbox, use: str, certificate: pki.Certificate) -> Question:
    return ask(world, "InstallCertificate", {"certificateType": use, "certificate": certificate.alone.read_text()})


def ids(world: Wallbox, use: str) -> list[Payload]:
    asked = ask(world, "GetInstalledCertificateIds", {"certificateType": use})
    called: list[Payload] = (asked.answer or {}).get("certificateHashData", [])
    assert asked.status == ("Accepted" if called else "NotFound")
    return called


def called(certificate: pki.Certificate, algorithm: str = "SHA256") -> Payload:
    """How a root is called, worked out by openssl and not by us."""

    def dump(*told: str) -> bytes:
        return pki.openssl(*told, "-in", str(certificate.alone))

    name = next(line for line in dump("x509", "-noout", "-ocspid").splitlines() if b"Subject OCSP hash" in line)
    key = dump("x509", "-noout", "-pubkey")
    with TemporaryDirectory() as folder:
        pem = Path(folder) / "key"
        pem.write_bytes(key)
        der = pki.openssl("pkey", "-pubin", "-in", str(pem), "-outform", "DER")
    point = der[-65:]  # a point on P-256, not compressed
    read = one(certificate.alone.read_text())
    assert hashlib.sha1(read.issuer).hexdigest().upper().encode() in name
    digest = getattr(hashlib, algorithm.lower())
    serial = dump("x509", "-noout", "-serial").decode().strip().removeprefix("serial=").lstrip("0")
    return {
        "hashAlgorithm": algorithm,
        "issuerNameHash": digest(read.issuer).hexdigest(),
        "issuerKeyHash": digest(point).hexdigest(),
        "serialNumber": serial,
    }


def trigger(world: Wallbox) -> str:
    """A new certificate is wanted; the request for it."""
    before = len(world.csms.all("SignCertificate"))
    asked = ask(world, "ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"})
    assert asked.status == "Accepted"
    assert world.becomes(lambda: len(world.csms.all("SignCertificate")) > before, within=20)
    request: str = world.csms.last("SignCertificate").csr
    return request


def signed(world: Wallbox, request: str, by: pki.Certificate, name: str = "SN1", organization: str = CPO) -> str:
    """What an authority makes of it, with what is above it."""
    folder = world.folder.parent / f"signed-{len(world.csms.received)}"
    folder.mkdir()
    (folder / "csr").write_text(request)
    made = pki.Certificate(folder, "own", by)
    pki.sign(made, folder / "csr", authority=False, dates=pki.NOW, common_name=name)
    return made.alone.read_text()


def send(world: Wallbox, chain: str) -> Question:
    return ask(world, "CertificateSigned", {"certificateChain": chain})


def test_tc_083_from_a_key_over_tls_to_a_certificate_made_here(make: Make, root: pki.Certificate) -> None:
    """Profile 2 to 3; from 1 to 2 it is in test_cert_security.py."""
    world = make(systems=(TLS,), presets={"SecurityCtrlr.OrganizationName": CPO})
    world.advance(5)
    install(world, CENTRAL, root)
    assert change(world, "SecurityProfile", 3).status == "Rejected"  # A05.FR.04
    chain = signed(world, trigger(world), root)
    assert send(world, chain).status == "Accepted"
    world.admits = lambda target: "" if target.profile == 3 else "unreachable"
    assert change(world, "SecurityProfile", 3).status == "Accepted"
    assert ask(world, "Reset", {"type": "Hard"}).status == "Accepted"
    world.advance(30)
    shown = one(chain).id[:16]
    assert world.dialled[-1] == Target(0, "wss://csms/ocpp", 3, None, shown)
    assert len(world.csms.all("BootNotification")) == 2
    tried = len(world.dialled)
    world.admits = lambda target: "" if target.profile == 2 else "unreachable"
    world.drop_line()
    world.advance(120)
    assert {(target.profile, target.key) for target in world.dialled[tried:]} == {(3, None)}  # no way down


def test_tc_074_a_new_certificate_at_the_central_systems_wish(box: Wallbox, root: pki.Certificate) -> None:
    request = trigger(box)
    subject = pki.openssl("req", "-noout", "-subject", "-in", kept(box, request)).decode()
    assert "O = A CPO" in subject and "CN = SN1" in subject
    dialled = len(box.dialled)
    assert send(box, signed(box, request, root)).status == "Accepted"
    box.advance(10)
    (shown,) = [target.certificate for target in box.dialled[dialled:]]
    assert shown and (box.folder / "own-certificates" / f"{shown}.pem").stat().st_mode & 0o777 == 0o600
    assert len(box.csms.all("BootNotification")) == 1
    assert "ReconfigurationOfSecurityParameters" in events(box)


def kept(world: Wallbox, text: str) -> str:
    path = world.folder.parent / "shown"
    path.write_text(text)
    return str(path)


def test_tc_075_1_a_root_of_the_manufacturer(box: Wallbox, second: pki.Certificate) -> None:
    assert install(box, MAKER, second).status == "Accepted"
    assert ids(box, MAKER) == [called(second)]


def test_tc_075_2_a_root_of_the_central_system(box: Wallbox, root: pki.Certificate, second: pki.Certificate) -> None:
    assert install(box, CENTRAL, second).status == "Accepted"
    assert ids(box, CENTRAL) == [called(root), called(second)]


def test_tc_076_a_certificate_is_deleted(box: Wallbox, root: pki.Certificate, second: pki.Certificate) -> None:
    install(box, CENTRAL, second)
    (_, last) = ids(box, CENTRAL)
    assert ask(box, "DeleteCertificate", {"certificateHashData": last}).status == "Accepted"
    assert ids(box, CENTRAL) == [called(root)]
    assert ask(box, "DeleteCertificate", {"certificateHashData": last}).status == "NotFound"


def test_tc_077_a_wrong_certificate_of_the_station(
    box: Wallbox, root: pki.Certificate, second: pki.Certificate
) -> None:
    request = trigger(box)
    assert send(box, signed(box, request, second)).status == "Rejected"
    box.until(lambda: "InvalidChargePointCertificate" in events(box))
    dialled = len(box.dialled)
    box.advance(30)
    assert len(box.dialled) == dialled


def test_tc_078_a_wrong_root_of_the_central_system(box: Wallbox, root: pki.Certificate) -> None:
    text = root.alone.read_text()
    wrong = text[:200] + ("A" if text[200] != "A" else "B") + text[201:]
    asked = ask(box, "InstallCertificate", {"certificateType": CENTRAL, "certificate": wrong})
    assert asked.status == "Rejected"
    box.until(lambda: "InvalidCentralSystemCertificate" in events(box))
    assert ids(box, CENTRAL) == [called(root)]
