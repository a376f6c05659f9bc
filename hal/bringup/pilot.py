"""Steps of the control pilot: both ends of its swing, the PWM, and the levels that a car's resistors make.

Figures: ±12 V ±5 % behind 1 kΩ. The car's resistors stand behind a diode: 2.74 kΩ (B), with 1.3 kΩ beside it (C).
With their least and greatest values a wallbox must still classify rightly.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hal.bringup.bench import Bench, Volts
from hal.bringup.findings import Finding, judged, skipped
from hal.bringup.person import Person
from hal.contract import PLUGGED, Cp
from hal.iec61851 import X1, F, Trouble, duty_permille

LEAST_V, GREATEST_V = 11.4, 12.6
RIPPLE_V = 0.3  # of a level that nothing changes
DIODE_V = 0.7
SOURCE_OHMS = 1_000
TOLERANCE_V = 0.4  # of the diode, the 970–1030 Ω of the source and of the resistors at hand
TRY_MA = 16_000


class _Load(NamedTuple):
    """One resistor between pilot and earth; `ohms` is what its parts make together."""

    name: str
    parts: str
    ohms: int
    letter: Cp


LOADS = (
    _Load("B", "2.74 kΩ", 2_740, Cp.B),
    _Load("C", "2.74 kΩ and beside it 1.3 kΩ", 882, Cp.C),
    _Load("B, least", "1.87 kΩ", 1_870, Cp.B),
    _Load("B, greatest", "4.61 kΩ", 4_610, Cp.B),
    _Load("C, least", "1.87 kΩ and beside it 909 Ω", 612, Cp.C),
    _Load("C, greatest", "4.61 kΩ and beside it 1723 Ω", 1_254, Cp.C),
)


def swing(bench: Bench, person: Person) -> Iterator[Finding]:
    """Nothing is connected: +12 V, −12 V, and a PWM between them."""
    freed = person.do("Take off everything from the pilot: no car, no resistor.", ("load", "open"))
    at_x1 = bench.volts(X1)
    if not freed and bench.letter(at_x1).cp in PLUGGED:  # some cars never forgive an F
        yield skipped("pilot at both ends and with PWM", "±12 V", "a car or a load is on it")
        return
    yield _end(at_x1, 1)
    yield _end(bench.volts(F), -1)
    yield from _pwm(bench)
    bench.drive(X1)


def _end(volts: Volts, sign: int) -> Finding:
    """One end of the swing, held constant."""
    name = "+12 V" if sign > 0 else "−12 V (state F)"
    at = volts.high
    good = LEAST_V <= sign * at <= GREATEST_V and volts.spread <= RIPPLE_V and volts.fresh > 1
    mark = "+" if sign > 0 else "−"
    expected = f"{mark}{LEAST_V} to {mark}{GREATEST_V} V, ripple at most {RIPPLE_V} V"
    return judged(f"pilot at {name}", expected, _words(volts), good, _why_end(volts, sign))


def _why_end(volts: Volts, sign: int) -> str:
    at = volts.high
    if volts.fresh <= 1:
        return "the converter gives no new measurement: its wiring, its supply, or its bus"
    if sign < 0 and at > 5:
        return (
            "the line does not follow its driver, or the converter looks at another line: PWM pin and converter input"
        )
    if abs(at) < 2:
        nothing = "no −12 V supply" if sign < 0 else "no +12 V supply"
        return f"{nothing}, the pilot is shorted to earth, or the converter's input is open"
    if volts.spread > RIPPLE_V:
        return "the level is noisy: filter and earth of the converter, its reference, the supply of the pilot"
    return "supply of the pilot or the calibration in the board file (two codes and their volts)"


def _pwm(bench: Bench) -> Iterator[Finding]:
    """Both plateaus at the ends of the duty cycle and between."""
    for ma in sorted({6_000, min(TRY_MA, bench.outlet.board_ma), min(51_000, bench.outlet.board_ma)}):
        permille = duty_permille(ma)
        volts = bench.volts(permille)
        good = LEAST_V <= volts.high <= GREATEST_V and LEAST_V <= -volts.low <= GREATEST_V
        good = good and volts.spread <= 2 * RIPPLE_V
        yield judged(
            f"PWM {permille / 10:.1f} % ({ma // 1_000} A)",
            f"plateaus +{LEAST_V} to +{GREATEST_V} and −{LEAST_V} to −{GREATEST_V} V",
            _words(volts),
            good,
            _why_pwm(volts),
        )


def _why_pwm(volts: Volts) -> str:
    if volts.high - volts.low < 2:
        return "one level only: the PWM does not reach the pilot; its pin, its overlay in config.txt"
    if volts.low > -5:
        return "the negative half is missing: the −12 V supply of the pilot's driver"
    return "the plateaus are not flat: a slow driver, too much capacitance, or a converter that samples the edges"


def frequency(bench: Bench, person: Person) -> Iterator[Finding]:
    """What no driver can know: how fast the PWM really is."""
    what, expected = "PWM frequency, by a meter", "980 to 1020 Hz"
    bench.drive(duty_permille(TRY_MA))
    seen = person.sees(f"Does a frequency meter on the pilot show {expected}?", "pilot at 1000 Hz")
    bench.drive(X1)
    if seen is None:
        yield skipped(what, expected, "no meter at hand")
    else:
        yield judged(what, expected, "as expected" if seen else "another", seen, _FREQUENCY)


_FREQUENCY = "kernel and overlay: older kernels of the Pi 4 run the PWM 7 % too fast; update them"


def levels(bench: Bench, person: Person) -> Iterator[Finding]:
    """What a car's resistors make of the levels, and what a missing diode and a short do."""
    for load in LOADS:
        made = person.do(f"Connect {load.parts} behind a diode between pilot and earth.", ("load", str(load.ohms)))
        yield _level(bench, load) if made else skipped(f"state {load.name}", _expected(load), "not at hand")
    yield from _without_diode(bench, person)
    yield from _short(bench, person)
    person.do("Take off everything from the pilot again.", ("load", "open"))
    bench.drive(X1)


