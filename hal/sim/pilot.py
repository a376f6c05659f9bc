"""The simulated pilot generator with its measuring front-end: two peak detectors, reset by each read.

Rules this file upholds:
- The detectors keep the highest and the lowest plateau since the last read. So a load that raises the high level is
  seen with its first pulse; one that lowers it is seen only when a whole window lies behind the edge.
- While nothing changes nothing is computed: `volts` adds noise to two cached numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from random import Random

from hal.drivers.protocols import PartFailed
from hal.sim.agenda import Agenda
from hal.sim.circuit import PERIOD_US, Load, Source, Stretch, level, peaks

_SHORT_OHMS = 80.0  # IEC 61851-1 A.4.9 shorts the pilot with 80 Ω
_NOISE_V = 0.02
_LOUD_V = 0.15
_LONG_US = 1 << 62
_MOST_PAST = 64


class PilotFault(StrEnum):
    """What can be broken between the generator and the plug."""

    CP_SHORT = "cp-short"
    PE_LOST = "pe-lost"
    NO_MINUS = "pilot-no-minus"
    STUCK = "pilot-stuck"
    FAST = "pilot-fast"
    NOISY = "pilot-noisy"
    ADC_STUCK = "adc-stuck"
    ADC_REPEATS = "adc-repeats"
    ADC_GONE = "adc-gone"


class SimPilot:
    """A `Pilot`. `hears` is the car: it is told the permille that arrives at its end, 0 where the wire is dead."""

    def __init__(self, agenda: Agenda, random: Random, hears: Callable[[float], None]) -> None:
        self._agenda = agenda
        self._hears = hears
        self._volts = 12.0 * (1 + random.uniform(-0.008, 0.008))
        self._ohms = 1_000.0 * (1 + random.uniform(-0.01, 0.01))
        self._phase_us = random.randrange(PERIOD_US)
        self._noise = [random.gauss(0.0, 1.0) for _ in range(257)]
        self._gain = _NOISE_V
        self._turn = self._count = 0
        self._offered = 1_000.0
        self._load = Load()
        self.faults: set[PilotFault] = set()
        self._read_us = agenda.now_us
        self._past: list[Stretch] = []
        self._held = (0.0, 0.0)
        self._now = self._stretch()
        self._steady = self._held = self._find([self._now._replace(until_us=_LONG_US)])
        self._seen = (*self._held, self._count)

    # --- what the tick uses --------------------------------------------------------------------------------

    def offer(self, permille: float) -> None:
        """Drive the pilot, see `Pilot.offer`."""
        if permille != self._offered:
            with self._agenda.lock:
                self._offered = permille
                self._change()

    def volts(self) -> tuple[float, float, int]:
        """What the detectors hold since the last call, see `Pilot.volts`."""
        now = self._agenda.now_us
        if self.faults:
            if PilotFault.ADC_GONE in self.faults:
                raise PartFailed("pilot: the ADC does not answer")
            if PilotFault.ADC_STUCK in self.faults:
                return self._seen
            if PilotFault.ADC_REPEATS in self.faults:  # a driver that takes the old sample for a new one
                self._count += 1
                self._seen = (*self._seen[:2], self._count)
                return self._seen
        if self._past or now - self._read_us < 2 * PERIOD_US:
            self._scan(now)
        else:
            self._held = self._steady
        self._read_us = now
        self._turn = turn = (self._turn + 1) % 256
        self._count = count = self._count + 1
        high, low = self._held
        gain, noise = self._gain, self._noise
        self._seen = seen = (high + gain * noise[turn], low + gain * noise[turn + 1], count)
        return seen

    @property
    def hertz(self) -> int:
        """What a frequency meter shows. An old kernel's PWM is 7 % fast; neither levels nor duty tell of it."""
        return 1_071 if PilotFault.FAST in self.faults else 1_000

    # --- what the world does -------------------------------------------------------------------------------

    def carry(self, load: Load) -> None:
        """Hang another load on the far end, from now on."""
        if load != self._load:
            with self._agenda.lock:
                self._load = load
                self._change()

    def fault(self, name: PilotFault, on: bool) -> None:
        """Break or repair."""
        with self._agenda.lock:
            (self.faults.add if on else self.faults.discard)(name)
            self._gain = _LOUD_V if PilotFault.NOISY in self.faults else _NOISE_V
            self._change()

    # --- inside --------------------------------------------------------------------------------------------

    def _stretch(self) -> Stretch:
        """The levels from now on."""
        faults = self.faults
        load = Load() if PilotFault.PE_LOST in faults else self._load
        source = Source(
            plus_v=self._volts,
            minus_v=0.0 if PilotFault.NO_MINUS in faults else -self._volts,
            ohms=self._ohms,
            short_ohms=_SHORT_OHMS if PilotFault.CP_SHORT in faults else None,
        )
        return Stretch(
            since_us=self._agenda.now_us,
            until_us=self._agenda.now_us,
            permille=1_000.0 if PilotFault.STUCK in faults else self._offered,
            plus=level(source.plus_v, source, load),
            minus=level(source.minus_v, source, load),
            tau_us=source.ohms * source.capacitance_nf / 1_000,
        )

    def _change(self) -> None:
        """Close the stretch that ends now, begin the next one, tell the car."""
        now = self._agenda.now_us
        if now > max(self._now.since_us, self._read_us):
            self._past.append(self._now._replace(until_us=now))
            del self._past[:-_MOST_PAST]  # nobody reads: a stopped tick must not fill the memory
        self._now = self._stretch()
        self._steady = self._find([self._now._replace(until_us=_LONG_US)])
        dead = self.faults & {PilotFault.CP_SHORT, PilotFault.PE_LOST}
        self._hears(0.0 if dead else self._now.permille)

    def _scan(self, now: int) -> None:
        """Find the peaks of the window since the last read."""
        with self._agenda.lock:
            window = [s._replace(since_us=max(s.since_us, self._read_us)) for s in self._past]
            window.append(self._now._replace(since_us=max(self._now.since_us, self._read_us), until_us=now))
            self._past.clear()
        self._held = self._find([s for s in window if s.until_us > s.since_us])

    def _find(self, window: list[Stretch]) -> tuple[float, float]:
        """The peaks of a window; a side without a pulse keeps what it had."""
        found = [peaks(s, self._phase_us) for s in window]
        highs = [high for high, _ in found if high is not None]
        lows = [low for _, low in found if low is not None]
        return max(highs, default=self._held[0]), min(lows, default=self._held[1])
