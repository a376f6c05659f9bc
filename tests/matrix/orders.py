"""What a box is told to do at the wrong moment, or with the wrong thing (rows 21 to 26)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

from evsed.core.errands import Outcome
from evsed.site import SiteError, load
from tests.evsed.pki import image, program
from tests.lab.lives import acts
from tests.matrix.cell import TAG, Cell, Fault
from tests.matrix.machine import HOUR_S, Rows, each
from tests.matrix.moments import NEWER, THERE, give_key, maker, offer, stock
from tests.world.messages import Payload, iso
from tests.world.wallbox import RESTART_S

ORDER = 77  # the number of a firmware order

# --- 21: resets --------------------------------------------------------------------------------------------------


def resets() -> Rows:
    """Each kind, twice, and one after the other; who charges hears why it ended."""
    orders = [("Soft",), ("Hard",), ("Soft", "Soft"), ("Hard", "Hard"), ("Soft", "Hard"), ("Hard", "Soft")]
    return {
        " and ".join(kinds): Fault(partial(_reset, kinds=kinds), after_s=40, judge=partial(_why, kinds=kinds))
        for kinds in orders
    }


def _reset(cell: Cell, kinds: tuple[str, ...]) -> None:
    cell.asked.pop("charged", None)
    evsed = cell.world.evsed
    heard = evsed is not None and evsed.connected and evsed.station.resetting.kind is None  # the first one counts
    charging = heard and cell.charging() and cell.closed()
    for kind in kinds:
        asked = cell.world.csms.call("Reset", {"type": kind})
        if charging:
            cell.asked["charged"] = asked


def _why(cell: Cell, kinds: tuple[str, ...]) -> None:
    """The reason that OCPP 1.6 §7.36 has for it, or the person's who came first."""
    asked = cell.asked.get("charged")
    if asked is not None and asked.answer == {"status": "Accepted"}:
        right = {f"{kind}Reset" for kind in kinds}
        cell.must("I7", bool(cell.reasons() & right), f"charges ended by {cell.reasons()}, told to reset {kinds}")


# --- 22: firmware that must not run ------------------------------------------------------------------------------


