"""What may befall a wallbox, act by act: a name, its words, and what is done to the world. Any act fits any moment:
where there is nothing to do, it does nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.hardship.blows import ONCE, QUESTIONS
from tests.lab.lives import credentials, programs
from tests.world.csms import NEW_YEAR_2027
from tests.world.messages import Question, iso
from tests.world.wallbox import RESTART_S

if TYPE_CHECKING:
    from tests.lab.lives.life import Life

DAY_MS, HOUR_MS, MINUTE_MS = 86_400_000, 3_600_000, 60_000
NOISE = (
    "",
    "not JSON",
    "[]",
    "{}",
    "[3]",
    '[2,"x"]',
    '[2,"x","Reset"]',
    '[2,"x","Nothing",{}]',
    '[2,"x","Reset",{"type":7}]',
    '[3,"nobody",{}]',
    '[4,"nobody","InternalError","",{}]',
    "[" * 2_000,
    '[2,"x","DataTransfer",{"vendorId":"' + "v" * 70_000 + '"}]',
)
KEYS = {
    "MeterValueSampleInterval": ("0", "10", "30", "60", "900"),
    "ClockAlignedDataInterval": ("0", "60", "900"),
    "ConnectionTimeOut": ("15", "60"),
    "StopTransactionOnInvalidId": ("true", "false"),
    "StopTransactionOnEVSideDisconnect": ("true", "false"),
    "LocalPreAuthorize": ("true", "false"),
    "MinimumStatusDuration": ("0", "2"),
    "MaxEnergyOnInvalidId": ("0", "500"),
    "ResumeAfterPowerLoss": ("true", "false"),
}


# What names a time of some clock, or counts moments of work or writes, of which a step of the clock makes some.
DATED = {"strike", "tear", "offers", "disk"}
DATED_QUESTIONS = {"ReserveNow", "SetChargingProfile", "SignedUpdateFirmware", "UpdateFirmware"}
CLOCKS = ("ntp", "central-clock")


class Act(NamedTuple):
    """Something happens `at_ms` after the life began."""

    at_ms: int
    name: str
    args: tuple[Any, ...] = ()


class Deed(NamedTuple):
    """How an act is told, and how it is done."""

    words: str
    do: Callable[..., object]


def told(act: Act) -> str:
    """One line of a story."""
    days, rest = divmod(act.at_ms, DAY_MS)
    hours, rest = divmod(rest, HOUR_MS)
    minutes, rest = divmod(rest, MINUTE_MS)
    clock = f"day {days + 1} {hours:02}:{minutes:02}:{rest / 1_000:06.3f}"
    args = [SAID[act.name](act.args[0])] if act.name in SAID else act.args
    return f"{clock}  {DEEDS[act.name].words.format(*args)}"


def _question(number: int) -> str:
    action, payload = QUESTIONS[number]
    return f"{action}, question number {number}" if callable(payload) else f"{action} {json.dumps(payload)}"


SAID: dict[str, Callable[[int], str]] = {"ask": _question, "say": lambda number: repr(NOISE[number][:60])}


def is_dated(act: Act) -> bool:
    """Whether it comes out otherwise when a clock is wrong, as it may."""
    return act.name in DATED or (act.name == "ask" and QUESTIONS[act.args[0]][0] in DATED_QUESTIONS)


# --- people and cars ---------------------------------------------------------------------------------------------


def order(life: Life, evse: int, *words: str) -> None:
    """Somebody does something at the plug, if it can be done."""
    world = life.world
    if evse in world.plant.bays:
        world.board.advance(world.ms)
        world.board.order(evse, words)
        world.touched()


def plug_in(life: Life, evse: int, cable: int) -> None:
    socket = evse in life.world.plant.bays and life.world.bay(evse).proximity is not None
    order(life, evse, "plug-in", *(("--cable", str(cable)) if socket else ()))


def manner(life: Life, evse: int, name: str, switch: str) -> None:
    order(life, evse, "car", "manners", name, switch)


def contact(life: Life, evse: int, name: str, switch: str) -> None:
    order(life, evse, "input", name, switch)


def warm(life: Life, celsius: int) -> None:
    order(life, 1, "warm", str(celsius))


# --- processes and power -----------------------------------------------------------------------------------------


def kill_evsed(life: Life, seconds: float) -> None:
    world = life.world
    if life.powered and world.evsed is not None:
        world.kill_evsed()
        world.later(seconds, life.start_evsed)


def kill_hal(life: Life, seconds: float) -> None:
    if life.world.tick is not None:
        life.world.kill_hal(restart_s=seconds)


def stall_hal(life: Life, seconds: float) -> None:
    """It stands still; systemd's watchdog ends one that does so for long."""
    world = life.world
    if world.tick is not None and world.evsed is not None:
        world.stall_hal(seconds)


