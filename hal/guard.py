"""Decide whether the contactor may be closed. Knows no driver, no network, no clock.

Rules this file upholds:
- Deny by default: `reason_to_open` names the first reason it finds; its last line is the only `return None`.
- What endangers people opens at once. What only ends the permission gives a car in C its STOP_WAIT_MS after x1,
  and keeps closed only what the feedback says is closed.
- It trusts no other room: PWM, diode and times are checked here although the sequences keep them too.
- What may have opened without us stays open: a contactor never comes back by itself, only by a new order.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from hal.contract import MIN_MA, Cp, Lease
from hal.iec61851 import CONFIRM_MS, STOP_WAIT_MS, Level

SAMPLE_MAX_AGE_MS = 35
"""Three ticks and half of one: two measurements may be missed, and the tick after them may be late.

A line that changes as its last measurement begins is opened at most a tick later, after 45 ms; on time, after 40. The
norm gives 100, of which relays and contactor may need half (IEC 61851-1 A.6 seq. 2.2, 8).
At rest a measurement is taken 50 ms after its begin: old as it is then, A is the reason that people are told.
"""


class Reason(StrEnum):
    """Why the contactor must be open; the words are shown to people."""

    LATE_BEAT = "LATE_BEAT"
    FELL_OPEN = "FELL_OPEN"
    STALE_SAMPLE = "STALE_SAMPLE"
    FAULT = "FAULT"
    PHASES_MOVE = "PHASES_MOVE"
    PILOT_TROUBLE = "PILOT_TROUBLE"
    PILOT_A = "PILOT_A"
    PILOT_E = "PILOT_E"
    PILOT_F = "PILOT_F"
    NO_LEASE = "NO_LEASE"
    LEASE_OVER = "LEASE_OVER"
    NOT_WANTED = "NOT_WANTED"
    LIMIT_BELOW_6A = "LIMIT_BELOW_6A"
    PWM_OFF = "PWM_OFF"
    PILOT_B = "PILOT_B"
    D_NOT_ALLOWED = "D_NOT_ALLOWED"
    DIODE_NOT_SEEN = "DIODE_NOT_SEEN"
    LOCK_NOT_CONFIRMED = "LOCK_NOT_CONFIRMED"
    C_UNCONFIRMED = "C_UNCONFIRMED"
    SELF_TEST = "SELF_TEST"
    RELAY_REST = "RELAY_REST"


INTERRUPTIONS = frozenset({Reason.LATE_BEAT, Reason.FELL_OPEN, Reason.STALE_SAMPLE})
"""What neither the car nor anybody's will has to do with: afterwards the contactor rests, and C is confirmed anew."""


class View(NamedTuple):
    """What the guard looks at. Times are of the same monotonic clock, in ms."""

    now_ms: int
    sampled_ms: int  # when the pilot was last measured
    level: Level
    pwm: bool
    c_ms: int | None  # since when the car has asked for energy without a break
    diode_seen: bool
    stop_ms: int | None  # since when x1 asks a car in C to stop
    allow_d: bool
    lease: Lease | None
    grace_until_ms: int  # how long a charge may outlive its lease
    limit_ma: int  # the least of lease, installer, board and cable
    locked: bool | None  # None = no bolt
    closed: bool  # by the feedback contact
    ordered: bool  # what the coil was told last
    beat_ms: int  # when the gate was last fed
    gate_ms: int  # how long the gate surely holds without being fed
    fell: bool  # the contactor was closed as ordered, and is not any more
    rest_until_ms: int  # when the contactor may close again
    fault: bool  # a present or latched fault that opens
    phases_move: bool  # what chooses the phases must not be moved under load
    trying: bool  # the residual-current device is being tested


_NEVER = {Cp.A: Reason.PILOT_A, Cp.E: Reason.PILOT_E, Cp.F: Reason.PILOT_F}


def reason_to_open(v: View) -> Reason | None:
    """Why the contactor must be open now; None = it may be closed."""
    if v.ordered and v.now_ms - v.beat_ms >= v.gate_ms:
        return Reason.LATE_BEAT
    if v.fell:
        return Reason.FELL_OPEN
    if not 0 <= v.now_ms - v.sampled_ms <= SAMPLE_MAX_AGE_MS and v.level.cp is not Cp.A:  # A is denied below
        return Reason.STALE_SAMPLE
    if v.fault:
        return Reason.FAULT
    if v.phases_move:
        return Reason.PHASES_MOVE
    if v.level.trouble is not None:
        return Reason.PILOT_TROUBLE
    if v.level.cp in _NEVER:  # IEC 61851-1 A.6 seq. 2.2, 12
        return _NEVER[v.level.cp]
    if not _may_linger(v) and (not_allowed := _permission(v)) is not None:
        return not_allowed
    if v.level.cp is Cp.B:  # IEC 61851-1 A.6 seq. 8: 100 ms, so no debounce
        return Reason.PILOT_B
    if v.level.cp is not Cp.C and not v.allow_d:  # only D is left
        return Reason.D_NOT_ALLOWED
    if not v.diode_seen:
        return Reason.DIODE_NOT_SEEN
    if v.locked is False:  # IEC 61851-1 D.6.5
        return Reason.LOCK_NOT_CONFIRMED
    if v.c_ms is None or v.now_ms - v.c_ms < CONFIRM_MS:
        return Reason.C_UNCONFIRMED
    if v.trying:
        return Reason.SELF_TEST
    if not v.ordered and v.now_ms < v.rest_until_ms:
        return Reason.RELAY_REST
    return None


def _may_linger(v: View) -> bool:
    """Whether a car under load still has time to stop by itself (IEC 61851-1 A.6 seq. 10.2)."""
    if v.stop_ms is None or not v.closed or not v.ordered:
        return False
    return v.now_ms - v.stop_ms < STOP_WAIT_MS


def _permission(v: View) -> Reason | None:
    """What evsed, the installer or the offer lack."""
    if v.lease is None:
        return Reason.NO_LEASE
    if v.now_ms >= v.lease.until_ms and (v.now_ms >= v.grace_until_ms or not v.ordered):
        return Reason.LEASE_OVER
    if not v.lease.closes:
        return Reason.NOT_WANTED
    if v.limit_ma < MIN_MA:
        return Reason.LIMIT_BELOW_6A
    return None if v.pwm else Reason.PWM_OFF
