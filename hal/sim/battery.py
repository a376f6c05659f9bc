"""The car's battery: what is in it, and how much current it still takes. Pure; the energy unit is the picojoule.

1 mV · 1 mA · 1 µs = 1 pJ, so the integral of the power is exact in integers.
"""

from __future__ import annotations

PJ_PER_WH = 3_600 * 10**12
TAPER_PERCENT = 80
LEAST_MA = 1_000


class Battery:
    """A store of `capacity_wh`, filled to `percent`."""

    def __init__(self, capacity_wh: int = 60_000, percent: int = 40) -> None:
        self.capacity_wh = capacity_wh
        self._pj = 0
        self.set(percent)

    def set(self, percent: int) -> None:
        """Be filled so far, in percent."""
        self._pj = self._of(percent)

    def take(self, pj: int) -> None:
        """Store energy."""
        self._pj += pj

    @property
    def permille(self) -> int:
        """How full it is."""
        return self._pj * 1_000 // self._of(100)

    @property
    def full(self) -> bool:
        """Whether it takes no more."""
        return self._pj >= self._of(100)

    def accepts_ma(self, max_ma: int) -> int:
        """The current it takes: all below 80 %, then down in steps of one percent."""
        if self.full:
            return 0
        left = 100 - max(self._percent, TAPER_PERCENT)
        return max(LEAST_MA, max_ma * left // (100 - TAPER_PERCENT))

    def next_step_us(self, power_uw: int) -> int:
        """How long until `accepts_ma` changes, at a power of `power_uw`."""
        missing = self._of(max(self._percent + 1, TAPER_PERCENT + 1)) - self._pj
        return -(-missing // power_uw)

    @property
    def _percent(self) -> int:
        return self._pj * 100 // self._of(100)

    def _of(self, percent: int) -> int:
        return self.capacity_wh * PJ_PER_WH * percent // 100
