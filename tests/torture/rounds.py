"""Rounds of torture: a charge, a blow in the middle of it, and the books afterwards.

Rules this file upholds:
- Who strikes next and when is drawn from a seed; how long the daemons take is theirs.
- Judged from outside: the contacts by evse-hal's own count and the plant, energy by the plant's register, messages by
  the central system's books. Nobody lends a hand but the driver, with card and plug.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import urlsplit

from evsed.ctl_link import Trouble
from hal.contract import Outlet
from tests.evsed.pki import Pki
from tests.gate import Watch
from tests.peers.central import CentralSystem
from tests.stand import Daemon, StandFailed, Wallbox
from tests.torture.blows import BLOWS, CLOCK_STEPS, SLOW_DISK, Blow
from tests.torture.growth import Growth
from tests.torture.surroundings import MODEL, Clock, MeterAdapter, TlsLine

TAG = "04A1B2C3"
SOON_S = 40.0
PARTED_MS = 550
"""What gate and contactor take together, and 35 ms more for the blow to be felt."""
ROOT = Path(__file__).resolve().parents[2]


class Round(NamedTuple):
    """What was done, and what was wrong afterwards."""

    number: int
    blow: Blow
    took_s: float
    violations: list[str]


class Torture:
    """The surroundings and the wallbox in them, from `with` to its end."""

    def __init__(self, seed: int, soak: bool = False) -> None:
        self._dice = Random(seed)
        self._folder = TemporaryDirectory(prefix="evse-torture-")
        folder = Path(self._folder.name)
        pki = Pki(folder / "pki")
        server = pki.server()
        self.central = CentralSystem.of_package()
        self.line = TlsLine(urlsplit(self.central.url).port or 0, server.certificate, server.key)
        self.meter = MeterAdapter(folder)
        state = folder / "state"
        state.mkdir()
        (state / "site.toml").write_text(
            f'[station]\nidentity = "TORTURE"\n[central]\nurl = "{self.line.url}"\nca_file = "{pki.root.certificate}"\n'
            f'[board]\nname = "sim"\n[[meter]]\nmodel = "{MODEL}"\nport = "{self.meter.port}"\n'
            "[variables]\nWebSocketPingInterval = 2\nTransactionMessageRetryInterval = 2\n"
        )
        (state / "site.toml").chmod(0o600)
        self.box = Wallbox(state=state, restart_s=0.2)
        self.clock = Clock(folder)
        self.box.evsed.env.update(self.clock.env)
        self.gate, self.left = Watch(folder / "gate"), folder / "left"
        self.box.hal.command[1:] = ["-m", "tests.torture.watched_hal"]
        self.box.hal.env.update(EVSE_TORTURE=str(folder), PYTHONPATH=str(ROOT))
        slow = SLOW_DISK if shutil.which("strace") else ()
        blows = (*BLOWS, *slow, *(CLOCK_STEPS if self.clock.env else ()))
        self.blows = tuple(blow for blow in blows if blow.spares) if soak else blows
        self.meter.hal_socket = self.box.env["EVSE_HAL_SOCKET"]
        self.growth = Growth(state)
        self.begun = 0
        self.opened_s: list[float] = []  # from the card to the open contactor, as seen from outside
        self.parted_ms: dict[str, list[float]] = {}  # by blow: from it to the open contacts, where evse-hal ended
        self._struck_ns = 0

    def __enter__(self) -> Torture:
        self.box.__enter__()
        self.central.wait_for("BootNotification", timeout_s=SOON_S)
        self.first_wh = self.register()
        return self

    def __exit__(self, *_: object) -> None:
        self.box.close()
        self.line.close()
        self.central.close()
        self.meter.unplug()
        self.gate.close()
        self._folder.cleanup()

    # --- what blows need -------------------------------------------------------------------------------------

    def passes(self, seconds: float) -> None:
        """Let time pass, as it does for real processes."""
        time.sleep(seconds)

    def strike(self, daemon: Daemon, number: int) -> None:
        """Send it a signal; from one that ends evse-hal on, the time to the open contacts counts."""
        self._struck_ns = time.monotonic_ns()
        daemon.signal(number)

    def burden(self) -> None:
        """Ask evsed for all it can tell, as often as it answers."""
        with suppress(Trouble, StandFailed):
            for _ in range(20):
                self.box.ask("get", names=[])

    def register(self) -> int:
        """What the plant's meter counted, asked beside the wallbox, in Wh."""
        return int(self.box.sim("state").partition("register ")[2].split()[0])

    # --- rounds ----------------------------------------------------------------------------------------------

    def rounds(self, until: float, most: int) -> Iterator[Round]:
        """Until that monotonic time in seconds, or so many; each blow comes before any comes again."""
        number = 0
        while number < most and (number == 0 or time.monotonic() < until):
            if number % len(self.blows) == 0:
                turn = list(self.blows) if number == 0 else self._dice.sample(self.blows, len(self.blows))
            number += 1
            blow, began = turn.pop(0), time.monotonic()
            try:
                violations = list(self._round(blow))
            except (StandFailed, Trouble, AssertionError) as wrong:
                violations = [f"no recovery without a human: {str(wrong)[:300]}"]
            yield Round(number, blow, time.monotonic() - began, violations)
            if violations:
                return  # what comes after a violation proves nothing

    def _round(self, blow: Blow) -> Iterator[str]:
        self._begin()
        before = self.box.wait_outlet("a charge", lambda outlet: outlet.closed, timeout_s=SOON_S)
        restarts = self.box.hal.restarts
        blow.strike(self, self._dice)
        self.box.wait_ready(self.box.hal, timeout_s=SOON_S)
        ended = self.box.hal.restarts > restarts
        if ended:
            yield from self._part(blow)
        self.box.wait_ready(self.box.evsed, timeout_s=SOON_S)
        after = self.box.wait_outlet("a snapshot", lambda outlet: True, timeout_s=SOON_S)
        ends = ended if blow.ends is None else blow.ends
        if ends and (after.closed or after.closings):
            yield "the contactor closed though the car was gone"
        if not ends and (not after.closed or after.closings != before.closings):
            yield f"the contactor moved: {before.closings} closings before, {after.closings} after, {_told(after)}"
        self._end(ends)
        yield from self._books()
        self.growth.look({daemon.name: daemon.pid for daemon in (self.box.hal, self.box.evsed)})

    def _part(self, blow: Blow) -> Iterator[str]:
        """I2: how long after the blow the contacts had parted, by the rule of the gate."""
        took_ms = (self.gate.open_ns - self._struck_ns) / 1e6
        self.parted_ms.setdefault(blow.name, []).append(took_ms)
        if blow.ends and took_ms > PARTED_MS:  # one that has no memory may go on for a while
            yield f"the contacts parted {took_ms:.0f} ms after it"

    def _begin(self) -> None:
        self.box.sim("plug-in", "--cable", "32")
        self._wait_status("Preparing")
        self.box.sim("swipe", TAG)
        self.begun += 1
        self.central.wait_for("StartTransaction", more_than=self.begun - 1, timeout_s=SOON_S)
        self.box.wait_outlet("power", lambda o: o.meter is not None and o.meter.power_w > 1_000, timeout_s=SOON_S)

    def _end(self, ends: bool) -> None:
        if not ends:
            self.passes(0.5)
            shown_s = time.monotonic()
            self.box.sim("swipe", TAG)
            self.box.wait_outlet("an open contactor", lambda outlet: not outlet.closed, timeout_s=SOON_S)
            self.opened_s.append(time.monotonic() - shown_s)
            self.box.unplug()
        self._wait_for_stops()
        self._wait_status("Available")

    def _wait_status(self, name: str) -> None:
        """Until the box shows it."""
        self.box.wait(name, lambda status: [o["status"] for o in status["outlets"]] == [name], timeout_s=SOON_S)

    def _wait_for_stops(self) -> None:
        charges = self.central.ledger.charges
        self.central.wait(
            f"stop {self.begun}",
            lambda: len(charges) == self.begun and all(charge.stopped for charge in charges),
            timeout_s=SOON_S,
        )

    def _books(self) -> Iterator[str]:
        """I6, I7: each start and stop once and in order, and each Wh with them."""
        charges = self.central.ledger.charges
        yield from self.central.ledger.breaches
        sold_wh = sum((charge.stop_wh or 0) - charge.start_wh for charge in charges)
        counted_wh = self.register() - self.first_wh
        if sold_wh != counted_wh:
            yield f"{sold_wh} Wh were sold, {counted_wh} Wh flowed"
        order = [(frame["action"], frame["dir"]) for frame in self._frames()]
        if order != [("StartTransaction", "in"), ("StopTransaction", "in")] * self.begun:
            yield f"starts and stops came in this order: {[action for action, _ in order]}"

    def _frames(self) -> Iterator[dict[str, str]]:
        """Starts and stops as they came, a repeated one once."""
        ids = set()
        for line in list(self.central.lines):
            frame = line.get("frame", {})
            if frame.get("kind") == "CALL" and frame.get("action") in ("StartTransaction", "StopTransaction"):
                if frame["id"] not in ids:
                    yield frame
                ids.add(frame["id"])


def _told(outlet: Outlet) -> str:
    return "closed" if outlet.closed else f"open: {outlet.reason}"
