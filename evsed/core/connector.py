"""The state of an outlet as drivers and central systems see it, and the changes that OCPP 1.6 §4.9 allows.

`wanted` says which state the facts ask for; `hop` says the next allowed state on the way there; `Connector` goes that
way and tells each step, so that no report ever shows a change that the table does not have.
"""

from __future__ import annotations

from msgspec import Struct

from evsed.core import catalogue
from evsed.core.box import Box
from evsed.core.deadlines import soonest
from evsed.core.reports import StatusChanged
from evsed.core.turn import Turn
from evsed.core.words import FaultNote, Status

A, P, C = Status.AVAILABLE, Status.PREPARING, Status.CHARGING
SEV, SEVSE, F = Status.SUSPENDED_EV, Status.SUSPENDED_EVSE, Status.FINISHING
R, U, X = Status.RESERVED, Status.UNAVAILABLE, Status.FAULTED

# OCPP 1.6 §4.9: rows A–I; each column is an event of its table.
NEXT: dict[Status, frozenset[Status]] = {
    A: frozenset({P, C, SEV, SEVSE, R, U, X}),
    P: frozenset({A, C, SEV, SEVSE, F, X}),
    C: frozenset({A, SEV, SEVSE, F, U, X}),
    SEV: frozenset({A, C, SEVSE, F, U, X}),
    SEVSE: frozenset({A, C, SEV, F, U, X}),
    F: frozenset({A, P, U, X}),
    R: frozenset({A, P, U, X}),
    U: frozenset({A, P, C, SEV, SEVSE, X}),
    X: frozenset({A, P, C, SEV, SEVSE, F, R, U}),
}
IN_TRANSACTION = (C, SEV, SEVSE)

SETTLE_MS = 5_000
"""The contactor follows within 3 s of the car's wish (IEC 61851-1 A.6 seq. 4); until then the status waits."""
EV_GONE = "EV side disconnected"


class Facts(Struct, frozen=True):
    """What decides the state. `known` = hal has told what is so. `leaving` = the transaction ends because the car left.

    `closes` is our permission, `offered` is on the pilot, `asks` is the car's wish, `drawing` is all of it with the
    contactor closed. `held` = the cable is locked in the socket, or the end of its transaction is not on the disk.
    `warnings` decide nothing; they are told.
    `reserved` = it waits for a token that was not shown yet.
    """

    known: bool
    fault: FaultNote | None
    warnings: tuple[FaultNote, ...]
    operative: bool
    plugged: bool
    running: bool
    ending: bool
    leaving: bool
    closes: bool
    offered: bool
    asks: bool
    drawing: bool
    token_waits: bool
    used: bool
    held: bool
    reserved: bool = False


def wanted(facts: Facts, before: Status, *, settling: bool) -> Status:
    """The state that the facts ask for; `settling` (contactor about to move) keeps the one before."""
    if facts.fault is not None:
        return X
    if facts.ending:
        # The end is told first: until it is written the outlet stays what it was, unless the car's leaving ended it.
        return before if before in (P, *IN_TRANSACTION) and not facts.leaving else F
    if facts.running:
        return _in_transaction(facts, before, settling)
    if not facts.operative:
        return U
    if facts.reserved and not facts.token_waits and (before is R or not (facts.plugged or facts.held)):
        return R  # a plug alone does not end it: G2 is the identity presented
    if facts.plugged:
        return F if facts.used and not facts.token_waits else P
    if facts.token_waits:
        return P
    # Finishing (C6, D6, E6) while a bolt holds the cable: no new user can take the outlet (OCPP 1.6 §7.7).
    # A cable that is free keeps nobody away.
    return F if facts.held and before in (*IN_TRANSACTION, F) else A


def _in_transaction(facts: Facts, before: Status, settling: bool) -> Status:
    if facts.drawing:
        return C
    if settling:
        return before if before in IN_TRANSACTION else P
    # SuspendedEV: we are ready to supply and the car does not ask, or is gone; else, and if both suspend, SuspendedEVSE
    # (OCPP 1.6 §4.9, errata 3.55).
    ready = facts.closes and (facts.offered or not facts.plugged)
    return SEV if ready and not facts.asks else SEVSE


def hop(before: Status, goal: Status) -> Status:
    """The next state on an allowed way to the goal: the goal itself, or the one allowed state before it."""
    if before == goal or goal in NEXT[before]:
        return goal
    # Every pair that §4.9 leaves out is joined by one of these three (a test walks all pairs).
    return next(step for step in (P, F, A) if step in NEXT[before] and goal in NEXT[step])


