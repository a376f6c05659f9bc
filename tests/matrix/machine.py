"""What breaks in the machine itself: power, processes, memory, disk, journal, clocks (rows 1 to 7 and 27)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import NoReturn

from hal.sim.power import GATE_MS
from tests.lab.lives import acts
from tests.matrix.cell import Cell, Fault
from tests.world.csms import NEW_YEAR_2027
from tests.world.messages import iso
from tests.world.wallbox import RESTART_S

Rows = dict[str, Fault]
HOUR_S, YEAR_S = 3_600, 365 * 86_400
STRIKES = (1, 2, 3, 4, 5, 6, 8, 11)
TORN = (0, 30, 70, 100)
BY_HOUR = (11, 9, 7)  # amperes; the box is in the middle of the second hour
FOLLOWS_S = 13  # evsed asks for the time each 5 s, and hal changes an offer each 5 s
LEARNS_S = 3 * FOLLOWS_S


def each(*deeds: Callable[[Cell], object]) -> Callable[[Cell], object]:
    """One after the other, at the same moment."""

    def do(cell: Cell) -> None:
        for deed in deeds:
            deed(cell)

    return do


def again(deed: Callable[[Cell], object], every_s: float, times: int) -> Callable[[Cell], object]:
    """Over and over."""

    def do(cell: Cell) -> None:
        for number in range(times):
            cell.world.later(number * every_s, lambda: deed(cell))

    return do


# --- 1: the power goes -------------------------------------------------------------------------------------------


def power_cuts() -> Rows:
    """At each moment of evsed's work that follows, and in the middle of writes."""
    rows = {"now": Fault(lambda cell: acts.power_off(cell, 5)), "twice": Fault(again(_off_2_s, 4, 2))}
    for moments in STRIKES:
        rows[f"{moments} moments later"] = Fault(partial(acts.strike, what="power", moments=moments))
    for percent in TORN:
        rows[f"in a write, {percent} % of it there"] = Fault(partial(acts.tear, percent=percent))
    return rows


def _off_2_s(cell: Cell) -> None:
    acts.power_off(cell, 2)


# --- 2, 27: processes are killed ---------------------------------------------------------------------------------


def gate_drops(cell: Cell) -> None:
    """I2: without evse-hal the gate opens in hardware."""
    cell.world.later((GATE_MS + 15) / 1_000, lambda: _is_open(cell))


def _is_open(cell: Cell) -> None:
    if cell.world.tick is None:
        cell.must("I2", not cell.closed(), "closed half a second after evse-hal was killed")


def kills() -> Rows:
    """Each process, soon back or late, and at each moment of evsed's work that follows."""
    rows = {
        "evsed": Fault(lambda cell: acts.kill_evsed(cell, RESTART_S), keeps=True),
        "evsed for 8 s": Fault(lambda cell: acts.kill_evsed(cell, 8), keeps=True),
        "evsed for 90 s": Fault(lambda cell: acts.kill_evsed(cell, 90), after_s=120),
        "hal": Fault(each(lambda cell: acts.kill_hal(cell, RESTART_S), gate_drops)),
        "hal for 20 s": Fault(each(lambda cell: acts.kill_hal(cell, 20), gate_drops), after_s=40),
        "both": Fault(each(lambda cell: acts.kill_hal(cell, 3), lambda cell: acts.kill_evsed(cell, 2))),
    }
    for what in ("evsed", "hal"):
        for moments in STRIKES[:5]:
            rows[f"{what}, {moments} moments later"] = Fault(partial(acts.strike, what=what, moments=moments))
    return rows


def crash_loops() -> Rows:
    """A service that is started again and again, and a processor that is too hot to be in time."""
    evsed = again(lambda cell: acts.kill_evsed(cell, RESTART_S), 2, 10)
    hal = again(lambda cell: acts.kill_hal(cell, RESTART_S), 2, 8)
    slow = again(lambda cell: acts.stall_hal(cell, 0.3), 1, 15)
    return {
        "evsed ten times": Fault(evsed, before_s=22, keeps=True, judge=_told_of_crashes),
        "hal eight times": Fault(each(hal, gate_drops), before_s=20, after_s=40),
        "ticks 0.3 s late": Fault(slow, before_s=18),
        "watchdog ends a hanging evsed, three times": Fault(again(_hangs_10_s, 13, 3), before_s=45),
    }


def _told_of_crashes(cell: Cell) -> None:
    cell.must("I15", "ResetOrReboot" in cell.events(), "evsed broke off and nobody was told")


def _hangs_10_s(cell: Cell) -> None:
    """WatchdogSec of its unit ends it."""
    if cell.world.evsed is not None:
        cell.world.stall_evsed(10)
        acts.kill_evsed(cell, RESTART_S)


# --- 3: a loop stands still --------------------------------------------------------------------------------------


def stalls() -> Rows:
    """The tick, or evsed; the watchdogs of the units end what stands for longer."""
    rows = {f"hal for {s} s": Fault(partial(acts.stall_hal, seconds=s)) for s in (0.2, 0.5, 1.9)}
    rows["hal for ever"] = Fault(_hal_hangs, after_s=40)
    for seconds in (0.5, 2, 9):
        rows[f"evsed for {seconds} s"] = Fault(partial(_stall_evsed, seconds=seconds), keeps=True)
    return rows


