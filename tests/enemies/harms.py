"""What a central system must not bring about, in four words, each with its judges.

- Unsafe: what tests/lab/lives sees of contacts and offers; a demand of evsed beyond the installer's limit, though hal
  would cut it; a security profile below the one that the installer wrote; a key that is told.
- Broke: more heard than the pace allows; bytes and syncs beyond what was heard and the box's own; files in the state
  folder; a contactor that closes more often than changes five seconds apart let it.
- Deaf: a question that is not answered though the box hears it; `rogue.py` has the good one come back, `life.py` lets
  it charge.
- Talkative: calls of its own, answers to nothing, frames that are too long.
"""

from __future__ import annotations

from pathlib import Path

from evsed.core.effects import Demand
from evsed.ocpp.pace import A_SECOND, AT_ONCE, LEAST
from tests.lab.lives.credentials import FIRST_KEY
from tests.lab.lives.invariants import Eyes, bounded
from tests.lab.lives.life import Life

LONGEST_FRAME = 65_536
CALLS_A_SECOND, CALLS_AN_ASK, CALLS_AT_ONCE = 3.5, 4, 200
SYNCS_A_SECOND, SYNCS_AN_ASK, SYNCS_AT_ONCE = 0.5, 3, 100
BYTES_A_SECOND, BYTES_A_CHARACTER, BYTES_AT_ONCE = 2_000, 8, 3_000_000
CLOSINGS_AN_HOUR = 400
ANSWERS = ("[3", "[4")


def written() -> int:
    """Bytes that this process wrote to any file."""
    (line,) = (line for line in Path("/proc/self/io").read_text().splitlines() if line.startswith("wchar"))
    return int(line.split()[1])


class Harms:
    """Looks on from now; `said` and `acts` are what rogue and driver did."""

    def __init__(self, life: Life) -> None:
        self.life, self.world = life, life.world
        self.said = self.acts = 0
        self._sent = self._asked = self._cost = self._longest = 0
        self._told_key = self._greedy = ""
        self._began_ms, self._written = self.world.ms, written()
        self._moments, self._received = len(self.world.moments), len(self.world.csms.received)
        self._closings = self._closed()
        self._carried, self._grants, self._hears = self.world.carries, self.world.grant, self.world.calls.heard
        self.world.carries = self._carries
        self.world.grant = self._grant  # type: ignore[method-assign]
        self.world.calls.heard = self._heard  # type: ignore[method-assign]

    # --- looking on ------------------------------------------------------------------------------------------

    def _carries(self, frame: str) -> bool:
        self._sent, self._longest = self._sent + 1, max(self._longest, len(frame))
        self._told_key = self._told_key or (frame if FIRST_KEY in frame else "")
        return self._carried(frame)

    def _grant(self, demand: Demand) -> None:
        if demand.max_ma > self.world.limits.max_ma:
            self._greedy = str(demand)
        self._grants(demand)

    def _heard(self, frame: str, at_ms: int) -> None:
        if not frame.startswith(ANSWERS):
            self._asked, self._cost = self._asked + 1, self._cost + max(LEAST, len(frame))
        self._hears(frame, at_ms)

    def _closed(self) -> int:
        eyes = self.world.watch
        assert isinstance(eyes, Eyes)
        return (len(eyes.edges) + 1) // 2

    # --- judging ---------------------------------------------------------------------------------------------

    def found(self) -> list[str]:
        """All that was wrong since then; nobody looks on any longer."""
        self.world.carries, self.world.grant = self._carried, self._grants  # type: ignore[method-assign]
        self.world.calls.heard = self._hears  # type: ignore[method-assign]
        seconds = (self.world.ms - self._began_ms) / 1_000
        return [*self._unsafe(), *self._broke(seconds), *self._talkative(seconds)]

    def _unsafe(self) -> list[str]:
        found = list(self.world.watch.breaches)
        found += [f"unsafe: {self._greedy} is beyond the installer's limit"] if self._greedy else []
        found += [f"unsafe: the key is told in {self._told_key[:200]}"] if self._told_key else []
        least = min(system.profile for system in self.world.systems)
        lowered = [target for target in self.world.dialled if target.profile < least]
        return found + ([f"unsafe: dialled with security profile {lowered[0].profile}"] if lowered else [])

    def _broke(self, seconds: float) -> list[str]:
        syncs = self.world.moments[self._moments :].count("committed")
        closings = self._closed() - self._closings
        return [
            *_over("broke: characters heard", self._cost, AT_ONCE + A_SECOND * seconds + LONGEST_FRAME),
            *_over("broke: syncs", syncs, SYNCS_AT_ONCE + SYNCS_A_SECOND * seconds + SYNCS_AN_ASK * self._asked),
            *_over(
                "broke: bytes written",
                written() - self._written,
                BYTES_AT_ONCE + BYTES_A_SECOND * seconds + BYTES_A_CHARACTER * self._cost,
            ),
            *_over("broke: closings", closings, 10 + self.acts + CLOSINGS_AN_HOUR * seconds / 3_600),
            *(f"broke: {much}" for much in bounded(self.life)),
        ]

    def _talkative(self, seconds: float) -> list[str]:
        calls = len(self.world.csms.received) - self._received
        return [
            *_over("talkative: calls", calls, CALLS_AT_ONCE + CALLS_A_SECOND * seconds + CALLS_AN_ASK * self._asked),
            *_over("talkative: answers", self._sent - calls, self._asked),
            *_over("talkative: characters in a frame", self._longest, LONGEST_FRAME),
        ]


def _over(what: str, much: float, most: float) -> list[str]:
    return [f"{what}: {much:.0f}, and at most {most:.0f} are fair"] if much > most else []
