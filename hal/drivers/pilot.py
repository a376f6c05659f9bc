"""A pilot of two halves, a generator and a converter; each may be exchanged for itself.

[outlet.pilot.out]
driver = "kernel_pwm"
[outlet.pilot.in]
driver = "mcp3xxx"
"""

from __future__ import annotations

from hal.drivers.protocols import PartFailed, PilotIn, PilotOut

HALVES = {"out": "pilot_out", "in": "pilot_in"}
"""Table of the board file → role in a family's `PARTS`."""


class TwoHalves:
    """A `Pilot`; without `sense` it can only be driven, which is all that making safe needs."""

    def __init__(self, out: PilotOut, sense: PilotIn | None) -> None:
        self._out, self._in = out, sense

    def offer(self, permille: float) -> None:
        """See `Pilot.offer`."""
        self._out.drive(permille)
        if self._in is not None:
            self._in.expect(permille)

    def volts(self) -> tuple[float, float, int]:
        """See `Pilot.volts`."""
        self._out.verify()
        if self._in is None:
            raise PartFailed("pilot: it is only driven here, not measured")
        return self._in.volts()

    def age_ms(self) -> int:
        """See `Delayed.age_ms`."""
        return 0 if self._in is None else self._in.age_ms()

    def hangs(self) -> str:
        """See `Hanging.hangs`."""
        return self._in.hangs() if self._in is not None and hasattr(self._in, "hangs") else ""

    def close(self) -> None:
        """Give both back."""
        if self._in is not None:
            self._in.close()
        self._out.close()
