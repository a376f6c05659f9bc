"""From three phases to one and back, in the middle of a session. Pure.

Rules this file upholds:
- Never by default: only where the board has the part and the installer said that he wants it. Some cars, the Renault
  Zoe of the first generation among them, may be destroyed by it.
- The order is always: no offer (x1), contactor open by the 6 s rule, `OPEN_MS`, switch, feedback, then no offer until
  the car has been without power for `WAIT_MS`. Nothing moves while the contactor is closed, by order or by feedback,
  nor while that is in doubt: a weld that is not cleared, a current, a part that does not answer.
- At most once in `BETWEEN_MS` and `MOST_MOVES` times while one car is plugged in.
- What its feedback says counts; one that contradicts for `MOVE_MS` is a fault.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from hal.iec61851 import FAR_MS

OPEN_MS = 100
MOVE_MS = 1_000
WAIT_MS = 60_000  # BMW iX3 and Cupra Tavascan need 45 s
BETWEEN_MS = 600_000
MOST_MOVES = 10


class Move(Enum):
    """Where the sequence stands."""

    STEADY = "nothing moves"
    STOPPING = "the car is asked to stop"
    RESTING = "the contactor has just opened"
    MOVING = "the relay moves"
    WAITING = "the car forgets how many phases there were"


class Scene(NamedTuple):
    """What the sequence looks at. `wanted` None = whatever there is."""

    wanted: bool | None  # True = three phases
    three: bool  # by feedback
    live: bool  # the contactor is closed, by order or by feedback, or in doubt
    plugged: bool


class PhaseState(NamedTuple):
    """Everything that it remembers. `three` is what the relay is told."""

    three: bool
    move: Move = Move.STEADY
    move_ms: int = 0  # since when
    live_ms: int | None = None  # when there was power last
    moved_ms: int | None = None  # when it was last switched for this car
    moves: int = 0
    wrong_ms: int | None = None  # since when the feedback contradicts
    due_ms: int = FAR_MS

    @property
    def stops(self) -> bool:
        """Whether nothing may be offered now."""
        return self.move is not Move.STEADY

    @property
    def bars(self) -> bool:
        """Whether the contactor must be open now."""
        return self.move not in (Move.STEADY, Move.STOPPING)

    def broken(self, now_ms: int) -> bool:
        """Whether the feedback has contradicted for too long."""
        return self.wrong_ms is not None and now_ms >= self.wrong_ms + MOVE_MS


def step(s: PhaseState, scene: Scene, now_ms: int) -> PhaseState:
    """The next state."""
    s = s._replace(
        live_ms=now_ms if scene.live else s.live_ms,
        moved_ms=s.moved_ms if scene.plugged else None,
        moves=s.moves if scene.plugged else 0,
        wrong_ms=None if scene.three is s.three else now_ms if s.wrong_ms is None else s.wrong_ms,
    )
    s = _AFTER[s.move](s, scene, now_ms)
    return s._replace(due_ms=_due_ms(s, scene, now_ms))


def _steady(s: PhaseState, scene: Scene, now_ms: int) -> PhaseState:
    if scene.wanted is None or scene.wanted is s.three or now_ms < _again_ms(s):
        return s
    return _enter(s, Move.STOPPING if scene.live else Move.RESTING, now_ms)


def _stopping(s: PhaseState, scene: Scene, now_ms: int) -> PhaseState:
    if scene.wanted is None or scene.wanted is s.three:
        return _enter(s, Move.STEADY, now_ms)
    return s if scene.live else _enter(s, Move.RESTING, now_ms)


def _resting(s: PhaseState, scene: Scene, now_ms: int) -> PhaseState:
    if scene.live:
        return s._replace(move_ms=now_ms)
    if now_ms < s.move_ms + OPEN_MS:
        return s
    moved = s._replace(three=not s.three, moves=s.moves + 1, moved_ms=now_ms, wrong_ms=now_ms)
    return _enter(moved, Move.MOVING, now_ms)


def _moving(s: PhaseState, scene: Scene, now_ms: int) -> PhaseState:
    return _enter(s, Move.WAITING, now_ms) if scene.three is s.three else s


def _waiting(s: PhaseState, scene: Scene, now_ms: int) -> PhaseState:
    over = now_ms >= _rested_ms(s) or not scene.plugged
    return _enter(s, Move.STEADY, now_ms) if over else s


_AFTER = {
    Move.STEADY: _steady,
    Move.STOPPING: _stopping,
    Move.RESTING: _resting,
    Move.MOVING: _moving,
    Move.WAITING: _waiting,
}


def _enter(s: PhaseState, move: Move, now_ms: int) -> PhaseState:
    return s._replace(move=move, move_ms=now_ms)


def _again_ms(s: PhaseState) -> int:
    """When it may be switched again."""
    if s.moved_ms is None:
        return -FAR_MS
    return FAR_MS if s.moves >= MOST_MOVES else s.moved_ms + BETWEEN_MS


def _rested_ms(s: PhaseState) -> int:
    """When the car has been without power for long enough."""
    return s.move_ms + OPEN_MS if s.live_ms is None else max(s.live_ms + WAIT_MS, s.move_ms + OPEN_MS)


def _due_ms(s: PhaseState, scene: Scene, now_ms: int) -> int:
    """When time alone next changes something."""
    moments = [] if s.wrong_ms is None else [s.wrong_ms + MOVE_MS]
    if s.move is Move.STEADY and scene.wanted is not None and scene.wanted is not s.three:
        moments.append(_again_ms(s))
    elif s.move is Move.RESTING:
        moments.append(s.move_ms + OPEN_MS)
    elif s.move is Move.WAITING:
        moments.append(_rested_ms(s))
    return min((moment for moment in moments if moment > now_ms), default=FAR_MS)