def power_off(life: Life, seconds: float) -> None:
    if life.powered:
        life.powered = False
        life.world.power_off()
        life.world.later(seconds, life.power_on)


def strike(life: Life, what: str, moments: int) -> None:
    """Not now, but so many moments of evsed's work later."""
    world = life.world
    at = len(world.moments) + moments

    def strikes(moment: int) -> bool:
        if moment < at:
            return False
        world.strikes = lambda moment: False
        if what == "hal":
            kill_hal(life, RESTART_S)
        return what != "hal"

    world.strikes = strikes
    world.struck = lambda: power_off(life, 5) if what == "power" else kill_evsed(life, RESTART_S)


def tear(life: Life, percent: int) -> None:
    """The next write is cut in its middle."""
    life.world.struck = lambda: power_off(life, 5)
    life.world.torn = percent / 100


def disk(life: Life, how: str) -> None:
    life.world.disk_full, life.world.disk_broken = how == "full", how == "broken"


# --- clocks ------------------------------------------------------------------------------------------------------


def ntp(life: Life, offset_s: int) -> None:
    life.world.set_clock(offset_s * 1_000)


def central_clock(life: Life, offset_s: int) -> None:
    life.csms_offset_ms = offset_s * 1_000


# --- the network -------------------------------------------------------------------------------------------------


def slow(life: Life, delay_ms: int) -> None:
    life.wire.delay_ms = delay_ms


def doubles(life: Life, on: bool) -> None:
    life.wire.doubles = on


def refuse_dials(life: Life, why: str) -> None:
    life.world.admits = lambda target: why


def kick(life: Life, times: int) -> None:
    """Somebody else connects under our name, again and again."""
    life.world.drop_line("another connection")
    if times > 1:
        life.world.later(5, lambda: kick(life, times - 1))


# --- the central system ------------------------------------------------------------------------------------------


def mood(life: Life, action: str, blow: str, times: int) -> None:
    life.moods[action] = [ONCE[blow]] * times


def boots(life: Life, status: str) -> None:
    life.world.csms.boot_status = status


def say(life: Life, noise: int) -> None:
    life.world.csms._questions["x"] = Question("x", "Reset", {})  # what noise may be answered as
    life.world.csms.say(NOISE[noise])


def ask(life: Life, number: int) -> None:
    action, payload = QUESTIONS[number]
    life.ask(action, payload(life.world.csms) if callable(payload) else payload)


def configure(life: Life, key: str, value: str) -> None:
    life.ask("ChangeConfiguration", {"key": key, "value": value})


def cap(life: Life, amps: float) -> None:
    """The whole station gets no more, from now on by whatever clock."""
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": amps}]}
    profile = {
        "chargingProfileId": 900,
        "stackLevel": 0,
        "chargingProfilePurpose": "ChargePointMaxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule | {"startSchedule": iso(NEW_YEAR_2027 - 100 * DAY_MS)},
    }
    life.ask("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": profile})


def surplus(life: Life, watts: int, phases: int | None) -> None:
    """As a house charges with the surplus of its roof."""
    period = {"startPeriod": 0, "limit": watts} | ({} if phases is None else {"numberPhases": phases})
    profile = {
        "chargingProfileId": 901,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": "W", "chargingSchedulePeriod": [period]},
    }
    life.ask("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": profile})