def _hal_hangs(cell: Cell) -> None:
    """WatchdogSec of its unit ends it."""
    acts.stall_hal(cell, 2)
    acts.kill_hal(cell, RESTART_S)


def _stall_evsed(cell: Cell, seconds: float) -> None:
    if cell.world.evsed is not None:
        cell.world.stall_evsed(seconds)


# --- 4: memory, descriptors --------------------------------------------------------------------------------------


def shortages() -> Rows:
    """No memory at the nth moment ends either process by an exception in mid-work; no thread, no commit; without a
    descriptor nothing is dialled.
    """
    rows = {f"no memory, {n} moments later": Fault(partial(_starve, moments=n)) for n in STRIKES[:6]}
    for part, call in (("pilot", "volts"), ("contactor", "order"), ("gate", "beat"), ("contactor", "closed")):
        rows[f"no memory for evse-hal at its {part}'s {call}"] = Fault(partial(_starve_hal, part=part, call=call))
    rows["no thread for 9 s"] = Fault(_no_thread, keeps=True, after_s=40)
    rows["no memory for the journal"] = Fault(partial(acts.disk, how="broken"), keeps=True)
    rows["no descriptor"] = Fault(_no_descriptor, keeps=True)
    return rows


def _starve(cell: Cell, moments: int) -> None:
    world = cell.world
    at = len(world.moments) + moments

    def strikes(moment: int) -> bool:
        if moment >= at:
            world.strikes = lambda moment: False
            raise MemoryError
        return False

    world.strikes = strikes
    world.struck = lambda: acts.kill_evsed(cell, RESTART_S)


def _starve_hal(cell: Cell, part: str, call: str) -> None:
    """The tick ends in the middle of its work, and evse-hal with it: what it drove stays until the gate drops."""
    world, thing = cell.world, getattr(cell.world.bay(), part)

    def starves(*_: object) -> NoReturn:
        vars(thing).pop(call)
        raise MemoryError

    def dies() -> None:
        acts.kill_hal(cell, RESTART_S)
        gate_drops(cell)

    setattr(thing, call, starves)
    world.struck = dies
    world.touched()
    cell.undos.append(lambda: vars(thing).pop(call, None))


def _no_thread(cell: Cell) -> None:
    """The one that writes the journal cannot be made: evsed ends before each commit, and is started again."""

    def none_left() -> NoReturn:
        raise MemoryError

    world, takes_ms = cell.world, cell.world.sync_ms
    world.sync_ms, world.struck = none_left, lambda: acts.kill_evsed(cell, RESTART_S)
    world.later(9, lambda: setattr(world, "sync_ms", takes_ms))


def _no_descriptor(cell: Cell) -> None:
    cell.world.drop_line("no descriptor")
    cell.world.admits = lambda target: OSError(24, "Too many open files")


# --- 5: the disk -------------------------------------------------------------------------------------------------


def disks() -> Rows:
    """Full or broken, for a moment or for long, from the nth write on; and one that takes seconds for a commit."""
    rows = {}
    for how in ("full", "broken"):
        breaks = each(partial(acts.disk, how=how), _ends_all_the_same)
        rows[how] = Fault(breaks, keeps=True)
        rows[f"{how} for 3 minutes"] = Fault(breaks, keeps=True, before_s=90, after_s=90)
        rows[f"{how} for 1 s"] = Fault(partial(_disk_for, how=how, seconds=1), keeps=True)
        for nth in (1, 2, 3):
            rows[f"{how} from write {nth + 1} on"] = Fault(partial(_disk_from, how=how, nth=nth), after_s=40)
    for seconds in (1, 5):
        rows[f"{seconds} s for each commit"] = Fault(partial(_slow, seconds=seconds), keeps=True, after_s=60)
    return rows


def _ends_all_the_same(cell: Cell) -> None:
    """I5: nothing begins, but who wants a charge to end need not wait for the disk."""
    cell.undos.append(lambda: cell.must("I5", not (cell.charged and cell.closed()), "a card does not end the charge"))


def _disk_for(cell: Cell, how: str, seconds: float) -> None:
    acts.disk(cell, how)
    cell.world.later(seconds, lambda: acts.disk(cell, "sound"))


def _disk_from(cell: Cell, how: str, nth: int) -> None:
    world = cell.world
    left = [nth]

    def strikes(moment: int) -> bool:
        left[0] -= world.moments[moment - 1] == "committed"
        if left[0] == 0:
            acts.disk(cell, how)
        return False

    world.strikes = strikes


def _slow(cell: Cell, seconds: float) -> None:
    cell.world.disk_ms = round(seconds * 1_000)
    cell.undos.append(lambda: setattr(cell.world, "disk_ms", 0))


# --- 6: what is on the disk is damaged ---------------------------------------------------------------------------


