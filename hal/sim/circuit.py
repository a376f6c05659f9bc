"""The control pilot as a circuit: ±12 V behind 1 kΩ, the wire, the car's diode and resistors. Pure.

Levels follow from Ohm's law; no state letter is ever written here. Times are microseconds.
"""

from __future__ import annotations

from math import exp
from typing import NamedTuple

PERIOD_US = 1_000
DIODE_V = 0.7


class Load(NamedTuple):
    """What hangs at the far end of the wire: a resistance to earth (None = open), behind a diode or not."""

    ohms: float | None = None
    diode: bool = True


class Source(NamedTuple):
    """The generator's output stage, the short that may lie across it, and the capacitance of the cable."""

    plus_v: float
    minus_v: float
    ohms: float
    short_ohms: float | None = None
    capacitance_nf: float = 3.1  # the most that generator and cable may have together


class Stretch(NamedTuple):
    """A time during which nothing electrical changed; `permille` is the share of the high level."""

    since_us: int
    until_us: int
    permille: float
    plus: float
    minus: float
    tau_us: float


def parallel(*ohms: float) -> float:
    """Resistors side by side."""
    return 1 / sum(1 / r for r in ohms)


def level(volts: float, source: Source, load: Load) -> float:
    """The wire's level once all capacitances are charged, for one polarity of the generator."""
    ohms = source.ohms
    if source.short_ohms is not None:
        volts *= source.short_ohms / (ohms + source.short_ohms)
        ohms = parallel(ohms, source.short_ohms)
    drop = DIODE_V if load.diode else 0.0
    if load.ohms is None or (load.diode and volts <= drop):
        return volts
    return drop + (volts - drop) * load.ohms / (load.ohms + ohms)


def peaks(stretch: Stretch, phase_us: int) -> tuple[float | None, float | None]:
    """(highest, lowest) plateau that a peak detector finds in the stretch; None where there was no such pulse."""
    width = PERIOD_US * stretch.permille / 1_000
    if width >= PERIOD_US:
        return stretch.plus, stretch.plus
    if width <= 0:
        return stretch.minus, stretch.minus
    high = _longest_pulse(stretch, phase_us, width)
    low = _longest_pulse(stretch, phase_us + width, PERIOD_US - width)
    swing = stretch.plus - stretch.minus
    return (
        stretch.plus - swing * exp(-high / stretch.tau_us) if high > 0 else None,
        stretch.minus + swing * exp(-low / stretch.tau_us) if low > 0 else None,
    )


def _longest_pulse(stretch: Stretch, start_us: float, width_us: float) -> float:
    """How long the longest piece of a pulse inside the stretch is; pulses begin at `start_us` of each period."""
    since, until = stretch.since_us, stretch.until_us
    if until - since >= 2 * PERIOD_US:
        return width_us
    first = int((since - start_us - width_us) // PERIOD_US)
    last = int((until - start_us) // PERIOD_US)
    begins = (k * PERIOD_US + start_us for k in range(first, last + 1))
    return max(min(until, begin + width_us) - max(since, begin) for begin in begins)
