"""What a person may say to the simulated plant, word by word, and what is done then.

Rules this file upholds:
- Each word has one meaning; tables say which there are.
- An unknown word is answered with one sentence that lists the allowed ones.
- Broken things are `fault`s of the installation; what a car does wrong, electrically too, is a `manner` of the car.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial

from hal.sim.battery import PJ_PER_WH
from hal.sim.bay import Bay
from hal.sim.car import Manner
from hal.sim.circuit import Load
from hal.sim.grid import GridFault
from hal.sim.meter import MeterFault
from hal.sim.pilot import PilotFault
from hal.sim.power import ContactorFault, ResidualFault
from hal.sim.socket import PP_OHMS, PpFault

LONGEST_TAG = 20  # OCPP 1.6 §7.28
COLDEST, WARMEST = -55, 150  # °C, what thermometers of this kind can tell
_CELSIUS = re.compile(r"-?\d{1,3}")

Answer = tuple[bool, str]


class _Wrong(Exception):
    """The words make no sense; the text says what would."""


def obey(bay: Bay, words: tuple[str, ...]) -> Answer:
    """Whether it was done, and one sentence."""
    if not words:
        return False, f"say one of: {_list(_USAGE.values())}"
    verb, *rest = words
    try:
        if verb not in _COMMANDS:
            raise _Wrong(f"there is no command {verb!r}; say one of: {_list(_USAGE.values())}")
        return _COMMANDS[verb](bay, rest)
    except _Wrong as wrong:
        return False, str(wrong)


# --- the plug --------------------------------------------------------------------------------------------------


def _plug_in(bay: Bay, words: list[str]) -> Answer:
    left_a = bay.proximity.cable_a if bay.proximity is not None else None
    cable_a, phases = left_a or 32, bay.car.phases
    for option, value in _pairs(words, ("--cable", "--phases")):
        if option == "--cable":
            if bay.proximity is None or left_a is not None:
                what = "has a fixed cable" if bay.proximity is None else "still holds the last cable"
                raise _Wrong(f"this outlet {what}; leave --cable out")
            cable_a = int(_one_of(value, map(str, PP_OHMS), "cable"))
        else:
            phases = int(_one_of(value, ("1", "3"), "number of phases"))
    if bay.car.plugged:
        return False, "a plug is in already; unplug it first"
    bay.car.phases = phases
    if bay.proximity is not None:
        bay.proximity.cable_a = cable_a
    bay.car.plug(True)
    return True, "plugged in" if bay.proximity is None else f"plugged in with a {cable_a} A cable"


def _unplug(bay: Bay, words: list[str]) -> Answer:
    option = _next(words, ("--force", "--at-car"), "option") if words else ""
    _no_more(words)
    if option == "--at-car":
        return _leave(bay)
    if not bay.car.plugged and (bay.proximity is None or bay.proximity.cable_a is None):
        return False, "no plug is in"
    force, held = option == "--force", bay.lock is not None and bay.lock.holds
    if held and not force:
        return False, "the plug is locked; stop the charge first, pull it --at-car, or break it out with --force"
    if bay.proximity is not None:
        bay.proximity.cable_a = None
    bay.car.plug(False)
    return True, "unplugged, by force" if held else "unplugged"


def _leave(bay: Bay) -> Answer:
    if not bay.car.plugged:
        return False, "no car is there"
    bay.car.plug(False)
    return True, "the car has left" + ("" if bay.proximity is None else "; its cable is still in the socket")


def _swipe(bay: Bay, words: list[str]) -> Answer:
    if len(words) != 1 or not 1 <= len(words[0]) <= LONGEST_TAG or not words[0].isprintable():
        raise _Wrong(f"swipe one TAG of 1 to {LONGEST_TAG} printable characters")
    bay.reader.swipe(words[0])
    return True, f"card {words[0]} shown"


def _warm(bay: Bay, words: list[str]) -> Answer:
    if not words or not _CELSIUS.fullmatch(words[0]):
        raise _Wrong("say how many degrees Celsius, such as: warm 66")
    celsius = int(words.pop(0))
    if not COLDEST <= celsius <= WARMEST:
        raise _Wrong(f"{celsius} °C is beyond what the thermometers tell; say {COLDEST} to {WARMEST}")
    if not bay.thermometers:
        raise _Wrong("this outlet has no thermometer")
    place = _next(words, bay.thermometers, "place with a thermometer") if words else next(iter(bay.thermometers))
    _no_more(words)
    bay.thermometers[place].mc = celsius * 1_000
    return True, f"{place} is at {celsius} °C"


def _load(bay: Bay, words: list[str]) -> Answer:
    """A resistor between pilot and earth instead of a car, as a builder connects it."""
    if bay.car.plugged:
        return False, "a car is plugged in; unplug it first"
    ohms = _ohms(words)
    diode = not words or _next(words, ("--no-diode",), "option") != "--no-diode"
    _no_more(words)
    bay.car.replace(Load(ohms, diode))
    return (
        True,
        "nothing is on the pilot" if ohms is None else f"{ohms:g} Ω on the pilot{'' if diode else ', no diode'}",
    )


def _pp(bay: Bay, words: list[str]) -> Answer:
    """The same between proximity and earth."""
    if bay.proximity is None:
        return False, "this outlet has a fixed cable"
    bay.proximity.plain_ohms = _ohms(words)
    _no_more(words)
    ohms = bay.proximity.plain_ohms
    return True, "nothing is on the proximity contact" if ohms is None else f"{ohms:g} Ω on the proximity contact"


def _ohms(words: list[str]) -> float | None:
    if not words:
        raise _Wrong("the resistance is missing; say a number of ohms, or open")
    word = words.pop(0)
    if word == "open":
        return None
    if not (word.isascii() and word.isdecimal() and 0 < int(word[:8]) <= 1_000_000):
        raise _Wrong(f"{word!r} is no resistance; say a number of ohms up to 1000000, or open")
    return float(word)


def _input(bay: Bay, words: list[str]) -> Answer:
    if not bay.inputs:
        raise _Wrong("this outlet has no inputs")
    name = _next(words, bay.inputs, "input")
    switch = _next(words, ("on", "off"), "switch")
    _no_more(words)
    bay.inputs[name].on = switch == "on"
    return True, f"input {name} is {switch}"


# --- the car ---------------------------------------------------------------------------------------------------


def _drive(bay: Bay) -> str:
    bay.fill(40)
    bay.car.want(True)
    return "the car was driven: its battery is at 40 % and it wants energy"


def _stop(bay: Bay) -> str:
    bay.car.want(False)
    return "the car wants no energy"


def _resume(bay: Bay) -> str:
    bay.car.want(True)
    return "the car wants energy"


def _full(bay: Bay) -> str:
    bay.fill(100)
    return "the battery is full"


_MODES: dict[str, Callable[[Bay], str]] = {"drive": _drive, "stop": _stop, "resume": _resume, "full": _full}


def _car(bay: Bay, words: list[str]) -> Answer:
    mode = _next(words, (*_MODES, "manners"), "thing that a car does")
    if mode == "manners":
        name = Manner(_next(words, Manner, "manner"))
        switch = _next(words, ("on", "off"), "switch")
        _no_more(words)
        bay.car.behave(name, switch == "on")
        return True, f"manner {name} is {switch}"
    _no_more(words)
    return True, _MODES[mode](bay)


# --- what breaks -----------------------------------------------------------------------------------------------


def _faults(bay: Bay) -> dict[str, Callable[[bool], None]]:
    """All that can break at this outlet, by name."""
    table: dict[str, Callable[[bool], None]] = {
        "residual": bay.residual.trip,
        "gate-stuck": bay.gate.stick,
        "reader-gone": bay.reader.vanish,
    }
    table |= {fault: partial(bay.pilot.fault, fault) for fault in PilotFault}
    table |= {fault: partial(bay.residual.fault, fault) for fault in ResidualFault}
    table |= {fault: partial(bay.contactor.fault, fault) for fault in ContactorFault}
    table |= {fault: partial(bay.grid_fault, fault) for fault in GridFault}
    table |= {f"meter-{fault}": partial(bay.meter.fault, fault) for fault in MeterFault}
    table |= {f"{place}-thermometer-gone": one.vanish for place, one in bay.thermometers.items()}
    table |= {f"input-{name}-gone": one.vanish for name, one in bay.inputs.items()}
    table["phases-stuck"], table["phases-welded"] = bay.phases.jam, bay.phases.weld
    if bay.lock is not None:
        table["lock-stuck"], table["lock-weak"] = bay.lock.jam, bay.weaken_lock
    if (proximity := bay.proximity) is not None:
        table |= {fault: partial(proximity.fault, fault) for fault in PpFault}
    return table


def _fault(bay: Bay, words: list[str]) -> Answer:
    return _switch(bay, words, on=True)


def _clear(bay: Bay, words: list[str]) -> Answer:
    return _switch(bay, words, on=False)


def _switch(bay: Bay, words: list[str], on: bool) -> Answer:
    table = _faults(bay)
    name = _next(words, table, "fault")
    _no_more(words)
    table[name](on)
    return True, f"fault {name} is {'there' if on else 'cleared'}"


# --- what is -----------------------------------------------------------------------------------------------------


def _state(bay: Bay, words: list[str]) -> Answer:
    _no_more(words)
    car, flow = bay.car, bay.flow()
    parts = [
        f"car {'plugged in' if car.plugged else 'away'}, {'wants energy' if car.wants else 'wants none'}",
        f"battery {car.battery.permille / 10:.1f} %",
        f"S2 {'closed' if car.s2 else 'open'}",
        f"contacts {'closed' if bay.contactor.main else 'open'}",
        f"gate {'open' if bay.gate.alive else 'shut'}",
        f"pilot at {bay.pilot.hertz} Hz",
    ]
    if not bay.phases.closed:
        parts.append("one phase")
    if bay.lock is not None:
        parts.append("bolt in" if bay.lock.locked() else "bolt out")
    parts.append("draws " + "/".join(f"{ma / 1_000:.1f}" for ma in flow.current_ma) + " A")
    if bay.buzzer.on:
        parts.append("buzzer on")
    parts.append("light " + "/".join(str(permille // 10) for permille in bay.lights.colour) + " % of red/green/blue")
    parts += (f"input {name} on" for name, one in bay.inputs.items() if one.on)
    parts += (f"{place} {t.mc // 1_000} °C" for place, t in bay.thermometers.items())
    parts.append(f"register {flow.energy_pj // PJ_PER_WH} Wh")
    wrong = [*_broken(bay), *(f"manner {name}" for name in sorted(car.manners))]
    return True, "; ".join((*parts, "wrong: " + _list(wrong) if wrong else "all well"))


def _broken(bay: Bay) -> Iterable[str]:
    """The faults that are there."""
    yield from sorted(bay.pilot.faults | bay.contactor.faults | bay.residual.faults | bay.grid_faults)
    yield from (f"meter-{fault}" for fault in sorted(bay.meter.faults))
    yield from sorted(bay.proximity.faults) if bay.proximity is not None else ()
    switches = {"residual": bay.residual.leaks, "gate-stuck": bay.gate.stuck, "reader-gone": bay.reader.gone}
    switches |= {f"{place}-thermometer-gone": one.gone for place, one in bay.thermometers.items()}
    switches |= {f"input-{name}-gone": one.gone for name, one in bay.inputs.items()}
    switches["phases-stuck"] = bay.phases.stuck and not bay.phases.lying
    switches["phases-welded"] = bay.phases.lying
    switches["lock-stuck"] = bay.lock is not None and bay.lock.stuck
    switches["lock-weak"] = bay.lock is not None and bay.lock.weak
    yield from (name for name, on in switches.items() if on)


_COMMANDS: dict[str, Callable[[Bay, list[str]], Answer]] = {
    "plug-in": _plug_in,
    "unplug": _unplug,
    "swipe": _swipe,
    "warm": _warm,
    "load": _load,
    "pp": _pp,
    "input": _input,
    "car": _car,
    "fault": _fault,
    "clear": _clear,
    "state": _state,
}
_USAGE = {
    "plug-in": "plug-in [--cable A] [--phases 1|3]",
    "unplug": "unplug [--force | --at-car]",
    "swipe": "swipe TAG",
    "warm": "warm CELSIUS [PLACE]",
    "load": "load OHMS|open [--no-diode]",
    "pp": "pp OHMS|open",
    "input": "input NAME on|off",
    "car": f"car {'|'.join(_MODES)}|manners NAME on|off",
    "fault": "fault NAME",
    "clear": "clear NAME",
    "state": "state",
}


# --- words -------------------------------------------------------------------------------------------------------


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)


def _one_of(word: str, allowed: Iterable[str], what: str) -> str:
    names = list(allowed)
    if word not in names:
        raise _Wrong(f"{word!r} is no {what}; say one of: {_list(names)}")
    return word


def _next(words: list[str], allowed: Iterable[str], what: str) -> str:
    if not words:
        raise _Wrong(f"the {what} is missing; say one of: {_list(allowed)}")
    return _one_of(words.pop(0), allowed, what)


def _no_more(words: list[str]) -> None:
    if words:
        raise _Wrong(f"{words[0]!r} is one word too many")


def _pairs(words: list[str], options: tuple[str, ...]) -> Iterable[tuple[str, str]]:
    for at in range(0, len(words), 2):
        option = _one_of(words[at], options, "option")
        if at + 1 == len(words):
            raise _Wrong(f"{option} needs a value")
        yield option, words[at + 1]
