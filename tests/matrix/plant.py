"""What breaks between mains and car: pilot, contactor, protection, meter, reader, lock, buses, local limits (rows 13 to
20 and 28).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from hal.contract import MIN_MA
from hal.drivers.protocols import PartFailed
from hal.drivers.tags import Presentations
from hal.sim.bay import Bay
from hal.sim.meter import WIRE_FAULTS, MeterFault
from hal.sim.power import GATE_MS
from tests.matrix.cell import TAG, Cell, Fault
from tests.matrix.machine import Rows, again, each

GATE_OPENS_S = (GATE_MS + 15) / 1_000
DIM_MA = 6_090  # 4.2 kW over three phases
FOLLOWS_S = 12
LEFT_MA = {
    66: 8_000,
    69: MIN_MA,
    72: 0,
}  # at so many °C, of the installer's 16 A: a half, a quarter as far as a pilot can
WARMER_S = 9  # hal asks once a second, and changes an offer each 5 s
SAYS_NOTHING = WIRE_FAULTS | {MeterFault.NAN}
UNMETERED_S, ENDS_S = 20, 34  # the end waits half a minute for a reading, in vain
SECOND_WH = 4  # 11 kW since the last reading
POLL_S = 0.2  # of a reader
MOST_MOVES = 12  # of a contactor, whatever trips for a minute


def broken(
    *names: str, told: str = "", lossy: bool = False, also: Callable[[Cell], object] = lambda cell: None, **more: Any
) -> Fault:
    """Parts of the plant that break, and the code that the central system must hear, where a car charges with them."""
    judge = each(partial(_told, code=told), also)
    return Fault(lambda cell: cell.breaks(*names), broken=names, lossy=lossy, judge=judge, **more)


def _told(cell: Cell, code: str) -> None:
    cell.must(
        "I15", not code or not cell.heard or code in cell.codes(), f"nobody was told {code}, but {sorted(cell.codes())}"
    )


def told(rows: Rows) -> Rows:
    """What evse-hal finds wrong in them must reach the central system."""
    return {name: fault._replace(tells=True) for name, fault in rows.items()}


def manner(name: str, **more: Any) -> Fault:
    """A car that misbehaves."""

    def do(cell: Cell) -> None:
        cell.person("car", "manners", name, "on")

    return Fault(do, **more)


# --- 13: the pilot -----------------------------------------------------------------------------------------------


def pilots() -> Rows:
    """Every part of it, and cars that flap."""
    names = ("cp-short", "pe-lost", "pilot-no-minus", "pilot-stuck", "pilot-noisy", "adc-stuck", "adc-gone")
    rows = {name: broken(name, keeps=name == "pilot-noisy") for name in names}
    rows |= {f"{name} for 40 ms": Fault(partial(_for_ms, name=name, ms=40), broken=(name,)) for name in names[:4]}
    for name in ("no-diode", "short", "toggles", "ventilated", "simplified", "asleep", "never-stops"):
        rows[f"a car: {name}"] = manner(name)
    for hertz in (1, 5, 20, 50):
        rows[f"flaps at {hertz} Hz"] = Fault(again(_flap, 1 / hertz / 2, 6 * hertz))
    return rows


def _for_ms(cell: Cell, name: str, ms: int) -> None:
    cell.breaks(name)
    cell.world.later(ms / 1_000, lambda: cell.person("clear", name))


def _flap(cell: Cell) -> None:
    """The car moves S2, whatever it wants."""
    car = cell.world.bay().car
    if car.plugged:
        cell.world.board.advance(cell.world.ms)
        car.move_s2(not car.s2)
        cell.world.touched()


# --- 14: the contactor -------------------------------------------------------------------------------------------


def contactors() -> Rows:
    """Welded, dead, slow, without supply, and a feedback that lies either way."""
    rows = {
        "welded": broken("contactor-welded", lossy=True),
        "dead": broken("contactor-dead"),
        "slow": broken("contactor-slow"),
        "without supply": broken("coil-unfed"),
        "feedback stays open": broken("aux-open"),
        "feedback stays closed": broken("aux-closed"),
    }
    return {name: fault._replace(after_s=30, judge=_power_switch) for name, fault in rows.items()}


def _power_switch(cell: Cell) -> None:
    """Whatever latched was told."""
    latched = {"WELDED", "FAIL_TO_CLOSE", "CURRENT_WHILE_OPEN"} & cell.codes()
    cell.must("I15", not latched or "PowerSwitchFailure" in cell.codes(), "a contactor failed and nobody was told")


# --- 15: protection, mains, heat, too much current ---------------------------------------------------------------


def protections() -> Rows:
    """What must open, and what may go on."""
    rows = {name: broken(name, after_s=40) for name in ("residual", "phase-lost", "grid-low", "grid-high", "grid-lost")}
    rows["earth lost"] = Fault(partial(_input, name="earth-lost"), after_s=40, judge=_told_of_earth)
    rows["66 °C"] = Fault(partial(_warm, celsius=66), keeps=True)
    rows["72 °C"] = Fault(partial(_warm, celsius=72), after_s=40)
    rows["ever warmer"] = Fault(_ever_warmer, before_s=len(LEFT_MA) * WARMER_S, after_s=40)
    rows["a thermometer is gone"] = broken("enclosure-thermometer-gone", keeps=True, after_s=70)
    rows["a car draws 110 %"] = manner("greedy", keeps=True)
    rows["a car draws 130 %"] = manner("overdraws")
    rows["mains come and go"] = Fault(_come_and_go, broken=("grid-lost",), after_s=40)
    return {name: fault._replace(do=each(_tries_seldom, fault.do)) for name, fault in rows.items()}


def _tries_seldom(cell: Cell) -> None:
    """Retries are bounded: what tripped is not closed again and again."""
    edges = len(cell.edges)
    cell.undos.append(
        lambda: cell.must("I1", len(cell.edges) - edges <= MOST_MOVES, f"{len(cell.edges) - edges} moves of contacts")
    )


def _input(cell: Cell, name: str) -> None:
    cell.person("input", name, "on")
    cell.undos.append(lambda: cell.person("input", name, "off"))
    cell.world.later(0.2, lambda: _opened_by(cell, name) if name == "earth-lost" else None)


def _opened_by(cell: Cell, what: str) -> None:
    cell.must("I1", not cell.closed() or cell.world.tick is None, f"closed 200 ms after {what}")


def _told_of_earth(cell: Cell) -> None:
    cell.must("I1", not cell.heard or "EARTH_LOST" in cell.codes(), "nobody was told that the earth was lost")


def _warm(cell: Cell, celsius: int) -> None:
    cell.person("warm", str(celsius))
    cell.undos.append(lambda: cell.person("warm", "25"))
    cell.undos.append(partial(_dims, cell, celsius))
    cell.world.later(WARMER_S - 0.5, partial(_dims, cell, celsius, dims_only=cell.charged))


def _dims(cell: Cell, celsius: int, dims_only: bool = False) -> None:
    """I4: less is offered when it is hot, and nothing when it is too hot; a charge that may go on with less does."""
    most_ma, offered_ma = LEFT_MA[celsius], cell.offered_ma()
    if cell.world.tick is None:
        return
    cell.must("I4", offered_ma <= most_ma, f"{offered_ma} mA offered at {celsius} °C")
    cell.must("I1", most_ma > 0 or not cell.closed(), f"closed at {celsius} °C")
    cell.must("I13", not dims_only or not most_ma or cell.closed(), f"open at {celsius} °C, where less is enough")


def _ever_warmer(cell: Cell) -> None:
    for number, celsius in enumerate(LEFT_MA):
        cell.world.later(number * WARMER_S, partial(cell.person, "warm", str(celsius)))
        cell.world.later((number + 1) * WARMER_S - 0.5, partial(_dims, cell, celsius, dims_only=cell.charged))
    cell.undos.append(lambda: cell.person("warm", "25"))


def _come_and_go(cell: Cell) -> None:
    for number in range(5):
        cell.world.later(3 * number, lambda: cell.person("fault", "grid-lost"))
        cell.world.later(3 * number + 1.5, lambda: cell.person("clear", "grid-lost"))


# --- 16, 17: the meter and its line ------------------------------------------------------------------------------


def meters() -> Rows:
    """Each way in which a meter lies or is silent."""
    return {
        f"{fault}": broken(
            f"meter-{fault}",
            told="PowerMeterFailure" if fault in SAYS_NOTHING else "",
            keeps=True,
            lossy=True,
            after_s=40,
            also=_never_falls,
            excuses=("OVER_CURRENT",) if fault is MeterFault.STUCK else (),  # it says what flowed before a limit fell
        )
        for fault in MeterFault
    } | {"silent for longer than allowed": Fault(_unmetered, broken=("meter-silent",), lossy=True, before_s=60)}


def _unmetered(cell: Cell) -> None:
    """A charge ends soon after T, with the register that was known last."""
    asked = cell.world.csms.call("ChangeConfiguration", {"key": "MaxTimeWithoutMeter", "value": str(UNMETERED_S)})
    charged, known_wh = cell.charged, cell.world.register()
    cell.breaks("meter-silent")

    def look() -> None:
        if charged and asked.answer == {"status": "Accepted"}:
            ends = [charge.stop.meterStop for charge in cell.world.csms.charges.values() if charge.stop is not None]
            cell.must("I6", not cell.closed(), f"closed {UNMETERED_S + ENDS_S} s after its meter fell silent")
            sure = len(ends) == 1 and 0 <= known_wh - ends[0] <= SECOND_WH
            cell.must("I6", sure, f"ended at {ends} Wh, known were {known_wh}")

    cell.world.later(UNMETERED_S + ENDS_S, look)


def _never_falls(cell: Cell) -> None:
    """I6: whatever the meter says, what is told of its register is told in rising order."""
    told = [wh for _, wh in cell.world.csms.registers()]
    cell.must("I6", told == sorted(told), f"the register is told as {told}")


def lines() -> Rows:
    """Noise, a neighbour with our address, an adapter that is unplugged: all is well half a minute after it ended."""
    rows = {
        "noise": broken("meter-damaged", "meter-short"),
        "two with one address": broken("meter-foreign", "meter-wrong-length"),
        "the adapter is unplugged": broken("meter-silent"),
        "it comes and goes": Fault(again(partial(_for_ms, name="meter-silent", ms=2_500), 4, 6)),
    }
    return {
        name: fault._replace(do=each(fault.do, _back_in_half_a_minute), lossy=True, keeps=True, after_s=40)
        for name, fault in rows.items()
    }


def _back_in_half_a_minute(cell: Cell) -> None:
    def look() -> None:
        if cell.world.tick is not None:
            names = {fault.name for fault in cell.world.outlet().faults}
            cell.must("I15", "METER_SILENT" not in names, "the meter is not believed 30 s after its line was mended")

    cell.undos.append(lambda: cell.world.later(30, look))


# --- 18: the reader ----------------------------------------------------------------------------------------------


def readers() -> Rows:
    """Gone, or shown more than anyone shows."""
    return {
        "gone": broken("reader-gone", keeps=True, told="ReaderFailure", before_s=35),
        "a burst of cards": Fault(_burst),
        "one card, held": Fault(partial(_sighted, polls=[[TAG], [], [TAG], [], [], [TAG], [TAG]])),
        "one card, twice in 100 ms": Fault(partial(_sighted, polls=[[TAG, TAG]])),
        "two cards in one hand": Fault(partial(_sighted, polls=[[TAG, "STRANGER"], [TAG], ["STRANGER"]], most=4)),
        "another's card": Fault(lambda cell: cell.person("swipe", "STRANGER"), keeps=True),
    }


def _sighted(cell: Cell, polls: list[list[str]], most: int = 1) -> None:
    """What the radio sees in each poll, through what all drivers make of it: one decision for each presentation."""
    presentations, shown = Presentations(), []

    def poll(sightings: list[str]) -> None:
        if (tag := presentations.poll(sightings)) is not None:
            shown.append(tag)
            cell.person("swipe", tag)

    for number, sightings in enumerate([*polls, [], [], []]):
        cell.world.later(number * POLL_S, partial(poll, sightings))
    cell.undos.append(lambda: cell.must("I15", len(shown) <= most, f"presented {len(shown)} times"))


def _burst(cell: Cell) -> None:
    for number in range(100):
        cell.world.later(number * 0.01, lambda number=number: cell.person("swipe", f"BURST{number}"))  # type: ignore[misc]


# --- 19: the lock ------------------------------------------------------------------------------------------------


def locks() -> Rows:
    """It sticks where it is; it loses its plug's coding."""
    return {
        "stuck": Fault(each(lambda cell: cell.breaks("lock-stuck"), _no_power_unlocked), broken=("lock-stuck",)),
        "stuck for 3 s": Fault(partial(_for_ms, name="lock-stuck", ms=3_000), broken=("lock-stuck",)),
        "pp-broken": broken("pp-broken"),
        "pp-short": broken("pp-short"),
        "gone from its bus": Fault(each(partial(_vanish, parts=("lock",)), _no_power_unlocked)),
    }


