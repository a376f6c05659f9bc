"""Steps of the power path: residual-current device, gate and contactor.

Figures: without heartbeats the gate surely holds for the board's `gate_ms` and surely drops within 500 ms; the mirror
contact follows within `feedback_ms`; between closings lie `close_spacing_ms`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hal.bringup.bench import STEP_MS, Bench
from hal.bringup.findings import Finding, Verdict, judged, skipped
from hal.bringup.person import Person
from hal.contract import Cp
from hal.iec61851 import X1

HELD_MS = 1_000
GATE_MOST_MS = 500
TOLERANCE_MS = 2 * STEP_MS  # of two times that were taken step by step


def at_rest(bench: Bench, person: Person) -> Iterator[Finding]:
    """Nothing is ordered: the contactor is open, the residual-current device has not tripped."""
    bench.open()
    bench.time.pass_ms(bench.outlet.timing.feedback_ms)
    is_open = not bench.parts.contactor.closed()
    why = "the feedback is inverted (active_low in the board file), shorted, or the contactor is welded"
    yield judged("contactor at rest", "open", "open" if is_open else "closed", is_open, why)
    residual = bench.parts.residual
    if residual is not None:
        quiet = not residual.tripped()
        why = "reset the device; its fault line may be inverted (active_low in the board file) or broken"
        yield judged("residual-current device", "not tripped", "not tripped" if quiet else "tripped", quiet, why)


def residual(bench: Bench, person: Person) -> Iterator[Finding]:
    """It obeys its test input, where it has one, and its test button must be seen."""
    part = bench.parts.residual
    if part is None:
        return
    if (drive := getattr(part, "test", None)) is not None:
        yield _tried(bench, drive) if _at_a_and_open(bench) else skipped(_TRIED, _within(bench), _NOT_NOW)
    what, expected = "residual-current device, tried", "tripped is seen, and let go after its reset"
    if not person.do("Press the test button of the residual-current device.", ("fault", "residual")):
        yield skipped(what, expected, "not tried")
        return
    seen = part.tripped()
    person.do("Reset the device.", ("clear", "residual"))
    bench.time.pass_ms(100)
    gone = not part.tripped()
    measured = f"{'seen' if seen else 'not seen'}, {'let go' if gone else 'still there'}"
    yield judged(what, expected, measured, seen and gone, "the fault line from the device to its input")


def _tried(bench: Bench, drive: Callable[[bool], None]) -> Finding:
    """Its test input must trip it, and let it go."""
    timing, part = bench.outlet.timing, bench.parts.residual
    assert part is not None
    drive(True)
    try:
        tripped_ms = _until(bench, timing.residual_trip_ms, part.tripped)
    finally:
        drive(False)
    gone_ms = _until(bench, timing.residual_clear_ms, lambda: not part.tripped())
    trips = "does not trip" if tripped_ms is None else f"trips after {tripped_ms} ms"
    lets_go = "does not let go" if gone_ms is None else f"lets go after {gone_ms} ms"
    well = tripped_ms is not None and gone_ms is not None
    why = "the device, the line to its test input, and residual_trip_ms and residual_clear_ms of the board file"
    return judged(_TRIED, _within(bench), f"{trips}, {lets_go}", well, why)


_TRIED = "residual-current device, its test input"
_NOT_NOW = "only while no car or load is on the pilot and the contactor is open"


def _within(bench: Bench) -> str:
    timing = bench.outlet.timing
    return f"trips within {timing.residual_trip_ms} ms, lets go within {timing.residual_clear_ms} ms"


def _at_a_and_open(bench: Bench) -> bool:
    """Whether nothing is plugged in, and nothing would be interrupted."""
    return bench.letter(bench.volts(X1)).cp is Cp.A and not bench.parts.contactor.closed()


def _until(bench: Bench, most_ms: int, is_so: Callable[[], bool]) -> int | None:
    """How long it took in steps of a tick; None = too long."""
    for waited_ms in range(0, most_ms, STEP_MS):
        if is_so():
            return waited_ms
        bench.time.pass_ms(STEP_MS)
    return None


def contactor(bench: Bench, person: Person) -> Iterator[Finding]:
    """Gate and contactor, with their times. Brings power, so it asks first."""
    warning = (
        f"The contactor of outlet {bench.evse} will close up to two times for a second: keep hands, tools and cars off "
        "the outlet."
    )
    what, expected = "gate and contactor", "closed only with heartbeats, open without them"
    if bench.parts.contactor.closed():
        yield skipped(what, expected, "the feedback says closed already")
        return
    if not person.agrees(warning):
        yield skipped(what, expected, "not allowed")
        return
    alone = _without_beats(bench)
    yield alone
    if alone.verdict is Verdict.PASSED:
        yield from _with_beats(bench, person)
    bench.open()
    bench.drive(X1)


def _without_beats(bench: Bench) -> Finding:
    """The order alone must not close it."""
    with bench.closing(X1):
        closed_ms = bench.wait(HELD_MS, closed=True)
    measured = "stays open" if closed_ms is None else f"closed after {closed_ms} ms"
    why = "the gate is bridged or stuck: a stopped program would leave the power on; do not go on before it is mended"
    bench.time.pass_ms(bench.outlet.timing.feedback_ms)
    return judged("order without heartbeats", "stays open", measured, closed_ms is None, why)


def _with_beats(bench: Bench, person: Person) -> Iterator[Finding]:
    """Closing, opening by its order, opening by the gate."""
    timing = bench.outlet.timing
    within = f"within {timing.feedback_ms} ms"
    with bench.closing(X1):
        closed_ms = bench.wait(HELD_MS, closed=True, beats=True)
        heard = closed_ms is None and person.sees("Did you hear the contactor?", "contacts closed")
        good = closed_ms is not None and closed_ms <= timing.feedback_ms
        yield judged("contactor closes", within, _took(closed_ms), good, _why_not_closed(closed_ms, heard))
        if closed_ms is None:
            return
        bench.parts.contactor.order(False)
        opened_ms = bench.wait(HELD_MS, closed=False, beats=True)
        good = opened_ms is not None and opened_ms <= timing.feedback_ms
        why = "the coil's line does not release it, or the contactor is welded"
        yield judged("contactor opens", within, _took(opened_ms), good, why)
        if opened_ms is None:
            return
    bench.time.pass_ms(timing.close_spacing_ms)
    yield from _gate(bench, opened_ms)


def _gate(bench: Bench, opened_ms: int) -> Iterator[Finding]:
    """How long the gate holds after the last heartbeat; the contactor's own time is known."""
    gate_ms = bench.outlet.timing.gate_ms
    with bench.closing(X1):
        if bench.wait(HELD_MS, closed=True, beats=True) is None:
            return
        dropped_ms = bench.wait(2 * GATE_MOST_MS, closed=False)
    holds_ms = None if dropped_ms is None else max(0, dropped_ms - opened_ms)
    good = holds_ms is not None and gate_ms - TOLERANCE_MS <= holds_ms <= GATE_MOST_MS + TOLERANCE_MS
    expected = f"the gate holds for {gate_ms} to {GATE_MOST_MS} ms"
    measured = "it never dropped" if holds_ms is None else f"it held for {holds_ms} ms"
    yield judged("heartbeats end", expected, measured, good, _why_gate(holds_ms, gate_ms))


