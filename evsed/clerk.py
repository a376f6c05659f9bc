"""Runs the errands of the core beside the loop: files that come and go, programs that are installed.

Rules this file upholds:
- At most one errand of each purpose is under way; each that was not abandoned ends in exactly one ErrandDone.
- What may block runs in a thread. Files lie in one folder of the state, and none stays when its errand is abandoned.
- An exception that is not foreseen ends evsed, as anywhere else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_args

from evsed import diagnostics
from evsed.core.credentials import CertificateErrand
from evsed.core.errands import Abandon, Errand, ErrandDone, Fetch, InstallerErrand, Judge, Outcome, Purpose, Upload
from evsed.core.events import Event
from evsed.installer import Installer, InstallFailed, InstallRefused, perform
from evsed.locations import secrets_of
from evsed.room import FULL, room
from evsed.transfer import Caps, Result, Trust, fetch, send

if TYPE_CHECKING:
    from evsed.certificates import CertificateStore

FOLDER = "errands"
MOST_IMAGE = 512 * 1024 * 1024
IMAGE_CAPS = Caps(MOST_IMAGE, 4 * 3_600)
LOG_CAPS = Caps(64 * 1024 * 1024, 1_800)
FILES = {Purpose.FIRMWARE: "image", Purpose.LOG: "log"}
OTHERS = {
    Upload: Purpose.LOG,
    Judge: Purpose.JUDGEMENT,
    **dict.fromkeys(get_args(CertificateErrand), Purpose.CERTIFICATES),
}

T = TypeVar("T")


class Clerk:
    """`facts` tells what a log says of the box, `secrets` are what it must not say; `trust` is asked for each transfer,
    and `certificates` when they are first needed.
    """

    def __init__(
        self,
        state: Path,
        deliver: Callable[[Event], None],
        installer: Installer,
        trust: Callable[[], Trust],
        facts: Callable[[], Awaitable[diagnostics.Facts]],
        secrets: Callable[[], Iterable[str]],
        certificates: Callable[[], CertificateStore],
    ) -> None:
        self._folder = state / FOLDER
        self._deliver, self._installer, self._trust = deliver, installer, trust
        self._facts, self._secrets = facts, secrets
        self._certificates = certificates
        self._tasks: asyncio.TaskGroup | None = None
        self._waiting: list[Errand] = []
        self._turns = {purpose: asyncio.Lock() for purpose in Purpose}
        self._newest: dict[Purpose, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """For ever."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        async with asyncio.TaskGroup() as self._tasks:
            for errand in self._waiting:
                self.do(errand)
            self._waiting.clear()
            await asyncio.get_running_loop().create_future()

    def do(self, errand: Errand) -> None:
        """Begin it; an older one of the same purpose ends first."""
        if self._tasks is None:
            self._waiting.append(errand)
            return
        purpose = _purpose(errand)
        if (older := self._newest.pop(purpose, None)) is not None:
            older.cancel()
        task = self._tasks.create_task(self._in_turn(purpose, errand))
        if not isinstance(errand, Abandon):  # what clears away is not ended itself
            self._newest[purpose] = task

    async def _in_turn(self, purpose: Purpose, errand: Errand) -> None:
        async with self._turns[purpose]:
            if isinstance(errand, Abandon):
                (self._folder / FILES[purpose]).unlink(missing_ok=True)
                return
            if isinstance(errand, CertificateErrand):
                self._deliver(await _wholly(lambda: self._certificates().perform(errand)))
                return
            result = await self._run(errand)
            self._deliver(ErrandDone(errand.job, result.outcome, result.text))

    async def _run(self, errand: Fetch | InstallerErrand | Upload) -> Result:
        if isinstance(errand, Upload):
            return await self._upload(errand)
        image = self._folder / FILES[Purpose.FIRMWARE]
        if isinstance(errand, Fetch):
            try:
                trust = self._trust()
            except OSError as full:
                return Result(Outcome.FAILED, f"the roots can't be laid down for it: {full.strerror}")
            return await fetch(errand.location, image, IMAGE_CAPS, trust)
        try:
            await _wholly(lambda: perform(errand, self._installer, image))
        except InstallRefused as refused:
            return Result(Outcome.INVALID, str(refused))
        except (InstallFailed, OSError) as failed:
            return Result(Outcome.FAILED, str(failed))
        return Result(Outcome.DONE)

    async def _upload(self, errand: Upload) -> Result:
        """The file is made once, so that what is gone on with is the same."""
        path, order = self._folder / FILES[Purpose.LOG], errand.order
        try:
            if not path.exists():
                if room(self._folder) < 0:
                    return Result(Outcome.FAILED, f"the log can't be made: {FULL}")
                facts, secrets = await self._facts(), [*self._secrets(), *secrets_of(order.location)]
                await _wholly(lambda: diagnostics.write(path, order, facts, secrets))
            trust = self._trust()
        except OSError as full:
            path.with_suffix(".new").unlink(missing_ok=True)
            return Result(Outcome.FAILED, f"the log can't be made: {full.strerror}")
        return await send(path, order.location, errand.name, LOG_CAPS, trust)


async def _wholly(work: Callable[[], T]) -> T:
    """What it returns, from a thread; who ends us waits for its end."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        raise


def _purpose(errand: Errand) -> Purpose:
    if isinstance(errand, Abandon):
        return errand.purpose
    return OTHERS.get(type(errand), Purpose.FIRMWARE)