def damages() -> Rows:
    """The power goes, and the journal is not what it was."""
    return {name: Fault(partial(_damage, harm=harm), judge=_told_of_damage) for name, harm in HARMS.items()}


def _damage(cell: Cell, harm: Callable[[Path, Random], None]) -> None:
    cell.forgets = True
    acts.power_off(cell, 5)
    harm(cell.world.folder / "journal.db", Random(harm.__name__))


def _flip(path: Path, chance: Random) -> None:
    image = bytearray(path.read_bytes())
    for _ in range(64):
        image[chance.randrange(len(image))] ^= 1 << chance.randrange(8)
    path.write_bytes(image)


def _zero_pages(path: Path, chance: Random) -> None:
    image = bytearray(path.read_bytes())
    at = chance.randrange(1, len(image) // 1_024) * 1_024
    image[at : at + 2_048] = bytes(2_048)
    path.write_bytes(image)


def _truncate(path: Path, chance: Random) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _no_header(path: Path, chance: Random) -> None:
    path.write_bytes(bytes(1_024) + path.read_bytes()[1_024:])


def _stale_log(path: Path, chance: Random) -> None:
    path.with_name("journal.db-wal").write_bytes(chance.randbytes(8_192))


def _gone(path: Path, chance: Random) -> None:
    path.unlink()
    path.with_name("journal.db-wal").unlink(missing_ok=True)


HARMS = {
    "bits": _flip,
    "pages of zeros": _zero_pages,
    "half a file": _truncate,
    "no header": _no_header,
    "a foreign log": _stale_log,
    "no file": _gone,
}


def _told_of_damage(cell: Cell) -> None:
    """I8: what was set aside is kept and reported."""
    if list(cell.world.folder.glob("journal.quarantine-*.db")):
        cell.must("I8", "SecurityLogWasCleared" in cell.events(), "a journal was set aside and nobody was told")


# --- 7: clocks ---------------------------------------------------------------------------------------------------


def clocks() -> Rows:
    """The machine's clock, the central system's, and both at odds."""
    rows = {}
    for name, seconds in (("1 h", HOUR_S), ("10 years", 10 * YEAR_S), ("30 s", 30)):
        for sign, word in ((1, "ahead"), (-1, "behind")):
            rows[f"NTP {name} {word}"] = Fault(partial(acts.ntp, offset_s=sign * seconds))
    for sign, word in ((1, "ahead"), (-1, "behind")):
        rows[f"central system 1 h {word}"] = Fault(partial(acts.central_clock, offset_s=sign * HOUR_S))
    rows["at odds"] = Fault(each(partial(acts.ntp, offset_s=HOUR_S), partial(acts.central_clock, offset_s=-HOUR_S)))
    rows["back and forth"] = Fault(_to_and_fro)
    twins = {name: fault._replace(clocks=True) for name, fault in rows.items()}
    rows = {"1970, after a power cut without a network": Fault(_long_ago)}
    for sign, word in ((1, "ahead"), (-1, "behind")):
        rows[f"NTP 1 h {word}, under a schedule"] = Fault(partial(_planned, offset_s=sign * HOUR_S), before_s=LEARNS_S)
    return {name: fault._replace(stamps=False) for name, fault in (twins | rows).items()}


def _to_and_fro(cell: Cell) -> None:
    for number, offset_s in enumerate(_steps()):
        cell.world.later(number, partial(acts.ntp, cell, offset_s))


def _steps() -> Iterator[int]:
    yield from (0, 7_200, -7_200, 60, -60, 0)


def _long_ago(cell: Cell) -> None:
    cell.world.lose_line()
    acts.power_off(cell, 5)


def _planned(cell: Cell, offset_s: int) -> None:
    """What the central system allows by the hour follows the clock that is right now, forth and back."""
    world, began_ms = cell.world, NEW_YEAR_2027 + cell.world.ms
    hours = [{"startPeriod": hour * HOUR_S, "limit": amps} for hour, amps in enumerate(BY_HOUR)]
    schedule = {"chargingRateUnit": "A", "startSchedule": iso(began_ms - 90 * 60_000), "chargingSchedulePeriod": hours}
    profile = {
        "chargingProfileId": 7,
        "stackLevel": 0,
        "chargingProfilePurpose": "ChargePointMaxProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
    }
    acts.ntp(cell, 0)
    asked = world.csms.call("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": profile})

    def look(hour: int) -> None:
        taken = asked.status == "Accepted" if asked.answer is not None else False
        if taken and cell.closed() and world.evsed is not None and world.tick is not None:
            offered_ma, right_ma = cell.offered_ma(), BY_HOUR[hour] * 1_000
            cell.must("I4", offered_ma == right_ma, f"{offered_ma} mA offered, the schedule says {right_ma}")

    for number, (hour, beside_s) in enumerate(((1, 0), (1 + offset_s // HOUR_S, offset_s), (1, 0))):
        world.later(number * FOLLOWS_S, partial(acts.ntp, cell, beside_s))
        world.later((number + 1) * FOLLOWS_S - 1, partial(look, hour))
    cell.undos.append(lambda: look(1))
