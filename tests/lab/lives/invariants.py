"""The invariants of the architecture as named checks, judged by the plant, the disk and the central system's books.

- I1 `Eyes._opens`: what a pilot sample must show, and what hardware sees, against the power contacts; `Eyes._hot`;
  `Eyes._draws`: a car that takes too much; `forgotten`: what waits for a person goes on waiting.
- I2 `Eyes._dead_man`: hal is gone, the gate opens the power contacts.
- I3, I5 `Eyes._closes` and tests/world/watch.py: closed only with a durable start, freed only with a durable end.
- I3 `strangers`: who charges was let in by somebody; `Eyes._refused`: not by a start that the central system refused.
- I3 `sparks`: phases are chosen without load.
- I4 `Watch._offer`: installer, board, cable; `Eyes._cap`: the central system's maximum of the whole station;
  `Eyes._contacts`: what the grid operator and a switch leave.
- I6 `energy`. I7 `books`.
- I8 `Life._opened`: each start finds its journal sound; every byte of it is cut in `./evse cuts`.
- I9 the central system in memory: an id that comes with other words is a breach, and so is a number given twice.
- I10 `timeless`: the same life with all clocks right moves the contactor at the same times.
- I11 `Life._opened` and `runs`: only what came with the system, and what was signed, whole and not older.
- I12 `settings`: what was accepted is so at the end.
- I13 `Eyes._orphan`: without evsed a charge ends after lease and grace; that it goes on before is in test_kills.py.
- I14 `bounded`: files and their sizes; memory in `--year`. What the station owes others is in duties.py.
- I15 `Life.recover`: when all is well again a charge begins and ends without anyone's help.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from evsed.core import catalogue
from evsed.core.effects import Demand, Effect
from evsed.slots import Slots
from hal.contacts import Dim
from hal.contract import LEASE_MS, MIN_MA, Snapshot
from hal.heat import HeatSteps
from hal.sim.bay import Bay
from hal.sim.car import Manner, allowed_ma
from hal.sim.pilot import PilotFault
from hal.sim.power import ContactorFault
from tests.lab.lives.programs import versions
from tests.world.watch import Watch

if TYPE_CHECKING:
    from tests.lab.lives.life import Life
    from tests.world.wallbox import Wallbox

NORM_MS = 100  # IEC 61851-1 A.6 seq. 2.2 and 8
GATE_MS = 515  # the gate holds 500 ms after the last beat, the contacts need 15
SLOW_MS = 400
CAR_STOPS_MS = 9_500  # 6 s rule, and what surrounds it
FOLLOWS_MS = 5_200  # changes of the duty are 5 s apart
FELT_MS = 2_600  # a thermometer is asked each second
DRAWS_MS = 10_500  # 7 s by the readings of each second, and what surrounds them
LATCHED = ("WELDED", "CURRENT_WHILE_OPEN", "RESIDUAL_CURRENT", "EMERGENCY_STOP")
NOT_VALID = ("Blocked", "Expired", "Invalid")
TOO_HOT_MC, DIMMED_MA = HeatSteps().stop_c * 1_000, Dim().ma
OPENING = ("emergency-stop", "earth-lost")
PHASES = ("phases-stuck", "phases-welded")
MOST_BYTES, MOST_FILES = 16_000_000, 40
BLIND = {PilotFault.ADC_REPEATS}
PILOT_DANGERS = (PilotFault.CP_SHORT, PilotFault.PE_LOST, PilotFault.ADC_GONE)
PWM_DANGERS = (PilotFault.NO_MINUS, PilotFault.STUCK)  # without PWM they are as it should be


class Violation(NamedTuple):
    """Which invariant, and what was seen."""

    invariant: str
    text: str


class Eyes(Watch):
    """Looks at each step."""

    def __init__(self, world: Wallbox) -> None:
        super().__init__(world)
        self._danger_ms: dict[int, int] = {}
        self._was_main: dict[int, bool] = {}
        self._was_fed: dict[int, bool] = {}
        self._hal_gone_ms: int | None = None
        self._evsed_gone_ms: int | None = None
        self._since_ms: dict[str, tuple[int, object]] = {}
        self.cap_ma: int | None = None
        self.edges: list[tuple[int, int]] = []
        self.learn: Callable[[], None] = lambda: None
        self.heeds: Callable[[list[Effect]], None] = lambda effects: None
        self._refused_tx: dict[int, str] = {}
        self.latched: set[tuple[int, str]] = set()  # what hal ever said that only a person may end

    def see(self, invariant: str, text: str) -> None:
        """Something that must never be."""
        self.breach(f"{invariant} {text}")

    def decided(self, effects: list[Effect], before: Mapping[int, Demand]) -> None:
        super().decided(effects, before)
        self.heeds(effects)

    def published(self, snapshot: Snapshot) -> None:
        super().published(snapshot)
        for outlet in snapshot.outlets:
            self.latched |= {(outlet.evse, fault.name) for fault in outlet.faults if fault.name in LATCHED}

    def forgotten(self) -> None:
        """Before any person comes."""
        for evse, name in sorted(self.latched):
            if all(fault.name != name for fault in self._world.outlet(evse).faults):
                self.see("I1", f"outlet {evse}: {name} ended without a person")

    def look(self) -> None:
        super().look()
        self.learn()
        world = self._world
        self._hal_gone_ms = None if world.tick is not None else self._hal_gone_ms or world.ms
        self._evsed_gone_ms = None if world.evsed is not None else self._evsed_gone_ms or world.ms
        for evse, bay in world.plant.bays.items():
            main = bay.contactor.main
            self._opens(evse, bay)
            self._dead_man(evse, bay)
            self._orphan(evse, bay)
            self._contacts(evse, bay)
            self._hot(evse, bay)
            self._draws(evse, bay)
            self._refused(evse, bay)
            if bay.contactor._fed and not self._was_fed.get(evse, False) and world.tick is not None:
                self._closes(evse, bay)
            self._was_fed[evse] = bay.contactor._fed
            if main is not self._was_main.get(evse, False):
                self.edges.append((world.ms, evse))
            self._was_main[evse] = main
        self._cap()

    def _opens(self, evse: int, bay: Bay) -> None:
        why = danger(bay)
        if why is None or not bay.contactor.main or self._world.tick is None:
            self._danger_ms.pop(evse, None)
            return
        since_ms = self._danger_ms.setdefault(evse, self._world.ms)
        if self._world.ms - since_ms > NORM_MS + slowness(bay):
            self.see("I1", f"outlet {evse}: closed {self._world.ms - since_ms} ms after {why}")

    def _dead_man(self, evse: int, bay: Bay) -> None:
        gone_ms, holds = self._hal_gone_ms, ContactorFault.WELDED in bay.contactor.faults or bay.gate.stuck
        if gone_ms is not None and bay.contactor.main and not holds:
            lasted_ms = self._world.ms - gone_ms
            if lasted_ms > GATE_MS + slowness(bay):
                self.see("I2", f"outlet {evse}: closed {lasted_ms} ms after evse-hal was gone")

    def _closes(self, evse: int, bay: Bay) -> None:
        """When the coil is fed: what befalls while the contacts are on their way is a matter of opening."""
        why = danger(bay)
        if why is not None:
            self.see("I3", f"outlet {evse}: closed with {why}")
        if allowed_ma(bay.pilot._offered) < MIN_MA:
            self.see("I3", f"outlet {evse}: closed while nothing is offered")

    def _orphan(self, evse: int, bay: Bay) -> None:
        gone_ms, welded = self._evsed_gone_ms, ContactorFault.WELDED in bay.contactor.faults
        if gone_ms is not None and bay.contactor.main and not welded:
            lasted_ms = self._world.ms - gone_ms
            if lasted_ms > LEASE_MS + self._world.limits.grace_s * 1_000 + CAR_STOPS_MS:
                self.see("I13", f"outlet {evse}: closed {lasted_ms} ms after evsed was gone")

    def _cap(self) -> None:
        offered_ma = sum(allowed_ma(bay.pilot._offered) for bay in self._world.plant.bays.values())
        both = self._world.tick is not None and self._world.evsed is not None
        if self.lasts("cap", both and self.cap_ma is not None and offered_ma > self.cap_ma) > FOLLOWS_MS:
            self.see("I4", f"{offered_ma} mA offered in all, the central system allows {self.cap_ma}")

    def _contacts(self, evse: int, bay: Bay) -> None:
        offered_ma = allowed_ma(bay.pilot._offered)
        for name, most_ma in (("grid-dim", DIMMED_MA), ("switched-off", 0)):
            part = bay.inputs[name]
            over = (part.on or part.gone) and offered_ma > most_ma and self._world.tick is not None
            if self.lasts(f"{name} {evse}", over) > FOLLOWS_MS:
                self.see("I4", f"outlet {evse}: {offered_ma} mA offered, {name} leaves {most_ma}")

    def _hot(self, evse: int, bay: Bay) -> None:
        hot = any(one.mc >= TOO_HOT_MC and not one.gone for one in bay.thermometers.values())
        held = ContactorFault.WELDED in bay.contactor.faults or self._world.tick is None
        lasted_ms = self.lasts(f"hot {evse}", hot and bay.contactor.main and not held)
        if lasted_ms > FELT_MS + slowness(bay):
            self.see("I1", f"outlet {evse}: closed {lasted_ms} ms after it became too hot")

    def _draws(self, evse: int, bay: Bay) -> None:
        offered_ma, drawn_ma = allowed_ma(bay.pilot._offered), max(bay.flow().current_ma)
        held = ContactorFault.WELDED in bay.contactor.faults or self._world.tick is None
        seen = offered_ma > 0 and not bay.meter.faults and not held
        lasted_ms = self.lasts(f"draws {evse}", seen and drawn_ma > offered_ma * 5 // 4)
        if lasted_ms > DRAWS_MS + slowness(bay):
            self.see("I1", f"outlet {evse}: {drawn_ma} mA for {lasted_ms} ms under an offer of {offered_ma}")

    def took(self, action: str, asked: dict[str, Any], answer: dict[str, Any]) -> None:
        """An answer that the station got: a start that is refused is not charged for."""
        if action != "StartTransaction" or answer["idTagInfo"]["status"] not in NOT_VALID:
            return
        tx = self.open.get(asked["connectorId"])
        if tx is not None and (tx.start_wh, tx.token.value) == (asked["meterStart"], asked["idTag"]):
            self._refused_tx[tx.evse] = tx.id

    def _refused(self, evse: int, bay: Bay) -> None:
        """MaxEnergyOnInvalidId may allow some energy; who was killed may have forgotten the answer, and asks again."""
        evsed, tx = self._world.evsed, self.open.get(evse)
        if evsed is None or tx is None or self._refused_tx.get(evse) != tx.id:
            self._refused_tx.pop(evse, None)
        held = ContactorFault.WELDED in bay.contactor.faults or self._world.tick is None
        decides = evsed is not None and not evsed.waits and not held
        allows = evsed is not None and evsed.station.box.variables[catalogue.MAX_ENERGY_ON_INVALID] > 0
        goes_on = evse in self._refused_tx and decides and not allows and bay.contactor.main
        lasted_ms = self.lasts(f"refused {evse}", goes_on)
        if lasted_ms > CAR_STOPS_MS + slowness(bay):
            self.see("I3", f"outlet {evse}: closed {lasted_ms} ms after the start was refused")

    def lasts(self, what: str, so: bool, of: object = None) -> int:
        """How long something has been so, in ms; anew when it is so `of` something else."""
        if not so:
            self._since_ms.pop(what, None)
            return 0
        since_ms, was = self._since_ms.get(what, (self._world.ms, of))
        since_ms = since_ms if was == of else self._world.ms
        self._since_ms[what] = since_ms, of
        return self._world.ms - since_ms


def danger(bay: Bay) -> str | None:
    """Why the contactor must be open, as far as the pilot or hardware can show it."""
    car, pilot = bay.car, bay.pilot
    if ContactorFault.WELDED in bay.contactor.faults:
        return None
    pressed = next((name for name in OPENING if bay.inputs[name].on or bay.inputs[name].gone), None)
    if pressed is not None:
        return pressed
    if pilot.faults & BLIND:
        return None
    pwm = allowed_ma(pilot._offered) > 0
    seen = (*PILOT_DANGERS, *(PWM_DANGERS if pwm else ()))
    broken = next((str(fault) for fault in seen if fault in pilot.faults), None)
    if broken is not None:
        return broken
    if PilotFault.ADC_STUCK in pilot.faults:
        return "adc-stuck"
    if bay.residual.tripped():
        return "a tripped residual-current device"
    if not car.plugged:
        return "no car"
    if (pwm and Manner.NO_DIODE in car.manners) or Manner.SHORT in car.manners:
        return "a car that breaks the pilot"
    return None if car.s2 else "S2 open"


def slowness(bay: Bay) -> int:
    """What a worn contactor takes longer."""
    return SLOW_MS if ContactorFault.SLOW in bay.contactor.faults else 0


# --- at the end of a life ----------------------------------------------------------------------------------------


def judged(life: Life) -> list[Violation]:
    """All that was wrong."""
    world = life.world
    found = [_named(breach) for breach in world.watch.breaches]
    found += [Violation("I9" if "has the id of" in text else "OCPP", text) for text in world.csms.breaches]
    for invariant, check in (
        ("I3", sparks),
        ("I3", strangers),
        ("I6", energy),
        ("I7", books),
        ("I11", runs),
        ("I12", settings),
        ("I14", bounded),
        ("OCPP", lambda life: life.duties.unpaid()),
    ):
        found += [Violation(invariant, text) for text in check(life)]
    return found


def _named(breach: str) -> Violation:
    at, _, text = breach.partition(" s: ")
    first, _, rest = text.partition(" ")
    if first == "OCPP" or (first[:1] == "I" and first[1:].isdigit()):
        return Violation(first, f"{at} s: {rest}")
    invariant = next((name for words, name in WATCHED.items() if words in text), "crash" if "crash" in text else "I5")
    return Violation(invariant, breach)


WATCHED = {
    "offers": "I4",
    "offered": "I4",
    "kept closed": "I3",
    "unlocked under load": "I3",
    "Available on": "I5",
    "without a transaction": "I7",
    "is called": "I7",
    "overtakes": "I7",
    "is older than": "I7",
}


def books(life: Life) -> list[str]:
    """I7: each start that became durable is booked once, with its end, in order."""
    csms = life.world.csms
    charges, begun = list(csms.charges.values()), len(life.world.watch.begun)
    found = [f"{message} belongs to no transaction" for message in csms.unbooked]
    if len(charges) != begun:
        found.append(f"{begun} transactions became durable, {len(charges)} were booked")
    found += [f"transaction {charge.number} never ended" for charge in charges if charge.stop is None]
    place = {id(message): at for at, message in enumerate(csms.received)}
    for charge in charges:
        if charge.stop is not None and place[id(charge.stop)] < place[id(charge.start)]:
            found.append(f"transaction {charge.number} ended before it began")
    return found


def energy(life: Life) -> list[str]:
    """I6: what was sold is what the register counted; behind a meter that lied it may be less, never more."""
    world, found = life.world, []
    for evse in world.plant.bays:
        charges = [c for c in world.csms.charges.values() if c.connector == evse and c.stop is not None]
        sold_wh, counted_wh = sum(charge.energy_wh for charge in charges), world.register(evse) - life.start_wh[evse]
        unsold_wh = counted_wh - sold_wh
        if unsold_wh < 0 or (unsold_wh and not life.lossy):
            found.append(f"outlet {evse}: {sold_wh} Wh were sold, {counted_wh} counted")
        for before, after in pairwise(charges):
            if before.stop is not None and after.start.meterStart < before.stop.meterStop:
                found.append(f"outlet {evse}: the register fell between {before.number} and {after.number}")
        found += [f"transaction {c.number} sold {c.energy_wh} Wh" for c in charges if c.energy_wh < 0]
    return found


def timeless(life: Life, twin: Life, slack_ms: int = 0) -> list[Violation]:
    """I10: `twin` lived the same with all clocks right; who waits for a slow network may wait so much longer."""
    moves, same = _moves(life), _moves(twin)
    differing = next((pair for pair in zip(moves, same, strict=False) if not _alike(*pair, slack_ms)), None)
    if len(moves) == len(same) and differing is None:
        return []
    return [Violation("I10", f"{len(moves)} moves of contactors, {len(same)} with right clocks; first {differing}")]


def _moves(life: Life) -> list[tuple[int, int]]:
    """When contactors moved; once all is well again only that they did."""
    well_ms = life.well_again_ms or 1 << 62
    return [(min(at_ms, well_ms), evse) for at_ms, evse in _eyes(life).edges]


def _alike(move: tuple[int, int], other: tuple[int, int], slack_ms: int) -> bool:
    return move[1] == other[1] and abs(move[0] - other[0]) <= slack_ms


def _eyes(life: Life) -> Eyes:
    assert isinstance(life.world.watch, Eyes)
    return life.world.watch


def sparks(life: Life) -> list[str]:
    """I3: nothing chooses phases under load, unless it was stuck or the contactor's feedback lied."""
    if any(name in PHASES or name.startswith(("aux-", "contactor-")) for name in life.broken):
        return []
    return [
        f"outlet {evse}: phases switched under load" for evse, bay in life.world.plant.bays.items() if bay.phases.sparks
    ]


