"""Who is on a serial line: find devices by address and speed, and say which tables read them sensibly.

Rules this file upholds:
- How long a scan takes where nobody answers is told before it begins: each address costs two short questions a setting
  of the line. Who answers is then tried with every table.
- An exception is an answer too: somebody is there.
- A table is named only if all it needs is there and plausible, and a line voltage or a frequency shows that it fits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from hal.contract import MeterReading
from hal.drivers.meter_model import Model, Quantity, known_models, load_model, quantities
from hal.drivers.protocols import NoReading
from hal.drivers.register_meter import Registers, decode, fetch, interpret
from hal.drivers.rtu_line import Line, LineMeter, Patience
from hal.drivers.trust import implausible

SETTINGS = ((9_600, "N"), (9_600, "E"), (19_200, "N"), (19_200, "E"), (2_400, "N"))
PROBES = ((4, 0, 2), (3, 0, 2))  # voltages of most; any other device refuses at least one of them in words
PROBE = Patience(answer_ms=120, late_ms=40, gap_ms=5)  # a meter thinks 40 ms, an adapter on USB another 16
LOOK = Patience(answer_ms=500, late_ms=100, gap_ms=100)
MAINS_MV, MAINS_MHZ = range(80_000, 290_001), range(45_000, 65_001)


class Found(NamedTuple):
    """A device that answered, and how the line was set."""

    address: int
    baud: int
    parity: str


class Fit(NamedTuple):
    """A table that reads a device sensibly, and what it read. `known`: its identity register says so too."""

    model: str
    reading: MeterReading
    known: bool


def longest_s(addresses: Sequence[int], settings: Sequence[tuple[int, str]]) -> int:
    """How long a scan takes where nobody is there, in seconds."""
    each_s = sum(len(PROBES) * ((PROBE.answer_ms + PROBE.late_ms) / 1_000 + 8 * 11 / baud) for baud, _ in settings)
    return round(len(addresses) * each_s)


def scan(
    port: str, addresses: Sequence[int], settings: Sequence[tuple[int, str]], progress: Callable[[int, str, int], None]
) -> Iterator[tuple[Found, Line]]:
    """All who answer, with the line to ask them more; `progress` hears of each address before it is asked.

    Raises NoReading where the port itself is broken.
    """
    left = list(addresses)
    for baud, parity in settings:
        line = Line(port, baud, parity)
        try:
            for address in tuple(left):
                progress(baud, parity, address)
                if any(_answers(line, address, probe) for probe in PROBES):
                    left.remove(address)  # a device has one speed
                    yield Found(address, baud, parity), line
        finally:
            line.close()


def _answers(line: Line, address: int, probe: tuple[int, int, int]) -> bool:
    """Whether anybody there says something whole. Raises NoReading where the port itself is broken."""
    try:
        line.ask(address, *probe, PROBE)
    except NoReading as why:
        if str(why).startswith(line.port):
            raise
        return "refuses with exception" in str(why) or "answer to another question" in str(why)
    return True


def fits(registers: Registers) -> list[Fit]:
    """Which tables read this device sensibly, the richest first."""
    found = []
    for name in known_models():
        model = load_model(name)
        try:
            reading = interpret(quantities(model), fetch(model, registers, 0), model.order, 0)
        except NoReading:
            continue
        if implausible(reading, model.bounds) is None and _is_of_mains(reading):
            found.append(Fit(name, reading, _identified(model, registers)))
    return sorted(found, key=lambda fit: (fit.known, _richness(fit.reading)), reverse=True)


def _is_of_mains(reading: MeterReading) -> bool:
    """Whether it shows mains, so that it isn't zeros by chance."""
    on_mains = [mv in MAINS_MV for mv in reading.voltage_mv[:1]]
    if reading.frequency_mhz:
        on_mains.append(reading.frequency_mhz in MAINS_MHZ)
    return bool(on_mains) and all(on_mains)


def _richness(reading: MeterReading) -> int:
    """How much of a device a table explains."""
    shown = (reading.frequency_mhz, reading.power_factor_permille, reading.export_wh)
    return len(reading.voltage_mv) + len(reading.phase_power_w) + sum(number is not None for number in shown)


def _identified(model: Model, registers: Registers) -> bool:
    """Whether the device names itself as one of this table."""
    identity = model.identity
    if identity is None:
        return False
    try:
        return decode(registers.read(identity.function, identity.at, 1), identity.type, model.order) in identity.codes
    except NoReading:
        return False


def serial_number(model: Model, registers: Registers) -> int | None:
    """What the device says, where its model tells one."""
    register = model.serial_number
    if register is None:
        return None
    try:
        words = registers.read(register.function, register.at, int(register.type[1:]) // 16)
        number = decode(words, register.type, model.order)
    except NoReading:
        return None
    return None if number is None else int(number)


def swapped_words(model: Model, wanted: Sequence[Quantity], blocks: Sequence[Sequence[int]]) -> bool:
    """Whether the registers make sense only with the words of each number in the other order."""
    other = "low-first" if model.order == "high-first" else "high-first"
    try:
        reading = interpret(wanted, blocks, other, 0)
    except NoReading:
        return False
    return implausible(reading, model.bounds) is None and _is_of_mains(reading)


def at(line: Line, address: int) -> LineMeter:
    """The registers of one device on a line of the scan's own."""
    return LineMeter(line, address, LOOK)
