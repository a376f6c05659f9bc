"""An asyncio loop whose time is nobody's: when nothing is to be done it goes straight to the next timer.

Sockets of this process work as always; threads don't, since nothing waits for them.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any

NOTHING_EVER_S = 5.0
"""Real seconds for a loop without a timer to hear something, before it is taken as hanging."""


class _Selector(selectors.DefaultSelector):
    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            ready = super().select(NOTHING_EVER_S)
            assert ready, "the loop waits for nothing"
            return ready
        self.loop.seconds += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """`seconds` is its time."""

    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self.seconds = 1_000.0
        super().__init__(selector)

    def time(self) -> float:
        return self.seconds

    def ms(self) -> int:
        """As a monotonic clock."""
        return round(self.seconds * 1_000)


def play(script: Coroutine[Any, Any, None]) -> None:
    """Run a story in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        runner.run(script)


def now_ms() -> int:
    """The time of the running loop."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop.ms()
