"""Whole worlds on a disk that refuses one operation, or all from one on, until it is mended, or takes seconds for one
commit, or for all; and on damaged journals.

How many operations and commits there are is counted in a life in which all goes well. What a slow disk does to real
processes is shown by `./evse torture`.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import nullcontext
from itertools import count
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from traceback import extract_tb
from typing import Any, NamedTuple

from evsed.certificates import CertificateStore
from evsed.performer import STORE_RETRY_MS
from evsed.quarantine import Quarantine
from evsed.slots import Slots
from evsed.store.journal import Journal
from hal.latches import LatchFile
from hal.sim.car import allowed_ma
from tests.evsed.store.disk import library, listening
from tests.evsed.store.test_damage import HARM
from tests.lab.cuts.recorded import settings
from tests.lab.cuts.state import blame_of, held_of, latches_of, rows_of, slots_of
from tests.scenarios import day
from tests.world.depot import NAME, machine_ms
from tests.world.wallbox import Wallbox
from tests.world.watch import Watch

CODES = {"full": sqlite3.SQLITE_FULL, "broken": sqlite3.SQLITE_IOERR}
SLOW, SLOW_MS = "slow", 4_000
TRIED_AGAIN_S = STORE_RETRY_MS / 1_000 + 2


class World(NamedTuple):
    """One life: operation `at` of the disk fails, or commit `at` is slow, once or `forever`; or the journal is harmed
    in a cut, in the way of that number.
    """

    at: int
    forever: bool
    code: str
    harm: int | None = None


def worlds(many: int) -> list[World]:
    """About so many, spread over the day, and over all kinds; at most each operation and each commit in each way."""
    if many == 0:
        return []
    operations, commits = _counted()
    refused = [World(at, forever, code) for at in range(operations) for forever in (False, True) for code in CODES]
    slow = [World(at, forever, SLOW) for at in range(commits) for forever in (False, True)]
    return [
        *refused[:: _odd(2 * len(refused), many)],
        *slow[:: _odd(4 * len(slow), many)],
        *(World(n, False, "full", n % len(HARM)) for n in range(many // 4)),
    ]


def _odd(all: int, many: int) -> int:
    """A stride that meets each kind, of which there is an even number."""
    return max(1, all // max(1, many)) | 1


def _counted() -> tuple[int, int]:
    """Operations and commits of a life without a failure, up to where the disk would be mended."""
    with TemporaryDirectory() as folder, _disk() as disk:
        box = Wallbox(Path(folder), presets=day.PRESETS, leaps=True)
        commits = count()
        box.sync_ms = lambda: 0 * next(commits)
        begun = disk.asked if disk is not None else 0
        _live(box)
        _tells_nobody(box)
        operations = disk.asked - begun if disk is not None else 0
        box.close()
        return operations, next(commits)


def _disk() -> Any:
    return listening() if library() is not None else nullcontext()


def nothing_kept() -> dict[str, Any]:
    """What there is before anything was kept."""
    with TemporaryDirectory() as folder:
        journal = Journal(Path(folder))
        rows = rows_of(journal._sql)
        journal.close()
        return {
            "journal": rows,
            "latches": latches_of(LatchFile(Path(folder), (1,), wake=lambda: None)),
            "certificates": held_of(CertificateStore(Path(folder), NAME, machine_ms)),
            "crashes": blame_of(Quarantine(Path(folder))),
            "slots": slots_of(Slots(Path(folder))),
        }


def lived(world: World) -> list[str]:
    """What was wrong in it."""
    logging.disable(logging.CRITICAL)
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="evsed-cuts-", dir=memory if memory.is_dir() else None) as folder:
        try:
            (refused if world.harm is None else damaged)(world, Path(folder))
        except Exception as wrong:
            asked = extract_tb(wrong.__traceback__)[-1].line
            return [f"{world}: {type(wrong).__name__}: {str(wrong)[:400]}, at: {asked}"]
    return []


def refused(world: World, folder: Path) -> None:
    """I5 to I8, I12: settings, a charge, an offline one; the disk is mended, the power goes, the books are right."""
    with _disk() as disk:
        watch = Leased if world.code == SLOW else Watch
        box = Wallbox(folder, presets=day.PRESETS, leaps=True, watch=watch)
        start_wh, commits = box.register(), count()
        if world.code == SLOW:
            box.sync_ms = lambda: SLOW_MS if _strikes(world, next(commits)) else 0
        elif disk is not None:
            disk.asked, disk.fails_at, disk.forever, disk.code = 0, world.at, world.forever, CODES[world.code]
        _live(box)
        _tells_nobody(box)
        if disk is not None:
            disk.heal()
        box.sync_ms = lambda: 0
        box.advance(world.at % 2 * TRIED_AGAIN_S)  # the power goes before it is tried again, or after
        box.power_cut(5)
        box.advance(15)
        day.conclude(box)
        _set_up(box)  # what it was told that it failed at, the central system asks for again
        day.charge(box, 5)
        day.rest(box)
        box.close()
        day.books(box, start_wh)


def _strikes(world: World, number: int) -> bool:
    return number == world.at or (world.forever and number > world.at)


def _set_up(box: Wallbox) -> None:
    for asked in settings(box):
        box.csms.call(*asked)
        box.advance(1)


def _live(box: Wallbox) -> None:
    """What happens while the disk fails."""
    box.advance(3)
    _set_up(box)
    _tried(lambda: day.charge(box, 22))
    box.lose_line()
    _tried(lambda: day.begin(box))
    box.advance(24)
    box.reconnect()
    _tried(lambda: day.end(box))
    box.advance(8)


def _tells_nobody(box: Wallbox) -> None:
    """A charge of which nobody hears before the power goes: what of it is told is what was kept."""
    box.lose_line()
    _tried(lambda: day.charge(box, 3))


class Leased(Watch):
    """Who waits for a slow disk renews the leases all the same: the fallback is never offered (I13)."""

    def look(self) -> None:
        super().look()
        offered_ma = allowed_ma(self._world.bay().pilot._offered)
        if 0 < offered_ma <= self._world.limits.fallback_ma:
            self.breach(f"{offered_ma} mA by a slow disk")


def damaged(world: World, folder: Path) -> None:
    """I8, I14, I15: the journal of a box in mid-charge is harmed; it is set aside or read as far as it is sound."""
    chance = Random(f"damage {world.at}")
    box = Wallbox(folder, presets=day.PRESETS, leaps=True)
    box.advance(3)
    day.begin(box)
    box.advance(20)

    def harm() -> None:
        assert world.harm is not None
        path = folder / "journal.db"
        image = bytearray(path.read_bytes())
        HARM[world.harm](image, chance)
        path.write_bytes(bytes(image))

    box.power_cut(5, harm)
    box.advance(15)
    aside = list(folder.glob("journal.quarantine-*.db"))
    day.conclude(box)
    day.charge(box, 5)
    day.rest(box)
    told = [message.payload["type"] for message in box.csms.all("SecurityEventNotification")]
    box.close()
    assert not aside or "SecurityLogWasCleared" in told, "a journal was set aside, and nobody was told"
    assert [breach for breach in box.watch.breaches if "crash" in breach] == []


def _tried(step: Callable[[], None]) -> None:
    """A step of a driver to whom the box may say no."""
    try:
        step()
    except AssertionError:
        return
