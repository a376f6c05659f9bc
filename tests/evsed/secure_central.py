"""A central system behind TLS on loopback, in threads: it shows the certificate that it is told to, looks at those of
stations, and answers just enough.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from tests.evsed.ocpp.pki import Certificate

PATIENCE_S = 20.0
Payload = dict[str, Any]


class SecureCentral:
    """`shown` are the serial numbers of the stations' certificates, one a connection, "" for none."""

    def __init__(self, certificate: Certificate, clients: Certificate) -> None:
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.verify_mode = ssl.CERT_OPTIONAL
        self._tls.load_verify_locations(clients.alone)
        self._tls.load_cert_chain(certificate.path)
        self._server = serve(
            self._meet, "127.0.0.1", 0, ssl=self._tls, subprotocols=[Subprotocol("ocpp1.6")], compression=None
        )
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._news = threading.Condition()
        self._line: ServerConnection | None = None
        self._ids, self._answers = count(1), dict[str, Payload]()
        self.shown: list[str] = []
        self.heard: list[tuple[str, Payload]] = []

    @property
    def url(self) -> str:
        """With the name that the certificates bear."""
        return f"wss://localhost:{self._server.socket.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self.hang_up()
        self._thread.join()

    def present(self, certificate: Certificate) -> None:
        """Show this one from the next connection on."""
        self._tls.load_cert_chain(certificate.path)

    def hang_up(self) -> None:
        """End the connection, if there is one."""
        with self._news:
            line = self._line
        if line is not None:
            line.close()

    def all(self, action: str) -> list[Payload]:
        """What the station has said with this action, oldest first."""
        with self._news:
            return [payload for said, payload in self.heard if said == action]

    def wait(self, what: str, holds: Callable[[], bool]) -> None:
        """Return as soon as it holds. Raises AssertionError."""
        with self._news:
            assert self._news.wait_for(holds, PATIENCE_S), f"{what} did not come; heard: {self.heard[-5:]}"

    def ask(self, action: str, **payload: object) -> Payload:
        """Send a request; its answer."""
        self.wait("a station", lambda: self._line is not None)
        line, ref = self._line, f"ask-{next(self._ids)}"
        assert line is not None
        line.send(json.dumps([2, ref, action, payload]))
        self.wait(f"the answer to {action}", lambda: ref in self._answers)
        return self._answers[ref]

    def _meet(self, line: ServerConnection) -> None:
        assert isinstance(line.socket, ssl.SSLSocket)
        seen: Payload = line.socket.getpeercert() or {}
        with self._news:
            self.shown.append(seen.get("serialNumber", ""))
            self._line = line
            self._news.notify_all()
        with suppress(ConnectionClosed, OSError):
            for frame in line:
                self._hear(line, json.loads(frame))
        with self._news:
            if self._line is line:
                self._line = None

    def _hear(self, line: ServerConnection, frame: list[Any]) -> None:
        with self._news:
            if frame[0] == 2:
                self.heard.append((frame[2], frame[3]))
                line.send(json.dumps([3, frame[1], _answer(frame[2])]))
            else:
                self._answers[frame[1]] = frame[2] if frame[0] == 3 else {"error": frame[2]}
            self._news.notify_all()


def _answer(action: str) -> Payload:
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    answers: dict[str, Payload] = {
        "BootNotification": {"status": "Accepted", "currentTime": now, "interval": 3_600},
        "Heartbeat": {"currentTime": now},
        "SignCertificate": {"status": "Accepted"},
    }
    return answers.get(action, {})
