"""Doors at which certificates come in: those that a central system hands over, and those that a server shows in TLS.

Rules this file upholds:
- What is not for our key, by our roots, is refused in a word, and what is held stays as it was; the program `openssl`
  is asked once about each content.
- A server that says any bytes in the place of its part of the handshake ends no link (`socket_doors.py` judges), and no
  frame goes to it.
"""

from __future__ import annotations

import shutil
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from evsed import certificates
from evsed.certificates import CertificateStore
from evsed.core.credentials import CertificateErrand, InstallRoot, MakeKey, RootUse, TakeSigned
from evsed.core.errands import Outcome
from evsed.x509 import first
from tests.enemies.file_doors import Notary, swapped
from tests.enemies.hunt import Door
from tests.enemies.socket_doors import Peer
from tests.evsed.pki import Pki, openssl

CERTS = Path(__file__).resolve().parents[1] / "evsed" / "ocpp" / "certs"
STATION, OPERATOR = "EVSE1", "Operator"
ALERTS = (b"\x15\x03\x03\x00\x02\x02\x28", b"\x15\x03\x03\x00\x02\x01\x00")
RECORDS = (b"\x16\x03\x03", b"\x16\x03\x01\xff\xff", b"\x0b\0", b"\x30\x82", b"\x14\x03\x03\0\x01\x01", b"\x17\x03\x03")
PEM_WORDS = (b"-----BEGIN CERTIFICATE-----\n", b"-----END CERTIFICATE-----\n", b"\0", b"\r", b"=", b"AAAA")


class Handed:
    """A station that waits for a certificate, and what a central system may hand to it."""

    def __init__(self, folder: Path) -> None:
        self._whole, self._state = folder / "whole", folder / "state"
        self._pki, self._notary = Pki(folder / "pki", OPERATOR), Notary()
        now_ms = time.time_ns() // 1_000_000
        self._now_ms: Callable[[], int] = lambda: now_ms
        self._whole.mkdir(parents=True)
        store = CertificateStore(self._whole, STATION, self._now_ms)
        for errand in (InstallRoot("job", RootUse.CENTRAL, self._pki.root.pem), MakeKey("job", OPERATOR)):
            assert store.perform(errand).outcome is Outcome.DONE
        asked, signed = folder / "asked", folder / "signed"
        asked.write_text(store.held().request or "")
        by = ("-CA", self._pki.root.certificate, "-CAkey", self._pki.root.key)
        openssl("x509", "-req", "-in", asked, *by, "-days", "30", "-set_serial", "7", "-out", signed)
        self._leaf = first(signed.read_text()).id[:16]
        others = Pki(folder / "others", OPERATOR)
        forged = folder / "forged"
        by = ("-CA", others.root.certificate, "-CAkey", others.root.key)
        openssl("x509", "-req", "-in", asked, *by, "-days", "30", "-set_serial", "7", "-out", forged)
        self.forged = forged.read_bytes() + others.root.pem.encode()
        self.chain = signed.read_bytes() + self._pki.root.pem.encode()
        self.strangers = self._pki.signer("stranger").pem.encode()

    def taken(self, given: bytes) -> None:
        """As the answer to our request."""
        self._hand(TakeSigned("job", given.decode(errors="replace"), OPERATOR, ()))

    def installed(self, given: bytes) -> None:
        """As a root to believe in."""
        self._hand(InstallRoot("job", RootUse.MANUFACTURER, given.decode(errors="replace")))

    def _hand(self, errand: CertificateErrand) -> None:
        if not self._state.exists():
            shutil.copytree(self._whole, self._state)
        store = CertificateStore(self._state, STATION, self._now_ms)
        before = store.held()
        with swapped(certificates, openssl=self._notary):
            done = store.perform(errand)
        assert len(done.text) < 300, done.text
        if done.outcome is Outcome.DONE:
            own = {own.name for own in store.held().own}
            assert own <= {self._leaf}, "another certificate than the one that was made for us"
            shutil.rmtree(self._state)
        else:
            assert store.held() == before, f"{done.text}, and yet something was kept"


def flight(version: ssl.TLSVersion) -> bytes:
    """What a good server says to the first words of a client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTS / "localhost.pem")
    context.maximum_version = version
    client = ssl.create_default_context(cafile=str(CERTS / "ca.pem"))
    told, heard, hers = ssl.MemoryBIO(), ssl.MemoryBIO(), ssl.MemoryBIO()
    asks = client.wrap_bio(hers, told, server_hostname="localhost")
    answers = context.wrap_bio(told, heard, server_side=True)
    for side in (asks, answers):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    return heard.read()


def certificate_doors(folder: Path) -> tuple[Door, ...]:
    """All of them."""
    handed = Handed(folder)
    seeds = (handed.chain, handed.chain * 3, handed.forged, handed.strangers + handed.chain, handed.strangers)
    flights = tuple(flight(version) for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3))
    peer = Peer(lambda given: given, secure=str(CERTS / "ca.pem"))
    return (
        Door("signed chains", seeds, handed.taken, (), PEM_WORDS, dear=3),
        Door("roots over OCPP", seeds, handed.installed, (), PEM_WORDS, dear=3),
        Door("TLS", (*flights, *ALERTS, b"HTTP/1.1 400 Bad Request\r\n\r\n", b""), peer.enter, (), RECORDS, dear=2),
    )
