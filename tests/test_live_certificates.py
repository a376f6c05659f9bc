"""The two real processes behind real TLS: roots come and go over OCPP, the station gets a certificate of its own, and
evsed is killed between the steps. What was answered counts in every life after it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.evsed.ocpp import pki
from tests.evsed.pki import Pki
from tests.evsed.secure_central import SecureCentral
from tests.evsed.servers import WebFiles, serving, tls_of
from tests.stand import Wallbox

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on this machine")
IDENTITY, OPERATOR = "EVSE1", "A CPO"
CENTRAL = {"certificateType": "CentralSystemRootCertificate"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Two roots, and a server under each."""
    folder = tmp_path_factory.mktemp("pki")
    old = pki.make(folder, "old", authority=True, common_name="Old root")
    new = pki.make(folder, "new", authority=True, common_name="New root")
    return SimpleNamespace(
        folder=folder, old=old, new=new, of_old=pki.make(folder, "of_old", old), of_new=pki.make(folder, "of_new", new)
    )


@pytest.fixture
def central(made: SimpleNamespace) -> Iterator[SecureCentral]:
    with SecureCentral(made.of_old, made.new) as system:
        yield system


@pytest.fixture
def box(central: SecureCentral, made: SimpleNamespace, tmp_path: Path) -> Iterator[Wallbox]:
    """In security profile 2, with the old root as ca_file."""
    site = tmp_path / "site.toml"
    site.write_text(
        f'[station]\nidentity = "{IDENTITY}"\n[board]\nname = "sim"\n[variables]\nCpoName = "{OPERATOR}"\n'
        f'[central]\nurl = "{central.url}"\npassword = "sixteen bytes ok"\nca_file = "{made.old.alone}"\n'
    )
    site.chmod(0o600)
    with Wallbox(state=tmp_path, restart_s=0.1) as running:
        central.wait("the boot", lambda: bool(central.all("BootNotification")))
        yield running


def killed(box: Wallbox, central: SecureCentral) -> None:
    """SIGKILL; return when it has booted again."""
    boots = len(central.all("BootNotification"))
    box.evsed.kill()
    central.wait("the next boot", lambda: len(central.all("BootNotification")) > boots)


def roots(central: SecureCentral) -> list[dict[str, str]]:
    told = central.ask("GetInstalledCertificateIds", **CENTRAL)
    found: list[dict[str, str]] = told.get("certificateHashData", [])
    return found


def signed(made: SimpleNamespace, request: str, name: str) -> tuple[str, str]:
    """A certificate for the request under the new root, with its serial number."""
    (made.folder / f"{name}.req").write_text(request)
    certificate = pki.Certificate(made.folder, name, made.new)
    pki.sign(certificate, made.folder / f"{name}.req", authority=False, dates=pki.NOW, common_name=IDENTITY)
    serial = pki.openssl("x509", "-in", str(certificate.alone), "-noout", "-serial").decode().strip()
    return certificate.alone.read_text(), serial.removeprefix("serial=")


def test_from_one_root_to_the_next_and_to_a_certificate_of_its_own(
    box: Wallbox, central: SecureCentral, made: SimpleNamespace
) -> None:
    (old,) = roots(central)
    asked = central.ask("InstallCertificate", **CENTRAL, certificate=made.new.alone.read_text())
    assert asked == {"status": "Accepted"}
    assert central.ask("DeleteCertificate", certificateHashData=old) == {"status": "Failed"}  # we stand on it
    central.present(made.of_new)
    killed(box, central)
    _, new = roots(central)

    assert central.ask("DeleteCertificate", certificateHashData=old) == {"status": "Accepted"}
    killed(box, central)
    assert roots(central) == [new], "a deleted root is back, though ca_file still holds it"

    wanted = central.ask("ExtendedTriggerMessage", requestedMessage="SignChargePointCertificate")
    assert wanted == {"status": "Accepted"}
    central.wait("the request", lambda: bool(central.all("SignCertificate")))
    killed(box, central)
    chain, serial = signed(made, central.all("SignCertificate")[-1]["csr"], "station")
    assert central.ask("CertificateSigned", certificateChain=chain) == {"status": "Accepted"}
    killed(box, central)
    assert central.shown[-1] == ""  # profile 2 shows none

    raised = central.ask("ChangeConfiguration", key="SecurityProfile", value="3")
    assert raised == {"status": "Accepted"}
    central.wait("the station with its certificate", lambda: central.shown[-1] == serial)
    box.wait("the trial is over", lambda status: status["link"]["connected"])
    killed(box, central)
    assert central.shown[-1] == serial

    told = [line.split()[:2] for line in box.evsectl("certificates").stdout.splitlines()]
    assert told == [["KIND", "SUBJECT"], ["station", IDENTITY], ["central", "root"]]
    central.present(made.of_old)  # its root is gone
    central.hang_up()
    told = box.wait("the refusal", lambda status: "is not trusted" in status["link"]["error"])
    assert not told["link"]["connected"]
    assert "PRIVATE KEY" not in box.evsed.log + box.hal.log


def test_files_come_and_go_with_whom_an_installed_root_vouches_for(
    box: Wallbox, central: SecureCentral, made: SimpleNamespace
) -> None:
    maker = Pki(made.folder / "maker")
    signer = maker.signer()
    asked = central.ask("InstallCertificate", certificateType="ManufacturerRootCertificate", certificate=maker.root.pem)
    assert asked == {"status": "Accepted"}
    with serving(WebFiles(tls_of(made.of_new.path, made.of_new.key))) as web:
        place = web.url.replace("127.0.0.1", "localhost")
        image = {
            "location": f"{place}/image",
            "retrieveDateTime": "2020-01-01T00:00:00Z",
            "signingCertificate": signer.pem,
            "signature": "bm9uZQ==",
        }

        def both(number: int, upload: str, download: str) -> None:
            """Ask for a file each way; return when they have ended so."""
            central.ask("GetDiagnostics", location=f"{place}/logs", retries=0)
            central.wait(upload, lambda: progress(central, "DiagnosticsStatusNotification")[-1:] == [upload])
            taken = central.ask("SignedUpdateFirmware", requestId=number, retries=0, firmware=image)
            assert taken == {"status": "Accepted"}
            central.wait(download, lambda: download in progress(central, "SignedFirmwareStatusNotification"))

        both(1, "UploadFailed", "DownloadFailed")
        assert web.asked == []
        asked = central.ask("InstallCertificate", **CENTRAL, certificate=made.new.alone.read_text())
        assert asked == {"status": "Accepted"}
        web.files["/image"] = b"no image"
        both(2, "Uploaded", "Downloaded")
        assert [verb for verb, _, _ in web.asked] == ["PUT", "GET"]


def progress(central: SecureCentral, action: str) -> list[str]:
    return [told["status"] for told in central.all(action)]
