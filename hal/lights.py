"""What an outlet shows: from what is so to a colour that blinks. Pure.

Rules this file upholds:
- What is wrong comes first, then what was just signalled, then the charge, then what only evsed knows.
- Without a permission of evsed the light says so, and is right about everything that this process knows by itself.
- A signal blinks as often as it was told, then it is over.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from hal.contract import PLUGGED, Cp, Display, Outlet, Show


class Pattern(NamedTuple):
    """A colour in permille, for so long on and so long off; `off_ms` 0 = it does not blink."""

    red: int
    green: int
    blue: int
    on_ms: int = 1_000
    off_ms: int = 0


class Mood(Enum):
    """What is so, for who looks at the box."""

    FAULT = Pattern(1_000, 0, 0, 200, 200)
    REFUSED = Pattern(1_000, 0, 0, 300, 300)
    ACCEPTED = Pattern(0, 1_000, 0, 300, 300)
    CHARGING = Pattern(0, 0, 1_000, 1_500, 500)
    WAITING = Pattern(0, 0, 1_000)
    PLUGGED = Pattern(1_000, 600, 0)
    ASKING = Pattern(1_000, 1_000, 1_000, 200, 200)
    UNAVAILABLE = Pattern(1_000, 0, 0)
    RESERVED = Pattern(700, 0, 1_000)
    ALONE = Pattern(1_000, 600, 0, 100, 2_900)
    OFFLINE = Pattern(0, 1_000, 0, 100, 2_900)
    FREE = Pattern(0, 1_000, 0)


TOLD = {
    Show.ASKING: Mood.ASKING,
    Show.UNAVAILABLE: Mood.UNAVAILABLE,
    Show.RESERVED: Mood.RESERVED,
    Show.OFFLINE: Mood.OFFLINE,
    Show.NOTHING: Mood.FREE,
}
SIGNALS = {Show.ACCEPTED: Mood.ACCEPTED, Show.REFUSED: Mood.REFUSED}
BEEPS = {Mood.ACCEPTED: Pattern(0, 0, 0, 150, 150), Mood.REFUSED: Pattern(0, 0, 0, 600, 300)}
MOST_BEEPS = {Mood.ACCEPTED: 1, Mood.REFUSED: 3}
DARK = (0, 0, 0)


def mood(outlet: Outlet, display: Display | None) -> Mood:
    """What is so. `display` is what evsed adds, None = it gives no permission now."""
    if any(fault.opens for fault in outlet.faults):
        return Mood.FAULT
    if outlet.closed:
        return Mood.CHARGING
    if display is not None and display.shows in (Show.ASKING, Show.UNAVAILABLE):
        return TOLD[display.shows]
    if outlet.cp in PLUGGED or outlet.cp is Cp.F:
        return Mood.WAITING if outlet.pwm else Mood.PLUGGED
    return Mood.ALONE if display is None else TOLD.get(display.shows, Mood.FREE)


class Face:
    """The light and the buzzer of one outlet, in time."""

    def __init__(self) -> None:
        self._mood = Mood.ALONE
        self._since_ms = 0
        self._signal: Mood | None = None
        self._number: int | None = None
        self._signal_ms = 0
        self._blinks = 0

    def look(self, outlet: Outlet, display: Display | None, now_ms: int) -> None:
        """Take what is so now; another number of a signal begins it anew."""
        now = mood(outlet, display)
        if now is not self._mood:
            self._mood, self._since_ms = now, now_ms
        if display is None:
            return
        news = self._number is not None and display.number != self._number
        self._number = display.number
        if news and display.signal in SIGNALS:
            self._signal, self._signal_ms, self._blinks = SIGNALS[display.signal], now_ms, display.blinks

    def colour(self, permille: int, now_ms: int) -> tuple[int, int, int]:
        """Red, green and blue in permille, at `permille` of the full light."""
        pattern, since_ms = self._mood.value, self._since_ms
        if self._mood is not Mood.FAULT and self._signals(now_ms):
            assert self._signal is not None
            pattern, since_ms = self._signal.value, self._signal_ms
        if not _is_on(pattern, now_ms - since_ms):
            return DARK
        return tuple(part * permille // 1_000 for part in pattern[:3])  # type: ignore[return-value]

    def sounds(self, now_ms: int) -> bool:
        """Whether the buzzer sounds: once for a yes, three times for a no."""
        if self._signal is None:
            return False
        beep, passed_ms = BEEPS[self._signal], now_ms - self._signal_ms
        return passed_ms < MOST_BEEPS[self._signal] * (beep.on_ms + beep.off_ms) and _is_on(beep, passed_ms)

    def _signals(self, now_ms: int) -> bool:
        if self._signal is None:
            return False
        pattern = self._signal.value
        return now_ms - self._signal_ms < self._blinks * (pattern.on_ms + pattern.off_ms)


def _is_on(pattern: Pattern, passed_ms: int) -> bool:
    return pattern.off_ms == 0 or passed_ms % (pattern.on_ms + pattern.off_ms) < pattern.on_ms
