"""What chooses the phases of one outlet: the sequence of phases.py with its part, if there is one and it is wanted."""

from __future__ import annotations

import logging

from hal.drivers.protocols import PartFailed, Phases
from hal.phases import PhaseState, Scene, step

log = logging.getLogger("hal.phases")


class PhaseRelay:
    """Asks and moves the part. Without one nothing is ever barred."""

    def __init__(self, evse: int, part: Phases | None) -> None:
        self._evse, self._part = evse, part
        self._state: PhaseState | None = None
        self.due_ms = 0

    @property
    def three(self) -> bool | None:
        """What is chosen; None = there is no choice."""
        return None if self._state is None else self._state.three

    @property
    def stops(self) -> bool:
        """Whether nothing may be offered now."""
        return self._state is not None and self._state.stops

    @property
    def bars(self) -> bool:
        """Whether the contactor must be open now."""
        return self._state is not None and self._state.bars

    def broken(self, now_ms: int) -> bool:
        """Whether its feedback has contradicted for too long."""
        return self._state is not None and self._state.broken(now_ms)

    def look(self, wanted: int | None, three: bool | None, live: bool, plugged: bool, now_ms: int) -> None:
        """One step; `three` is the feedback. Raises PartFailed."""
        if self._part is None or three is None:
            return
        before = self._state if self._state is not None else PhaseState(three)
        wish = None if wanted is None else wanted == 3
        self._state = state = step(before, Scene(wish, three, live, plugged), now_ms)
        self.due_ms = state.due_ms
        if state.move is not before.move:
            log.info("= outlet %d phases: %s", self._evse, state.move.value)
        if state.three is not before.three:
            log.info("> outlet %d %s", self._evse, "three phases" if state.three else "one phase")
        if state.three is not three and not live:
            try:
                self._part.use(state.three)
            except PartFailed:
                self.due_ms = now_ms + 1
                raise
