"""A condition that counts only after it has lasted."""

from __future__ import annotations

from hal.iec61851 import FAR_MS


class Lasting:
    """Remembers since when a condition has held without a break."""

    __slots__ = ("_after_ms", "_since_ms")

    def __init__(self, after_ms: int) -> None:
        self._after_ms = after_ms
        self._since_ms: int | None = None

    def lasts(self, condition: bool, now_ms: int) -> bool:
        """Whether the condition has held for `after_ms` by now."""
        if not condition:
            self.forget()
            return False
        if self._since_ms is None:
            self._since_ms = now_ms
        return now_ms - self._since_ms >= self._after_ms

    def forget(self) -> None:
        """It has not lasted at all."""
        self._since_ms = None

    def due_ms(self, now_ms: int) -> int:
        """When it will count, if it goes on."""
        if self._since_ms is None or now_ms >= self._since_ms + self._after_ms:
            return FAR_MS
        return self._since_ms + self._after_ms