def _no_power_unlocked(cell: Cell) -> None:
    for tenth in range(1, 200):
        cell.world.later(tenth / 10, lambda: cell.must("I3", _safe_bolt(cell.world.bay()), "power at a loose plug"))


def _safe_bolt(bay: Bay) -> bool:
    return not bay.contactor.main or bay.lock is None or bay.lock.holds


# --- 20: a bus between the tick and its parts --------------------------------------------------------------------


def buses() -> Rows:
    """An expander that is gone takes all its parts along; one that repeats itself says nothing new."""
    whole = ("pilot", "contactor", "gate", "lock", "proximity")
    return {
        "all parts gone": Fault(each(partial(_vanish, parts=whole), _gate_has_dropped)),
        "outputs gone": Fault(each(partial(_vanish, parts=("contactor", "gate")), _gate_has_dropped)),
        "feedback gone": Fault(partial(_vanish, parts=("contactor.closed",))),
        "gone for 30 ms": Fault(partial(_blink, parts=whole)),
        "samples of yesterday": broken("adc-stuck"),
        "no samples": broken("adc-gone"),
    }


CALLS = {
    "pilot": ("offer", "volts"),
    "contactor": ("order", "closed"),
    "gate": ("beat",),
    "lock": ("order", "locked"),
    "proximity": ("ohms",),
}