def cards(life: Life, version: int, many: int) -> None:
    entries = [{"idTag": f"CARD{n}", "idTagInfo": {"status": "Accepted"}} for n in range(many)]
    payload = {"listVersion": version, "updateType": "Full", "localAuthorizationList": entries}
    life.ask("SendLocalList", payload)


def blocks(life: Life, tag: str) -> None:
    life.world.csms.invalid_tags.add(tag)


REST = "rest"
DEEDS: dict[str, Deed] = {
    REST: Deed("so long nothing happens any more", lambda life: None),
    "plug-in": Deed("at outlet {} a car is plugged in with a {} A cable", plug_in),
    "swipe": Deed("at outlet {} the card {} is shown", lambda life, evse, tag: order(life, evse, "swipe", tag)),
    "unplug": Deed("at outlet {} the plug is pulled", lambda life, evse: order(life, evse, "unplug")),
    "tear-out": Deed("at outlet {} the plug is torn out", lambda life, evse: order(life, evse, "unplug", "--force")),
    "leave": Deed(
        "at outlet {} the plug is pulled at the car", lambda life, evse: order(life, evse, "unplug", "--at-car")
    ),
    "car": Deed("at outlet {} the car: {}", lambda life, evse, mode: order(life, evse, "car", mode)),
    "manner": Deed("at outlet {} the car's manner {} is {}", manner),
    "breaks": Deed("at outlet {} breaks: {}", lambda life, evse, name: order(life, evse, "fault", name)),
    "mends": Deed("at outlet {} is mended: {}", lambda life, evse, name: order(life, evse, "clear", name)),
    "contact": Deed("at outlet {} the contact {} is {}", contact),
    "warm": Deed("inside it has {} °C", warm),
    "kill-evsed": Deed("evsed is killed, it is back in {} s", kill_evsed),
    "kill-hal": Deed("evse-hal is killed, it is back in {} s", kill_hal),
    "stall-hal": Deed("evse-hal stands still for {} s", stall_hal),
    "power": Deed("no power for {} s", power_off),
    "strike": Deed("{} ends {} moments of evsed's work later", strike),
    "tear": Deed("the power goes when {} % of the next write is on the disk", tear),
    "disk": Deed("the disk is {}", disk),
    "ntp": Deed("NTP sets the clock, {} s beside the truth", ntp),
    "central-clock": Deed("the central system's clock is {} s beside the truth", central_clock),
    "lose": Deed("the network is gone", lambda life: life.world.lose_line()),
    "find": Deed("the network is back", lambda life: life.world.find_line()),
    "drop": Deed("the connection is reset", lambda life: life.world.drop_line("reset")),
    "half-open": Deed("the connection is half open", lambda life: life.wire.half_open()),
    "slow": Deed("the network takes {} ms one way", slow),
    "doubles": Deed("each answer arrives twice: {}", doubles),
    "refuses": Deed("dialling: {!r}", refuse_dials),
    "kick": Deed("another one connects under our name, {} times", kick),
    "mood": Deed("of the central system to {}: {}, {} times", mood),
    "boots": Deed("the central system answers boots with {}", boots),
    "say": Deed("the central system says {}", say),
    "ask": Deed("the central system asks {}", ask),
    "configure": Deed("the central system sets {} to {}", configure),
    "cap": Deed("the central system allows the station {} A", cap),
    "cards": Deed("the central system sends list {} of {} cards", cards),
    "blocks": Deed("the central system knows no card {}", blocks),
    "surplus": Deed("the central system allows {} W on so many phases: {}", surplus),
    "install-root": Deed("the central system sends as {} root number {}", credentials.install_root),
    "list-roots": Deed("the central system asks for the list of {}", credentials.list_roots),
    "delete-root": Deed("the central system has the last root of that list deleted", credentials.delete_root),
    "profile": Deed("the central system sets the security profile {}", credentials.profile),
    "key": Deed("the central system sets a new key: {}", credentials.key),
    "takes": Deed("the central system takes only profile {} and key {}", credentials.takes),
    "offers": Deed("program {} is offered, flaw: {!r}, signed beside: {}", programs.offer),
    "fetch-fails": Deed("the next file does not come through: {}", programs.failing),
    "log": Deed("the central system wants the log", programs.log),
}