def _volts_of(load: _Load) -> float:
    return DIODE_V + (12 - DIODE_V) * load.ohms / (load.ohms + SOURCE_OHMS)


def _expected(load: _Load) -> str:
    return f"{_volts_of(load):.1f} ± {TOLERANCE_V} V, state {load.letter}, diode seen"


def _level(bench: Bench, load: _Load) -> Finding:
    volts = bench.volts(duty_permille(TRY_MA))
    level = bench.letter(volts, load.letter)
    near = abs(volts.high - _volts_of(load)) <= TOLERANCE_V
    good = near and level.cp is load.letter and level.diode
    measured = f"{_words(volts)}, state {level.cp}, diode {'seen' if level.diode else 'not seen'}"
    return judged(f"state {load.name}", _expected(load), measured, good, _why_level(volts))


def _why_level(volts: Volts) -> str:
    if volts.high > LEAST_V:
        return "the resistor is not seen: the pilot wire or the earth wire to the plug is broken"
    if abs(volts.high) < 2:
        return "the pilot is shorted to earth"
    return "the 1 kΩ in series with the pilot, the calibration in the board file, or the resistor that was connected"


def _without_diode(bench: Bench, person: Person) -> Iterator[Finding]:
    """A car without a diode must be noticed."""
    what, expected = "2.74 kΩ without a diode", "noticed as a missing diode"
    if not person.do("Connect 2.74 kΩ without a diode.", ("load", "2740", "--no-diode")):
        yield skipped(what, expected, "not at hand")
        return
    volts = bench.volts(duty_permille(TRY_MA))
    good = bench.letter(volts).trouble is Trouble.DIODE
    yield judged(
        what, expected, _words(volts), good, "the negative plateau: −12 V supply, or the converter's calibration"
    )


def _short(bench: Bench, person: Person) -> Iterator[Finding]:
    """A pilot shorted to earth must be noticed (IEC 61851-1 A.4.9 shorts it with 80 Ω)."""
    what, expected = "80 Ω instead of a car", "state E"
    if not person.do("Connect 80 Ω between pilot and earth, without a diode.", ("load", "80", "--no-diode")):
        yield skipped(what, expected, "not at hand")
        return
    volts = bench.volts(duty_permille(TRY_MA))
    letter = bench.letter(volts).cp
    yield judged(what, expected, f"{_words(volts)}, state {letter}", letter is Cp.E, _why_level(volts))


def _words(volts: Volts) -> str:
    if volts.fresh <= 1:
        return "no new measurement"
    if abs(volts.high - volts.low) < 1:
        return f"{volts.high:+.2f} V".replace("-", "−")
    return f"{volts.high:+.2f} and {volts.low:+.2f} V".replace("-", "−")