def images() -> Rows:
    """Ordered at any moment; in an update it takes the place of the good one."""
    rows = {
        "older": lambda: image(maker().signer, program("0.0.9")),
        "of another product": lambda: image(maker().signer, program(product="toaster")),
        "cut in the middle": lambda: maker().good[: len(maker().good) // 2],
        "damaged": lambda: maker().good[:-20] + bytes(20),
        "without a signature": program,
        "nothing": lambda: b"",
        "crashes at its start": lambda: maker().good,
        "finds no central system": lambda: maker().good,
        "and the download fails": lambda: maker().good,
        "and the power goes": lambda: maker().good,
    }
    return {
        name: Fault(partial(_bad_image, name=name, make=make), before_s=25, after_s=60, keeps="power" not in name)
        for name, make in rows.items()
    } | {
        "its signature is a stranger's": Fault(_bad_signature, before_s=25, after_s=60, keeps=True, judge=_same_number)
    }


def _bad_image(cell: Cell, name: str, make: Callable[[], bytes]) -> None:
    stock(cell)
    cell.world.depot.files[THERE] = make()
    if name == "crashes at its start":
        cell.world.crashes.add(NEWER)
    elif name == "finds no central system":
        cell.world.later(8, cell.world.lose_line)
    elif name == "and the download fails":
        cell.world.depot.fails_next(Outcome.FAILED)
    elif name == "and the power goes":
        acts.strike(cell, "power", 4)
    offer(cell)
    held = tuple(cell.world.folder.glob("image"))
    for path in held if name in ("cut in the middle", "damaged") else ():
        path.write_bytes(make())  # what lies on the disk half-way is no better


def _bad_signature(cell: Cell) -> None:
    """Signed beside: the order has a number, and each word about it bears that."""
    stock(cell)
    good = maker()
    sealed = base64.b64encode(good.signer.sign(b"something else")).decode()
    firmware = {"location": THERE, "retrieveDateTime": iso(cell.world.csms._now_ms() - 1_000), "signature": sealed}
    order = {"requestId": ORDER, "firmware": firmware | {"signingCertificate": good.signer.pem}}
    cell.asked["signed"] = cell.world.csms.call("SignedUpdateFirmware", order)


def _same_number(cell: Cell) -> None:
    told = [(m.payload.get("requestId"), m.status) for m in cell.world.csms.all("SignedFirmwareStatusNotification")]
    taken = (cell.asked["signed"].answer or {}).get("status") == "Accepted"
    cell.must("I11", {number for number, _ in told} <= {ORDER}, f"told under another number: {told}")
    cell.must("I11", "Installed" not in {status for _, status in told}, f"it was installed: {told}")
    cell.must("I11", not taken or bool(told), "nobody was told what became of the order")


# --- 23: keys and profiles ---------------------------------------------------------------------------------------


def keys() -> Rows:
    """A new key or a higher profile that does not come to work, for one reason or another."""
    return {
        "refused": Fault(each(give_key, _admits_none), after_s=60),
        "then the power goes": Fault(each(give_key, lambda cell: acts.strike(cell, "power", 2)), after_s=40),
        "then evsed dies": Fault(each(give_key, lambda cell: acts.strike(cell, "evsed", 3)), after_s=40),
        "on a full disk": Fault(each(lambda cell: acts.disk(cell, "full"), give_key), after_s=40),
        "a profile without TLS at the other end": Fault(_higher, after_s=60),
        "a key too short": Fault(partial(_change, key="AuthorizationKey", value="AB"), keeps=True),
    }


def _admits_none(cell: Cell) -> None:
    cell.world.admits = lambda target: "refused"


def _change(cell: Cell, key: str, value: str) -> None:
    cell.world.csms.call("ChangeConfiguration", {"key": key, "value": value})


def _higher(cell: Cell) -> None:
    _change(cell, "SecurityProfile", "2")
    admits = cell.world.admits
    cell.world.admits = lambda target: "unreachable" if target.profile >= 2 else admits(target)


# --- 24: configuration -------------------------------------------------------------------------------------------

SITE = """
[board]
name = "sim"
[station]
identity = "BOX"
[central]
url = "ws://csms.test/ocpp"
[access]
tags = ["04A1B2C3"]
"""
BAD_SITES: dict[str, bytes] = {
    "a part": SITE.encode()[:40],
    "empty": b"",
    "a wrong type": SITE.replace('"BOX"', "7").encode(),
    "an unknown key": SITE.encode() + b"nonsense = 1\n",
    "a table twice": SITE.encode() + b"[station]\n",
    "a byte order mark": b"\xef\xbb\xbf" + SITE.encode(),
    "not UTF-8": SITE.encode() + b"# \xff\n",
    "huge": SITE.encode() + b"#" * 70_000,
    "nested": SITE.encode() + b"x = " + b"[" * 5_000 + b"]" * 5_000,
}
SETTINGS: tuple[tuple[str, str], ...] = (
    ("HeartbeatInterval", "-1"),
    ("HeartbeatInterval", "9" * 400),
    ("HeartbeatInterval", "ten"),
    ("Nonsense", "1"),
    ("NumberOfConnectors", "2"),
    ("MeterValuesSampledData", "Nothing"),
    ("MeterValueSampleInterval", "1\r\n2"),
)


def configurations() -> Rows:
    """site.toml is damaged and evsed must start with it; settings over the wire that no box may take."""
    rows = {f"site.toml: {name}": Fault(partial(_bad_site, bad=bad)) for name, bad in BAD_SITES.items()}
    rows["settings over the wire"] = Fault(_bad_settings, keeps=True, judge=_none_taken)
    return rows


def _bad_site(cell: Cell, bad: bytes) -> None:
    """It is mended 25 s later; evsed says one sentence and is not started before."""
    path = cell.world.folder / "site.toml"
    path.write_bytes(bad)
    cell.site_is_bad = lambda: _refuses_site(cell, path)
    cell.undos.append(lambda: path.write_text(SITE))
    acts.kill_evsed(cell, RESTART_S)


def _refuses_site(cell: Cell, path: Path) -> bool:
    try:
        load(path)
    except SiteError as sentence:
        cell.must("I12", "\n" not in str(sentence), f"more than a sentence: {sentence}")
        return True
    cell.must("I12", path.read_text() == SITE, "a damaged site.toml is taken")
    return False


def _bad_settings(cell: Cell) -> None:
    for number, (key, value) in enumerate(SETTINGS):
        asked = cell.world.csms.call("ChangeConfiguration", {"key": key, "value": value[:500]})
        cell.asked[f"setting {number}"] = asked


def _none_taken(cell: Cell) -> None:
    asked = [question for name, question in cell.asked.items() if name.startswith("setting")]
    taken = [question.payload for question in asked if (question.answer or {}).get("status") == "Accepted"]
    cell.must("I12", not taken, f"taken: {taken}")


# --- 25: races ---------------------------------------------------------------------------------------------------


def races() -> Rows:
    """Four things that cross each other, in each order, a blink apart."""
    return {" < ".join(order): Fault(partial(_race, order=order), after_s=60) for order in permutations(RACERS)} | {
        "a tag and a remote start": Fault(_tag_and_remote),
        "a fault and a firmware": Fault(_fault_and_firmware),
    }


def _remote_stop(cell: Cell) -> None:
    newest = max(cell.world.csms.charges, default=1)
    cell.world.csms.call("RemoteStopTransaction", {"transactionId": newest})


RACERS: dict[str, Callable[[Cell], Any]] = {
    "unplug": lambda cell: cell.person("unplug", "--force"),
    "invalid": lambda cell: cell.world.csms.invalid_tags.add(TAG),
    "remote stop": _remote_stop,
    "power cut": lambda cell: acts.power_off(cell, 2),
}


def _race(cell: Cell, order: tuple[str, ...]) -> None:
    for number, name in enumerate(order):
        cell.world.later(0.003 * (number + 1), lambda name=name: RACERS[name](cell))  # type: ignore[misc]


def _tag_and_remote(cell: Cell) -> None:
    cell.person("swipe", TAG)
    payload: Payload = {"connectorId": 1, "idTag": TAG}
    cell.world.csms.call("RemoteStartTransaction", payload)


def _fault_and_firmware(cell: Cell) -> None:
    stock(cell)
    offer(cell)
    cell.breaks("cp-short")


# --- 26: very long -----------------------------------------------------------------------------------------------


THREE_DAYS = "72 h offline"


def long_times() -> Rows:
    """Without a network for a quarter of a day, and for three days with 8,640 samples, which the queue of 10,000 holds:
    a full one is lived in tests/lab/lives/year.py, where no cell has to wait for it.
    """
    return {
        "6 h offline": Fault(_offline, before_s=HOUR_S / 2, after_s=5.5 * HOUR_S),
        THREE_DAYS: Fault(_offline, before_s=24 * HOUR_S, after_s=48 * HOUR_S),
    }


def _offline(cell: Cell) -> None:
    cell.world.lose_line()
