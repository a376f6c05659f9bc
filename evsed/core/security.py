"""The security log of the station, and what of it the central system hears.

Rules this file upholds:
- Every event becomes a line of the security log and a report (A04.FR.01, A04.FR.04). A critical one is on the disk
  before anything that follows, and is told until the central system answers (A04.FR.02).
- A clock is set when it goes otherwise than before: in this boot, or back before what is known of the boot
  before it. A box without a clock of its own learns the time at each start; that sets nothing.
- What a stranger can bring about at will is noted once in a while, with how often it came meanwhile: it must not wear
  the card, nor hide the rest. What answers a request of the central system is no stranger's (A02.FR.07).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from evsed.core.outbox import Outbox
from evsed.core.rules import Rules
from evsed.core.security_events import WORDS, SecurityEntry, SecurityKind, SecurityNoted, SecurityNoticed
from evsed.core.turn import Turn

if TYPE_CHECKING:
    from evsed.core.dating import Calendar
    from evsed.core.station import Station

ENCLOSURE_OPEN = "ENCLOSURE_OPEN"  # evse-hal names it so
AGAIN_MS = 60_000
UNCHANGED_AGAIN_MS = 3_600_000
TIME_STEP_MS = 2_000
PROVOKED = (
    SecurityKind.REFUSED_BY_CENTRAL,
    SecurityKind.CENTRAL_REFUSED,
    SecurityKind.CENTRAL_CERTIFICATE,
    SecurityKind.STATION_CERTIFICATE,
    SecurityKind.TLS_VERSION,
    SecurityKind.TLS_CIPHERS,
    SecurityKind.INVALID_MESSAGES,
    SecurityKind.REPLAYED,
)
"""What whoever answers at the other end of the line can bring about."""


class Security:
    """Takes what happens. `new_id` names the lines of the log."""

    def __init__(self, rules: Rules, outbox: Outbox, new_id: Callable[[], str]) -> None:
        self._critical = rules.critical_security
        self._outbox = outbox
        self._new_id = new_id
        self._noted_ms: dict[SecurityKind, int] = {}
        self._since_link: set[SecurityKind] = set()
        self._unsaid: dict[SecurityKind, int] = {}
        self._offset_ms: int | None = None
        self._began = False
        self._open = False

    def begin(self, damaged: bool, broke_off: str, turn: Turn) -> None:
        """Once, in the first turn; `damaged`: the journal, and with it the log, had to be begun anew; `broke_off`: how
        the life before this one ended that was not meant to end.
        """
        if self._began:
            return
        self._began = True
        if damaged:
            self.note(SecurityKind.LOG_CLEARED, "the journal was damaged and begun anew", turn)
        if broke_off:
            self.note(SecurityKind.RESET, broke_off, turn)  # a reset is noted when it is ordered
        self.note(SecurityKind.STARTED, "", turn)

    def note(self, kind: SecurityKind, info: str, turn: Turn) -> None:
        """It happened; `info` holds no secret."""
        info = info if info.isprintable() else ascii(info)[1:-1]
        critical, at = kind in self._critical, turn.now.stamp()
        turn.put(SecurityEntry(self._new_id(), kind, at, info), urgent=critical)
        self._outbox.put(SecurityNoted(kind, at, info, critical), turn)
        turn.log(f"! security: {WORDS[kind]}{': ' if info else ''}{info}")

    def notice(self, kind: SecurityKind, info: str, turn: Turn) -> None:
        """The same of what the shell saw on the line."""
        if kind in PROVOKED:
            if self._too_soon(kind, turn.now.mono_ms):
                self._unsaid[kind] = self._unsaid.get(kind, 0) + 1
                return
            if more := self._unsaid.pop(kind, 0):
                info = f"{info} ({more} more since the last one)".lstrip()
        self.note(kind, info, turn)

    def linked(self) -> None:
        """A connection came up: what keeps us from the next one is news again."""
        self._since_link.clear()

    def watch_time(self, calendar: Calendar, turn: Turn) -> None:
        """SettingSystemTime (whitepaper §8). The calendar has not learnt the time of this turn yet."""
        offset_ms = None if turn.now.wall_ms is None else turn.now.wall_ms - turn.now.mono_ms
        if offset_ms is None:
            return
        before_ms, self._offset_ms = self._offset_ms, offset_ms
        step_ms = calendar.step_ms(turn.now) if before_ms is None else offset_ms - before_ms
        if abs(step_ms) >= TIME_STEP_MS:
            calendar.was_set(step_ms, turn)
            self.note(SecurityKind.TIME_SET, f"by {step_ms / 1_000:+.0f} s", turn)

    def watch_enclosure(self, station: Station, turn: Turn) -> None:
        """An enclosure that is opened, however many outlets it holds (1.6 security whitepaper §8). Closed it is only
        once hal has told everything of all outlets.
        """
        seen = [outlet.seen for outlet in station.outlets.values()]
        text = next((fault.text for one in seen for fault in one.faults if fault.name == ENCLOSURE_OPEN), None)
        if text is not None and not self._open:
            self.note(SecurityKind.TAMPERED, text, turn)
        self._open = text is not None or (self._open and not all(one.known for one in seen))

    def _too_soon(self, kind: SecurityKind, now_ms: int) -> bool:
        last_ms = self._noted_ms.get(kind)
        wait_ms = UNCHANGED_AGAIN_MS if kind in self._since_link else AGAIN_MS
        if last_ms is not None and now_ms - last_ms < wait_ms:
            return True
        self._noted_ms[kind] = now_ms
        self._since_link.add(kind)
        return False


def noticed(station: Station, event: SecurityNoticed, turn: Turn) -> None:
    """The shell saw something."""
    station.box.security.notice(event.kind, event.info, turn)


# Each function takes exactly the event type that it is entered under.
HANDLERS: dict[type, Callable[[Station, Any, Turn], None]] = {SecurityNoticed: noticed}
