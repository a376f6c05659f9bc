"""The certificate that the installer brought, in every form that TLS takes."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from evsed import dialling, openssl
from evsed.core.credentials import NEVER_MS, Own
from evsed.site import load
from evsed.x509 import one
from tests.evsed.ocpp import pki

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on this machine")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """One certificate, as usual and as `openssl x509 -trustout` writes it."""
    folder = tmp_path_factory.mktemp("pki")
    usual = pki.make(folder, "usual", common_name="SN1")
    trusted = folder / "trusted.pem"
    told = pki.openssl("x509", "-in", str(usual.alone), "-trustout").decode()
    trusted.write_text(told + usual.key.read_text())
    for file in (usual.path, trusted):
        file.chmod(0o600)
    return SimpleNamespace(usual=usual.path, trusted=trusted, read=one(usual.alone.read_text()))


def brought(tmp_path: Path, file: Path) -> Own:
    site = tmp_path / "site.toml"
    site.write_text(
        '[station]\nidentity = "CP"\n[board]\nname = "sim"\n[limits]\nmax_ma = 16000\n'
        f'[central]\nurl = "wss://localhost"\nsecurity_profile = 3\ncertificate_file = "{file}"\n'
    )
    (system,) = dialling.Dialling(load(site), tmp_path, lambda: None).systems()
    assert system.own is not None
    return system.own


def test_its_name_dates_and_number_are_read(made: SimpleNamespace, tmp_path: Path) -> None:
    read = made.read
    assert brought(tmp_path, made.usual) == Own("", "SN1", read.since_ms, read.until_ms, f"{read.serial:X}")


def test_of_a_form_that_we_do_not_read_openssl_tells_the_dates(made: SimpleNamespace, tmp_path: Path) -> None:
    read = made.read
    assert brought(tmp_path, made.trusted) == Own("", "trusted.pem", read.since_ms, read.until_ms, f"{read.serial:X}")


def test_without_openssl_its_end_is_not_known(
    made: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(openssl, "PROGRAM", "no-openssl-here")
    assert brought(tmp_path, made.trusted) == Own("", "trusted.pem", 0, NEVER_MS)
    assert "when it ends is not known" in caplog.text
