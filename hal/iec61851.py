"""The control pilot after IEC 61851-1 Annex A: volts → A–F, amperes ↔ duty cycle, and the sequences in time.

Rules this file upholds:
- Pure: no clock, no driver. Times come in as milliseconds; `PilotState.due_ms` says when constant input matters again.
- A level outside C (or an allowed D) counts from its first sample; C counts for closing only after CONFIRM_MS.
- x1 (no offer) is taken at once; a new duty waits until DUTY_SPACING_MS after the last one, downwards too.
- Floats live only here: volts, permille of duty. Currents are integer mA.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from hal.contract import MIN_MA, Cp

X1 = 1000.0  # constant +12 V
F = 0.0  # constant −12 V
FAR_MS = 2**62  # a deadline that never comes

MAX_MA = 80_000
SIMPLIFIED_MA = 10_000  # IEC 61851-1 A.2.3: a car without S2
CONFIRM_MS = 500  # B-C-B toggles hold C for 200–400 ms and mean a signal, not a wish for energy (seq. 11)
SHORT_C_MS = 100  # a shorter C is contact bounce and not reported
DUTY_SPACING_MS = 5_000  # seq. 6
STOP_WAIT_MS = 6_000  # seq. 10.2: under load not opened earlier after x1
FAULT_F_MS = 300  # A.5: F for at least this long after a fault
WAKE_AFTER_MS = 30_000  # A.5.3: asleep in B2 for so long
WAKE_F_MS = 4_000
WAKE_X1_MS = 750
PWM_V = -3.0  # lower at x1, and the PWM still runs; an edge of the car within the window never leads there
SETTLE_MS = 15  # the sample that spans a change of drive proves nothing about the low plateau


class Trouble(Enum):
    """What is wrong with the pilot line beyond its letter."""

    DIODE = "the negative plateau mirrors the positive one"
    BAND = "a plateau lies outside every band"
    DRIVER = "the line does not follow the drive"


class Level(NamedTuple):
    """One classified sample. `diode` = this sample proved the diode of the car by its −12 V plateau."""

    cp: Cp
    trouble: Trouble | None = None
    diode: bool = False


PLAIN = {cp: Level(cp) for cp in Cp}
PROVEN = {cp: Level(cp, diode=True) for cp in Cp}
NO_DIODE = {cp: Level(cp, Trouble.DIODE) for cp in Cp}
OUT_OF_BAND = {cp: Level(cp, Trouble.BAND) for cp in Cp}
DISOBEYED = {cp: Level(cp, Trouble.DRIVER) for cp in Cp}
UNKNOWN = OUT_OF_BAND[Cp.E]


def classify(high: float, low: float, pwm: bool, previous: Level) -> Level:
    """The level of two plateaus in volts; `low` counts only with `pwm`. NaN is out of band."""
    cp = _band(high, previous.cp)
    if cp is None:
        return UNKNOWN
    if not pwm or cp is Cp.E or cp is Cp.F:  # a short behind the diode leaves only the low plateau: E all the same
        return PLAIN[cp]
    if -13.0 <= low <= (-10.0 if previous.diode else -11.0):
        return PROVEN[cp]
    if cp is not Cp.A and abs(high + low) <= 1.2:
        return NO_DIODE[cp]
    return OUT_OF_BAND[cp]


def _band(high: float, was: Cp) -> Cp | None:
    """Table A.4 with its hysteresis: between two bands a level stays what it was when it came from above."""
    if high > 13.0:
        return None
    if high >= 10.0:
        return Cp.A if high >= 11.0 or was is Cp.A else Cp.B
    if high >= 7.0:
        return Cp.B if high >= 8.0 or was is Cp.B or was is Cp.A else Cp.C
    if high >= 4.0:
        return Cp.C if high >= 5.0 or was is Cp.C or was is Cp.B or was is Cp.A else Cp.D
    if high >= 2.0:
        return Cp.D
    if high >= -2.0:
        return Cp.E if high >= -1.0 or was is Cp.E else None
    if -13.0 <= high <= -10.0:
        return Cp.F if high <= -11.0 or was is Cp.F else None
    return None


def duty_permille(ma: int) -> float:
    """The drive that offers `ma`; below 6 A it is x1. The norm has no duty for 51–52.5 A: it offers 51 A there."""
    if ma < MIN_MA:
        return X1
    if ma < 52_500:
        return min(ma, 51_000) / 60
    return min(ma, MAX_MA) / 250 + 640


def offered_ma(permille: float) -> int:
    """What a drive of ours offers; 0 for x1 and F."""
    return ev_reads(permille) if 100 <= permille <= 960 else 0


def ev_reads(permille: float) -> int:
    """What a car may draw at this duty, in mA; 0 where it must not charge (3–7 % asks for ISO 15118 instead)."""
    if permille < 80 or permille > 970:
        return 0
    if permille <= 850:
        return max(round(permille * 60), MIN_MA)
    return min(round((permille - 640) * 250), MAX_MA)


def cable_ma(ohms: float | None) -> int | None:
    """What the plug's resistor allows: None = no plug, 0 = no cable has such a resistor. Between bands the lower."""
    if ohms is None:
        return None
    if not 60.0 <= ohms <= 4_500.0:
        return 0
    for up_to, ma in ((140.0, 63_000), (308.0, 32_000), (936.0, 20_000)):
        if ohms <= up_to:
            return ma
    return 13_000


