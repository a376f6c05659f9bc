"""The network between wallbox and central system: it delays, doubles, goes silent without a word, and resets.

Each direction keeps its order, as TCP does, and what is under way is lost with its connection. A line that is half open
swallows what is said into it until the pings find out.
"""

from __future__ import annotations

from collections import deque
from random import Random

from tests.world.wallbox import Wallbox

PING_S = 60  # what the real link needs at most to find out that nobody is there


class Wire:
    """Joins itself to the world. `delay_ms` is one way; `doubles` lets each answer arrive twice."""

    def __init__(self, world: Wallbox, chance: Random) -> None:
        self._world, self._chance = world, chance
        self._connection = 0
        self._dead = self._ripening = False
        self._up: deque[str] = deque()
        self._down: deque[str] = deque()
        self._ripe: list[str] = []
        self.delay_ms = 0
        self.doubles = False
        world.carries, world.csms.post = self._carry, self._post

    @property
    def half(self) -> bool:
        """Whether it swallows what is said."""
        return self._dead and self._connection == self._world.csms.connections

    def half_open(self) -> None:
        """Nothing arrives any more, and nobody is told."""
        if self._world.evsed is not None and self._world.evsed.connected:
            connection = self._now_connected()
            self._dead = True
            self._world.later(self._chance.uniform(1, PING_S), lambda: self._found_out(connection))

    def _found_out(self, connection: int) -> None:
        if connection == self._now_connected() and self._dead:
            self._world.drop_line("no answer to a ping")

    def _now_connected(self) -> int:
        """A new connection begins with nothing of the last."""
        if self._connection != self._world.csms.connections:
            self._connection = self._world.csms.connections
            self._dead = False
            self._up.clear()
            self._down.clear()
            self._ripe.clear()
        return self._connection

    def _carry(self, frame: str) -> bool:
        """Whether it arrives at once."""
        connection = self._now_connected()
        if self._dead:
            return False
        if not self.delay_ms and not self._up:
            return True
        self._world.watch.sent(frame)
        self._up.append(frame)
        self._world.later(self.delay_ms / 1_000, lambda: self._arrive(connection))
        return False

    def _arrive(self, connection: int) -> None:
        evsed = self._world.evsed
        if (
            connection == self._now_connected()
            and self._up
            and not self._dead
            and evsed is not None
            and evsed.connected
        ):
            self._world.csms.receive(self._up.popleft())

    def _post(self, frames: list[str]) -> list[str]:
        """What reaches the station now."""
        connection = self._now_connected()
        if self._dead:
            return []
        said = [frame for frame in frames for _ in range(2 if self.doubles and _answers(frame) else 1)]
        if self.delay_ms or self._down:
            self._down.extend(said)
            for _ in said:
                self._world.later(self.delay_ms / 1_000, lambda: self._ripen(connection))
            said = []
        ripe, self._ripe = self._ripe, []
        return ripe + said

    def _ripen(self, connection: int) -> None:
        if connection == self._now_connected() and self._down:
            self._ripe.append(self._down.popleft())


def _answers(frame: str) -> bool:
    """Whether it is one, and no question or noise."""
    return frame.startswith(("[3,", "[4,"))
