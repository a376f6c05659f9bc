"""What a person should do about what evse-hal names: its faults and its guard's reasons. Tests hold both together.

Advice goes on where the text of a fault ends: it begins small and has no stop. `{evse}` is the outlet, `{owner}` is
whose limit is the least.
"""

from __future__ import annotations

FAULTS = {
    "PILOT_FAULT": "unplug the car, look for damage or water at the plug, then try again or try another cable",
    "PILOT_DRIVER": "unplug the car; if it stays or comes back, the pilot circuit of the box needs a repair",
    "DIODE_MISSING": "unplug the car and try again; if it comes back, the car or an adapter needs a repair",
    "CP_SHORT": "unplug the car, look for damage or water at the plug, then try again or try another cable",
    "D_REFUSED": "the charge goes on by itself once the car asks for energy without that",
    "WELDED": "switch the supply off and have the contactor replaced, then run 'evse-hal --service-clear' and start "
    "evse-hal again",
    "FAIL_TO_CLOSE": "unplug the car and try again; if it comes back, the contactor, its coil supply or its feedback "
    "contact needs a repair",
    "RESIDUAL_CURRENT": "unplug the car and have car and cable checked, then run 'evsectl clear-faults --evse {evse}'",
    "PHASES_FAILED": "unplug the car and try again; if it comes back, the relay that chooses the phases needs a repair",
    "RESIDUAL_TEST_FAILED": "have the residual current device and its wiring checked, then run "
    "'evsectl clear-faults --evse {evse}', which tries it again",
    "LOCK_FAILED": "push the plug in fully; if that does not help, the bolt is stuck and needs a repair",
    "LOCK_POWER_LOW": "wait until its buffer is charged; if it stays, have the supply of the plug lock checked",
    "PROXIMITY_INVALID": "push the plug in fully, or try another cable",
    "OVER_CURRENT": "unplug the car and try again, or wait: as often as site.toml says, the box tries it by itself; if "
    "it comes back, the car takes more than it is offered",
    "CURRENT_WHILE_OPEN": "switch the supply off and have contactor and feedback contact replaced, then run "
    "'evse-hal --service-clear' and start evse-hal again",
    "EMERGENCY_STOP": "see that nobody is in danger, pull the button out again, then run 'evsectl clear-faults --evse "
    "{evse}'",
    "EARTH_LOST": "have the installation checked by an electrician; nobody should touch car or box",
    "ENCLOSURE_OPEN": "close it",
    "INPUT_FAILED": "look at the log of evse-hal and check the wiring of that input",
    "OVER_TEMPERATURE": "the charge goes on by itself once that has cooled down; if it comes back, have terminals "
    "and plug contacts checked",
    "THERMOMETER_SILENT": "check its wiring and its table in the board file; the charge goes on by itself once it "
    "answers",
    "OVER_VOLTAGE": "the charge goes on by itself a minute after the supply is good again; if it comes back, have the "
    "supply checked, at once its neutral wire",
    "UNDER_VOLTAGE": "the charge goes on by itself a minute after the supply is good again; if it comes back, have the "
    "supply and its wiring checked",
    "PHASE_LOST": "check the fuses of this box; the charge goes on by itself a minute after all phases are back",
    "MAINS_LOST": "check the fuses of this box; the charge goes on by itself a minute after the mains are back",
    "MAINS_FAILING": "check the fuses of this box; the charge goes on by itself half a minute after the mains are back",
    "CONTACTOR_WORN": "have the contactor replaced, then run 'evse-hal --contactor-replaced {evse}' and start evse-hal "
    "again",
    "METER_SILENT": "check its wiring, and model, address and speed in site.toml; if it was replaced, restart "
    "evse-hal, then run 'evsectl meter-replaced --evse {evse}' if it counts less than the one before",
    "READER_SILENT": "check its plug and its table in the board file; meanwhile the central system or "
    "'evsectl start' can start a charge",
    "REGISTER_FELL": "have the meter checked, or run 'evsectl meter-replaced --evse {evse}' if it is another one",
    "PART_FAILED": "look at the log of evse-hal and check the wiring of that part",
    "MEMORY_DAMAGED": "have contactor and residual current device checked, then run "
    "'evsectl clear-faults --evse {evse}'",
    "MEMORY_FAILED": "look whether the disk is full or can only be read",
}

HELD_S = {
    "PILOT_FAULT": 30,
    "PILOT_DRIVER": 30,
    "CP_SHORT": 30,
    "D_REFUSED": 30,
    "EARTH_LOST": 30,
    "MAINS_FAILING": 30,
    "PART_FAILED": 30,
    "READER_SILENT": 30,
    "LOCK_POWER_LOW": 5,
}
"""Faults that evse-hal holds for so long after their cause has gone, unless the car is unplugged."""

REASONS = {
    "LATE_BEAT": "The hardware process stood still for too long and opened the contactor; wait some seconds.",
    "FELL_OPEN": "The contactor fell open by itself; wait some seconds, and if that lasts check its supply.",
    "STALE_SAMPLE": "The pilot is not being measured; look at the log of evse-hal.",
    "PHASES_MOVE": "The box goes over to another number of phases; the car has no power meanwhile, for a minute.",
    "PILOT_TROUBLE": "The pilot line shows no valid level; check the cable and the wiring of the pilot.",
    "PILOT_E": "The pilot line is shorted to earth; unplug the car and check the cable.",
    "PILOT_F": "The pilot tells the car for a moment that the box is not available; wait some seconds.",
    "NO_LEASE": "The hardware process has no permission from evsed yet; wait some seconds.",
    "LEASE_OVER": "The permission that evsed gave the hardware process has run out; look at the log of evsed.",
    "NOT_WANTED": "The hardware process has not been told to close the contactor; wait some seconds.",
    "LIMIT_BELOW_6A": "Less than 6.0 A can be offered, and no car can take that; the least limit is that of {owner}.",
    "PWM_OFF": "The pilot does not offer current yet; wait some seconds.",
    "D_NOT_ALLOWED": "The car asks for ventilation, which this box must not promise; it can't charge here.",
    "DIODE_NOT_SEEN": "The diode of the car's pilot circuit is not seen yet; if that lasts, check the cable.",
    "LOCK_NOT_CONFIRMED": "The plug is being locked; if that lasts, push it in fully.",
    "SELF_TEST": "The residual current device is being tested; wait some seconds.",
    "RELAY_REST": "The contactor rests before it may close again; wait some seconds.",
}


def on_fault(name: str, *, latched: bool, opens: bool, evse: int) -> str:
    """What to do about a fault; "" where nothing needs to be done."""
    if name in FAULTS:
        return FAULTS[name].format(evse=evse, owner="")
    if latched:
        return f"remove the cause, then run 'evsectl clear-faults --evse {evse}'"
    return "the charge may go on by itself once that is over" if opens else ""


def on_gone(name: str, evse: int) -> str:
    """What ends a fault whose cause has gone; "" where its usual advice says so already."""
    if name in HELD_S:
        return f"its cause has gone, and it ends by itself within {HELD_S[name]} s, or when the car is unplugged"
    return f"its cause has gone; run 'evsectl clear-faults --evse {evse}'" if name == "EMERGENCY_STOP" else ""


def on_end(name: str) -> str:
    """When a fault ends that nobody needs to clear, as the end of a sentence."""
    if name in HELD_S:
        return f"{name} ends by itself when the car is unplugged, or {HELD_S[name]} s after its cause has gone"
    return f"{name} ends by itself once its cause has gone"
