"""The mains: three phases near 230 V that wander a little from minute to minute and sag under load. Pure.

The same minute always gives the same voltages, so a simulation can be repeated and needs no stepping.
"""

from __future__ import annotations

from enum import StrEnum

MINUTE_US = 60_000_000
NOMINAL_MV = 230_000
_WANDER_MV = (0, 310, 620, 540, 180, -240, -610, -890, -700, -350, -90, 130, 470, 820, 560, 240)
_SAG_MV_PER_A = 25


class GridFault(StrEnum):
    """What the mains can do wrong, and the share of the voltage that each phase keeps."""

    LOST = "grid-lost"
    PHASE_LOST = "phase-lost"
    LOW = "grid-low"
    HIGH = "grid-high"


_KEPT = {
    GridFault.LOST: (0, 0, 0),
    GridFault.PHASE_LOST: (100, 100, 0),
    GridFault.LOW: (75, 75, 75),
    GridFault.HIGH: (120, 120, 120),
}


def next_minute_us(now_us: int) -> int:
    """When the voltages will wander next."""
    return (now_us // MINUTE_US + 1) * MINUTE_US


def voltages_mv(now_us: int, current_ma: tuple[int, int, int], faults: set[GridFault]) -> tuple[int, int, int]:
    """The voltages of the minute, under the current that is drawn."""
    minute = now_us // MINUTE_US
    l1, l2, l3 = (
        NOMINAL_MV + _WANDER_MV[(minute + 5 * phase) % len(_WANDER_MV)] - _SAG_MV_PER_A * ma // 1_000
        for phase, ma in enumerate(current_ma)
    )
    for fault in faults:
        k1, k2, k3 = _KEPT[fault]
        l1, l2, l3 = l1 * k1 // 100, l2 * k2 // 100, l3 * k3 // 100
    return l1, l2, l3
