"""A serial line whose devices are pymodbus' own, which shares no code with our driver; and what such lines suffer from.

Between our port and the slaves sits a bridge: it can carry bytes no faster than a baud rate, let the adapter hear
itself, and answer for one address with whatever a test likes.
"""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from select import select
from threading import Event, Thread

from pymodbus.server import ModbusSerialServer
from pymodbus.simulator import DataType, SimData, SimDevice

from hal.drivers.meter_model import load_model
from hal.sim.rtu_slave import Utterance
from tests.hal.drivers.manuals import MANUALS

Rogue = Callable[[bytes], list[Utterance]]


def device(address: int, model: str) -> SimDevice:
    """A meter as its manual has it; registers that it lacks are refused."""
    words = MANUALS[model][2]
    table = load_model(model)
    spans = [(block.at, max(block.counts(table.step))) for block in table.blocks]
    data = [
        SimData(at, values=[words.get(at + n, 0) for n in range(count)], datatype=DataType.REGISTERS)
        for at, count in sorted(spans)
    ]
    return SimDevice(id=address, simdata=data)


class _Pair:
    """A pseudo-terminal."""

    def __init__(self) -> None:
        self.here, self.there = os.openpty()
        tty.setraw(self.there)
        self.path = os.ttyname(self.there)

    def close(self) -> None:
        os.close(self.here)
        os.close(self.there)


class _Bridge:
    """Carries bytes from our port to the slaves and back, until it is closed."""

    def __init__(self, there: set[int], baud: int | None, echo: bool, rogues: Mapping[int, Rogue]) -> None:
        self.ours, self.theirs = _Pair(), _Pair()
        self._character_s = 10 / baud if baud else 0.0
        self._there, self._echo, self._rogues = there, echo, rogues
        self._ended, self._end = os.pipe()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        os.close(self._end)
        self._thread.join()
        for pair in (self.ours, self.theirs):
            pair.close()
        os.close(self._ended)

    def _run(self) -> None:
        while True:
            ready, _, _ = select([self.ours.here, self.theirs.here, self._ended], [], [])
            if self._ended in ready:
                return
            if self.ours.here in ready:
                self._question(os.read(self.ours.here, 4_096))
            if self.theirs.here in ready:
                self._say(os.read(self.theirs.here, 4_096))

    def _question(self, asked: bytes) -> None:
        if self._echo:
            self._say(asked)
        if (rogue := self._rogues.get(asked[0])) is None:
            if asked[0] in self._there:  # pymodbus would refuse for those that are not, and nobody does on a wire
                os.write(self.theirs.here, asked)
            return
        for utterance in rogue(asked):
            self._pause(utterance.delay_ms / 1_000)
            self._say(utterance.data)

    def _say(self, data: bytes) -> None:
        if not self._character_s:
            os.write(self.ours.here, data)
            return
        for byte in data:
            self._pause(self._character_s)
            os.write(self.ours.here, bytes((byte,)))

    def _pause(self, seconds: float) -> None:
        if seconds:
            select([self._ended], [], [], seconds)


@contextmanager
def street(
    *devices: SimDevice, baud: int | None = None, echo: bool = False, rogues: Mapping[int, Rogue] | None = None
) -> Iterator[str]:
    """The path of a port with these devices at its far end."""
    bridge = _Bridge({one.id for one in devices}, baud, echo, rogues or {})
    ready, loop = Event(), asyncio.new_event_loop()
    served: list[ModbusSerialServer] = []

    async def serve() -> None:
        server = ModbusSerialServer(list(devices), port=bridge.theirs.path)
        served.append(server)
        await server.serve_forever(background=True)
        ready.set()
        await server.serving

    thread = Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    ready.wait()
    try:
        yield bridge.ours.path
    finally:
        asyncio.run_coroutine_threadsafe(served[0].shutdown(), loop).result()
        thread.join()
        loop.close()
        bridge.close()
