"""From samples that know nothing of the PWM's phase to the two plateaus of the pilot. Pure.

Rules this file upholds:
- An edge never lies beyond the plateau that it leads to. So a plateau is the outermost level on which ENOUGH samples
  agree to BAND_V; what lies further in is an edge, what lies further out a disturbance.
- Highs and lows part at the middle between the extremes; where those lie closer than ONE_LEVEL_V there is one level.
- The newest burst decides alone if it can. Else the high plateau, the car's letter, may stand on HIGH_BURSTS bursts
  and the low one on LOW_BURSTS; with less nothing was measured.
- One level where the drive should show two is believed once SURE samples should have met the other plateau.
- Over SHARE_BURSTS the share of highs must be that of the drive: a PWM which is stuck, or which somebody else drives,
  is found though both its plateaus are sound.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import NamedTuple

ENOUGH = 4
SPIKES = 32  # one sample in so many may be a disturbance
BAND_V = 0.5
ONE_LEVEL_V = 2.5
HIGH_BURSTS = 2
LOW_BURSTS = 4
EDGES_US = 20.0  # of a pulse: too near to its ends to count on
SURE = 20.0
SHARE_BURSTS = 100  # a second
SHARE_TOLERANCE = 30.0  # permille, or 1.8 A: seven times what chance and gaps between messages scatter it by


def outermost(ordered: Sequence[float]) -> float | None:
    """The highest level on which enough samples agree; None = there is none. `ordered` ascends."""
    count = len(ordered)
    spikes = count // SPIKES
    need = max(ENOUGH, spikes)
    for top in range(count - 1, count - 2 - spikes, -1):
        if top < need - 1:
            return None
        first = bisect_left(ordered, ordered[top] - BAND_V)
        if top - first + 1 >= need:
            return sum(ordered[first : top + 1]) / (top - first + 1)
    return None


class Sight(NamedTuple):
    """What some samples show: the plateaus that are there, and how many samples are above the middle."""

    high: float | None
    low: float | None
    highs: int
    two: bool  # both plateaus, and apart

    @property
    def lone(self) -> float | None:
        """The one plateau, if the other is missing."""
        return self.low if self.high is None else self.high


def sight(volts: Iterable[float]) -> Sight:
    """Part the samples and find their plateaus."""
    ordered = sorted(volts)
    split = 0
    if ordered[-1] - ordered[0] >= ONE_LEVEL_V:
        split = bisect_left(ordered, (ordered[0] + ordered[-1]) / 2)
    high = outermost(ordered[split:])
    low = outermost([-volt for volt in reversed(ordered[:split] if split else ordered)])
    low = None if low is None else -low
    return Sight(high, low, len(ordered) - split, bool(split) and high is not None and low is not None)


class Plateaus:
    """What the bursts of samples since the last change of the drive tell."""

    def __init__(self) -> None:
        self.expect(1_000.0)

    def expect(self, permille: float) -> None:
        """Forget everything: the drive is another from now on."""
        self._permille = permille
        self._pwm = 0.0 < permille < 1_000.0
        shorter_us = min(permille, 1_000.0 - permille)
        self._usable = max(0.0, shorter_us - EDGES_US) / 1_000
        self._bursts: deque[Sequence[float]] = deque(maxlen=LOW_BURSTS)
        self._shares: deque[tuple[int, int]] = deque(maxlen=SHARE_BURSTS)

    def suffices(self, volts: Sequence[float]) -> bool:
        """Whether a burst of these samples needs no more of them."""
        return not self._pwm or sight(volts).two

    def take(self, volts: Sequence[float]) -> tuple[float, float] | None:
        """(high, low) after one more burst; None = too little is known."""
        self._bursts.appendleft(volts)
        if not self._pwm:
            seen = sight(volts)
            high, low = (seen.high, seen.low) if seen.two else (seen.lone, seen.lone)
            return None if high is None or low is None else (high, low)
        for span in (1, HIGH_BURSTS, LOW_BURSTS):
            samples = list(chain(*islice(self._bursts, span)))
            seen = sight(samples)
            if seen.two:
                return self._both(seen, span)
            if len(samples) * self._usable >= SURE and seen.lone is not None:
                return seen.lone, seen.lone
        return None

    def _both(self, seen: Sight, span: int) -> tuple[float, float] | None:
        """The plateaus of so many bursts, of which only the newest count for the high one."""
        high, low = seen.high, seen.low
        assert high is not None and low is not None
        if span == 1:
            self._shares.append((seen.highs, len(self._bursts[0])))
        elif span > HIGH_BURSTS:
            middle = (high + low) / 2
            high = outermost(sorted(volt for volt in chain(*islice(self._bursts, HIGH_BURSTS)) if volt >= middle))
        return None if high is None else (high, low)

    @property
    def share(self) -> float | None:
        """Permille of highs, once SHARE_BURSTS bursts have told both plateaus."""
        if len(self._shares) < SHARE_BURSTS:
            return None
        return 1_000 * sum(highs for highs, _ in self._shares) / sum(count for _, count in self._shares)

    @property
    def follows(self) -> bool:
        """Whether the share of highs is that of the drive, as far as is known."""
        return (share := self.share) is None or abs(share - self._permille) <= SHARE_TOLERANCE
