"""Two folders for programs and a link that says which one runs. Before each start of evsed this file is run by the
program that came with the system, so that a new one which breaks at once is taken back all the same.

    python -I -m evsed.slots STATE

Rules this file upholds:
- Every change is one rename of something whole and synced. What lies in between two renames is understood: a trial is
  that of the folder which it names, and of no other.
- No link means the program that came with the system.
- It needs the standard library only, and no program that is on trial.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

FOLDER = "slots"
NAMES = ("a", "b")
LINK, TRIAL, FLOOR = "current", "trial", "floor"
MOST_STARTS = 3
"""A program on trial may be started so often before it is confirmed."""


class Slots:
    """The slots of one state folder."""

    def __init__(self, state: Path) -> None:
        self.folder = state / FOLDER

    @property
    def link(self) -> Path:
        """What evsed is to be imported from."""
        return self.folder / LINK

    def current(self) -> Path | None:
        """The folder that runs; None = the program that came with the system."""
        name = self._name()
        return self.folder / name if name is not None else None

    def spare(self) -> Path:
        """The folder for the next program."""
        return self.folder / (NAMES[1] if self._name() == NAMES[0] else NAMES[0])

    def on_trial(self) -> bool:
        """Whether what runs is still to be confirmed."""
        name = self._name()
        return name is not None and self._trial().get("slot") == name

    def switch(self) -> None:
        """The spare folder runs from the next start on, on trial; done again, it is done. Raises OSError."""
        if self.on_trial():
            return
        spare = self.spare().name
        self._keep(TRIAL, {"slot": spare, "before": self._name(), "starts": 0})
        self._point(spare)

    def confirm(self, version: str) -> None:
        """What runs is good; nothing below this version comes after it. Raises OSError."""
        self._keep(FLOOR, {"version": version})
        (self.folder / TRIAL).unlink(missing_ok=True)
        with suppress(OSError):  # a trial that a cut brings back is proven once more
            _sync(self.folder)

    def roll_back(self) -> None:
        """What ran before the trial runs from the next start on. Raises OSError."""
        if self.on_trial():
            before = self._trial().get("before")
            self._point(before if before in NAMES else None)
        self._end_trial()

    def count(self) -> bool:
        """One more start; whether the program on trial was taken back for it. Raises OSError."""
        if not self.on_trial():
            return False
        trial = self._trial()
        counted = trial.get("starts", 0)
        starts = counted + 1 if isinstance(counted, int) else MOST_STARTS + 1  # a damaged count proves nothing
        if starts > MOST_STARTS:
            self.roll_back()
            return True
        self._keep(TRIAL, {**trial, "starts": starts})
        return False

    def floor(self) -> str | None:
        """The newest version that was ever confirmed."""
        version = self._read(FLOOR).get("version")
        return version if isinstance(version, str) else None

    def _name(self) -> str | None:
        try:
            name = os.readlink(self.link)
        except OSError:
            return None
        return name if name in NAMES else None

    def _trial(self) -> dict[str, Any]:
        return self._read(TRIAL)

    def _end_trial(self) -> None:
        (self.folder / TRIAL).unlink(missing_ok=True)
        _sync(self.folder)

    def _point(self, name: str | None) -> None:
        if name is None:
            self.link.unlink(missing_ok=True)
        else:
            beside = self.folder / f"{LINK}.new"
            beside.unlink(missing_ok=True)
            beside.symlink_to(name)
            beside.replace(self.link)
        _sync(self.folder)

    def _keep(self, name: str, value: dict[str, Any]) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = self.folder / f"{name}.new"
        with beside.open("w") as file:
            json.dump(value, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.folder / name)
        _sync(self.folder)

    def _read(self, name: str) -> dict[str, Any]:
        with suppress(OSError, ValueError, RecursionError):
            value = json.loads((self.folder / name).read_text())
            if isinstance(value, dict):
                return value
        return {}


def _sync(folder: Path) -> None:
    """What was renamed or removed in it stays so."""
    with suppress(FileNotFoundError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def main() -> int:
    """Count a start. It never keeps evsed from starting."""
    try:
        if Slots(Path(sys.argv[1])).count():
            sys.stderr.write("evsed: the new program did not come to work, the one before it is back\n")
    except (OSError, IndexError, ValueError) as broken:
        sys.stderr.write(f"evsed: the start of the program could not be counted: {broken}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
