"""The door of the charging plug: any volts on the pilot, sample by sample, in the middle of a charge.

Two bytes are the plateaus of one sample in fifths of a volt, some of them none at all; a sample stays for one tick.
"""

from __future__ import annotations

from itertools import count

from tests.enemies.hunt import Door
from tests.hal.box import Box

NOTHING = {0x80: float("nan"), 0x7F: float("inf"), 0x81: float("-inf")}
MOST_TICKS = 300
CONFIRM_TICKS = 10
"""Fewer ticks of C are never enough for a contactor that was opened by the pilot."""


def volts(byte: int) -> float:
    """Of a byte, with a sign."""
    return NOTHING.get(byte, (byte - 256 if byte > 0x7F else byte) / 5)


def plugged(given: bytes) -> None:
    """I1: open in the very tick that sees no C; closed again only after C without a break."""
    box = Box()
    box.say("plug-in --cable 20")
    box.allow(16_000)
    box.run(4_000)
    assert box.outlet().closed, "it does not charge at all"
    loop, samples = box.tick._loops[1], count(1_000_000)
    in_c = CONFIRM_TICKS
    for at in range(0, min(len(given), 2 * MOST_TICKS) - 1, 2):
        high, low = volts(given[at]), volts(given[at + 1])
        loop._senses._volts = lambda: (high, low, next(samples))  # noqa: B023
        was = loop.ordered
        box.tick_once()
        in_c = in_c + 1 if 4.0 <= high < 8.0 else 0
        assert not (loop.ordered and not in_c), f"closed at {high} V"
        assert not (loop.ordered and not was and in_c < CONFIRM_TICKS), f"closed again after {in_c} ticks of C"


_C, _B, _A = bytes((30, 196)), bytes((45, 196)), bytes((60, 60))
PILOT_DOOR = Door("pilot", (_C * 30 + _B * 3 + _C * 60, _A * 5 + _C * 200, _C * 100), plugged, (), (_C * 20, _B, _A))
