"""How a new program comes to run: one seam, and the installer behind it that keeps programs in two folders.

Rules this file upholds (I11):
- What runs now is never written to. A new program lies whole and synced beside it before anything points to it, and
  pointing is one rename: a cut at any byte leaves the old program or the new one.
- An image is proven before it is looked into, is for this product, and no older than what was ever confirmed.
- A program on trial that is started too often without being confirmed is taken back by `slots.py`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from evsed.core.errands import Activate, Confirm, InstallerErrand, Judge, RollBack, Signed, Stage, Verify
from evsed.image import MANIFEST, NoImage, not_older, unpack, version_of
from evsed.proof import NotProven, check_certificate, check_signature, unbase64
from evsed.slots import Slots

ROOTS = "manufacturer-roots"


class InstallRefused(Exception):
    """This image is not for us, or not what it claims to be."""


class InstallFailed(Exception):
    """It could not be done; the program that runs goes on."""


class Installer(Protocol):
    """Whoever brings new programs to run. All of it blocks, and may be done again after a cut."""

    def judge(self, certificate: str) -> None:
        """Does the manufacturer sign with it? Raises InstallRefused, InstallFailed, OSError."""

    def verify(self, image: Path, signed: Signed) -> None:
        """Is the image what was signed so? Raises InstallRefused, OSError."""

    def stage(self, image: Path) -> None:
        """Look at the image and lay it beside the running program. Raises InstallRefused, InstallFailed, OSError."""

    def activate(self) -> None:
        """What was staged runs from the next start on, on trial. Raises InstallFailed, OSError."""

    def confirm(self) -> None:
        """The running program is good and stays. Raises InstallFailed, OSError."""

    def roll_back(self) -> None:
        """The program before this one runs from the next start on. Raises OSError."""

    def on_trial(self) -> bool:
        """Whether the running program is still to be confirmed."""


# Each takes exactly the errand that it is entered under.
STEPS: dict[type, Callable[[Installer, Path, Any], None]] = {
    Judge: lambda installer, image, errand: installer.judge(errand.certificate),
    Verify: lambda installer, image, errand: installer.verify(image, errand.signed),
    Stage: lambda installer, image, errand: installer.stage(image),
    Activate: lambda installer, image, errand: installer.activate(),
    Confirm: lambda installer, image, errand: installer.confirm(),
    RollBack: lambda installer, image, errand: installer.roll_back(),
}


def perform(errand: InstallerErrand, installer: Installer, image: Path) -> None:
    """Do what the errand says. Raises what the installer raises."""
    STEPS[type(errand)](installer, image, errand)


class FileSlots:
    """Programs in two folders of the state folder. `version` is that of the running one, `search` is where it was
    looked for (sys.path), `now_ms` is the wall time, None while it is not known.
    """

    def __init__(self, state: Path, version: str, search: Iterable[str], now_ms: Callable[[], int | None]) -> None:
        self._slots = Slots(state)
        self._roots = state / ROOTS
        self._version, self._now_ms = version, now_ms
        self._followed = str(self._slots.link) in search

    def judge(self, certificate: str) -> None:
        """As Installer has it."""
        now_ms = self._now_ms()
        if now_ms is None:
            raise InstallFailed("no time is known to judge the certificate by")
        try:
            check_certificate(certificate, self._roots, now_ms)
        except NotProven as why:
            raise InstallRefused(str(why)) from None

    def verify(self, image: Path, signed: Signed) -> None:
        """As Installer has it; the certificate is judged again: time has passed."""
        self.judge(signed.certificate)
        try:
            with image.open("rb") as file:
                check_signature(file, signed.certificate, unbase64(signed.signature))
        except NotProven as why:
            raise InstallRefused(str(why)) from None

    def stage(self, image: Path) -> None:
        """As Installer has it."""
        now_ms = self._now_ms()
        if not self._followed:
            raise InstallFailed(f"evsed is not started with {self._slots.link} in PYTHONPATH")
        if now_ms is None:
            raise InstallFailed("no time is known to judge the certificate by")
        if self._slots.on_trial():  # chosen by a switch that the disk let be neither done nor undone
            self._slots.roll_back()
        slot = self._slots.spare()
        shutil.rmtree(slot, ignore_errors=True)
        slot.mkdir(mode=0o700, parents=True)
        try:
            unpack(image, slot, self._roots, now_ms, self._oldest())
        except NoImage as why:
            shutil.rmtree(slot, ignore_errors=True)
            raise InstallRefused(str(why)) from None
        except OSError:
            shutil.rmtree(slot, ignore_errors=True)
            raise
        os.sync()

    def activate(self) -> None:
        """As Installer has it."""
        if not (self._slots.spare() / MANIFEST).exists():
            raise InstallFailed("no program was laid down to switch to")
        try:
            self._slots.switch()
        except OSError:
            with suppress(OSError):
                self._slots.roll_back()
            raise

    def confirm(self) -> None:
        """As Installer has it; from now on nothing older is taken."""
        current = self._slots.current()
        if current is None:
            raise InstallFailed("no program is on trial")
        try:
            self._slots.confirm(version_of(current))
        except NoImage as why:
            raise InstallFailed(str(why)) from None

    def roll_back(self) -> None:
        """As Installer has it."""
        self._slots.roll_back()

    def on_trial(self) -> bool:
        """As Installer has it."""
        return self._followed and self._slots.on_trial()

    def _oldest(self) -> str:
        floor = self._slots.floor()
        return floor if floor is not None and not_older(floor, self._version) else self._version
