"""A whole wallbox goes on from what a cut left: plant and central system as they were then, the state folder as laid.

Both daemons start; what the central system had heard it knows. A latched fault is told and waits for a person. Then the
charge that was under way, if there was one, comes to its end, the central system asks again for what it may have asked
for, a guest comes, and the books must be right (I5 to I9).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from traceback import extract_tb

from evsed.core.words import Status
from evsed.slots import Slots
from hal.faults import Name
from hal.sim.battery import PJ_PER_WH
from hal.sim.meter import START_WH
from tests.lab.cuts.disk import lay
from tests.lab.cuts.ledger import ACTIONS, Heard, Ledger
from tests.lab.cuts.recorded import PRESETS, THERE, settings
from tests.lab.cuts.replay import Booted, Files
from tests.scenarios import day
from tests.world.csms import NEW_YEAR_2027
from tests.world.messages import Message, iso
from tests.world.wallbox import Wallbox

DARK_S = 30
LATER_BOOTS, LATER_IDS = 1_000, 1_000_000


def goes_on(folder: Path, files: Files, ledger: Ledger, booted: Booted, latched: bool, older: bytes) -> list[str]:
    """What goes wrong in its life."""
    try:
        box = _dark(folder, files, ledger)
        box.watch.begun = {tx.id for tx in booted.ended}
        box.power_on()
        box.advance(15)
        if latched:
            _acknowledge(box)
        _set_up(box)
        day.conclude(box)
        _offer(box, older)
        day.charge(box, 5)
        day.rest(box)
        box.close()
        day.books(box, START_WH)
    except Exception as wrong:
        asked = extract_tb(wrong.__traceback__)[-1].line
        return [f"world: {type(wrong).__name__}: {str(wrong)[:400]}, at: {asked}"]
    finally:
        shutil.rmtree(folder)
    return []


def _dark(folder: Path, files: Files, ledger: Ledger) -> Wallbox:
    """It is as it was, without power, and some time goes by."""
    box = Wallbox(folder, presets=PRESETS, leaps=True)
    box.power_off()
    shutil.rmtree(folder)
    lay(files, folder)
    box.runtime.mkdir(exist_ok=True)
    box.advance(ledger.ms / 1_000 + DARK_S)
    bay = box.bay()
    bay.flow()
    bay._flow = bay._flow._replace(energy_pj=ledger.wh * PJ_PER_WH)
    if ledger.plugged:
        box.order("plug-in", "--cable", "20")
    box.boot_nr, box.ids = LATER_BOOTS, count(LATER_IDS)
    _book(box, ledger.heard)
    return box


def _book(box: Wallbox, calls: Iterable[Heard]) -> None:
    """As the central system did then; what it answered it would answer again."""
    for call in calls:
        if call.action in ACTIONS.values():
            message = Message(call.id, call.action, call.payload, call.at_ms)
            box.csms.book(message)
            box.csms.received.append(message)


def _acknowledge(box: Wallbox) -> None:
    """Service sees it, and ends it."""
    assert Name.RESIDUAL_CURRENT in {fault.name for fault in box.outlet().faults}, "hal forgot what was latched"
    assert box.status() is Status.FAULTED, "a latched fault is not told"
    assert box.tick is not None
    box.tick.acknowledge(1)
    box.advance(5)


def _offer(box: Wallbox, older: bytes) -> None:
    """I11: an image that is older than what was ever confirmed."""
    floor, runs = Slots(box.folder).floor(), box.version()
    if floor is None:
        return
    box.depot.files[THERE] = older
    box.csms.call("UpdateFirmware", {"location": THERE, "retrieveDate": iso(NEW_YEAR_2027 + box.ms)})
    box.advance(30)
    assert box.csms.last("FirmwareStatusNotification").status == "InstallationFailed", "an older program is taken"
    assert (Slots(box.folder).floor(), box.version()) == (floor, runs)


def _set_up(box: Wallbox) -> None:
    for asked in settings(box):
        box.csms.call(*asked)
        box.advance(1)