class Wish(NamedTuple):
    """What the line shall do: offer `ma` (below 6 A = nothing); `fault` = something keeps the contactor open."""

    ma: int
    fault: bool


class Rules(NamedTuple):
    """Options of the board."""

    allow_d: bool = False
    wake_up: bool = False


class Phase(Enum):
    """Who drives the line: the wish (STEADY), or a sequence that first runs to its end."""

    STEADY = "steady"
    FAULT_F = "F after a fault"
    WAKE_F = "F to wake the car"
    WAKE_X1 = "x1 after waking"


SEQUENCES = {  # phase: (drive, how long, what follows)
    Phase.FAULT_F: (F, FAULT_F_MS, Phase.STEADY),
    Phase.WAKE_F: (F, WAKE_F_MS, Phase.WAKE_X1),
    Phase.WAKE_X1: (X1, WAKE_X1_MS, Phase.STEADY),
}


class PilotState(NamedTuple):
    """Everything the line remembers. `permille` is the drive that must be on the line now."""

    level: Level = UNKNOWN
    level_ms: int = 0  # since when the letter is this one
    permille: float = X1
    pwm: bool = False
    drive_ms: int = 0  # when x1, x2 and F last took turns
    duty_ms: int = 0  # when the duty last changed
    c_ms: int | None = None  # since when the car asks for energy without a break
    diode_seen: bool = False
    stop_ms: int | None = None  # since when x1 asks a car in C to stop
    phase: Phase = Phase.STEADY
    phase_end_ms: int = 0
    simplified: bool = False
    woken: bool = False
    short_c: int = 0
    wake_ups: int = 0
    wish: Wish = Wish(ma=0, fault=False)
    due_ms: int = 0


def look(s: PilotState, high: float, low: float, now_ms: int) -> Level:
    """Classify what was measured under the drive of `s`; tells too when the line does not follow the drive."""
    settled = now_ms - s.drive_ms >= SETTLE_MS
    if s.permille == F:  # here the car shows nothing of itself but that the line is not positive
        return DISOBEYED[Cp.E] if settled and high > 2.0 else PLAIN[Cp.F]
    level = classify(high, low, settled and s.pwm, s.level)
    if settled and level.trouble is None and (level.cp is Cp.F or not (s.pwm or low > PWM_V)):
        return DISOBEYED[level.cp]
    return level


class Band(NamedTuple):
    """Plateaus between which `look` sees what it saw before; both ends excluded."""

    high_from: float
    high_to: float
    low_from: float
    low_to: float


NOWHERE = Band(0.0, 0.0, 0.0, 0.0)
_HIGH = {Cp.A: (10.0, 13.0), Cp.B: (7.0, 10.0), Cp.C: (4.0, 8.0)}


def steady_band(s: PilotState, now_ms: int) -> Band:
    """Where a sample changes nothing, so that a tick need not classify it; empty for all but the quiet states."""
    level = s.level
    if s.permille == F and level is PLAIN[Cp.F]:
        return Band(-14.0, 2.0, -14.0, 14.0)
    if s.permille == F or level.trouble is not None or level.cp not in _HIGH or now_ms - s.drive_ms < SETTLE_MS:
        return NOWHERE
    high_from, high_to = _HIGH[level.cp]
    if s.pwm:
        return Band(high_from, high_to, -13.0, -10.0) if level.diode else NOWHERE
    return Band(high_from, high_to, high_to - 3.0, 14.0) if not level.diode else NOWHERE


def step(s: PilotState, level: Level, wish: Wish, now_ms: int, rules: Rules) -> PilotState:
    """The line after one sample. Returns `s` itself while nothing changed and no deadline has come."""
    if level is s.level and wish == s.wish and now_ms < s.due_ms:
        return s
    s = _drive(_sequence(_notice(s, level, now_ms, rules), wish, now_ms, rules), wish, now_ms)
    return s._replace(wish=wish, due_ms=_next_deadline(s, now_ms, rules))


