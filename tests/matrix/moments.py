"""The fifteen moments of a box's life in which something may break: how it comes there, and how people go on."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

from evsed.core.central_systems import Secret, Target
from evsed.core.words import Status
from evsed.installer import ROOTS
from evsed.slots import Slots
from tests.evsed.pki import Pki, Signer, image, program
from tests.matrix.cell import OLD_KEY, TAG, Cell, Moment
from tests.scenarios import day
from tests.world.csms import NEW_YEAR_2027
from tests.world.messages import Payload, iso

THERE = "https://files.test/fw"
NEWER = "1.0.0"
NEW_KEY = Secret(b"a new password 12345")
NEW_HEX = NEW_KEY.value.hex().upper()
INTERVAL = "15"
LIST_VERSION = 7


class Maker(NamedTuple):
    """Who makes firmware."""

    root: str
    signer: Signer
    good: bytes


@cache
def maker() -> Maker:
    """The keys are made once a process: openssl takes its time."""
    pki = Pki(Path(mkdtemp(prefix="evsed-matrix-pki-")))
    signer = pki.signer()
    return Maker(pki.root.pem, signer, image(signer, program(NEWER)))


# --- m0 to m4 ----------------------------------------------------------------------------------------------------


def booting(cell: Cell) -> None:
    cell.world.csms.boot_status = "Pending"
    cell.world.advance(3)


def idle(cell: Cell) -> None:
    cell.world.advance(5)


def authorised(cell: Cell) -> None:
    idle(cell)
    cell.world.swipe()
    assert day.light(cell.world) is Status.PREPARING


def plugged(cell: Cell) -> None:
    idle(cell)
    cell.world.plug_in()


def begun(cell: Cell) -> None:
    plugged(cell)
    cell.world.swipe()
    cell.world.until(lambda: 1 in cell.world.watch.open)
    assert not cell.closed()


# --- m5 to m8 ----------------------------------------------------------------------------------------------------


def charging(cell: Cell) -> None:
    idle(cell)
    cell.world.charge(30)


def opened(cell: Cell) -> None:
    charging(cell)
    cell.world.swipe()
    cell.world.until(lambda: not cell.closed())
    assert 1 in cell.world.watch.open


def ended(cell: Cell) -> None:
    charging(cell)
    cell.world.csms.holds("StopTransaction")
    cell.world.swipe()
    cell.world.until(lambda: bool(cell.world.csms.all("StopTransaction")))


def flushing(cell: Cell) -> None:
    """A charge of which the network saw nothing but the start; half of it is told."""
    world = cell.world
    charging(cell)
    world.lose_line()
    world.advance(45)
    world.swipe()
    world.until(lambda: 1 not in world.watch.open)
    world.find_line()
    told = len(world.csms.all("MeterValues"))
    world.csms.slow_on("MeterValues", 0.5)
    world.until(lambda: len(world.csms.all("MeterValues")) >= told + 2)
    assert day.owes(world) >= 2


# --- m9 to m11 ---------------------------------------------------------------------------------------------------


def offer(cell: Cell, location: str = THERE) -> None:
    """The central system orders a firmware."""
    when = iso(NEW_YEAR_2027 + cell.world.ms - 1_000)
    cell.world.csms.call("UpdateFirmware", {"location": location, "retrieveDate": when, "retries": 1})


def stock(cell: Cell) -> None:
    """The maker's root is in the box and its newer program on a server."""
    roots = cell.world.folder / ROOTS
    roots.mkdir(exist_ok=True)
    (roots / "maker.pem").write_text(maker().root)
    cell.world.depot.files[THERE] = maker().good
    cell.runs_may_be |= {NEWER}


def firmware(cell: Cell, state: str) -> None:
    """The update has got so far."""
    told = cell.world.csms.all
    offer(cell)
    cell.world.until(lambda: any(m.status == state for m in told("FirmwareStatusNotification")))


def downloading(cell: Cell) -> None:
    """Beside a charge."""
    stock(cell)
    cell.world.depot.takes_s = 20.0
    charging(cell)
    firmware(cell, "Downloading")


def installing(cell: Cell) -> None:
    stock(cell)
    idle(cell)
    firmware(cell, "Installing")


def first_boot(cell: Cell) -> None:
    stock(cell)
    idle(cell)
    offer(cell)
    cell.world.until(lambda: cell.world.version() == NEWER)


def updated(cell: Cell) -> None:
    """I11: the trial has come to its end, one way or the other."""
    cell.world.becomes(lambda: not Slots(cell.world.folder).on_trial(), within=900)
    cell.must("I11", not Slots(cell.world.folder).on_trial(), "it is on trial for ever")


