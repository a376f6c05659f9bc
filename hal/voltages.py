"""From the meter's voltages to faults: too high, too low, a phase that is gone, no mains at all.

Rules this file upholds:
- Only a new reading counts, at its own date; a silent meter neither opens nor gives free.
- A phase is expected once it was seen live while the contactor was open: neither a meter behind the contactor nor one
  for three phases on a single one is a broken supply. Where one phase is chosen, the others may be dark at the meter.
- What opened is over only after all voltages were good for the time that the installer set, a car there or not.

No software can stand in for a device that opens the protective conductor where a PEN may break: this only stops a
charge.
"""

from __future__ import annotations

from hal.contract import Voltage
from hal.faults import FaultBook, Name
from hal.lasting import Lasting

LIVE_MV = 100_000  # less may be induced on a wire that leads nowhere
DARK_MV = 50_000
ALL = 3
FAULTS = (Name.OVER_VOLTAGE, Name.UNDER_VOLTAGE, Name.PHASE_LOST, Name.MAINS_LOST)


class Voltages:
    """What one outlet's voltages mean for its fault book."""

    def __init__(self, rules: Voltage, book: FaultBook) -> None:
        self._rules, self._book = rules, book
        self._lasts = {name: Lasting(rules.trip_s * 1_000) for name in FAULTS}
        self._good = Lasting(rules.back_s * 1_000)
        self._expected: set[int] = set()
        self._chosen = ALL

    def judge(
        self, voltage_mv: tuple[int, ...], contactor_open: bool, at_ms: int, now_ms: int, chosen: int = ALL
    ) -> None:
        """Look at a new reading of that date; `chosen` is how many phases are through to the car."""
        if chosen != self._chosen:
            self._chosen = chosen
            self.forget()
        if contactor_open:
            self._expected |= {phase for phase, mv in enumerate(voltage_mv) if mv >= LIVE_MV}
        expected = [mv for phase, mv in enumerate(voltage_mv[:chosen]) if phase in self._expected]
        there = self._there(expected, voltage_mv)
        back = self._good.lasts(self._is_good(expected, voltage_mv), at_ms)
        for name in FAULTS:
            if self._lasts[name].lasts(name in there, at_ms):
                self._book.set(name, True, now_ms)
            elif back:
                self._book.set(name, False, now_ms)

    def forget(self) -> None:
        """The meter was silent, or other phases are chosen: nothing has lasted."""
        for lasting in (*self._lasts.values(), self._good):
            lasting.forget()

    def _there(self, expected: list[int], all_mv: tuple[int, ...]) -> set[Name]:
        """The faults that a reading shows."""
        rules, dark = self._rules, [mv for mv in expected if mv < DARK_MV]
        there = set()
        if any(mv > rules.max_v * 1_000 for mv in all_mv):
            there.add(Name.OVER_VOLTAGE)
        if dark:
            there.add(Name.MAINS_LOST if dark == expected else Name.PHASE_LOST)
        if any(DARK_MV <= mv < rules.min_v * 1_000 for mv in expected):
            there.add(Name.UNDER_VOLTAGE)
        return there

    def _is_good(self, expected: list[int], all_mv: tuple[int, ...]) -> bool:
        low_mv, high_mv = self._rules.back_min_v * 1_000, self._rules.back_max_v * 1_000
        return all(mv >= low_mv for mv in expected) and all(mv <= high_mv for mv in all_mv)
