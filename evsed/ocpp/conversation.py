"""One open connection: frames in, frames out, pings, and the deadline of the open call.

Rules this file upholds:
- Nothing waits for the peer: what it does not take at once lies in the socket's buffer, and when that holds
  MOST_UNREAD bytes the connection ends.
- Who asks too much is left waiting: what is not read yet fills the socket, and then the peer can't send.
- It ends when the connection does, and says why. When evsed ends, the peer hears so before it does (RFC 6455 §7.4.1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from websockets.asyncio.client import ClientConnection
from websockets.asyncio.connection import broadcast
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from evsed.core.events import Event
from evsed.ocpp.causes import why_closed
from evsed.ocpp.exchange import Exchange, Output

MOST_UNREAD = 1_048_576

Sleep = Callable[[float], Awaitable[None]]


async def rest(sleep: Sleep, seconds: float, woken: Awaitable[object]) -> None:
    """Wait for `seconds`, or until `woken` comes."""
    waits = {asyncio.ensure_future(sleep(seconds)), asyncio.ensure_future(woken)}
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


class Conversation:
    """Drives `exchange` over `connection`; `deliver` takes its events. `ping_s` 0 = no pings."""

    def __init__(
        self,
        connection: ClientConnection,
        exchange: Exchange,
        clock_ms: Callable[[], int],
        deliver: Callable[[Event], None],
        *,
        sleep: Sleep,
        ping_s: int,
        pong_s: float,
    ) -> None:
        self._connection = connection
        self._exchange = exchange
        self._clock_ms = clock_ms
        self._deliver = deliver
        self._sleep = sleep
        self._ping_s, self._pong_s = ping_s, pong_s
        self._ping_changed = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._why = ""

    async def run(self, chain: tuple[str, ...]) -> None:
        """Until the connection ends, which relies on the certificates of the chain. The core hears of both ends."""
        self.emit(self._exchange.opened(self._clock_ms(), chain))
        try:
            async with asyncio.TaskGroup() as group:
                probe = group.create_task(self._probe())
                await self._read()
                probe.cancel()
        except asyncio.CancelledError:
            await self._part()
            raise
        finally:
            self._connection.transport.abort()
            if self._timer is not None:
                self._timer.cancel()
            self.emit(self._exchange.closed(self._clock_ms(), self._why))

    @property
    def why(self) -> str:
        """Why it ended."""
        return self._why

    def emit(self, output: Output) -> None:
        """Do what a step of the exchange led to."""
        for frame in output.frames:
            self._write(frame)
        for event in output.events:
            self._deliver(event)
        self._set_timer()

    def ping_every(self, seconds: int) -> None:
        """From now on."""
        self._ping_s = seconds
        self._ping_changed.set()

    def hang_up(self, why: str) -> None:
        """End it at once, without asking the peer."""
        self._why = self._why or why
        self._connection.transport.abort()

    async def close(self) -> None:
        """End it politely, within the time that closing may take."""
        self._why = self._why or "evsed closed it"
        await self._connection.close(1001)

    async def _part(self) -> None:
        """evsed ends: the frame that says so goes out, and nobody is waited for."""
        farewell = asyncio.ensure_future(self._connection.close(1001))
        await asyncio.sleep(0)
        farewell.cancel()

    async def _read(self) -> None:
        try:
            while True:
                output = self._exchange.receive(await self._connection.recv(), self._clock_ms())
                self.emit(output)
                if output.events:
                    await asyncio.sleep(0)  # the core has its turn before the next frame of a flood
                if rest_ms := self._exchange.rest_ms(self._clock_ms()):
                    await rest(self._sleep, rest_ms / 1_000, self._connection.wait_closed())
        except ConnectionClosed as closed:
            self._why = self._why or why_closed(closed)

    async def _probe(self) -> None:
        while True:
            self._ping_changed.clear()
            if self._ping_s <= 0:
                await self._ping_changed.wait()
                continue
            await rest(self._sleep, self._ping_s, self._ping_changed.wait())
            if self._ping_changed.is_set():
                continue
            try:
                async with asyncio.timeout(self._pong_s):
                    await (await self._connection.ping())
            except TimeoutError:
                self.hang_up(f"no answer to a ping within {self._pong_s:g} s")
            except ConnectionClosed:
                return

    def _write(self, frame: str) -> None:
        if self._connection.state is not State.OPEN:
            return  # its end is on its way to `_read`
        broadcast((self._connection,), frame)  # the one way to send that does not wait
        if self._connection.transport.get_write_buffer_size() > MOST_UNREAD:
            self.hang_up("the central system does not take what is sent to it")

    def _set_timer(self) -> None:
        """One timer, never later than the deadline; an early one only looks again."""
        deadline_ms = self._exchange.next_deadline()
        if deadline_ms is None:
            return
        loop = asyncio.get_running_loop()
        at = loop.time() + max(1, deadline_ms - self._clock_ms()) / 1_000
        if self._timer is None or self._timer.when() > at:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = loop.call_at(at, self._time_is_up)

    def _time_is_up(self) -> None:
        self._timer = None
        self.emit(self._exchange.tick(self._clock_ms()))
