"""The residual-current device is tried by its own test input: at boot, after each car, and once a day.

Rules this file upholds:
- Only at A with the contactor open, both for a second. A plug that comes ends the trial at once, and it stays due.
- The device must trip within its time of the test's begin and let go within its time of the end; else it is a fault
  that waits for a person, whose acknowledgement asks for the next trial.
- A trip that the test called for is no fault, nor what its output says until it is calm again; meanwhile nothing closes
  (guard: SELF_TEST).
- Who ran before may have been killed in the middle of one: first of all the test input is freed, and a trip that goes
  within the time for it was the test's. One that stays is none of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

from hal.boards import Timing
from hal.iec61851 import FAR_MS
from hal.lasting import Lasting

REST_MS = 1_000  # what switching does to the device is over
CALM_MS = 50  # its output may chatter as it lets go
EACH_MS = 24 * 3_600_000


class Step(Enum):
    """How far a trial is."""

    INHERITED = "the test input may still be driven by who ran before"
    IDLE = "no trial"
    CALLED = "the test input is driven, the device has not tripped"
    RELEASED = "the test input is free again, the device has not let go"


class Trial:
    """Of one outlet's device; `drive` None = it has no test input, and nothing ever happens."""

    def __init__(self, drive: Callable[[bool], None] | None, timing: Timing, now_ms: int) -> None:
        self._drive = drive
        self._trip_ms, self._clear_ms = timing.residual_trip_ms, timing.residual_clear_ms
        self._rest, self._calm = Lasting(REST_MS), Lasting(CALM_MS)
        self._step, self._since_ms = Step.IDLE if drive is None else Step.INHERITED, now_ms
        self._used = self._complete = False
        self._due_ms = FAR_MS if drive is None else now_ms
        self.failure = ""  # of the trial that has just ended

    @property
    def running(self) -> bool:
        """Whether what the device says now is the doing of the test."""
        return self._step is not Step.IDLE

    def ask(self, now_ms: int) -> None:
        """A person has acknowledged what was: try again."""
        self._due_ms = min(self._due_ms, now_ms if self._drive is not None else FAR_MS)

    def run(self, at_a: bool, contactor_open: bool, tripped: bool, now_ms: int) -> str:
        """One look; says in a few words what a trial that ends now has shown, or "". Raises PartFailed."""
        self.failure = ""
        if self._drive is None:
            return ""
        if at_a and self._used:
            self._due_ms = min(self._due_ms, now_ms)
        self._used = not at_a
        rested = self._rest.lasts(at_a and contactor_open, now_ms)
        if self._step is Step.INHERITED:
            return self._freed(tripped, now_ms)
        if self._step is Step.CALLED:
            return self._called(at_a, tripped, now_ms)
        if self._step is Step.RELEASED:
            return self._released(tripped, now_ms)
        if rested and not tripped and now_ms >= self._due_ms:
            self._go(Step.CALLED, now_ms)
            self._drive(True)
        return ""

    def deadlines(self, now_ms: int) -> list[int]:
        """When time alone next changes something."""
        if self._step is Step.IDLE:
            return [self._due_ms, self._rest.due_ms(now_ms)]
        within_ms = self._trip_ms if self._step is Step.CALLED else self._clear_ms
        return [self._since_ms + within_ms, self._calm.due_ms(now_ms)]

    def _freed(self, tripped: bool, now_ms: int) -> str:
        assert self._drive is not None
        self._drive(False)
        if not tripped or now_ms - self._since_ms >= self._clear_ms:
            self._go(Step.IDLE, now_ms)
        return ""

    def _called(self, at_a: bool, tripped: bool, now_ms: int) -> str:
        assert self._drive is not None
        late = now_ms - self._since_ms >= self._trip_ms
        self._complete = at_a and tripped and not late
        if at_a and late:
            self.failure = f"it did not trip within {self._trip_ms} ms of the test"
            self._due_ms = now_ms + EACH_MS
        if tripped or late or not at_a:
            self._go(Step.RELEASED, now_ms)
            self._drive(False)
        return self.failure

    def _released(self, tripped: bool, now_ms: int) -> str:
        calm = self._calm.lasts(not tripped, now_ms)
        if not calm and now_ms - self._since_ms < self._clear_ms:
            return ""
        self._calm.forget()
        self._go(Step.IDLE, now_ms)
        if tripped:
            self.failure = f"it did not let go within {self._clear_ms} ms of the test"
        if tripped or self._complete:
            self._due_ms = now_ms + EACH_MS
        return self.failure or ("it trips and lets go" if self._complete else "")

    def _go(self, step: Step, now_ms: int) -> None:
        self._step, self._since_ms = step, now_ms
