"""Which readings of a meter are believed. Pure.

Rules this file upholds:
- A reading is believed whole or not at all; the last believed one stays the last good one.
- The register never goes back, never jumps further than the time and the meter's greatest power allow, and doesn't
  stand still while power flows.
- A first reading, or the first after a long silence, needs a second one that fits: a wrong value believed there
  would make all true ones after it look wrong. So does one after a register of 0, which a meter that is not awake yet
  may tell as well as one that is new.
"""

from __future__ import annotations

from hal.contract import MeterReading
from hal.drivers.meter_hints import wiring
from hal.drivers.meter_model import Bounds
from hal.drivers.protocols import NoReading

STRANGE_AFTER_MS = 60_000
STILL_WH = 50
_SLACK_WH = 10
_MOST_WH = 10**11
_FREQUENCY_MHZ = range(40_000, 70_001)
_MS_W_PER_WH = 3_600_000


class Trust:
    """The memory of one meter: what it last said that was believed."""

    def __init__(self, bounds: Bounds, resolution_wh: int) -> None:
        self._bounds = bounds
        self._resolution_wh = resolution_wh
        self._last: MeterReading | None = None
        self._owed = 0  # W·ms since the register last moved

    def is_stranger(self, now_ms: int) -> bool:
        """Whether one reading alone would not be enough."""
        last = self._last
        return last is None or last.energy_wh == 0 or now_ms - last.at_ms > STRANGE_AFTER_MS

    def check(self, new: MeterReading, before: MeterReading | None = None) -> None:
        """Compare a reading with itself, with `before` and with the last believed one. Raises NoReading."""
        doubt = implausible(new, self._bounds)
        awake = self._last if self._last is not None and self._last.energy_wh else None
        for old in (before, awake):
            if doubt is None and old is not None:
                doubt = self._misfit(old, new)
        if doubt is not None:
            raise NoReading(doubt)

    def believe(self, new: MeterReading) -> MeterReading:
        """Take a checked reading as the last good one. Raises NoReading when the register stands still under load."""
        last = self._last
        if last is not None and new.energy_wh == last.energy_wh:
            flowed_w = min(abs(last.power_w), abs(new.power_w))  # what surely flowed between the two
            owed = self._owed + flowed_w * min(new.at_ms - last.at_ms, STRANGE_AFTER_MS)
            if owed > (STILL_WH + 3 * self._step_wh(new)) * _MS_W_PER_WH:
                raise NoReading(f"the register stands still at {new.energy_wh} Wh while {new.power_w} W flow")
            self._owed = owed
        else:
            self._owed = 0
        self._last = new
        return new

    def _step_wh(self, reading: MeterReading) -> int:
        """The smallest step of the register: a 32-bit float has 24 bits for the number."""
        return max(self._resolution_wh, reading.energy_wh >> 23)

    def _misfit(self, old: MeterReading, new: MeterReading) -> str | None:
        if new.energy_wh < old.energy_wh:
            return f"the register went back from {old.energy_wh} to {new.energy_wh} Wh"
        if old.export_wh is not None and new.export_wh is not None and new.export_wh < old.export_wh:
            return f"the export register went back from {old.export_wh} to {new.export_wh} Wh"
        passed_ms = new.at_ms - old.at_ms
        most_wh = self._bounds.power_w * passed_ms // _MS_W_PER_WH + _SLACK_WH + 2 * self._step_wh(new)
        if new.energy_wh - old.energy_wh > most_wh:
            return f"the register jumped from {old.energy_wh} to {new.energy_wh} Wh in {passed_ms} ms"
        return None


def implausible(reading: MeterReading, bounds: Bounds) -> str | None:
    """What in a reading can't be, or None."""
    for wh in (reading.energy_wh, reading.export_wh or 0):
        if not 0 <= wh <= _MOST_WH:
            return f"an energy register of {wh} Wh"
    for watts in (reading.power_w, *reading.phase_power_w):
        if abs(watts) > bounds.power_w:
            return f"{watts} W is more than the meter can carry"
    if any(abs(ma) > bounds.current_ma for ma in reading.current_ma):
        return f"{max(map(abs, reading.current_ma))} mA is more than the meter can carry"
    if any(not 0 <= mv <= bounds.voltage_mv for mv in reading.voltage_mv):
        return f"a voltage of {max(reading.voltage_mv, key=abs)} mV"
    # Meters show 0 Hz where they can't measure it.
    if reading.frequency_mhz and reading.frequency_mhz not in _FREQUENCY_MHZ:
        return f"a frequency of {reading.frequency_mhz} mHz"
    if reading.power_factor_permille is not None and abs(reading.power_factor_permille) > 1_000:
        return f"a power factor of {reading.power_factor_permille} permille"
    return _contradiction(reading)


def _contradiction(reading: MeterReading) -> str | None:
    """Power against volts times amperes. Loose, because registers are not refreshed all at once."""
    if (crossed := wiring(reading)) is not None:
        return crossed
    if reading.phase_power_w and abs(sum(reading.phase_power_w) - reading.power_w) > 200 + abs(reading.power_w) // 2:
        return f"phases of {sum(reading.phase_power_w)} W together, but {reading.power_w} W in all"
    if reading.current_ma and reading.voltage_mv:
        pairs = zip(reading.current_ma, reading.voltage_mv, strict=False)
        apparent_va = sum(abs(ma) * mv for ma, mv in pairs) // 1_000_000
        if not apparent_va // 5 - 200 <= reading.power_w <= apparent_va * 3 // 2 + 200:
            return f"{reading.power_w} W, but volts times amperes make {apparent_va} VA"
    return None
