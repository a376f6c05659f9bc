"""What the simulated world will do by itself, and when.

Rules this file upholds:
- One clock for all parts of a plant: `now_us`, moved only by `run`. Microseconds, because edges fall between ticks.
- What is due happens at its own moment and in order, however far the clock jumps.
- A quiet `run` is one comparison; changes from another thread hold `lock`.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import RLock
from typing import NamedTuple

NEVER = 1 << 62
MS = 1_000

Key = tuple[object, str]


class _Entry(NamedTuple):
    due_us: int
    action: Callable[[], None]
    seen: bool


class Agenda:
    """The clock of a plant and all that is due on it."""

    def __init__(self) -> None:
        self.now_us = 0
        self.next_us = NEVER
        self.lock = RLock()
        self._entries: dict[Key, _Entry] = {}

    def after(self, delay_us: int, key: Key, action: Callable[[], None], seen: bool = True) -> None:
        """Do `action` once, `delay_us` from now, instead of what stood under `key`. Not `seen`: no tick can tell."""
        with self.lock:
            self._entries[key] = _Entry(self.now_us + delay_us, action, seen)
            self._find_next()

    def drop(self, key: Key) -> None:
        """Forget what stood under `key`, if anything."""
        with self.lock:
            if self._entries.pop(key, None):
                self._find_next()

    def has(self, key: Key) -> bool:
        """Whether something stands under `key`."""
        return key in self._entries

    def run(self, until_us: int) -> None:
        """Move the clock; what falls due on the way happens at its own moment. Going back does nothing."""
        if until_us < self.next_us:
            if until_us > self.now_us:
                self.now_us = until_us
            return
        with self.lock:
            while self.next_us <= until_us:
                key = min(self._entries, key=lambda k: self._entries[k].due_us)
                entry = self._entries.pop(key)
                self._find_next()
                self.now_us = max(self.now_us, entry.due_us)
                entry.action()
            self.now_us = max(self.now_us, until_us)

    def skip(self, until_us: int, feed: Callable[[int], None]) -> int:
        """As `run`, but end at the first thing that a tick could notice. `feed` is told how far the clock may be
        believed to have beaten: to the end before, to where it came after. Gives where it came.
        """
        with self.lock:
            feed(until_us)
            while (due_us := self.next_us) <= until_us:
                seen = self.next_seen_us() == due_us
                self.run(due_us)
                if seen:
                    break
            else:
                self.run(until_us)
            feed(self.now_us)
            return self.now_us

    def next_seen_us(self) -> int | None:
        """When the next thing is due that a tick could notice."""
        with self.lock:
            return min((entry.due_us for entry in self._entries.values() if entry.seen), default=None)

    def _find_next(self) -> None:
        self.next_us = min((entry.due_us for entry in self._entries.values()), default=NEVER)
