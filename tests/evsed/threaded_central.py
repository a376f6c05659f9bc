"""The threads of a small central system on loopback: it meets one station at a time, hears all and asks."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

PATIENCE_S = 20.0
Payload = dict[str, Any]


class ThreadedCentral:
    """`heard` are the station's messages, oldest first. `answer` says what becomes of one."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._server = serve(
            self._meet, "127.0.0.1", 0, ssl=tls, subprotocols=[Subprotocol("ocpp1.6")], compression=None
        )
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._news = threading.Condition()
        self._line: ServerConnection | None = None
        self._ids = count(1)
        self._replies: dict[str, list[Any]] = {}
        self.heard: list[tuple[str, Payload]] = []

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.socket.getsockname()[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self.hang_up()
        self._thread.join()

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

    def say(self, frame: str | bytes) -> None:
        """Send anything to the station, once it is there."""
        self.wait("a station", lambda: self._line is not None)
        assert self._line is not None
        self._line.send(frame)

    def ask(self, action: str, **payload: object) -> Any:
        """Send a request; the payload of its answer, or the code of an error."""
        ref = f"ask-{next(self._ids)}"
        self.say(json.dumps([2, ref, action, payload]))
        self.wait(f"the answer to {action}", lambda: ref in self._replies)
        return self._replies[ref][2]

    def met(self, line: ServerConnection) -> None:
        """A station has connected."""

    def answer(self, id: str, action: str) -> str:
        """The frame that answers a message."""
        raise NotImplementedError

    def _meet(self, line: ServerConnection) -> None:
        with self._news:
            self.met(line)
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
                line.send(self.answer(frame[1], frame[2]))
            else:
                self._replies[frame[1]] = frame
            self._news.notify_all()
