"""The simulated card reader: each swipe is given out once, in order."""

from __future__ import annotations

from collections import deque

from hal.drivers.protocols import PartFailed

_MOST_WAITING = 100


class SimReader:
    """A `Reader`."""

    def __init__(self) -> None:
        self._waiting: deque[str] = deque(maxlen=_MOST_WAITING)
        self.gone = False

    def swipe(self, tag: str) -> None:
        """Show a card."""
        if not self.gone:
            self._waiting.append(tag)

    def poll(self) -> str | None:
        """The next card that was shown."""
        if self.gone:
            raise PartFailed("reader: it is not there")
        return self._waiting.popleft() if self._waiting else None

    def close(self) -> None:
        """Nothing to give back."""

    def vanish(self, on: bool = True) -> None:
        """Be unplugged, or come back."""
        self.gone = on
