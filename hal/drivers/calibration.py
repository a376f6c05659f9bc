"""What a converter shows, in volts on the pilot: two points of the board file, measured with the divider in place.

Rules this file upholds: the scale must reach beyond every band of the pilot, so that a converter which shows one end
of it for ever can never look like a car; and it must be fine enough to tell the bands apart.
"""

from __future__ import annotations

from math import isfinite

import msgspec

REACH_V = (-13.0, 13.0)  # the ends of the bands, see hal/iec61851.py
COARSEST_V = 0.1  # a step
APART = 0.25  # of the whole scale: points that lie nearer magnify the error of a voltmeter


class Point(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the converter showed at a voltage of the pilot."""

    code: float
    volts: float


class Line:
    """The straight line through two points. Raises ValueError with a sentence for the builder."""

    def __init__(
        self, first: Point, second: Point, lowest: float, highest: float, reach: tuple[float, float] = REACH_V
    ) -> None:
        if not all(isfinite(number) for point in (first, second) for number in (point.code, point.volts)):
            raise ValueError("first and second need plain numbers, neither nan nor inf")
        if abs(first.code - second.code) < APART * (highest - lowest) or first.volts == second.volts:
            raise ValueError("first and second must lie further apart: calibrate near −12 V and near +12 V")
        if not all(lowest <= point.code <= highest for point in (first, second)):
            raise ValueError(f"first.code and second.code must lie between {lowest:g} and {highest:g}")
        self._slope = (second.volts - first.volts) / (second.code - first.code)
        self._zero_v = first.volts - self._slope * first.code
        ends = sorted((self.volts(lowest), self.volts(highest)))
        if ends[0] > reach[0] or ends[1] < reach[1]:
            shown = f"{ends[0]:.1f} V to {ends[1]:.1f} V"
            raise ValueError(
                f"by first and second the scale is {shown}; it must reach from {reach[0]} V to {reach[1]} V"
            )
        if abs(self._slope) > COARSEST_V:
            raise ValueError(f"by first and second a step is {abs(self._slope):.2f} V; 0.1 V is the coarsest")

    def volts(self, code: float) -> float:
        """The pilot's voltage."""
        return self._zero_v + self._slope * code
