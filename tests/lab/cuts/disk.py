"""A disk that the power leaves in the middle of a day: what may be there after a prefix of what the kernel got.

Rules this file upholds:
- What a file was synced with is in it. Of later writes each is there, or not, or in part, sector by sector; in any
  order.
- A name is there for sure once its folder was synced. Of later changes of names a beginning is there: file systems
  keep their order, and may be behind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.lab.cuts.trace import Operation

SECTOR = 512
NAMES = ("create", "remove", "rename", "link", "mkdir")


@dataclass
class File:
    """What is safe of one file, and what was written since."""

    safe: bytearray = field(default_factory=bytearray)
    loose: list[Operation] = field(default_factory=list)

    def sync(self) -> None:
        """All of it is safe."""
        for operation in self.loose:
            _apply(self.safe, operation, "all")
        self.loose.clear()

    def left(self, luck: Random | None, all_there: bool) -> bytes:
        """What may be there; without luck all, or only what is safe."""
        image = bytearray(self.safe)
        for operation in self.loose:
            chance = luck.choice(("all", "none", "torn")) if luck else "all" if all_there else "none"
            _apply(image, operation, chance, luck)
        return bytes(image)


Entry = File | str | None  # a file, where a link leads to, or a folder


class Disk:
    """Takes operations one by one; `left` is what may be there if the power goes now."""

    def __init__(self) -> None:
        self._now: dict[str, Entry] = {}
        self._safe: dict[str, Entry] = {}
        self._loose: list[Operation] = []
        self._made: dict[int, File] = {}

    def take(self, operation: Operation) -> None:
        """It was asked for."""
        if operation.kind in NAMES:
            if operation.kind == "create":
                self._made[id(operation)] = File()
            self._loose.append(operation)
            self._name(self._now, operation)
        elif operation.kind == "sync":
            entry = self._now.get(operation.path)
            if isinstance(entry, File):
                entry.sync()
            else:
                self._sync_names(operation.path)
        elif operation.kind == "sync-all":
            for entry in self._now.values():
                if isinstance(entry, File):
                    entry.sync()
            self._safe = dict(self._now)
            self._loose.clear()
        else:
            entry = self._now.get(operation.path)
            if isinstance(entry, File):  # else it was removed, and nobody can tell
                entry.loose.append(operation)

    def left(self, luck: Random | None = None, all_there: bool = True) -> dict[str, bytes | str | None]:
        """Contents by path; a link is where it leads to, a folder None."""
        entries = dict(self._safe)
        many = luck.randint(0, len(self._loose)) if luck else len(self._loose) if all_there else 0
        for operation in self._loose[:many]:
            self._name(entries, operation)
        return {
            path: entry.left(luck, all_there) if isinstance(entry, File) else entry for path, entry in entries.items()
        }

    def _sync_names(self, folder: str) -> None:
        """Whatever was done to names until now is safe in that folder, and in order before it everywhere."""
        last = max((at for at, each in enumerate(self._loose) if folder in _folders(each)), default=-1)
        for operation in self._loose[: last + 1]:
            self._name(self._safe, operation)
        del self._loose[: last + 1]

    def _name(self, entries: dict[str, Entry], operation: Operation) -> None:
        if operation.kind == "create":
            entries[operation.path] = self._made[id(operation)]
        elif operation.kind == "remove":
            entries.pop(operation.path, None)
        elif operation.kind == "link":
            entries[operation.path] = operation.target
        elif operation.kind == "mkdir":
            entries[operation.path] = None
        else:
            below = operation.path + "/"
            for path in [path for path in entries if path == operation.path or path.startswith(below)]:
                entries[operation.target + path.removeprefix(operation.path)] = entries.pop(path)


def _folders(operation: Operation) -> set[str]:
    paths = (operation.path, operation.target) if operation.kind == "rename" else (operation.path,)
    return {str(Path(path).parent) for path in paths}


def _apply(image: bytearray, operation: Operation, chance: str, luck: Random | None = None) -> None:
    if chance == "none":
        return
    if operation.kind == "truncate":
        del image[operation.offset :]
        image.extend(bytes(operation.offset - len(image)))
        return
    data = operation.data
    if chance == "torn" and luck is not None:
        data = data[: luck.randrange(len(data) // SECTOR + 1) * SECTOR]
    end = operation.offset + len(data)
    image.extend(bytes(max(0, end - len(image))))
    image[operation.offset : end] = data


def lay(files: Mapping[str, bytes | str | None], folder: Path) -> Path:
    """A folder with that in it."""
    folder.mkdir(parents=True)
    for path in sorted(files):
        content, place = files[path], folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            place.mkdir(exist_ok=True)
        elif isinstance(content, str):
            place.symlink_to(content)
        else:
            place.write_bytes(content)
    return folder


def through(operations: Sequence[Operation], many: int) -> Disk:
    """The disk after so many."""
    disk = Disk()
    for operation in operations[:many]:
        disk.take(operation)
    return disk