class Connector:
    """The status of one outlet: moved along allowed changes only, and told."""

    def __init__(self, evse: int, box: Box, status: Status) -> None:
        self._evse = evse
        self._box = box
        self.status = status
        self._before_fault = status
        self._fault: FaultNote | None = None
        self._info = ""
        self._since_ms = 0
        self._answered = False  # the car has asked for energy since this offer began
        self._rise_ms: int | None = None
        self._told: tuple[Status, str | None] | None = None
        self._warned: frozenset[str] = frozenset()

    def settle(self, facts: Facts, turn: Turn) -> None:
        """Move to where the facts want it, and tell it; before hal has told what is so, nothing moves."""
        if not facts.known and facts.fault is None:
            return
        self._fault = facts.fault
        now_ms = turn.now.mono_ms
        # A fault that is over leads back to the state before it (OCPP 1.6 §4.9, I1 to I8).
        before = self._before_fault = self._before_fault if self.status is X else self.status
        goal = wanted(facts, before, settling=self._settling(facts, before, now_ms))
        while self.status is not goal:
            self._info = _why_so(facts, goal)
            self.status = hop(self.status, goal)
            self._since_ms = now_ms
            turn.log(f"= outlet {self._evse} {self.status}")
            self._tell(turn)
        self._tell(turn)
        self._tell_warnings(facts.warnings, turn)

    def next_deadline(self, now_ms: int) -> int | None:
        """When settle must run again without an event."""
        waits = self._box.online and self._told != self._tell_now()
        moved_ms = self._rise_ms + SETTLE_MS if self._rise_ms is not None else None
        return soonest((moved_ms, self._since_ms + self._minimum_ms() if waits else None), now_ms)

    def forget_told(self) -> None:
        """What was told is not known to have arrived."""
        self._told, self._warned = None, frozenset()

    def report(self, turn: Turn) -> StatusChanged:
        """The status as it is."""
        fault = self._fault if self.status is X else None
        return StatusChanged(self._evse, self.status, turn.now.stamp(), fault, self._info)

    def _settling(self, facts: Facts, before: Status, now_ms: int) -> bool:
        """Whether offer, car or contactor are just about to follow our permission."""
        possible = facts.running and facts.closes and facts.plugged and not facts.drawing and facts.fault is None
        offered = facts.offered and facts.fault is None
        self._answered = offered and (facts.asks or self._answered)
        moving = facts.asks or before is P or not self._answered
        if not (possible and moving):
            self._rise_ms = None
            return False
        self._rise_ms = now_ms if self._rise_ms is None else self._rise_ms
        return now_ms - self._rise_ms < SETTLE_MS

    def _minimum_ms(self) -> int:
        return self._box.variables[catalogue.MINIMUM_STATUS_DURATION] * 1_000

    def _tell_now(self) -> tuple[Status, str | None]:
        return self.status, self._fault.name if self._fault and self.status is X else None

    def _tell(self, turn: Turn) -> None:
        """Report what is so, once it lasted long enough; offline nothing is reported (OCPP 1.6 §4.9)."""
        lasted = turn.now.mono_ms - self._since_ms >= self._minimum_ms() or self._told is None
        if not self._box.online or self._told == self._tell_now() or not lasted:
            return
        self._told = self._tell_now()
        self._box.outbox.put(self.report(turn), turn)

    def _tell_warnings(self, warnings: tuple[FaultNote, ...], turn: Turn) -> None:
        """A warning is told beside the status as it rises, and the status alone as it ends (OCPP 1.6 §4.9). Reports in
        between do not bear it: some central systems take any errorCode for a station that is broken until the next one.
        """
        if not self._box.online or self.status is X or self._told != self._tell_now():
            return
        before, self._warned = self._warned, frozenset(warning.name for warning in warnings)
        if before - self._warned:
            self._box.outbox.put(self.report(turn), turn)
        for warning in warnings:
            if warning.name not in before:
                report = StatusChanged(self._evse, self.status, turn.now.stamp(), warning)
                self._box.outbox.put(report, turn)


def _why_so(facts: Facts, goal: Status) -> str:
    gone = not facts.plugged and (facts.running or facts.ending)
    return EV_GONE if gone and goal in (SEV, F) else ""
