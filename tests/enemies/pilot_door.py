"""The doors of the charging plug: any volts on the pilot, and any part that lies or fails, tick by tick, in the middle
of a charge.

Two bytes are the plateaus of one sample in fifths of a volt, some of them none at all; a sample stays for one tick.
Behind the other door two bytes are what the parts say in one tick: which of them lie or fail, and how many ohms.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

from hal.contract import LEASE_MS, Limits
from hal.drivers.protocols import PartFailed
from hal.iec61851 import STOP_WAIT_MS
from hal.sim.car import allowed_ma
from tests.enemies.hunt import Door
from tests.hal.box import Box

NOTHING = {0x80: float("nan"), 0x7F: float("inf"), 0x81: float("-inf")}
MOST_TICKS, PARTS_TICKS, GRACE_S = 300, 100, 1
CONFIRM_TICKS = 10
"""Fewer ticks of C are never enough for a contactor that was opened by the pilot."""


def volts(byte: int) -> float:
    """Of a byte, with a sign."""
    return NOTHING.get(byte, (byte - 256 if byte > 0x7F else byte) / 5)


def charging() -> Box:
    """A car that charges through a cable for 20 A."""
    box = Box(limits=Limits(grace_s=GRACE_S))
    box.say("plug-in --cable 20")
    box.allow(16_000)
    box.run(4_000)
    assert box.outlet().closed, "it does not charge at all"
    return box


def plugged(given: bytes) -> None:
    """I1: open in the very tick that sees no C; closed again only after C without a break."""
    box = charging()
    loop, samples = _loop(box), count(1_000_000)
    in_c = CONFIRM_TICKS
    for at in range(0, min(len(given), 2 * MOST_TICKS) - 1, 2):
        high, low = volts(given[at]), volts(given[at + 1])
        loop._senses._volts = lambda: (high, low, next(samples))  # noqa: B023
        was = loop.ordered
        box.tick_once()
        in_c = in_c + 1 if 4.0 <= high < 8.0 else 0
        assert not (loop.ordered and not in_c), f"closed at {high} V"
        assert not (loop.ordered and not was and in_c < CONFIRM_TICKS), f"closed again after {in_c} ticks of C"


def _loop(box: Box) -> Any:
    return box.tick._loops[1]


TRIPPED, UNLOCKED, PILOT_GONE, LOCK_GONE, CLOSED_LIES, CLOSED_GONE, PP_OPEN, PP_SAYS = (1 << n for n in range(8))
OPENS = TRIPPED | UNLOCKED | PILOT_GONE | LOCK_GONE
"""What opens in the very tick that sees it."""


class Parts:
    """What they say this tick: the truth, or what two bytes make of it."""

    def __init__(self, box: Box) -> None:
        self.flags = self.ohms = 0
        senses = _loop(box)._senses
        senses._volts = self._lying(senses._volts, gone=PILOT_GONE)
        senses._closed = self._lying(senses._closed, {CLOSED_LIES: lambda true: not true}, CLOSED_GONE)
        senses._trips._tripped = self._lying(senses._trips._tripped, {TRIPPED: lambda true: True})
        senses._locked = self._lying(senses._locked, {UNLOCKED: lambda true: False}, LOCK_GONE)
        senses._ohms = self._lying(senses._ohms, {PP_OPEN: lambda true: None, PP_SAYS: lambda true: self.ohms * 8.0})

    def _lying(
        self, true: Callable[[], Any], lies: dict[int, Callable[[Any], Any]] | None = None, gone: int = 0
    ) -> Callable[[], Any]:
        def says() -> Any:
            if self.flags & gone:
                raise PartFailed("the part is gone")
            said = true()
            for flag, lie in (lies or {}).items():
                said = lie(said) if self.flags & flag else said
            return said

        return says


def played(given: bytes) -> None:
    """I1 and I3 for all that is not the pilot: what says danger opens in its tick, whatever the others say."""
    box = charging()
    parts, loop, bay = Parts(box), _loop(box), box.plant.bays[1]
    for at in range(0, min(len(given), 2 * PARTS_TICKS) - 1, 2):
        parts.flags, parts.ohms = given[at], given[at + 1]
        box.tick_once()
        assert not (loop.ordered and parts.flags & OPENS), f"closed with parts {parts.flags:08b}"
        assert allowed_ma(bay.pilot._offered) <= 16_000, "more than the lease"
    box.silence()
    parts.flags = 0
    box.run(LEASE_MS + GRACE_S * 1_000 + STOP_WAIT_MS + 100)
    assert not loop.ordered and not bay.contactor.main, "it outlives its lease"


_C, _B, _A = bytes((30, 196)), bytes((45, 196)), bytes((60, 60))
PILOT_DOOR = Door(
    "pilot", (_C * 30 + _B * 3 + _C * 60, _A * 5 + _C * 200, _C * 100), plugged, (), (_C * 20, _B, _A), dear=4
)

PARTS_DOOR = Door(
    "parts",
    (bytes(60), b"".join(bytes((1 << n, 27)) + bytes(12) for n in range(8)), bytes((PP_SAYS, 85)) * 40 + bytes(40)),
    played,
    (),
    tuple(bytes((1 << n, 27)) * 5 for n in range(8)),
    dear=5,
)
