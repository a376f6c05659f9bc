"""Each judge can say no: the product is broken in one place, and the invariant that it breaks is the one that is told.

Every story here goes well with the product as it is, but that some end in mid-charge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from evsed import edges
from evsed.clock import SystemClock
from evsed.core import charging, connector
from evsed.core import outlet as core_outlet
from evsed.core.authorization import Decision
from evsed.core.charging import Charging
from evsed.core.firmware import Firmware
from evsed.core.outbox import Outbox, Stage
from evsed.core.registration import Registration
from evsed.core.reports import MetersSampled, TransactionEnded
from evsed.core.variables import Variables
from evsed.core.words import Context, Now, Status
from evsed.performer import Performer
from evsed.slots import Slots
from evsed.store import database
from hal import ceilings, faults, outlet
from hal.bolt import Bolt
from hal.contract import MIN_MA, Lease, Owner
from hal.guard import Reason, View, reason_to_open
from hal.lease import Permit
from hal.phase_relay import PhaseRelay
from hal.phases import PhaseState
from hal.sim.power import SimGate
from tests.lab.lives.acts import CLOCKS, Act
from tests.lab.lives.draw import Character
from tests.lab.lives.invariants import Violation, judged, timeless
from tests.lab.lives.life import Life, lived, until_of
from tests.world import clockwork
from tests.world.csms import NEW_YEAR_2027
from tests.world.wallbox import TAG

Break = Callable[[pytest.MonkeyPatch], None]
PRESETS = {"SampledDataCtrlr.TxUpdatedInterval": "30", "AlignedDataCtrlr.Interval": "60"}
PLAIN = Character(evses=1, phase_ms=0, free=False, presets=PRESETS, switches_phases=True)
COMES = [Act(1_000, "plug-in", (1, 13)), Act(3_000, "swipe", (1, TAG))]
GOES = [Act(20_000, "swipe", (1, TAG)), Act(24_000, "unplug", (1,)), Act(30_000, "drop")]
KILLED = [Act(2_000, "kill-evsed", (0.5,))]
REAL_KEEP, REAL_ORDER, REAL_LOOK, REAL_LEASE = Performer._keep, ceilings._in_order, PhaseRelay.look, edges.lease
REAL_OUTBOX, REAL_PUT, REAL_NEXT = Outbox.__init__, Outbox.put, Outbox.next
REAL_COUNT, REAL_COUNTED, REAL_NOW = Slots.count, Charging._counted, SystemClock.now


class Mutant(NamedTuple):
    """What is broken, in words, the acts under which it shows, and what must then be told."""

    words: str
    breaks: Break
    acts: list[Act]
    told: str


def instead(owner: Any, name: str, other: Any) -> Break:
    """Something else in its place."""
    return lambda monkeypatch: monkeypatch.setattr(owner, name, other)


def both(*breaks: Break) -> Break:
    """All of them."""

    def all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
        for one in breaks:
            one(monkeypatch)

    return all_of_them


# --- the breaks --------------------------------------------------------------------------------------------------


def looks_away(view: View) -> Reason | None:
    return None if view.ordered and view.closed else reason_to_open(view)


def asks_only_evsed(view: View) -> Reason | None:
    return None if view.lease is not None and view.lease.closes else reason_to_open(view)


def asks_for_no_current(view: View) -> Reason | None:
    return reason_to_open(view._replace(limit_ma=MIN_MA, pwm=True, diode_seen=True))


def asks_for_no_bolt(view: View) -> Reason | None:
    return reason_to_open(view._replace(locked=None))


async def kept_or_not(performer: Performer, persist: Any) -> None:
    await REAL_KEEP(performer, persist)


def without_load(relay: PhaseRelay, wanted: Any, three: Any, live: bool, *rest: Any) -> None:
    REAL_LOOK(relay, wanted, three, False, *rest)


def without(owner: Owner) -> Break:
    return instead(ceilings, "_in_order", lambda limits: REAL_ORDER({**limits, owner: None}))


def for_ever(permit: Permit, lease: Lease, now_ms: int) -> None:
    permit.lease = replace(lease, until_ms=1 << 40)


def counts_anew(outbox: Outbox, queued: Any, new_id: Any) -> None:
    numbers = count()
    REAL_OUTBOX(outbox, queued, lambda: f"number {next(numbers)}")


def forgets_ends(outbox: Outbox, report: Any, *rest: Any, **more: Any) -> None:
    if not isinstance(report, TransactionEnded):
        REAL_PUT(outbox, report, *rest, **more)


def never_the_queue(outbox: Outbox, stage: Stage, now_ms: int) -> Any:
    return REAL_NEXT(outbox, Stage.PRESENT if stage is Stage.ALL else stage, now_ms)


def alone(charging: Charging, turn: Any) -> None:
    values = charging._set(("Energy.Active.Import.Register",), Context.SAMPLE_CLOCK, turn)
    if values is not None:
        charging._box.outbox.put(MetersSampled(charging._evse, (values,)), turn)


def set_aside(connection: Any) -> None:
    if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() != (0,):
        raise database._Damaged("it is not liked")


def litters(slots: Slots) -> None:
    for number in range(50):
        (slots.folder.parent / f"core.{number}").touch()
    REAL_COUNT(slots)


def by_the_wall(clock: SystemClock) -> Now:
    now = REAL_NOW(clock)
    return now if now.wall_ms is None else Now(now.boot, now.wall_ms - NEW_YEAR_2027, now.wall_ms)


def waits_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    low = faults.Name.UNDER_VOLTAGE
    kind = faults.CATALOGUE[low]._replace(clears=faults.Clears.ACKNOWLEDGED)
    monkeypatch.setitem(faults.CATALOGUE, low, kind)


def on(contact: str) -> list[Act]:
    return [*COMES, Act(9_000, "contact", (1, contact, "on"))]


def no_fault_of(name: faults.Name) -> Break:
    """It is never set."""
    real = faults.FaultBook.set

    def some(book: faults.FaultBook, told: faults.Name, present: bool, *rest: Any) -> None:
        real(book, told, present and told is not name, *rest)

    return instead(faults.FaultBook, "set", some)


GUARD = (outlet, "reason_to_open")
MUTANTS = (
    Mutant("a guard looks away", instead(*GUARD, looks_away), [*COMES, Act(20_000, "car", (1, "stop"))], "I1"),
    Mutant(
        "a car may take what it likes",
        no_fault_of(faults.Name.OVER_CURRENT),
        [Act(500, "manner", (1, "overdraws", "on")), *COMES],
        "I1",
    ),
    Mutant(
        "every card is let in",
        instead(core_outlet, "decide", lambda *_: Decision.START),
        [COMES[0], Act(3_000, "swipe", (1, "STRANGER"))],
        "I3",
    ),
    Mutant(
        "a refused start goes on",
        instead(charging, "judged", lambda tx, *_: tx),
        [COMES[0], Act(2_000, "configure", ("LocalPreAuthorize", "true")), Act(2_500, "blocks", (TAG,)), COMES[1]],
        "I3",
    ),
    Mutant(
        "a gate never drops",
        instead(SimGate, "drop", lambda gate: None),
        [*COMES, Act(9_000, "kill-hal", (8,))],
        "I2",
    ),
    Mutant(
        "a guard asks only evsed",
        instead(*GUARD, asks_only_evsed),
        [Act(500, "manner", (1, "asleep", "on")), *COMES],
        "I3",
    ),
    Mutant(
        "a guard asks for no current",
        instead(*GUARD, asks_for_no_current),
        [Act(500, "contact", (1, "switched-off", "on")), Act(600, "manner", (1, "simplified", "on")), *COMES],
        "I3",
    ),
    Mutant(
        "what the disk refuses is done",
        instead(Performer, "_keep", kept_or_not),
        [COMES[0], Act(2_900, "disk", ("broken",)), COMES[1]],
        "I3",
    ),
    Mutant(
        "phases are chosen under load",
        both(
            instead(PhaseState, "bars", False),
            instead(PhaseState, "stops", False),
            instead(PhaseRelay, "look", without_load),
        ),
        [*COMES, Act(9_000, "surplus", (1_380, 1))],
        "I3",
    ),
    Mutant(
        "a bolt opens under load",
        both(instead(*GUARD, asks_for_no_bolt), instead(Bolt, "decide", lambda bolt, *given: not given[3])),
        COMES,
        "I3",
    ),
    Mutant("the cable is not asked", without(Owner.CABLE), COMES, "I4"),
    Mutant("the grid operator is not heard", without(Owner.GRID), on("grid-dim"), "I4"),
    Mutant("the switch is not heard", without(Owner.SWITCH), on("switched-off"), "I4"),
    Mutant(
        "a cable is free before the end is kept",
        instead(clockwork, "lease", lambda *given: replace(REAL_LEASE(*given), holds_cable=False)),
        [*COMES, Act(19_000, "disk", ("broken",)), *GOES],
        "I5",
    ),
    Mutant(
        "an outlet in use is told as free",
        instead(connector, "_in_transaction", lambda *_: Status.AVAILABLE),
        COMES,
        "I5",
    ),
    Mutant(
        "a Wh too much at the end",
        instead(Charging, "_counted", lambda charging, tx: REAL_COUNTED(charging, tx) + 1),
        [*COMES, *GOES],
        "I6",
    ),
    Mutant("ends are forgotten", instead(Outbox, "put", forgets_ends), [*COMES, *GOES], "I7"),
    Mutant("samples lose their charge", instead(Charging, "aligned", alone), [*COMES, Act(65_000, "drop")], "I7"),
    Mutant("journals are thrown away", instead(database, "_check", set_aside), KILLED, "I8"),
    Mutant(
        "each start counts anew",
        instead(Outbox, "__init__", counts_anew),
        [*COMES, Act(9_000, "kill-evsed", (0.5,)), *GOES],
        "I9",
    ),
    Mutant(
        "nothing is ever proven",
        instead(Firmware, "_prove", lambda *_: None),
        [Act(2_000, "offers", ("1.0.0", "", False)), Act(90_000, "drop")],
        "I11",
    ),
    Mutant(
        "settings are said and not kept",
        instead(Variables, "write", lambda variables, variable, text: text),
        [Act(2_000, "configure", ("ConnectionTimeOut", "15"))],
        "I12",
    ),
    Mutant(
        "a lease never ends",
        instead(Permit, "grant", for_ever),
        [*COMES, Act(9_000, "kill-evsed", (90,)), Act(95_000, "drop")],
        "I13",
    ),
    Mutant("each start leaves its files", instead(Slots, "count", litters), KILLED, "I14"),
)


def seen(folder: Path, acts: Sequence[Act]) -> tuple[Life, list[Violation]]:
    """A life with these acts, and the judgement."""
    life = Life(folder, 1, PLAIN)
    life.live(acts, max(until_of(acts, 0), 40_000))
    found = judged(life)
    life.world.close()
    return life, found


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.words)
def test_what_is_broken_is_told(mutant: Mutant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, sound = seen(tmp_path / "sound", mutant.acts)
    assert {violation.invariant for violation in sound} <= {"I6", "I7"}
    mutant.breaks(monkeypatch)
    _, broken = seen(tmp_path / "broken", mutant.acts)
    assert mutant.told in {violation.invariant for violation in broken if violation not in sound}


@pytest.mark.parametrize("broken", [False, True])
def test_durations_by_the_wall_clock_are_told(broken: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """I10: a card is given up when NTP steps."""
    if broken:
        monkeypatch.setattr(SystemClock, "now", by_the_wall)
    acts = [Act(2_000, "swipe", (1, TAG)), Act(5_000, "ntp", (3_600,)), Act(15_000, "plug-in", (1, 20))]
    life, _ = seen(tmp_path / "life", acts)
    twin, _ = seen(tmp_path / "twin", [act for act in acts if act.name not in CLOCKS])
    assert [violation.invariant for violation in timeless(life, twin)] == ["I10"] * broken


def test_a_weld_that_is_forgotten_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """I1."""
    welded = [
        *COMES,
        Act(9_000, "breaks", (1, "contactor-welded")),
        *GOES,
        Act(35_000, "mends", (1, "contactor-welded")),
    ]
    assert lived(1, PLAIN, welded, 40_000)[0] == []
    kind = faults.CATALOGUE[faults.Name.WELDED]._replace(clears=faults.Clears.BY_ITSELF)
    monkeypatch.setitem(faults.CATALOGUE, faults.Name.WELDED, kind)
    assert "I1" in {violation.invariant for violation in lived(1, PLAIN, welded, 40_000)[0]}


def test_a_weld_that_is_not_seen_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """I1."""
    welded = [*COMES, Act(9_000, "breaks", (1, "contactor-welded")), *GOES]
    assert lived(1, PLAIN, welded, 40_000)[0] == []
    real = faults.FaultBook.set
    monkeypatch.setattr(
        faults.FaultBook, "set", lambda book, name, *rest: name is faults.Name.WELDED or real(book, name, *rest)
    )
    assert "I1" in {violation.invariant for violation in lived(1, PLAIN, welded, 40_000)[0]}


GRID_LOW = [Act(2_000, "breaks", (1, "grid-low")), Act(20_000, "mends", (1, "grid-low"))]


@pytest.mark.parametrize(
    ("words", "breaks", "acts"),
    [
        ("the charge did not begin", waits_for_a_person, GRID_LOW),
        ("are never told", instead(Outbox, "next", never_the_queue), COMES),
        ("the link does not come up", instead(Registration, "boot_due", lambda *_: False), KILLED),
    ],
)
def test_who_does_not_recover_is_told(
    words: str, breaks: Break, acts: list[Act], monkeypatch: pytest.MonkeyPatch
) -> None:
    """I15."""
    breaks(monkeypatch)
    found, _ = lived(1, PLAIN, acts, 30_000)
    assert any(violation.invariant == "I15" and words in violation.text for violation in found)
