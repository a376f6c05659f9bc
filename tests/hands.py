"""What people do at a wallbox and see of it, wherever its two sockets are: the car, the card, evsectl, and patience.

Rules this file upholds:
- Nothing waits by the clock: all waits end with a status or a snapshot that says so.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from evsed.ctl_link import Control, Trouble
from evsed.hal_link import HalClient, HalSilent
from hal.contract import Outlet, SimAnswer

PATIENCE_S = 20.0

Status = dict[str, Any]


class StandFailed(AssertionError):
    """The wallbox did not do what it had to; the text has the last lines of its logs."""


class Hands:
    """`env` names the sockets of both daemons."""

    env: dict[str, str]

    def tails(self) -> str:
        """The last lines of the logs, for the report of a failure."""
        raise NotImplementedError

    def wait_evsed(self, timeout_s: float) -> None:
        """Until evsed is ready. Raises StandFailed."""
        raise NotImplementedError

    def sim(self, *words: str, evse: int = 1) -> str:
        """An order to the simulated plant, as `evsectl sim`; what it says. Raises StandFailed if it refuses."""
        answer = self._order(evse, words)
        if not answer.ok:
            raise StandFailed(f"sim {' '.join(words)}: {answer.text}")
        return answer.text

    def unplug(self, evse: int = 1) -> None:
        """Pull at the plug until the bolt lets it go. Raises StandFailed."""
        self.wait_outlet("the free plug", lambda _: self._order(evse, ("unplug",)).ok, evse)

    def status(self) -> Status:
        """As `evsectl status --json`. Raises Trouble while evsed is down."""
        return self.ask("status")["status"]  # type: ignore[no-any-return]

    def ask(self, do: str, **details: object) -> dict[str, Any]:
        """A question at the control socket; evsed/control.py lists them. Raises Trouble."""
        with Control(self.env["EVSED_CONTROL"]) as evsed:
            return evsed.ask(do, **details)

    def evsectl(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run the real tool, as a person does."""
        return subprocess.run(
            [sys.executable, "-m", "evsed.ctl", *words],
            check=False,
            capture_output=True,
            text=True,
            env=os.environ | self.env,
        )

    def wait(self, what: str, holds: Callable[[Status], bool], timeout_s: float = PATIENCE_S) -> Status:
        """The first status for which it holds; outlives restarts of evsed. Raises StandFailed."""
        until_s = time.monotonic() + timeout_s
        seen: Status = {}
        while (left_s := until_s - time.monotonic()) > 0:
            self.wait_evsed(left_s)
            with suppress(Trouble), Control(self.env["EVSED_CONTROL"], patience_s=left_s) as evsed:
                for seen in evsed.watch():
                    if holds(seen):
                        return seen
                    if time.monotonic() > until_s:
                        break
        raise StandFailed(f"{what} did not come within {timeout_s:g} s; last: {seen}{self.tails()}")

    def wait_outlet(
        self, what: str, holds: Callable[[Outlet], bool], evse: int = 1, timeout_s: float = PATIENCE_S
    ) -> Outlet:
        """The first state of the outlet, as evse-hal tells it, for which it holds. Raises StandFailed."""
        until_s = time.monotonic() + timeout_s
        try:
            with HalClient(self.env["EVSE_HAL_SOCKET"]) as hal:
                while time.monotonic() < until_s:
                    outlet = hal.snapshot().outlets[evse - 1]
                    if holds(outlet):
                        return outlet
        except HalSilent as silent:
            raise StandFailed(f"{what}: {silent}{self.tails()}") from None
        raise StandFailed(f"{what} did not come within {timeout_s:g} s; last: {outlet}{self.tails()}")

    def _order(self, evse: int, words: tuple[str, ...]) -> SimAnswer:
        try:
            with HalClient(self.env["EVSE_HAL_SOCKET"]) as hal:
                return hal.sim(evse, words)
        except HalSilent as silent:
            raise StandFailed(f"sim {' '.join(words)}: {silent}{self.tails()}") from None
