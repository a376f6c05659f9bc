"""evse-hal seen from evsed: the contract's messages over its Unix seqpacket socket.

Rules this file upholds:
- With edges.py and site.py the only places of evsed that know the contract of hal.
- Whoever answers at the path of the socket is hal: the folder, which only its user may write, says who that is.
- A silent, refusing or garbled hal is a `HalSilent` with one sentence for a tool, never a traceback.
- A datagram that can't be read is counted and dropped; it is no sign of life. The log tells when that begins and ends.
- A lease is renewed only while the loop decides: one that hangs must not hold a charge for ever.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from evsed.core.effects import Demand, Shine
from evsed.core.events import Event
from evsed.edges import HalView, lease
from hal.contract import (
    MAX_DATAGRAM,
    MAX_EVSES,
    RENEW_MS,
    ClearFaults,
    ContractViolation,
    Request,
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


SILENT_S = 3.0
RETRY_S = 0.5
NOT_RENEWED = "! the loop that decides hangs, in a commit if the disk is slow: the leases are left to run out"
RENEWED = "= the loop decides again: the leases are renewed"


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
                "with --hal-socket or EVSE_HAL_SOCKET."
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
        except ContractViolation:
            raise HalSilent(
                f"This order can't be sent: outlets are 1 to {MAX_EVSES}, and an order has at most 8 words of 64 "
                "characters; see 'evsectl sim --help'."
            ) from None
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


class HalLink:
    """evsed's own connection: demands become leases that are renewed, snapshots become events.

    `decides` says whether the loop that made the demands is alive; `note` takes a line for the log.
    """

    def __init__(
        self,
        path: str,
        deliver: Callable[[Event], None],
        clock_ms: Callable[[], int],
        *,
        decides: Callable[[], bool],
        note: Callable[[str], None],
    ) -> None:
        self._path = path
        self._clock_ms = clock_ms
        self._decides, self._note = decides, note
        self._socket: socket.socket | None = None
        self._demands: dict[int, Demand] = {}
        self._shines: dict[int, Shine] = {}
        self._renews = True
        self._garbled_ms: int | None = None
        self.garbled = 0
        self.since_ms = clock_ms()
        self.view = HalView(deliver, self.since_ms)

    async def run(self) -> None:
        """Connect, listen, and connect again, for ever."""
        while True:
            try:
                await self._session()
            except (OSError, TimeoutError):
                pass  # told as HalDown below
            finally:
                self._hang_up()
            self._went()
            await asyncio.sleep(RETRY_S)

    def demand(self, demand: Demand) -> None:
        """What hal is to be allowed from now on."""
        self._demands[demand.evse] = demand
        self._send_lease(demand)

    def shine(self, shine: Shine) -> None:
        """What is to be shown from now on; it goes with the lease, and at once where there is one."""
        self._shines[shine.evse] = shine
        if (demand := self._demands.get(shine.evse)) is not None and self._renews:
            self._send_lease(demand)

    def clear_faults(self, evse: int) -> None:
        """A person acknowledges the faults of an outlet."""
        self._send(ClearFaults(evse))

    def renew(self) -> None:
        """Send every lease again, unless nobody decides on them any more."""
        if self._decides() is not self._renews:
            self._renews = not self._renews
            self._note(RENEWED if self._renews else NOT_RENEWED)
        if not self._renews:
            return
        for demand in self._demands.values():
            self._send_lease(demand)

    async def _session(self) -> None:
        loop = asyncio.get_running_loop()
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        connection.setblocking(False)
        self._socket = connection
        await loop.sock_connect(connection, self._path)
        self.renew()
        renewal = loop.create_task(self._renewing())
        try:
            silent_at_s = loop.time() + SILENT_S
            while True:
                async with asyncio.timeout_at(silent_at_s):
                    datagram = await loop.sock_recv(connection, MAX_DATAGRAM + 1)
                if not datagram:
                    return
                if self._understood(datagram):
                    silent_at_s = loop.time() + SILENT_S
        finally:
            renewal.cancel()

    def _understood(self, datagram: bytes) -> bool:
        """Take what hal tells; False if it can't be read."""
        now_ms = self._clock_ms()
        try:
            update = decode_update(datagram)
        except ContractViolation as broken:
            self.garbled += 1
            if self._garbled_ms is None:
                self._note(f"! evse-hal says what can't be read ({broken}): it is dropped; restart both if that lasts")
            self._garbled_ms = now_ms
            return False
        if self._garbled_ms is not None and now_ms - self._garbled_ms >= SILENT_S * 1_000:
            self._garbled_ms = None
            self._note(f"= evse-hal can be read again; {self.garbled} datagrams were dropped since evsed began")
        if isinstance(update, Snapshot):
            self._took(update)
        return True

    async def _renewing(self) -> None:
        while True:
            await asyncio.sleep(RENEW_MS / 1_000)
            self.renew()

    def _took(self, snapshot: Snapshot) -> None:
        if not self.view.up:
            self.since_ms = self._clock_ms()
        self.view.take(snapshot)

    def _went(self) -> None:
        if self.view.up:
            self.since_ms = self._clock_ms()
        self.view.lost()

    def _hang_up(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send_lease(self, demand: Demand) -> None:
        self._send(lease(demand, self._clock_ms(), self._shines.get(demand.evse)))

    def _send(self, request: Request) -> None:
        if self._socket is not None:
            with suppress(OSError):  # the next renewal, or the end of the session, follows within a second
                self._socket.send(encode(request))
