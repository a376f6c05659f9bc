"""evse-hal seen from evsed: the contract's messages over its Unix seqpacket socket.

Rules this file upholds:
- The only place of evsed, beside site.py, that knows the contract of hal.
- A silent, refusing or garbled hal is a `HalSilent` with one sentence, never a traceback.
"""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

from hal.contract import (
    MAX_DATAGRAM,
    ContractViolation,
    SimAnswer,
    SimOrder,
    Snapshot,
    Update,
    decode_request,
    decode_update,
    encode,
)

PATIENCE = 1_000
"""Snapshots that may come before an answer; with an edge in each tick these are 10 s."""


class HalSilent(Exception):
    """evse-hal can't be asked; the text says why and what to do."""


class HalClient:
    """A blocking connection to evse-hal for people's tools, which hold no lease."""

    def __init__(self, path: str, timeout_s: float = 3.0) -> None:
        self._path = path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.settimeout(timeout_s)
        try:
            self._socket.connect(path)
        except PermissionError:
            self._socket.close()
            raise HalSilent(f"You may not use {path}; become a member of its group, or ask with sudo.") from None
        except OSError as refused:
            self._socket.close()
            raise HalSilent(
                f"Nobody answers at {path} ({refused.strerror or refused}); start evse-hal, or name its socket "
                "with --hal or EVSE_HAL_SOCKET."
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def sim(self, evse: int, words: tuple[str, ...]) -> SimAnswer:
        """Give the simulated plant an order and wait for its answer. Raises HalSilent."""
        order = SimOrder(evse=evse, words=words)
        try:
            decode_request(encode(order))
        except ContractViolation as wrong:
            raise HalSilent(f"This order can't be sent ({wrong}); see 'evsectl sim --help'.") from None
        try:
            self._socket.send(encode(order))
        except OSError as broken:
            raise self._lost(broken) from None
        for _ in range(PATIENCE):
            if isinstance(update := self._receive(), SimAnswer):
                return update
        raise HalSilent(f"evse-hal at {self._path} gives no answer to this; look at its log.")

    def snapshot(self) -> Snapshot:
        """The next snapshot; hal sends one at least each second. Raises HalSilent."""
        while not isinstance(update := self._receive(), Snapshot):
            pass
        return update

    def _receive(self) -> Update:
        try:
            datagram = self._socket.recv(MAX_DATAGRAM + 1)
        except OSError as broken:
            raise self._lost(broken) from None
        if not datagram:
            raise HalSilent(f"evse-hal at {self._path} hung up; its log says why.")
        try:
            return decode_update(datagram)
        except ContractViolation as garbled:
            raise HalSilent(f"evse-hal at {self._path} speaks another contract ({garbled}); restart both.") from None

    def _lost(self, error: OSError) -> HalSilent:
        if isinstance(error, TimeoutError):
            return HalSilent(f"evse-hal at {self._path} does not answer; look at 'systemctl status evse-hal'.")
        return HalSilent(f"The connection to evse-hal at {self._path} broke ({error.strerror or error}); try again.")
