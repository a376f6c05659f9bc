"""What is wired the wrong way round, named from one reading. Pure.

A car draws nearly what volts times amperes make. A phase whose power is the negative of that has its current turned
round; one whose power is minus half of it sees the current of another phase, a third of a turn away.
"""

from __future__ import annotations

from collections.abc import Sequence

from hal.contract import MeterReading

ENOUGH_MA = 1_000  # below it power factors say nothing
DEAD_MV = 50_000  # more than 130 V may be induced on a phase that is not connected, but nothing flows there
TURNED, OTHER_PHASE = range(-1_200, -800), range(-700, -300)  # permille of volts times amperes


def wiring(reading: MeterReading) -> str | None:
    """What to mend at the meter, or None. Needs current on a phase to tell."""
    amps, volts, watts = reading.current_ma, reading.voltage_mv, reading.phase_power_w
    loaded = [n for n, (ma, mv) in enumerate(zip(amps, volts, strict=False)) if abs(ma) >= ENOUGH_MA and mv >= DEAD_MV]
    for n, (ma, mv) in enumerate(zip(amps, volts, strict=False), 1):
        if abs(ma) >= ENOUGH_MA and 0 <= mv < DEAD_MV:
            return f"current but no voltage on phase {n}: check its voltage tap"
    if not loaded:
        return None
    if not watts:
        whole = sum(abs(amps[n]) * volts[n] for n in loaded) // 1_000_000
        return _BACKWARDS if reading.power_w * 1_000 // max(1, whole) in TURNED else None
    shares = {n: watts[n] * 1_000_000_000 // (abs(amps[n]) * volts[n]) for n in loaded if n < len(watts)}
    turned = [n for n, share in shares.items() if share in TURNED]
    strayed = [n for n, share in shares.items() if share in OTHER_PHASE]
    if turned and len(turned) == len(shares):
        return _BACKWARDS
    if turned:
        return f"phase {_names(turned)} runs backwards: turn its current transformer round"
    if len(strayed) == 3:
        return "each current is measured with another phase's voltage: move all current wires on by one phase"
    if len(strayed) == 2:
        return f"currents of phases {_names(strayed)} are exchanged"
    return None


_BACKWARDS = "energy flows backwards: exchange the meter's in and out"


def _names(phases: Sequence[int]) -> str:
    return " and ".join(str(n + 1) for n in phases)
