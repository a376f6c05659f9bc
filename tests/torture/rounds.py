"""Rounds of torture: a charge, a blow in the middle of it, and the books afterwards.

Rules this file upholds:
- Who strikes next and when is drawn from a seed; how long the daemons take is theirs.
- Judged from outside: the contacts by evse-hal's own count and by the watch at the gate, what was sold by the books.
  Nobody lends a hand but the driver, with card and plug.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from evsed.ctl_link import Trouble
from hal.contract import Outlet
from tests.gate import Watch
from tests.hands import StandFailed
from tests.stand import Daemon, Wallbox
from tests.torture.blows import BLOWS, CLOCK_STEPS, SLOW_DISK, Blow
from tests.torture.charges import SOON_S, Charges, Round, spread
from tests.torture.growth import Growth
from tests.torture.surroundings import Beyond, Clock, MeterAdapter

PARTED_MS = 550
"""What gate and contactor take together, and 35 ms more for the blow to be felt."""
ROOT = Path(__file__).resolve().parents[2]


class Torture:
    """The surroundings and the wallbox in them, from `with` to its end."""

    def __init__(self, seed: int, soak: bool = False) -> None:
        self._dice = Random(seed)
        self._folder = TemporaryDirectory(prefix="evse-torture-")
        folder = Path(self._folder.name)
        self._beyond = Beyond(folder)
        self.central, self.line = self._beyond.central, self._beyond.line
        self.meter = MeterAdapter(folder)
        state = folder / "state"
        state.mkdir()
        (state / "site.toml").write_text(self._beyond.site("TORTURE", self._beyond.root, self.meter.port))
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
        self.charges = Charges(self.box, self.central, self.register)
        self.parted_ms: dict[str, list[float]] = {}  # by blow: from it to the open contacts, where evse-hal ended
        self._struck_ns = 0

    def __enter__(self) -> Torture:
        self.box.__enter__()
        self.central.wait_for("BootNotification", timeout_s=SOON_S)
        self.charges.count_from_here()
        return self

    def __exit__(self, *_: object) -> None:
        self.box.close()
        self.clock.tidy()
        self._beyond.close()
        self.meter.unplug()
        self.gate.close()
        self._folder.cleanup()

    @property
    def gaps(self) -> Iterator[str]:
        """What is not done for want of a tool."""
        if not self.clock.env:
            yield "no clock steps: they need libfaketime (apt install libfaketime)"
        if shutil.which("strace") is None:
            yield "no slow disk: that needs strace (apt install strace)"

    def figures(self) -> Iterator[str]:
        """What was measured, a line each."""
        for name, ms in self.parted_ms.items():
            yield f"{name}: to the open contacts: {spread(ms)}"
        yield f"from the card to the open contactor: {spread([s * 1_000 for s in self.charges.opened_s])}"
        yield from self.growth.lines()

    def late(self) -> list[str]:
        """What only shows in the end."""
        return self.growth.wrong()

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
            yield Round(number, blow.name, time.monotonic() - began, violations)
            if violations:
                return  # what comes after a violation proves nothing

    def _round(self, blow: Blow) -> Iterator[str]:
        self.charges.begin()
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
        if not ends:
            self.passes(0.5)
            self.charges.finish()
        self.charges.wait_for_the_end()
        yield from self.charges.wrong()
        self.growth.look({daemon.name: daemon.pid for daemon in (self.box.hal, self.box.evsed)})

    def _part(self, blow: Blow) -> Iterator[str]:
        """I2: how long after the blow the contacts had parted, by the rule of the gate."""
        took_ms = (self.gate.open_ns - self._struck_ns) / 1e6
        self.parted_ms.setdefault(blow.name, []).append(took_ms)
        if blow.ends and took_ms > PARTED_MS:  # one that has no memory may go on for a while
            yield f"the contacts parted {took_ms:.0f} ms after it"


def _told(outlet: Outlet) -> str:
    return "closed" if outlet.closed else f"open: {outlet.reason}"