def _gone(*args: object) -> Any:
    raise PartFailed("expander: it does not answer")


def _vanish(cell: Cell, parts: tuple[str, ...]) -> None:
    """What the tick asks of them is not answered; the parts themselves stay as they are."""
    undo = [_hide(cell.world.bay(), name) for name in parts]
    cell.undos += undo
    cell.world.touched()


def _hide(bay: Bay, name: str) -> Callable[[], None]:
    part, _, only = name.partition(".")
    thing = getattr(bay, part)
    calls = (only,) if only else CALLS[part]
    for call in calls:
        setattr(thing, call, _gone)
    if part == "gate":
        thing.feed = lambda until_us: None  # the ticks that a world leaves out give no beats either

    def show() -> None:
        for call in (*calls, "feed"):
            vars(thing).pop(call, None)

    return show


def _blink(cell: Cell, parts: tuple[str, ...]) -> None:
    _vanish(cell, parts)
    undo = cell.undos[-len(parts) :]
    cell.world.later(0.03, lambda: [show() for show in undo])


def _gate_has_dropped(cell: Cell) -> None:
    """I2: a tick that cannot open starves the gate."""
    cell.world.later(
        GATE_OPENS_S + 0.05, lambda: cell.must("I2", not cell.closed(), "closed behind a bus that is gone")
    )


