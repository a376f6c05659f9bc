"""Faults that would wait for an unplugged car or for a person, and may end by themselves a few times.

Rules this file upholds:
- Only as often as the installer allows for each car, and after its cause has stayed away for the whole pause.
- Residual current soon after closing means a car or cable that is broken: that always waits for its person.
- A fault of an earlier life of the process is never tried: nobody knows any more how often it was.
"""

from __future__ import annotations

from typing import NamedTuple

from hal.contract import Retry
from hal.faults import FaultBook, Name
from hal.iec61851 import FAR_MS

SETTLED_MS = 10_000  # a charge that ran for so long without residual current has no plain earth fault
LETS_GO_MS = 1_000  # its contactor may have opened so long before the device says why


class _Rule(NamedTuple):
    """How often, after what pause, and how long the contactor must have been closed before."""

    times: int
    pause_ms: int
    settled_ms: int


class Retries:
    """Of one outlet: the faults that were tried, and how often its car still may be."""

    def __init__(self, retry: Retry, book: FaultBook) -> None:
        self._book = book
        self._rules = {
            Name.OVER_CURRENT: _Rule(retry.over_current, retry.over_current_s * 1_000, 0),
            Name.RESIDUAL_CURRENT: _Rule(retry.residual_current, retry.residual_current_s * 1_000, SETTLED_MS),
        }
        self._left = {name: rule.times for name, rule in self._rules.items()}
        self._known = {name: book.holds(name) for name in self._rules}
        self._tried: set[Name] = set()  # these faults may end by themselves
        self._closed_ms = self._opened_ms = -FAR_MS

    def settle(self, at_a: bool, ordered: bool, now_ms: int) -> None:
        """After all causes are known: forgive what may be tried again now."""
        if ordered and self._opened_ms < FAR_MS:
            self._closed_ms, self._opened_ms = now_ms, FAR_MS
        elif not ordered and self._opened_ms == FAR_MS:
            self._opened_ms = now_ms
        for name, rule in self._rules.items():
            held = self._book.holds(name)
            if held and not self._known[name] and self._left[name] and self._charged_ms(now_ms) >= rule.settled_ms:
                self._left[name] -= 1
                self._tried.add(name)
            if not held:
                self._tried.discard(name)
                self._left[name] = rule.times if at_a else self._left[name]
            self._known[name] = held
            if now_ms >= self._due_ms(name):
                self._book.forgive(name)

    def due_ms(self) -> int:
        """When time alone next forgives one."""
        return min(self._due_ms(name) for name in self._rules)

    def _due_ms(self, name: Name) -> int:
        gone_ms = self._book.gone_ms(name) if name in self._tried else None
        return FAR_MS if gone_ms is None else gone_ms + self._rules[name].pause_ms

    def _charged_ms(self, now_ms: int) -> int:
        """How long the charge ran that the fault broke off; below 0 = there was none."""
        if now_ms - self._opened_ms > LETS_GO_MS:
            return -FAR_MS
        return min(now_ms, self._opened_ms) - self._closed_ms
