"""The simulated plant of a board: everything outside the software of a wallbox, driven by the caller's clock.

Rules this file upholds:
- It offers the same protocols as a real board, and nothing in it knows the software that it tests.
- Faults are things that break in this world; none is a switch in the software.
- A quiet `advance` is one comparison.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from random import Random
from threading import Thread

from hal.drivers.meter_model import Model, load_model
from hal.drivers.protocols import Meter, NoReading, Parts, Reader
from hal.drivers.register_meter import RegisterMeter
from hal.sim.agenda import MS, Agenda
from hal.sim.battery import PJ_PER_WH
from hal.sim.bay import Bay
from hal.sim.commands import obey
from hal.sim.contact import SimInput
from hal.sim.eeprom import Eeprom
from hal.sim.meter import START_WH, WIRE_FAULTS, SimMeter
from hal.sim.power import GATE_MS
from hal.sim.pty_line import PtyLine
from hal.sim.rtu_slave import RtuSlave
from hal.sim.thermometer import SimThermometer

MODEL = "sdm630"


class Plant:
    """`evses` outlets, each a socket with a bolt or a fixed cable; the same seed gives the same world.
    `warm` are the places that have a thermometer, and the outlets near it; `wired` are contacts, and their outlets.

    In the folder `keep`, if there is one, the meters keep their registers from one process to the next.
    """

    def __init__(
        self,
        evses: int,
        socket: bool,
        seed: int = 0,
        start_wh: int = START_WH,
        keep: Path | None = None,
        gate_ms: int = GATE_MS,
        warm: Sequence[tuple[str, Collection[int]]] = (),
        wired: Sequence[tuple[str, Collection[int]]] = (),
    ) -> None:
        self._agenda = Agenda()
        random = Random(seed)  # noqa: S311  a repeatable world, no secret
        start_pj = start_wh * PJ_PER_WH
        self.bays: dict[int, Bay] = {}
        for evse in range(1, evses + 1):
            eeprom = Eeprom(keep / f"simulated-meter-{evse}" if keep else None, start_pj)
            self.bays[evse] = Bay(self._agenda, random, socket, eeprom, gate_ms)
        self.thermometers = [SimThermometer() for _ in warm]
        for thermometer, (place, near) in zip(self.thermometers, warm, strict=True):
            for evse in near:
                self.bays[evse].thermometers[place] = thermometer
        self.inputs = [SimInput() for _ in wired]
        for contact, (means, near) in zip(self.inputs, wired, strict=True):
            for evse in near:
                self.bays[evse].inputs[means] = contact
        self._lines: dict[tuple[int, str, int], PtyLine] = {}

    def parts(self, evse: int) -> Parts:
        """The parts that the tick drives."""
        return self.bays[evse].parts()

    def advance(self, now_ms: int) -> None:
        """Let the world go on until `now_ms`. A gate that gets no beats meanwhile drops on its way."""
        self._agenda.run(now_ms * MS)

    def skip(self, until_ms: int) -> int:
        """As `advance`, for a clock that leaves out quiet ticks: open gates are fed meanwhile, as those ticks would
        have done. Ends early with the first change that a tick could notice; the answer is the time it came to, in ms.
        """
        return -(-self._agenda.skip(until_ms * MS, self._feed) // MS)

    def next_change_ms(self, now_ms: int) -> int | None:
        """When something that a tick could notice will next happen by itself, not before `now_ms`; None = never.

        The drop of a gate without beats is not counted: `skip` feeds it, and real ticks do.
        """
        due_us = self._agenda.next_seen_us()
        return None if due_us is None else max(now_ms, -(-due_us // MS))

    def order(self, evse: int, words: tuple[str, ...]) -> tuple[bool, str]:
        """Do what a person says, see `commands`: whether it was done, and one sentence."""
        if evse not in self.bays:
            return False, f"there is no outlet {evse}; this board has {len(self.bays)}"
        with self._agenda.lock:
            return obey(self.bays[evse], words)

    def reader(self, evse: int) -> Reader:
        """The card reader of an outlet."""
        return self.bays[evse].reader

    def meter_port(self, evse: int, model: str = MODEL, address: int = 1, baud: int | None = None) -> str:
        """The port of a pseudo-terminal where the outlet's meter answers as that model, from the first call on.

        With a `baud` its bytes come as slowly as on such a line. Raises ModelError.
        """
        key = (evse, model, address)
        if key not in self._lines:
            line = PtyLine(RtuSlave(self.bays[evse].meter, load_model(model), address).hear, baud)
            Thread(target=line.serve, name=f"simulated meter {evse}", daemon=True).start()
            self._lines[key] = line
        return self._lines[key].path

    def meter_values(self, evse: int, model: str = MODEL) -> Meter:
        """The outlet's meter without a line, in the plant's own time: same tables, same doubts. Raises ModelError."""
        table = load_model(model)
        return RegisterMeter(table, _NoLine(self.bays[evse].meter, table), lambda: self._agenda.now_us // MS)

    def close(self) -> None:
        """End the simulated meters' threads; their ports are gone."""
        for line in self._lines.values():
            line.stop()
        self._lines.clear()

    def _feed(self, until_us: int) -> None:
        for bay in self.bays.values():
            bay.gate.feed(until_us)


class _NoLine:
    """The `Registers` of a simulated meter, without a wire between."""

    def __init__(self, meter: SimMeter, model: Model) -> None:
        self._meter = meter
        self._model = model

    def read(self, function: int, address: int, count: int) -> Sequence[int]:
        """Look them up; a fault of the wire is no answer."""
        broken = self._meter.faults & WIRE_FAULTS
        if broken:
            raise NoReading(f"no usable answer: {', '.join(sorted(broken))}")
        image = self._meter.registers(self._model)
        return [image.get(at, 0) for at in range(address, address + count)]

    def close(self) -> None:
        """Nothing to give back."""
