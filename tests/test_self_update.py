"""The real daemons take a signed program over sockets: downloaded, verified, laid into a slot, started on trial, told.

evsed is started as its unit does it: the program of the system counts the starts, and `slots/current` comes before all
else that Python looks for. What a unit adds beside that, users, sandbox and systemd itself, is not here.
"""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from evsed.image import version_of
from evsed.installer import ROOTS
from evsed.slots import Slots
from tests.evsed.pki import Pki, image, program
from tests.evsed.servers import WebFiles, serving
from tests.peers.central import CentralSystem
from tests.stand import Daemon, Wallbox

ROOT = Path(__file__).resolve().parents[1]
NEWER = "9.1.0"
NUMBER = 4711
LONG_AGO = "2020-01-01T00:00:00Z"
BROKEN = b"raise SystemExit('a program that cannot start')\n"
COUNTED = '"$0" -I -m evsed.slots "$EVSED_STATE"; exec "$0" -m evsed'
ON_THE_WAY = ["Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting"]


class Updatable(Wallbox):
    """Its evsed is started by the words of evsed.service."""

    def _daemon(self, name: str, module: str) -> Daemon:
        daemon = super()._daemon(name, module)
        if module == "evsed":
            daemon.command = ["sh", "-c", COUNTED, sys.executable]
            daemon.env |= {"PYTHONPATH": str(self.slots.link), "PYTHONSAFEPATH": "1"}
        return daemon

    @property
    def slots(self) -> Slots:
        return Slots(self.state / "evsed")


def tree(version: str, **more: bytes) -> bytes:
    """All files of this program, under another version."""
    found = {str(path.relative_to(ROOT)): path.read_bytes() for path in (ROOT / "evsed").rglob("*") if path.is_file()}
    files = {name: data for name, data in found.items() if "__pycache__" not in name}
    init = re.sub(rb"(?m)^__version__ = .*$", f'__version__ = "{version}"'.encode(), files["evsed/__init__.py"])
    return program(version, **files | {"evsed/__init__.py": init} | more)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def central() -> Iterator[CentralSystem]:
    with CentralSystem.of_package() as system:
        yield system


@pytest.fixture
def box(central: CentralSystem, pki: Pki, tmp_path: Path) -> Iterator[Updatable]:
    roots = tmp_path / "state" / "evsed" / ROOTS
    roots.mkdir(parents=True)
    (roots / "maker.pem").write_text(pki.root.pem)
    with Updatable(central.url, state=tmp_path / "state", restart_s=0.1) as running:
        central.wait_for("BootNotification")
        yield running


def ordered(central: CentralSystem, pki: Pki, body: bytes, last: str) -> list[str]:
    """The states that are told under our number, up to this one."""
    signer = pki.signer()
    data = image(signer, body)
    with serving(WebFiles()) as web:
        web.files["/fw"] = data
        firmware = {
            "location": f"{web.url}/fw",
            "retrieveDateTime": LONG_AGO,
            "signingCertificate": signer.pem,
            "signature": base64.b64encode(signer.sign(data)).decode(),
        }
        assert central.ask("SignedUpdateFirmware", requestId=NUMBER, firmware=firmware) == {"status": "Accepted"}
        central.wait(last, lambda: last in told(central), timeout_s=60)
    return told(central)


def told(central: CentralSystem) -> list[str]:
    said = central.frames("SignedFirmwareStatusNotification")
    assert {payload.get("requestId") for payload in said} <= {NUMBER}
    return [payload["status"] for payload in said]


def test_a_signed_program_comes_and_runs(box: Updatable, central: CentralSystem, pki: Pki) -> None:
    before = central.frames("BootNotification")[0]["firmwareVersion"]
    assert ordered(central, pki, tree(NEWER), "Installed") == [*ON_THE_WAY, "Installed"]
    current = box.slots.current()
    assert current is not None and version_of(current) == NEWER
    assert not box.slots.on_trial()
    assert [boot["firmwareVersion"] for boot in central.frames("BootNotification")] == [before, NEWER]
    assert box.status()["version"] == NEWER
    assert central.ledger.breaches == []


def test_a_program_that_cannot_start_is_taken_back(box: Updatable, central: CentralSystem, pki: Pki) -> None:
    body = tree(NEWER, **{"evsed/__main__.py": BROKEN})
    assert ordered(central, pki, body, "InstallationFailed") == [*ON_THE_WAY, "InstallationFailed"]
    assert box.slots.current() is None and not box.slots.on_trial()
    versions = {boot["firmwareVersion"] for boot in central.frames("BootNotification")}
    assert NEWER not in versions
    assert central.ledger.breaches == []
