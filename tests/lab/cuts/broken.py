"""Whole worlds on a disk that refuses one operation, or all from one on, until it is mended; and on damaged journals.

A disk that is slow holds up nobody here, since the virtual world waits for no disk: tests/evsed/test_supervisor.py
proves what the real loop does then.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from evsed.certificates import CertificateStore
from evsed.quarantine import Quarantine
from evsed.store.journal import Journal
from hal.latches import LatchFile
from tests.evsed.store.disk import library, listening
from tests.evsed.store.test_damage import HARM
from tests.lab.cuts.state import blame_of, held_of, latches_of, rows_of
from tests.scenarios import day
from tests.world.depot import NAME, machine_ms
from tests.world.wallbox import Wallbox

OPERATIONS = 330
CODES = {"full": sqlite3.SQLITE_FULL, "broken": sqlite3.SQLITE_IOERR}


class World(NamedTuple):
    """One life: the disk refuses operation `at`, once or `forever`; or the journal is harmed by `harm` in a cut."""

    at: int
    forever: bool
    code: str
    harm: int | None = None


def worlds(many: int) -> list[World]:
    """So many, spread over the day, and over all kinds."""
    step = max(1, OPERATIONS * 4 // max(1, many * 3 // 4))
    each = [World(at, forever, code) for at in range(OPERATIONS) for forever in (False, True) for code in CODES]
    return each[::step] + [World(n, False, "full", n % len(HARM)) for n in range(many // 4)]


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
        }


def lived(world: World) -> list[str]:
    """What was wrong in it."""
    logging.disable(logging.CRITICAL)
    memory = Path("/dev/shm")
    with TemporaryDirectory(prefix="evsed-cuts-", dir=memory if memory.is_dir() else None) as folder:
        try:
            (refused if world.harm is None else damaged)(world, Path(folder))
        except Exception as wrong:
            return [f"{world}: {type(wrong).__name__}: {str(wrong)[:400]}"]
    return []


def refused(world: World, folder: Path) -> None:
    """I5 to I8: a charge, an offline one, a cut; the disk is mended before the end, and then the books are right."""
    listens: Any = listening() if library() is not None else nullcontext()
    with listens as disk:
        box = Wallbox(folder, presets=day.PRESETS, leaps=True)
        start_wh = box.register()
        if disk is not None:
            disk.asked, disk.fails_at, disk.forever, disk.code = 0, world.at, world.forever, CODES[world.code]
        box.advance(3)
        _tried(lambda: day.charge(box, 22))
        box.lose_line()
        _tried(lambda: day.begin(box))
        box.advance(12)
        if disk is not None:
            disk.heal()
        box.power_cut(5)
        box.advance(15)
        day.conclude(box)
        day.charge(box, 5)
        day.rest(box)
        box.close()
        day.books(box, start_wh)


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
