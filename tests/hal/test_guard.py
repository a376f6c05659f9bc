"""The guard: one test for each Reason, sweeps over every pilot threshold and every time."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hal import guard
from hal.contract import Cp, Lease
from hal.guard import INTERRUPTIONS, Reason, View, reason_to_open
from hal.iec61851 import NO_DIODE, OUT_OF_BAND, PLAIN, PROVEN, Level, classify

NOW = 100_000
LEASE = Lease(evse=1, max_ma=16_000, closes=True, holds_cable=True, until_ms=NOW + 1)
CHARGING = View(
    now_ms=NOW,
    sampled_ms=NOW,
    level=PROVEN[Cp.C],
    pwm=True,
    c_ms=NOW - 500,
    diode_seen=True,
    stop_ms=None,
    allow_d=False,
    lease=LEASE,
    grace_until_ms=0,
    limit_ma=6_000,
    locked=True,
    closed=True,
    ordered=True,
    beat_ms=NOW - 10,
    gate_ms=500,
    fell=False,
    rest_until_ms=NOW + 5_000,
    fault=False,
    phases_move=False,
    trying=False,
)


def until(ms: int) -> Lease:
    """A lease that ends then."""
    return Lease(1, 16_000, True, True, until_ms=ms)


OVER = until(NOW)
CLOSING = CHARGING._replace(closed=False, ordered=False, rest_until_ms=NOW)
UNWANTED = Lease(1, 16_000, False, True, until_ms=NOW + 1)
LINGERING = CHARGING._replace(pwm=False, stop_ms=NOW - 5_999, lease=None, limit_ma=0)

DENIED = {
    "LATE_BEAT": CHARGING._replace(beat_ms=NOW - 500),
    "FELL_OPEN": CHARGING._replace(fell=True),
    "STALE_SAMPLE": CHARGING._replace(sampled_ms=NOW - 36),
    "FAULT": CHARGING._replace(fault=True),
    "PHASES_MOVE": CHARGING._replace(phases_move=True),
    "PILOT_TROUBLE": CHARGING._replace(level=NO_DIODE[Cp.C]),
    "PILOT_A": CHARGING._replace(level=PLAIN[Cp.A]),
    "PILOT_E": CHARGING._replace(level=PLAIN[Cp.E]),
    "PILOT_F": CHARGING._replace(level=PLAIN[Cp.F]),
    "NO_LEASE": CHARGING._replace(lease=None),
    "LEASE_OVER": CHARGING._replace(lease=OVER),
    "NOT_WANTED": CHARGING._replace(lease=UNWANTED),
    "LIMIT_BELOW_6A": CHARGING._replace(limit_ma=5_999),
    "PWM_OFF": CHARGING._replace(pwm=False),
    "PILOT_B": CHARGING._replace(level=PROVEN[Cp.B]),
    "D_NOT_ALLOWED": CHARGING._replace(level=PROVEN[Cp.D]),
    "DIODE_NOT_SEEN": CHARGING._replace(diode_seen=False),
    "LOCK_NOT_CONFIRMED": CHARGING._replace(locked=False),
    "C_UNCONFIRMED": CHARGING._replace(c_ms=NOW - 499),
    "SELF_TEST": CHARGING._replace(trying=True),
    "RELAY_REST": CLOSING._replace(rest_until_ms=NOW + 1),
}
MORE_DENIED = [
    (Reason.LATE_BEAT, LINGERING._replace(beat_ms=NOW - 500)),
    (Reason.LATE_BEAT, CHARGING._replace(beat_ms=NOW - 100, gate_ms=100, fault=True)),  # else no rest would follow
    (Reason.FELL_OPEN, CHARGING._replace(fell=True, fault=True)),
    (Reason.STALE_SAMPLE, CHARGING._replace(sampled_ms=NOW + 1)),  # from the future: nobody measured it
    (Reason.PILOT_A, CLOSING._replace(level=PLAIN[Cp.A], sampled_ms=NOW - 60)),  # at rest: nobody was in a hurry
    (Reason.PILOT_TROUBLE, CHARGING._replace(level=OUT_OF_BAND[Cp.C])),
    (Reason.C_UNCONFIRMED, CHARGING._replace(c_ms=None)),
    (Reason.LEASE_OVER, CLOSING._replace(lease=OVER, grace_until_ms=NOW + 1)),  # the grace begins no charge
    (Reason.LEASE_OVER, CHARGING._replace(lease=OVER, grace_until_ms=NOW)),
    (Reason.NO_LEASE, LINGERING._replace(stop_ms=NOW - 6_000)),
    (Reason.NO_LEASE, LINGERING._replace(closed=False)),
    (Reason.NO_LEASE, LINGERING._replace(ordered=False)),
    (Reason.PWM_OFF, CLOSING._replace(pwm=False, stop_ms=NOW)),
    (Reason.PILOT_B, LINGERING._replace(level=PLAIN[Cp.B])),
    (Reason.PILOT_A, LINGERING._replace(level=PLAIN[Cp.A])),
    (Reason.FAULT, LINGERING._replace(fault=True)),
    (Reason.LOCK_NOT_CONFIRMED, LINGERING._replace(locked=False)),
    (Reason.PILOT_E, CHARGING._replace(level=PLAIN[Cp.E], allow_d=True)),
]
ALLOWED = [
    CHARGING,
    CLOSING,
    LINGERING,
    CHARGING._replace(sampled_ms=NOW - 35),
    CHARGING._replace(beat_ms=NOW - 499),
    CLOSING._replace(beat_ms=NOW - 60_000),  # the gate of an open contactor is not fed
    CHARGING._replace(locked=None),
    CHARGING._replace(level=PROVEN[Cp.D], allow_d=True),
    CHARGING._replace(lease=OVER, grace_until_ms=NOW + 1),
    CHARGING._replace(pwm=False, stop_ms=NOW, lease=UNWANTED, limit_ma=0),
    CHARGING._replace(pwm=False, stop_ms=NOW, lease=OVER, limit_ma=0),
]


def test_every_reason_has_a_view_and_every_view_a_reason() -> None:
    assert DENIED.keys() == {reason.name for reason in Reason}


@pytest.mark.parametrize("name", [reason.name for reason in Reason])
def test_reason(name: str) -> None:
    assert reason_to_open(DENIED[name]) is Reason[name]
    assert Reason[name].value == name  # what people are shown


def test_after_what_has_nothing_to_do_with_the_car_the_contactor_rests() -> None:
    assert {Reason.LATE_BEAT, Reason.FELL_OPEN, Reason.STALE_SAMPLE} == INTERRUPTIONS


@pytest.mark.parametrize(("reason", "view"), MORE_DENIED)
def test_also_denied(reason: Reason, view: View) -> None:
    assert reason_to_open(view) is reason


@pytest.mark.parametrize("view", ALLOWED)
def test_allowed(view: View) -> None:
    assert reason_to_open(view) is None


# --- boundary sweeps -------------------------------------------------------------------------------------------

EDGES_MV = (-13_000, -11_000, -10_000, -2_000, -1_000, 2_000, 4_000, 5_000, 7_000, 8_000, 10_000, 11_000, 13_000)
C_FROM_MV = {Cp.A: 4_000, Cp.B: 4_000, Cp.C: 4_000, Cp.D: 5_000, Cp.E: 5_000, Cp.F: 5_000}
C_TO_MV = {Cp.A: 7_000, Cp.B: 7_000, Cp.C: 8_000, Cp.D: 8_000, Cp.E: 8_000, Cp.F: 8_000}


def around(edge_mv: int) -> Iterator[int]:
    yield from range(edge_mv - 10, edge_mv + 11, 2)


@pytest.mark.parametrize("allow_d", [False, True])
@pytest.mark.parametrize("was", list(Cp))
@pytest.mark.parametrize("edge_mv", EDGES_MV)
def test_around_each_threshold_of_the_high_plateau(edge_mv: int, was: Cp, allow_d: bool) -> None:
    for mv in around(edge_mv):
        level = classify(mv / 1000, -12.0, True, PROVEN[was])
        view = CHARGING._replace(level=level, allow_d=allow_d)
        lowest_mv = 2_000 if allow_d else C_FROM_MV[was]
        assert (reason_to_open(view) is None) == (lowest_mv <= mv < C_TO_MV[was]), f"{mv} mV from {was}"


@pytest.mark.parametrize("proven", [False, True])
@pytest.mark.parametrize("edge_mv", [-13_000, -11_000, -10_000, -6_000, -2_000, 0, 6_000])
def test_around_each_threshold_of_the_low_plateau(edge_mv: int, proven: bool) -> None:
    for mv in around(edge_mv):
        level = classify(6.0, mv / 1000, True, PROVEN[Cp.C] if proven else PLAIN[Cp.C])
        highest_mv = -10_000 if proven else -11_000
        assert (reason_to_open(CHARGING._replace(level=level)) is None) == (-13_000 <= mv <= highest_mv), f"{mv} mV"


# Each time of the guard: a view of it so many ms before (below 0), at and after (above 0) its edge; what the guard
# says before the edge, and what from the edge on.
EDGES: tuple[tuple[Callable[[int], View], Reason | None, Reason | None], ...] = (
    (lambda late: CHARGING._replace(beat_ms=NOW - 500 - late), None, Reason.LATE_BEAT),
    (lambda late: CHARGING._replace(beat_ms=NOW - 10, gate_ms=10 - late), None, Reason.LATE_BEAT),
    (lambda late: CHARGING._replace(sampled_ms=NOW - 36 - late), None, Reason.STALE_SAMPLE),
    (lambda late: CHARGING._replace(sampled_ms=NOW - late), Reason.STALE_SAMPLE, None),
    (lambda late: CHARGING._replace(lease=until(NOW - late)), None, Reason.LEASE_OVER),
    (lambda late: CHARGING._replace(lease=OVER, grace_until_ms=NOW - late), None, Reason.LEASE_OVER),
    (lambda late: CHARGING._replace(c_ms=NOW - 500 - late), Reason.C_UNCONFIRMED, None),
    (lambda late: CLOSING._replace(rest_until_ms=NOW - late), Reason.RELAY_REST, None),
    (lambda late: LINGERING._replace(stop_ms=NOW - 6_000 - late), None, Reason.NO_LEASE),
)
AGES_MS = (0, 1, 34, 35)


@pytest.mark.parametrize("late_ms", [*range(-3, 4), -29, 29])
@pytest.mark.parametrize("edge", range(len(EDGES)))
def test_each_time_ends_at_its_millisecond_however_old_the_sample_is(edge: int, late_ms: int) -> None:
    view, before, after = EDGES[edge]
    seen = view(late_ms)
    for age_ms in AGES_MS if seen.sampled_ms == NOW else (0,):
        aged = seen._replace(sampled_ms=seen.sampled_ms - age_ms)
        assert reason_to_open(aged) is (before if late_ms < 0 else after), f"{late_ms} ms, sample {age_ms} ms old"


@given(st.floats(), st.floats(), st.booleans(), st.sampled_from(list(Cp)))
def test_no_voltage_outside_c_keeps_it_closed(high: float, low: float, pwm: bool, was: Cp) -> None:
    view = CHARGING._replace(level=classify(high, low, pwm, PLAIN[was]))
    if reason_to_open(view) is None:
        assert 4.0 <= high < 8.0


LEVELS = [Level(cp, trouble) for cp in Cp for trouble in (None, NO_DIODE[cp].trouble)]
NEAR = st.integers(NOW - 7_000, NOW + 7_000)
VIEWS = st.builds(
    View,
    now_ms=st.just(NOW),
    sampled_ms=st.integers(NOW - 45, NOW),
    level=st.sampled_from(LEVELS),
    pwm=st.booleans(),
    c_ms=st.none() | NEAR,
    diode_seen=st.booleans(),
    stop_ms=st.none() | NEAR,
    allow_d=st.booleans(),
    lease=st.sampled_from([None, LEASE, OVER, UNWANTED]),
    grace_until_ms=NEAR,
    limit_ma=st.integers(5_990, 6_010),
    locked=st.sampled_from([None, True, False]),
    closed=st.booleans(),
    ordered=st.booleans(),
    beat_ms=st.integers(NOW - 600, NOW),
    gate_ms=st.just(500),
    fell=st.booleans(),
    rest_until_ms=NEAR,
    fault=st.booleans(),
    trying=st.booleans(),
)


@given(VIEWS)
def test_whatever_is_seen_a_fresh_closing_needs_everything(v: View) -> None:
    if reason_to_open(v) is not None or v.ordered:
        return
    assert v.level.trouble is None and not v.fault and not v.trying and v.diode_seen and v.pwm and v.limit_ma >= 6_000
    assert v.level.cp is Cp.C or (v.level.cp is Cp.D and v.allow_d)
    assert v.lease is LEASE and v.locked is not False
    assert v.c_ms is not None and NOW - v.c_ms >= 500 and v.rest_until_ms <= NOW


# --- the guard's own shape -------------------------------------------------------------------------------------


def test_the_last_line_is_the_only_return_none() -> None:
    tree = ast.parse(inspect.getsource(reason_to_open)).body[0]
    assert isinstance(tree, ast.FunctionDef)
    nones = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Constant) and node.value.value is None
    ]
    assert nones == [tree.body[-1]]


def test_the_guard_fits_on_few_pages() -> None:
    assert len(Path(guard.__file__).read_text().splitlines()) <= 200