# --- 28: limits from beside the wallbox --------------------------------------------------------------------------


def limits() -> Rows:
    """A contact of the grid operator, and one that switches off: closed, gone, or both and neither."""
    return {
        "dimmed": Fault(each(partial(_input, name="grid-dim"), _dimmed), keeps=True),
        "the dimmer's contact is gone": Fault(each(lambda c: c.breaks("input-grid-dim-gone"), _dimmed), keeps=True),
        "the switch is off": Fault(each(partial(_input, name="switched-off"), _off)),
        "the switch's contact is gone": Fault(each(lambda c: c.breaks("input-switched-off-gone"), _off)),
        "it lies once a second": Fault(_flicker, keeps=True),
    }


def _dimmed(cell: Cell) -> None:
    cell.world.later(FOLLOWS_S - 3, lambda: cell.must("I4", cell.offered_ma() <= DIM_MA, "more than the grid allows"))


def _off(cell: Cell) -> None:
    def look() -> None:
        cell.must("I4", cell.offered_ma() < MIN_MA and not cell.closed(), "it charges though it is switched off")

    cell.world.later(FOLLOWS_S - 3, look)


def _flicker(cell: Cell) -> None:
    for number in range(8):
        switch = "off" if number % 2 else "on"
        cell.world.later(number, lambda switch=switch: cell.person("input", "grid-dim", switch))  # type: ignore[misc]
    cell.undos.append(lambda: cell.person("input", "grid-dim", "off"))
