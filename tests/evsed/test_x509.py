"""What is read from a certificate, against what openssl says of it; and what is none, however it is broken."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evsed.x509 import COMMON_NAME, ORGANIZATION, NoCertificate, certificate, certificates, first, named, one, unbase64
from tests.evsed.ocpp import pki


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> pki.Certificate:
    folder = tmp_path_factory.mktemp("pki")
    root = pki.make(folder, "root", authority=True, common_name="Root")
    return pki.make(folder, "leaf", root, common_name="SN 1")


def test_it_says_what_openssl_says(made: pki.Certificate) -> None:
    read = one(made.alone.read_text())
    asked = ("x509", "-in", str(made.alone), "-noout")
    shown = pki.openssl(*asked, "-fingerprint", "-sha256").decode().partition("=")[2].strip()
    assert read.id == shown.replace(":", "").lower()
    assert f"{read.serial:X}" == pki.openssl(*asked, "-serial").decode().strip().partition("=")[2].lstrip("0")
    assert (read.since_ms, read.until_ms) == (1_577_836_800_000, 2_493_072_000_000)
    assert named(read.subject, COMMON_NAME) == "SN 1" and named(read.subject, ORGANIZATION) == "A CPO"
    assert not read.authority and made.issuer is not None and one(made.issuer.alone.read_text()).authority
    assert certificates(read.pem) == (read,) and first(made.path.read_text()) == read
    body = pki.openssl(*asked, "-pubkey").decode().splitlines()[1:-1]
    assert unbase64("".join(body)) == read.key and read.key.endswith(read.key_bits)


def test_a_key_inside_is_refused(made: pki.Certificate) -> None:
    for text in (made.path.read_text(), made.key.read_text()):
        with pytest.raises(NoCertificate, match="private key"):
            certificates(text)


@pytest.mark.parametrize("text", ["", "x" * 100_000, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
def test_what_is_no_certificate(text: str) -> None:
    with pytest.raises(NoCertificate):
        certificates(text)


def test_half_a_certificate_and_one_with_more_behind_it_are_none(made: pki.Certificate) -> None:
    text = made.alone.read_text()
    for wrong in (
        text[: len(text) // 2],
        text + text[:100],
        text.replace("CERTIFICATE", "CRL"),
        text + "\ufffd" + text,
    ):
        with pytest.raises(NoCertificate):
            one(wrong)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_byte_breaks_the_reader(made: pki.Certificate, data: st.DataObject) -> None:
    der = bytearray(one(made.alone.read_text()).der)
    for _ in range(data.draw(st.integers(1, 4))):
        der[data.draw(st.integers(0, len(der) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(der)))
    for whole in (bytes(der), bytes(der[:cut])):
        try:
            certificate(whole)
        except NoCertificate:
            continue


def test_nothing_is_read_of_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NoCertificate):
        first("")