def doubted(s: PilotState) -> PilotState:
    """Power was lost or the line was not watched: what the car wants, and its diode, must be seen anew."""
    return s._replace(c_ms=None, diode_seen=False, due_ms=0)


def _notice(s: PilotState, level: Level, now_ms: int, rules: Rules) -> PilotState:
    """Remember what the level tells about the car."""
    was, cp = s.level.cp, level.cp
    sound = level.trouble is None
    draws = sound and (cp is Cp.C or (cp is Cp.D and rules.allow_d))
    pulse = cp is Cp.B and s.c_ms is not None and SHORT_C_MS <= now_ms - s.c_ms < CONFIRM_MS
    keeps_diode = sound and (cp is Cp.B or draws)  # a fresh proof is due after A, D, E, F
    return s._replace(
        level=level,
        level_ms=s.level_ms if cp is was else now_ms,
        c_ms=None if not draws else now_ms if s.c_ms is None else s.c_ms,
        diode_seen=keeps_diode and (s.diode_seen or level.diode),
        simplified=(was is Cp.A and cp is Cp.C) or (s.simplified and cp is not Cp.A and cp is not Cp.B),  # seq. 1.2
        woken=s.woken and cp is not Cp.A,
        short_c=s.short_c + pulse,
    )


def _sequence(s: PilotState, wish: Wish, now_ms: int, rules: Rules) -> PilotState:
    """Begin, end or follow up a sequence that drives the line by itself."""
    if wish.fault and not s.wish.fault and s.level.cp is not Cp.A:
        return _enter(s, Phase.FAULT_F, now_ms)
    if s.phase is not Phase.STEADY:
        return _enter(s, SEQUENCES[s.phase][2], now_ms) if now_ms >= s.phase_end_ms else s
    if _may_wake(s, rules) and now_ms >= max(s.level_ms, s.drive_ms) + WAKE_AFTER_MS:
        return _enter(s, Phase.WAKE_F, now_ms)._replace(woken=True, wake_ups=s.wake_ups + 1)
    return s


def _enter(s: PilotState, phase: Phase, now_ms: int) -> PilotState:
    lasts_ms = SEQUENCES[phase][1] if phase is not Phase.STEADY else 0
    return s._replace(phase=phase, phase_end_ms=now_ms + lasts_ms)


def _may_wake(s: PilotState, rules: Rules) -> bool:
    return rules.wake_up and not s.woken and s.pwm and s.level.cp is Cp.B


def _drive(s: PilotState, wish: Wish, now_ms: int) -> PilotState:
    """Put the drive on the line and keep the times that follow from it."""
    permille = _offer(s, wish, now_ms) if s.phase is Phase.STEADY else SEQUENCES[s.phase][0]
    pwm = F < permille < X1
    stop_ms = s.stop_ms
    if pwm or (s.level.cp is not Cp.C and s.level.cp is not Cp.D):
        stop_ms = None
    elif s.pwm:
        stop_ms = now_ms
    same_mode = permille == s.permille or (pwm and s.pwm)
    return s._replace(
        permille=permille,
        pwm=pwm,
        stop_ms=stop_ms,
        drive_ms=s.drive_ms if same_mode else now_ms,
        duty_ms=now_ms if pwm and permille != s.permille else s.duty_ms,
    )


def _offer(s: PilotState, wish: Wish, now_ms: int) -> float:
    """x1 or the duty that the wish allows now."""
    plugged = s.level.trouble is None and s.level.cp in (Cp.B, Cp.C, Cp.D)
    if wish.fault or not plugged:
        return X1
    wanted = duty_permille(min(wish.ma, SIMPLIFIED_MA) if s.simplified else wish.ma)
    waits = s.pwm and wanted != X1 and now_ms - s.duty_ms < DUTY_SPACING_MS
    return s.permille if waits else wanted


def _next_deadline(s: PilotState, now_ms: int, rules: Rules) -> int:
    """When constant input would next change anything here, or for a guard that reads this state."""
    moments = [s.drive_ms + SETTLE_MS, s.phase_end_ms]  # the latter is over while STEADY
    if s.pwm:
        moments.append(s.duty_ms + DUTY_SPACING_MS)
    if s.c_ms is not None:
        moments.append(s.c_ms + CONFIRM_MS)
    if s.stop_ms is not None:
        moments.append(s.stop_ms + STOP_WAIT_MS)
    if _may_wake(s, rules):
        moments.append(max(s.level_ms, s.drive_ms) + WAKE_AFTER_MS)
    return min((moment for moment in moments if moment > now_ms), default=FAR_MS)
