"""Steps of what a hand reaches: the plug's resistor, the bolt that holds the plug, and the contacts of the board."""

from __future__ import annotations

from collections.abc import Iterator

from hal.bringup.bench import STEP_MS, Bench
from hal.bringup.findings import Finding, judged, skipped
from hal.bringup.person import Person
from hal.contacts import Contact, Means
from hal.drivers.protocols import PartFailed
from hal.iec61851 import cable_ma

_OPEN_WHY = "the divider's supply or resistor, or the converter's input"
# What the resistor in a plug may be, and what a cable with it carries in A.
RESISTORS = ((1_500, 13), (680, 20), (220, 32), (100, 63))
CALM_MS = 200  # bounce is over
SHARE = 0.1  # of its nominal resistance


def proximity(bench: Bench, person: Person) -> Iterator[Finding]:
    """Every resistor that a plug may have, and none."""
    part = bench.parts.proximity
    if part is None:
        return
    if person.do("Take the plug out of the socket.", ("pp", "open")):
        ohms = part.ohms()
        yield judged("proximity without a plug", "open", _ohms(ohms), ohms is None, _OPEN_WHY)
    for nominal, amperes in RESISTORS:
        what, expected = f"proximity of a {amperes} A cable", f"{nominal} Ω ± {SHARE:.0%}"
        if not person.do(
            f"Connect {nominal} Ω between PP and earth, or plug in a {amperes} A cable.", ("pp", str(nominal))
        ):
            yield skipped(what, expected, "not at hand")
            continue
        bench.time.pass_ms(STEP_MS)
        ohms = part.ohms()
        near = ohms is not None and abs(ohms - nominal) <= SHARE * nominal and cable_ma(ohms) == amperes * 1_000
        yield judged(what, expected, _ohms(ohms), near, _why(ohms))
    person.do("Take the plug out again.", ("pp", "open"))


def _ohms(ohms: float | None) -> str:
    return "open" if ohms is None else f"{ohms:.0f} Ω"


def _why(ohms: float | None) -> str:
    if ohms is None:
        return "the contact is not seen: the wire of PP, or its earth"
    if ohms < 60:
        return "PP is shorted to earth"
    return "the divider's resistor in the board file, or the one that was connected"


def lock(bench: Bench, person: Person) -> Iterator[Finding]:
    """The bolt goes in and out, and its feedback with it."""
    part, most_ms = bench.parts.lock, bench.outlet.timing.lock_ms
    if part is None:
        return
    for locked, name in ((True, "in"), (False, "out")):
        part.order(locked)
        took_ms = next((gone for gone in range(0, most_ms + 1, STEP_MS) if _arrived(bench, locked)), None)
        measured = "never" if took_ms is None else f"after {took_ms} ms"
        why = "the bolt's motor or its supply, its feedback, or both turned round (active_low in the board file)"
        yield judged(f"bolt goes {name}", f"within {most_ms} ms", measured, took_ms is not None, why)


def _arrived(bench: Bench, locked: bool) -> bool:
    """Whether the bolt says so; if not, a step of time goes by."""
    assert bench.parts.lock is not None
    if bench.parts.lock.locked() is locked:
        return True
    bench.time.pass_ms(STEP_MS)
    return False


_DO = {
    Means.EMERGENCY_STOP: ("Press the emergency stop.", "Release it."),
    Means.EARTH_LOST: ("Let the earth monitor say that earth is lost.", "Let it say that all is well."),
    Means.ENCLOSURE_OPEN: ("Open the enclosure, or its contact.", "Close it."),
    Means.GRID_DIM: ("Let the grid operator's contact ask for less power.", "Let it go."),
    Means.SWITCHED_OFF: ("Turn the key switch off.", "Turn it on."),
    Means.LOCK_POWER_LOW: ("Let the supply of the plug lock be too low.", "Let it be well again."),
    Means.MAINS_FAILING: ("Let the power supply say that the mains fail.", "Let it say that they are back."),
    Means.BUTTON: ("Hold the button.", "Let it go."),
}


def contacts(bench: Bench, person: Person) -> Iterator[Finding]:
    """Each says nothing at rest, and its meaning when it is tried."""
    for contact in bench.outlet.contacts:
        try:
            yield from _contact(bench, person, contact)
        except PartFailed as broken:
            yield judged(contact.means, "can be read", str(broken), False, _WIRE)


def _contact(bench: Bench, person: Person, contact: Contact) -> Iterator[Finding]:
    means, part = contact.means, contact.part
    resting = not part.active()
    why = "the contact is inverted (active_low in the board file), or its wire"
    yield judged(f"{means} at rest", "says nothing", "says nothing" if resting else f"says {means}", resting, why)
    what, expected = f"{means}, tried", "is said, and then no more"
    do, undo = _DO[means]
    if not person.do(do, ("input", means, "on")):
        yield skipped(what, expected, "not tried")
        return
    bench.time.pass_ms(CALM_MS)
    said = part.active()
    person.do(undo, ("input", means, "off"))
    bench.time.pass_ms(CALM_MS)
    gone = not part.active()
    measured = f"{'said' if said else 'not said'}, {'no more' if gone else 'still there'}"
    yield judged(what, expected, measured, said and gone, _WIRE)


_WIRE = "the wire from the contact to its input, and the input's keys in the board file"