def strangers(life: Life) -> list[str]:
    """I3: whoever charged was let in before, by central system, list or installer; a free box lets in all."""
    world = life.world
    if world.free:
        return []
    known = {tag.upper() for tag in (*world.csms.admitted, *world.tags)}
    charges = world.csms.charges.items()
    return [
        f"transaction {number} is of {charge.start.idTag}, whom nobody let in"
        for number, charge in charges
        if charge.start.idTag.upper() not in known
    ]


def runs(life: Life) -> list[str]:
    """I11: what may run, runs; and what was on trial is confirmed or gone when all has long been well."""
    found = [] if life.world.version() in versions(life) else [f"program {life.world.version()} runs"]
    return found + (["a program is still on trial"] if Slots(life.world.folder).on_trial() else [])


def settings(life: Life) -> list[str]:
    """I12: each key has the last value that was accepted, or one that was asked for when the answer was lost."""
    asked = life.ask("GetConfiguration", {"key": sorted(life.configured)}) if life.configured else None
    life.world.advance(20)
    if asked is None or asked.answer is None:
        return [] if asked is None else [f"no answer to {asked}"]
    told = {pair["key"]: pair.get("value") for pair in asked.answer["configurationKey"]}
    return [
        f"{key} is {told.get(key)}, accepted was one of {sorted(may_be)}"
        for key, may_be in life.configured.items()
        if told.get(key) not in may_be
    ]


def bounded(life: Life) -> list[str]:
    """I14: the disk."""
    files = [path for path in life.world.folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    found = [f"{len(files)} files in the state folder"] if len(files) > MOST_FILES else []
    return found + ([f"{size} bytes in the state folder"] if size > MOST_BYTES else [])
