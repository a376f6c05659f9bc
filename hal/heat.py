"""How much current is left when a part becomes hot. Pure.

Rules this file upholds:
- Steps down are taken at once; back up goes only what has cooled to `back_c`, so nothing swings between two steps.
- At `stop_c` the contactor opens at once, and stays open until then.
- Old data is no data: a thermometer without a fresh reading counts as hot as the last step before the stop, and one
  that is silent for `SILENT_MS` as a fault.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

import msgspec

from hal.contract import MIN_MA, Temperature
from hal.iec61851 import FAR_MS

FRESH_MS = 10_000
SILENT_MS = 60_000
WHOLE, HALF, QUARTER, NOTHING = 4, 2, 1, 0  # fourths of the current that are left

Celsius = Annotated[int, msgspec.Meta(ge=20, le=120)]


class HeatSteps(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """At which temperatures a part may carry half of its current, a quarter and none, and when it is cool again."""

    half_c: Celsius = 65
    quarter_c: Celsius = 68
    stop_c: Celsius = 71
    back_c: Celsius = 62

    def objection(self) -> str | None:
        """Why these can't be obeyed together. None = they can."""
        if self.back_c < self.half_c < self.quarter_c < self.stop_c:
            return None
        return "back_c, half_c, quarter_c and stop_c must rise in this order"


class Warmth(NamedTuple):
    """What a thermometer said, in thousandths of a degree, and when it was asked."""

    mc: int
    at_ms: int


class Spot(NamedTuple):
    """One watched place: which thermometer of the board, what it is called, and its steps."""

    sensor: int
    place: str
    steps: HeatSteps


class Heat:
    """The watched places of one outlet."""

    def __init__(self, spots: Sequence[Spot], now_ms: int) -> None:
        self._spots = tuple(spots)
        self._left = dict.fromkeys(self._spots, WHOLE)
        self._since_ms = dict.fromkeys(self._spots, now_ms)  # when each was last read
        self._last: dict[Spot, Warmth] = {}
        self.temperatures: tuple[Temperature, ...] = ()

    def look(self, readings: Mapping[int, Warmth], now_ms: int) -> None:
        """Take the newest reading of each thermometer."""
        for spot in self._spots:
            reading = readings.get(spot.sensor)
            if reading is not None:
                self._last[spot], self._since_ms[spot] = reading, reading.at_ms
                self._left[spot] = _left(spot.steps, reading.mc, self._left[spot])
        fresh = [spot for spot in self._last if not self._stale(spot, now_ms)]
        self.temperatures = tuple(Temperature(spot.place, self._last[spot].mc) for spot in fresh)

    def limit_ma(self, whole_ma: int, now_ms: int) -> int | None:
        """What is left of `whole_ma`: nothing, or what the pilot can say at least; None = all of it."""
        left = min((self._quarters(spot, now_ms) for spot in self._spots), default=WHOLE)
        if left == WHOLE:
            return None
        return max(whole_ma * left // WHOLE, MIN_MA) if left else 0

    @property
    def too_hot(self) -> str | None:
        """The place that is too hot to carry any current, with its temperature."""
        hot = next((spot for spot in self._spots if self._left[spot] == NOTHING), None)
        if hot is None:
            return None
        told = next((f", {at.mc / 1_000:.0f} °C" for at in self.temperatures if at.place == hot.place), "")
        return f"{hot.place}{told}"

    def silent(self, now_ms: int) -> str | None:
        """The place whose thermometer has been silent for too long."""
        return next((spot.place for spot in self._spots if now_ms >= self._since_ms[spot] + SILENT_MS), None)

    def due_ms(self, now_ms: int) -> int:
        """When age alone next changes something."""
        moments = [since_ms + age for since_ms in self._since_ms.values() for age in (FRESH_MS, SILENT_MS)]
        return min((moment for moment in moments if moment > now_ms), default=FAR_MS)

    def _quarters(self, spot: Spot, now_ms: int) -> int:
        return min(self._left[spot], QUARTER) if self._stale(spot, now_ms) else self._left[spot]

    def _stale(self, spot: Spot, now_ms: int) -> bool:
        return now_ms >= self._since_ms[spot] + FRESH_MS


def _left(steps: HeatSteps, mc: int, before: int) -> int:
    """The fourths that are left at a temperature, for a part that had `before` left."""
    if mc <= steps.back_c * 1_000:
        return WHOLE
    table = ((steps.stop_c, NOTHING), (steps.quarter_c, QUARTER), (steps.half_c, HALF))
    reached = next((left for celsius, left in table if mc >= celsius * 1_000), WHOLE)
    return min(before, reached)
