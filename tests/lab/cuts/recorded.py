"""The day that is recorded: run under strace as a process of its own, `python -m tests.lab.cuts.recorded FOLDER`.

It lives in the virtual world, but all that it keeps goes through the real journal, latch file, slots, certificate store
and book of crashes to the real kernel. Marks in a file beside the state say when something was begun and when it was
acknowledged; what must then be there is printed at the end, one JSON line a mark.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from evsed.certificates import CertificateStore
from evsed.core.credentials import CertificateErrand
from evsed.core.errands import ErrandDone
from evsed.installer import ROOTS
from evsed.quarantine import CRASHES, Quarantine
from evsed.slots import Slots
from hal.latches import LatchFile
from tests.evsed.ocpp import pki as trust
from tests.evsed.pki import Pki, image, program
from tests.evsed.store.worlds import small_log
from tests.lab.cuts.state import blame_of, held_of, latches_of, rows_of, slots_of
from tests.lab.cuts.witness import Marks, Witness, told_of
from tests.scenarios import day
from tests.world import life
from tests.world.csms import NEW_YEAR_2027
from tests.world.depot import NAME, machine_ms
from tests.world.messages import iso
from tests.world.wallbox import Wallbox

OLDER = "older"
THERE = "https://files.test/fw"
CPO = "A CPO"
PRESETS = day.PRESETS | {"SecurityCtrlr.OrganizationName": CPO}


def record(folder: Path) -> list[tuple[str, Any]]:
    """The day; what was acknowledged, in order."""
    marks, state = Marks(folder), folder / "state"
    Witness.marks = marks
    real_write, real_flush, real_perform = life.DiskJournal._write, LatchFile.flush, CertificateStore.perform
    real_blame = Quarantine._write

    def write(journal: life.DiskJournal, changes: dict[Any, Any]) -> None:
        if changes:
            told = told_of(changes)
            marks.around("journal", lambda: real_write(journal, changes), lambda: rows_of(journal._sql), told)

    def flush(file: LatchFile) -> None:
        if file.dirty:
            marks.around("latches", lambda: real_flush(file), lambda: latches_of(file))

    def perform(store: CertificateStore, errand: CertificateErrand) -> ErrandDone:
        done: list[ErrandDone] = []
        marks.around("certificates", lambda: done.append(real_perform(store, errand)), lambda: held_of(store))
        return done[0]

    def blame(book: Quarantine) -> None:
        marks.around("crashes", lambda: real_blame(book), lambda: blame_of(book))

    for name in ("switch", "confirm", "roll_back", "count"):
        setattr(Slots, name, _told(getattr(Slots, name), marks))
    setattr(CertificateStore, "perform", perform)  # noqa: B010
    setattr(Quarantine, "_write", blame)  # noqa: B010
    setattr(life.DiskJournal, "_write", write)  # noqa: B010
    setattr(LatchFile, "flush", flush)  # noqa: B010
    with TemporaryDirectory() as elsewhere:
        pki = Pki(Path(elsewhere))
        store = CertificateStore(state, NAME, machine_ms)
        marks.around("certificates", lambda: prepare(state, pki), lambda: held_of(store))
        live(state, pki)
    return marks.known


def _told(real: Callable[..., Any], marks: Marks) -> Callable[..., Any]:
    """A step of the slots between marks; one that is a part of another is not told of by itself."""
    steps: list[Slots] = []

    def step(slots: Slots, *args: str) -> Any:
        if steps:
            return real(slots, *args)
        steps.append(slots)
        answer: list[Any] = []
        marks.around("slots", lambda: answer.append(real(slots, *args)), lambda: slots_of(slots))
        steps.clear()
        return answer[0]

    return step


def prepare(state: Path, pki: Pki) -> None:
    """The maker lays his root into the system."""
    (state / ROOTS).mkdir(parents=True)
    (state / ROOTS / "maker.pem").write_text(pki.root.pem)
    os.sync()


def live(state: Path, pki: Pki) -> None:
    """Charges, profiles, a list, a reservation, configuration, availability, a latched fault, restarts, certificates,
    crashes, firmware.
    """
    world = Wallbox(state, presets=PRESETS, leaps=True, watch=Witness)
    assert isinstance(world.watch, Witness)
    world.watch.overhear()
    world.advance(5)
    for asked in settings(world):
        world.csms.call(*asked)
        world.advance(1)
    day.charge(world, 25)
    world.power_cut(5)
    for asked in settings(world):
        world.csms.call(*asked)
        world.advance(1)
    day.charge(world, 70)
    day.charge(world, 70)
    world.lose_line()
    day.begin(world)
    world.kill_evsed(restart_s=0.5)
    world.advance(15)
    world.reconnect()
    world.advance(10)
    day.end(world)
    world.fault("residual")
    world.advance(2)
    world.clear("residual")
    world.power_cut(5)
    world.advance(15)
    assert world.tick is not None
    world.tick.acknowledge(1)
    world.advance(5)
    certificates(world, pki.folder / "trust")
    crashes(state)
    for version in ("1.0.0", "0.0.1"):
        world.depot.files[THERE] = image(pki.signer(), program(version))
        world.csms.call("UpdateFirmware", {"location": THERE, "retrieveDate": iso(NEW_YEAR_2027 + world.ms)})
        world.advance(60)
    (state.parent / OLDER).write_bytes(world.depot.files[THERE])
    world.advance(700)
    day.charge(world, 10)
    day.rest(world)
    world.close()


def certificates(world: Wallbox, elsewhere: Path) -> None:
    """Two roots come and one goes; the box gets two certificates of its own, one after the other."""
    elsewhere.mkdir()
    roots = [trust.make(elsewhere, name, authority=True, common_name=name) for name in ("root", "second")]
    for root in roots:
        use = {"certificateType": "CentralSystemRootCertificate", "certificate": root.alone.read_text()}
        world.csms.call("InstallCertificate", use)
        world.advance(10)
    for number in (1, 2):
        world.csms.call("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"})
        world.advance(20)
        folder = elsewhere / f"signed-{number}"
        folder.mkdir()
        (folder / "csr").write_text(world.csms.all("SignCertificate")[-1].csr)
        made = trust.Certificate(folder, "own", roots[0])
        trust.sign(made, folder / "csr", authority=False, dates=trust.NOW, common_name=NAME)
        asked = world.csms.call("CertificateSigned", {"certificateChain": made.alone.read_text()})
        world.advance(10)
        assert asked.status == "Accepted"
    listed = world.csms.call("GetInstalledCertificateIds", {"certificateType": "CentralSystemRootCertificate"})
    world.advance(10)
    assert listed.answer is not None
    asked = world.csms.call("DeleteCertificate", {"certificateHashData": listed.answer["certificateHashData"][1]})
    world.advance(10)
    assert asked.status == "Accepted"


def crashes(state: Path) -> None:
    """The same thing breaks evsed until it is set aside, and another one once; then all goes well for long enough."""
    for thing in [*["a request"] * CRASHES, "a row"]:
        with suppress(RuntimeError), Quarantine(state).in_hand(thing):
            raise RuntimeError(thing)
    Quarantine(state).forget()


def settings(world: Wallbox) -> list[tuple[str, dict[str, Any]]]:
    """What a central system sets of a morning."""
    tags = [{"idTag": f"CARD{n}", "idTagInfo": {"status": "Accepted"}} for n in range(8)]
    schedule = {
        "startSchedule": iso(NEW_YEAR_2027),
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 12.0}],
    }
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": schedule,
    }
    expiry = {"expiryDate": iso(NEW_YEAR_2027 + world.ms + 3_600_000)}
    return [
        ("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "15"}),
        ("SendLocalList", {"listVersion": 1, "updateType": "Full", "localAuthorizationList": tags}),
        ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile}),
        ("ReserveNow", {"connectorId": 1, "idTag": "0B0B0B0B", "reservationId": 1, **expiry}),
        ("CancelReservation", {"reservationId": 1}),
        ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}),
        ("ChangeAvailability", {"connectorId": 1, "type": "Operative"}),
        ("SendLocalList", {"listVersion": 2, "updateType": "Differential", "localAuthorizationList": tags[:1]}),
    ]


def main() -> int:
    """Live the day in that folder and say what was acknowledged."""
    logging.disable(logging.CRITICAL)
    folder = Path(sys.argv[1])
    small_log(setattr)
    known = record(folder)
    current = Slots(folder / "state").current()
    assert current is not None, "the new program did not come to run"
    print(json.dumps({"known": known, "program": current.name}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
