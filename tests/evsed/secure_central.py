"""A central system behind TLS on loopback, in threads: it shows the certificate that it is told to, looks at those of
stations, and answers just enough.
"""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime

from websockets.sync.server import ServerConnection

from tests.evsed.ocpp.pki import Certificate
from tests.evsed.threaded_central import Payload, ThreadedCentral


class SecureCentral(ThreadedCentral):
    """`shown` are the serial numbers of the stations' certificates, one a connection, "" for none."""

    def __init__(self, certificate: Certificate, clients: Certificate) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.verify_mode = ssl.CERT_OPTIONAL
        self._tls.load_verify_locations(clients.alone)
        self._tls.load_cert_chain(certificate.path)
        super().__init__(self._tls)
        self.shown: list[str] = []

    @property
    def url(self) -> str:
        """With the name that the certificates bear."""
        return f"wss://localhost:{self.port}"

    def present(self, certificate: Certificate) -> None:
        """Show this one from the next connection on."""
        self._tls.load_cert_chain(certificate.path)

    def met(self, line: ServerConnection) -> None:
        assert isinstance(line.socket, ssl.SSLSocket)
        seen: Payload = line.socket.getpeercert() or {}
        self.shown.append(seen.get("serialNumber", ""))

    def answer(self, id: str, action: str) -> str:
        return json.dumps([3, id, _answer(action)])


def _answer(action: str) -> Payload:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    answers: dict[str, Payload] = {
        "BootNotification": {"status": "Accepted", "currentTime": now, "interval": 3_600},
        "Heartbeat": {"currentTime": now},
        "SignCertificate": {"status": "Accepted"},
    }
    return answers.get(action, {})
