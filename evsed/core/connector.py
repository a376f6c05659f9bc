"""The state of an outlet as drivers and central systems see it, and the changes that OCPP 1.6 §4.9 allows.

`wanted` says which state the facts ask for; `hop` says the next allowed state on the way there.
"""

from __future__ import annotations

from dataclasses import dataclass

from evsed.core.words import Status

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


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides the state."""

    faulted: bool
    operative: bool
    plugged: bool
    transaction: bool
    ending: bool
    offering: bool
    drawing: bool
    settling: bool
    token_waits: bool
    used: bool


def wanted(facts: Facts, before: Status) -> Status:
    """The state that the facts ask for; `settling` (contactor about to move) keeps the one before."""
    if facts.faulted:
        return X
    if facts.ending:
        # The end is told first: until it is written the outlet stays what it was, unless the car has left.
        return before if facts.plugged and before in (C, SEV, SEVSE) else F
    if facts.transaction:
        return _in_transaction(facts, before)
    if not facts.operative:
        return U
    if facts.plugged:
        return F if facts.used and not facts.token_waits else P
    return P if facts.token_waits else A


def _in_transaction(facts: Facts, before: Status) -> Status:
    if facts.drawing:
        return C
    if facts.settling:
        return P if before in (A, F, R, U, X) else before
    # Both sides suspended: SuspendedEVSE (OCPP 1.6 §4.9).
    return SEV if facts.offering else SEVSE


def hop(before: Status, goal: Status) -> Status:
    """The next state on an allowed way to the goal: the goal itself, or the one allowed state before it."""
    if before == goal or goal in NEXT[before]:
        return goal
    # Every pair that §4.9 leaves out is joined by one of these three (a test walks all pairs).
    return next(step for step in (P, F, A) if step in NEXT[before] and goal in NEXT[step])
