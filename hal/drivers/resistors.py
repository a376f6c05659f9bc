"""From a voltage at a divider to a resistance, and from that to a temperature. Pure.

The divider: supply – `pull_ohms` – converter – the unknown resistor – earth.

Rules this file upholds:
- What is as good as no resistor is None, never a large number: an open socket, a broken wire.
- A sensor whose table does not reach so far, or whose wire is broken or shorted, gives no temperature.
- The converter has a reference of its own, and a supply such as a Pi's 3.3 V varies by percents: what an open wire can
  show with the lowest supply is open, however cold the sensor or large the resistor that it would be.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from itertools import pairwise
from math import exp, log
from typing import Annotated

import msgspec

KELVIN = 273.15
OPEN_OHMS = 10_000.0  # the largest resistor of a plug is 1.5 kΩ; an empty socket has none
PLUG_OHMS = 2_460.0  # what the 1.5 kΩ of a 13 A plug may have become
INPUT_OHMS = 3_000_000  # what the converter's own input takes from an open wire: an ADS1115 has 3 to 10 MΩ
GAIN = 0.003  # how far its scale may be off
BEYOND_C = 60  # how far the last two points of a table may be trusted to go on


class Divider(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is above the unknown resistor. `supply_percent` = how far the supply may be from `supply_mv`."""

    supply_mv: Annotated[int, msgspec.Meta(ge=1_000, le=12_000)]
    pull_ohms: Annotated[int, msgspec.Meta(ge=50, le=100_000)]
    supply_percent: Annotated[int, msgspec.Meta(ge=1, le=10)] = 5

    @property
    def open_mv(self) -> float:
        """The least that an open wire shows."""
        fed = INPUT_OHMS / (INPUT_OHMS + self.pull_ohms)
        return self.supply_mv * (1 - self.supply_percent / 100) * fed * (1 - GAIN)

    def ohms(self, mv: float) -> float | None:
        """The unknown resistor. None = the voltage may be the supply's."""
        return None if mv >= self.open_mv else max(mv, 0.0) * self.pull_ohms / (self.supply_mv - mv)

    def tells(self, ohms: float) -> bool:
        """Whether a resistor never looks like an open wire, whatever the supply."""
        return self.supply_mv * (1 + self.supply_percent / 100) * ohms / (ohms + self.pull_ohms) < self.open_mv


Point = tuple[Annotated[int, msgspec.Meta(ge=-50, le=200)], Annotated[int, msgspec.Meta(ge=1, le=10_000_000)]]


class NtcTable:
    """Points of (°C, Ω) as the data sheet has them; between two of them the law of that pair: B is constant."""

    def __init__(self, points: Sequence[Point]) -> None:
        self._by_ohms = sorted((float(ohms), 1 / (celsius + KELVIN)) for celsius, ohms in points)
        celsius = [c for c, _ in points]
        self._least_mc, self._most_mc = (min(celsius) - BEYOND_C) * 1_000, (max(celsius) + BEYOND_C) * 1_000

    @staticmethod
    def objection(points: Sequence[Point]) -> str | None:
        """Why it is no table of an NTC. None = it is one."""
        by_celsius = sorted(points)
        pairs = pairwise(by_celsius)
        if len(points) < 2 or any(warm == cold or hot >= cool for (cold, cool), (warm, hot) in pairs):
            return "points need two or more temperatures, and less ohms at each higher one"
        return None

    def mc(self, ohms: float) -> int | None:
        """Thousandths of a degree Celsius. None = no such temperature."""
        if ohms <= 0:
            return None
        (less, warm), (more, cold) = self._pair(bisect(self._by_ohms, (ohms, 0.0)))
        inverse = warm + (cold - warm) * log(ohms / less) / log(more / less)
        if inverse <= 0:
            return None
        mc = round((1 / inverse - KELVIN) * 1_000)
        return mc if self._least_mc <= mc <= self._most_mc else None

    def ohms(self, celsius: float) -> float:
        """What the sensor has at a temperature."""
        inverse = 1 / (celsius + KELVIN)
        (less, warm), (more, cold) = self._pair(sum(there <= inverse for _, there in self._by_ohms))
        return less * exp(log(more / less) * (inverse - warm) / (cold - warm))

    def _pair(self, index: int) -> list[tuple[float, float]]:
        """The two points around a place in the table, or the nearest two."""
        index = min(max(index, 1), len(self._by_ohms) - 1)
        return self._by_ohms[index - 1 : index + 1]