# --- m12 to m14 --------------------------------------------------------------------------------------------------


def writing(cell: Cell) -> None:
    """A setting, a list and a profile are on their way to the disk of a box that charges."""
    charging(cell)
    cell.ask("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": INTERVAL})
    cell.asked["list"] = cell.world.csms.call("SendLocalList", LIST)
    cell.ask("SetChargingProfile", PROFILE)
    cell.world.advance(0.001)


LIST: Payload = {
    "listVersion": LIST_VERSION,
    "updateType": "Full",
    "localAuthorizationList": [{"idTag": TAG, "idTagInfo": {"status": "Accepted"}}],
}
PROFILE: Payload = {
    "connectorId": 1,
    "csChargingProfiles": {
        "chargingProfileId": 5,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 12.0}]},
    },
}


def written(cell: Cell) -> None:
    """I12: the list is the old one or the new one, and the new one if that was said; or one that came later."""
    if cell.forgets:
        return
    asked = cell.world.csms.call("GetLocalListVersion")
    cell.world.becomes(lambda: asked.answer is not None, within=30)
    version = (asked.answer or {}).get("listVersion")
    said = (cell.asked["list"].answer or {}).get("status")
    may_be = {LIST_VERSION} if said == "Accepted" else {0, LIST_VERSION}
    may_be |= {asked.payload["listVersion"] for asked in cell.lists}
    cell.must("I12", version in may_be, f"the list has version {version}, its sender heard {said}")


def resetting(cell: Cell) -> None:
    """It was told to restart in mid-charge and is on its way there."""
    charging(cell)
    asked = cell.world.csms.call("Reset", {"type": "Soft"})
    cell.world.until(lambda: asked.answer is not None)
    assert asked.status == "Accepted"


def rekeying(cell: Cell) -> None:
    """A new key was given to a box that charges; from its answer on the central system knows only that."""
    cell.begin_with_key()
    cell.admits = cell.world.admits = lambda target: _knows(cell, target)
    charging(cell)
    give_key(cell)
    cell.world.until(lambda: cell.keys[0].answer is not None, within=1)
    assert cell.keys[0].status == "Accepted"


def give_key(cell: Cell) -> None:
    payload = {"key": "AuthorizationKey", "value": NEW_HEX}
    cell.keys.append(cell.world.csms.call("ChangeConfiguration", payload))


def _knows(cell: Cell, target: Target) -> str:
    changed = any((asked.answer or {}).get("status") == "Accepted" for asked in cell.keys)
    known = {NEW_KEY if changed else OLD_KEY}
    if cell.forgets and cell.well_again_ms:  # a journal may be lost with its keys: somebody sets the installer's again
        known.add(OLD_KEY)
    return "" if target.key in known else "refused"


# --- how people go on --------------------------------------------------------------------------------------------


def nobody(cell: Cell) -> None:
    """Nobody is there."""


def comes(cell: Cell) -> None:
    cell.person("plug-in", "--cable", "20")
    cell.world.advance(2)
    cell.person("swipe", TAG)


def plugs_in(cell: Cell) -> None:
    cell.person("plug-in", "--cable", "20")


def shows_card(cell: Cell) -> None:
    cell.person("swipe", TAG)


def leaves(cell: Cell) -> None:
    cell.person("unplug")


def answers(cell: Cell) -> None:
    cell.world.csms.releases("StopTransaction")


MOMENTS: tuple[tuple[str, Moment], ...] = (
    ("boot before Accepted", Moment(booting, comes)),
    ("idle", Moment(idle, comes)),
    ("authorised, no cable", Moment(authorised, plugs_in)),
    ("cable, not authorised", Moment(plugged, shows_card)),
    ("start written, contactor open", Moment(begun, nobody)),
    ("charging", Moment(charging, shows_card, charges=True)),
    ("contactor opened, stop not written", Moment(opened, leaves)),
    ("stop written, not acknowledged", Moment(ended, answers)),
    ("queue being told", Moment(flushing, leaves)),
    ("firmware: download", Moment(downloading, shows_card, updated, charges=True)),
    ("firmware: install", Moment(installing, nobody, updated)),
    ("firmware: first boot", Moment(first_boot, comes, updated)),
    ("settings, list, profile written", Moment(writing, shows_card, written, charges=True)),
    ("reset under way", Moment(resetting, nobody)),
    ("key changed", Moment(rekeying, shows_card, charges=True)),
)
