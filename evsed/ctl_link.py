"""The near end of evsed's control socket, as evsectl holds it.

Rules this file upholds: whatever goes wrong is one sentence for the person at the shell, and nobody waits for ever.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

PATIENCE_S = 30  # evsed answers within 25 s
READING_S = 4  # what it has at hand
MOST_ANSWER = 4_000_000


class Trouble(Exception):
    """It can't be done; the text is one sentence for the person at the shell."""


class Control:
    """A connection to the control socket of evsed. Use it in a `with` block; raises Trouble."""

    def __init__(self, path: str, patience_s: float = PATIENCE_S) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(patience_s)
        try:
            self._socket.connect(path)
        except PermissionError:
            self._socket.close()
            raise Trouble(f"You may not use {path}; become a member of its group, or ask with sudo.") from None
        except OSError as refused:
            self._socket.close()
            raise Trouble(
                f"Nobody answers at {path} ({refused.strerror or refused}); start evsed, or name its socket with "
                "--control-socket or EVSED_CONTROL."
            ) from None
        self._lines = self._socket.makefile("rb")

    def __enter__(self) -> Control:
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self._socket.close()

    def ask(self, do: str, **details: object) -> dict[str, Any]:
        """The answer to one question; details that are None are left out."""
        said = {"do": do, **{name: value for name, value in details.items() if value is not None}}
        try:
            self._socket.sendall(json.dumps(said).encode() + b"\n")
        except OSError as broken:
            raise self._lost(broken) from None
        return self._hear()

    def watch(self) -> Iterator[dict[str, Any]]:
        """The status now and at each change, for ever."""
        told = self.ask("watch")
        while True:
            if "status" not in told:
                raise self._stranger()
            yield told["status"]
            told = self._hear()

    def _hear(self) -> dict[str, Any]:
        try:
            line = self._lines.readline(MOST_ANSWER)
        except OSError as broken:
            raise self._lost(broken) from None
        if not line.endswith(b"\n"):
            raise Trouble(f"evsed at {self._path} hung up; its log says why, or it restarts: try again.")
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise self._stranger()
        if "error" in answer:
            raise Trouble(str(answer["error"]))
        return answer

    def _stranger(self) -> Trouble:
        return Trouble(f"What answers at {self._path} is not evsed; check --control-socket or EVSED_CONTROL.")

    def _lost(self, error: OSError) -> Trouble:
        if isinstance(error, TimeoutError):
            return Trouble(f"evsed at {self._path} does not answer; look at 'systemctl status evsed'.")
        return Trouble(f"The connection to evsed at {self._path} broke ({error.strerror or error}); try again.")
