"""Steps of an outlet whose pilot and contactor belong to a controller of its own: what it says, and whether it obeys.

Rules this file upholds:
- It is told 0 A at the end of each step, whatever happens within it, and it is offered something only after a yes.
- What it does within milliseconds can't be seen over its line: the times of IEC 61851-1 are for a tester to measure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hal.bringup.bench import Bench
from hal.bringup.findings import Finding, judged, skipped
from hal.bringup.person import Person
from hal.contract import MIN_MA, Cp
from hal.controller import ControllerLink, Seen
from hal.external import OPENS_MS

LOOK_MS = 250
TRIES = 4
CLOSES_MS = 5_000  # IEC 61851-1 A.6 seq. 4 gives it 3 s, and the line takes its time


def answers(bench: Bench, person: Person) -> Iterator[Finding]:
    """It is there, and at rest."""
    link = _link(bench)
    seen = _until(link, bench, TRIES * LOOK_MS, lambda seen: True)
    if seen is None:
        advice = "A and B of its line, its supply, `port`, `address` and `baud` in the board file"
        yield judged("controller", "answers", link.silence, False, advice)
        return
    yield judged("controller", "answers", "answers", True, "")
    faults = ", ".join(name for name, _ in seen.faults) or "none"
    yield judged("its own faults", "none", faults, not seen.faults, "what docs/faults.md says of them")
    yield judged("car at rest", "A", seen.cp, seen.cp is Cp.A, "unplug the car; the pilot's wire, a short of CP to PE")
    offer = f"{max(seen.offered_ma, seen.set_ma) / 1_000:g} A"
    none = not seen.offered_ma and not seen.set_ma
    yield judged("offer at rest", "0 A", offer, none, "whether another master on its line gives it orders")
    relay = "closed" if seen.closed else "open"
    yield judged(
        "its relay at rest", "open", relay, not seen.closed, "its relay or the contactor behind it: it is stuck"
    )


def car(bench: Bench, person: Person) -> Iterator[Finding]:
    """A tester's states are seen, and its contactor follows them and our order."""
    link = _link(bench)
    what, expected = "a car that is plugged in", "B, without an offer"
    if link.seen is None:
        yield skipped(what, expected, "it does not answer")
        return
    if not person.do("Put a tester for mode 3 on the plug, at state B.", ("tester", "B")):
        yield skipped(what, expected, "not tried")
        return
    seen = _until(link, bench, CLOSES_MS, lambda seen: seen.cp is Cp.B)
    yield judged(what, expected, _words(seen), seen is not None and not seen.pwm and not seen.closed, _PILOT)
    try:
        yield from _power(link, bench, person)
    finally:
        link.want(0, at_once=True)
        gone = _until(link, bench, OPENS_MS, lambda seen: not seen.closed and not seen.set_ma)
        person.do("Take the tester off.", ("tester", "A"))
    yield judged("told 0 A and to open", "open", _words(gone), gone is not None, _RELAY)


def _power(link: ControllerLink, bench: Bench, person: Person) -> Iterator[Finding]:
    """Its contactor closes in C, and opens when the car has had enough."""
    what, expected = "offered 6 A in C", "C, 6 A, closed"
    if not person.agrees("The controller will close its contactor: mains will be on the plug."):
        yield skipped(what, expected, "not agreed to")
        return
    link.want(MIN_MA)
    if not person.do("Set the tester to state C.", ("tester", "C")):
        yield skipped(what, expected, "not tried")
        return
    seen = _until(link, bench, CLOSES_MS, lambda seen: seen.cp is Cp.C and seen.closed and seen.offered_ma == MIN_MA)
    yield judged(what, expected, _words(seen or link.seen), seen is not None, f"{_RELAY}; {_PILOT}")
    person.do("Set the tester back to state B.", ("tester", "B"))
    seen = _until(link, bench, OPENS_MS, lambda seen: seen.cp is Cp.B and not seen.closed)
    yield judged("a car that has had enough", "B, open", _words(seen or link.seen), seen is not None, _RELAY)


def _link(bench: Bench) -> ControllerLink:
    assert bench.outlet.controller is not None
    return bench.outlet.controller


def _until(link: ControllerLink, bench: Bench, ms: int, so: Callable[[Seen], bool]) -> Seen | None:
    """What it says once it is so; None = it never was, or it does not answer."""
    for _ in range(ms // LOOK_MS):
        link.turn()
        if link.seen is not None and not link.silence and so(link.seen):
            return link.seen
        bench.time.pass_ms(LOOK_MS)
    return None


def _words(seen: Seen | None) -> str:
    if seen is None:
        return "it never said so"
    return f"{seen.cp}, {seen.offered_ma / 1_000:g} A, {'closed' if seen.closed else 'open'}"


_PILOT = "the pilot's wire from the controller to the plug, and PE"
_RELAY = "the wires from its relay to the contactor's coil, and its own RCD input"
