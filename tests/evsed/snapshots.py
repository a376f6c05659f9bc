"""What evse-hal may say, as values."""

from __future__ import annotations

from typing import Any

import msgspec

from hal.contract import Cp, Fault, MeterReading, Outlet, Snapshot, TagSeen, TickFigures

IDLE = Outlet(
    evse=1,
    cp=Cp.A,
    pwm=False,
    offered_ma=0,
    board_ma=32_000,
    cable_ma=None,
    closed=False,
    reason="NO_LEASE",
    locked=False,
    faults=(),
    meter=None,
    tag=None,
    short_c=0,
    wake_ups=0,
    closings=0,
)
HOT = Fault("OVER_TEMPERATURE", True, False, "HighTemperature", "too hot", 5)
READING = MeterReading(7_000, 1_234_567, 3_680, (16_000,), (230_000,), (3_680,), 50_000, 1_000, 12)
CARD = TagSeen(1, "04A1B2C3", 6_000)


def outlet(of: Outlet = IDLE, **changed: Any) -> Outlet:
    return msgspec.structs.replace(of, **changed)


def snapshot(*outlets: Outlet, seq: int = 1, started_ms: int = 500, dropped: int = 0) -> Snapshot:
    return Snapshot(seq, 8_000, started_ms, "test", outlets or (IDLE,), TickFigures(800, 3, 1_234), dropped)
