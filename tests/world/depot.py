"""The servers with files, and evsed's clerk before them, on virtual time: an errand takes as long as it is told to.

What is done with an image is real, slots and signatures too; only the way over the network is not. Certificates are
made by openssl, which knows no other time than that of the machine: by that they are judged.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from evsed.certificates import CertificateStore
from evsed.clerk import OTHERS
from evsed.core.credentials import CertificateErrand
from evsed.core.errands import Abandon, Errand, ErrandDone, Fetch, LogOrder, Outcome, Purpose, Upload
from evsed.installer import FileSlots, InstallFailed, InstallRefused, perform
from evsed.slots import Slots

if TYPE_CHECKING:
    from tests.world.clockwork import Clockwork

VERSION = "0.1.0"
NAME = "SN1"
"""Of the station, in its certificates."""


def machine_ms() -> int:
    return round(time.time() * 1_000)


class Depot:
    """What lies on the servers and what was brought there."""

    def __init__(self, world: Clockwork) -> None:
        self.world = world
        self.files: dict[str, bytes] = {}
        self.uploads: list[tuple[LogOrder, str]] = []
        self.takes_s = 5.0
        self.failures: list[Outcome] = []
        self.fetched = 0

    def fails_next(self, *outcomes: Outcome) -> None:
        """The next files do not come through."""
        self.failures += outcomes


class Clerk:
    """One life of it. `due_ms` is on the clock of the boot."""

    def __init__(self, depot: Depot, folder: Path, knows_time: Callable[[], bool]) -> None:
        self._depot, self._image = depot, folder / "image"
        search = [str(Slots(folder).link)]
        now_ms = lambda: machine_ms() if knows_time() else None  # noqa: E731
        self.installer = FileSlots(folder, VERSION, search, now_ms)
        self.store = CertificateStore(folder, NAME, now_ms)
        self._under_way: dict[Purpose, tuple[int, Errand]] = {}

    def do(self, errand: Errand, now_ms: int) -> None:
        if isinstance(errand, Abandon):
            self._under_way.pop(errand.purpose, None)
            if errand.purpose is Purpose.FIRMWARE:
                self._image.unlink(missing_ok=True)
            return
        purpose = OTHERS.get(type(errand), Purpose.FIRMWARE)
        self._under_way[purpose] = (now_ms + round(self._depot.takes_s * 1_000), errand)

    def due_ms(self) -> int | None:
        return min((due_ms for due_ms, _ in self._under_way.values()), default=None)

    def ended(self, now_ms: int) -> list[ErrandDone]:
        """What is over by now."""
        done = [purpose for purpose, (due_ms, _) in self._under_way.items() if due_ms <= now_ms]
        return [self._end(self._under_way.pop(purpose)[1]) for purpose in done]

    def _end(self, errand: Errand) -> ErrandDone:
        assert not isinstance(errand, Abandon)
        depot = self._depot
        if isinstance(errand, CertificateErrand):
            return self.store.perform(errand)
        if isinstance(errand, Fetch | Upload) and depot.failures:
            return ErrandDone(errand.job, depot.failures.pop(0), "as told")
        if isinstance(errand, Upload):
            depot.uploads.append((errand.order, errand.name))
        elif isinstance(errand, Fetch):
            if errand.location not in depot.files:
                return ErrandDone(errand.job, Outcome.FAILED, "the server has no such file")
            depot.fetched += 1
            self._image.write_bytes(depot.files[errand.location])
        else:
            try:
                perform(errand, self.installer, self._image)
            except InstallRefused as refused:
                return ErrandDone(errand.job, Outcome.INVALID, str(refused))
            except (InstallFailed, OSError) as failed:
                return ErrandDone(errand.job, Outcome.FAILED, str(failed))
        return ErrandDone(errand.job, Outcome.DONE)