def _why_gate(holds_ms: int | None, gate_ms: int) -> str:
    if holds_ms is None or holds_ms > GATE_MOST_MS:
        return "the gate's capacitor is too large or its resistor missing, or the contactor is welded"
    return f"it drops before the board file expects it: lower gate_ms from {gate_ms} to less than {holds_ms}"


def phases(bench: Bench, person: Person) -> Iterator[Finding]:
    """The choice of phases follows, with the contactor open."""
    part = bench.parts.phases
    if part is None:
        return
    bench.open()
    for three, name in ((False, "one phase"), (True, "three phases")):
        part.use(three)
        took_ms = _until(bench, HELD_MS, lambda three=three: part.three() is three)  # type: ignore[misc]
        why = "the relay's line, its supply, or its feedback (active_low in the board file)"
        yield judged(f"choice of {name}", f"within {HELD_MS} ms", _took(took_ms), took_ms is not None, why)


def _why_not_closed(closed_ms: int | None, heard: bool | None) -> str:
    if closed_ms is not None:
        return "the contactor is slow; the board file's feedback_ms says what is allowed"
    if heard:
        return (
            "the contactor moves, but its feedback does not: the mirror contact's wire, or active_low in the board file"
        )
    return "nothing moves: the coil's line, its driver, the gate's output, the supply of the coil"


def _took(ms: int | None) -> str:
    return "never" if ms is None else f"after {ms} ms"
