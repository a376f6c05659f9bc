"""A family of drivers whose board is a folder: every pin is a file, as sysfs has it. It stands for hardware to come.

One line in `hal.drivers.FAMILIES` makes it known; whoever sits at the other side of the files is the wallbox.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from hal.drivers.protocols import PartFailed


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keys beside `driver`: the folder of the pins."""

    folder: str


class _Pins:
    Config = Config

    def __init__(self, config: Config) -> None:
        self._folder = Path(config.folder)
        list(self._folder.iterdir())  # a missing chip is noticed at once

    def read(self, pin: str) -> str:
        self._note(pin)
        try:
            return (self._folder / pin).read_text()
        except OSError as failed:
            raise PartFailed(f"{pin}: {failed.strerror}") from None

    def write(self, pin: str, value: object) -> None:
        self._note(f"{pin} = {value}")
        (self._folder / pin).write_text(str(value))

    def _note(self, line: str) -> None:
        """For whoever wants to know in which order the pins were touched."""
        with (self._folder / "trace").open("a") as trace:
            trace.write(f"{line}\n")


class Pilot(_Pins):
    def offer(self, permille: float) -> None:
        self.write("duty", permille)

    def volts(self) -> tuple[float, float, int]:
        high, low, count = self.read("plateaus").split()
        return float(high), float(low), int(count)


class Contactor(_Pins):
    def order(self, closed: bool) -> None:
        self.write("coil", int(closed))

    def closed(self) -> bool:
        return self.read("mirror") == "1"


class Gate(_Pins):
    def beat(self) -> None:
        self.write("beat", 1 - int(self.read("beat")))

    def drop(self) -> None:
        self.write("beat", 0)


class CardReader:
    """Looks for its file only when it is asked."""

    Config = Config

    def __init__(self, config: Config) -> None:
        self._card = Path(config.folder) / "card"

    def poll(self) -> str | None:
        if not self._card.exists():
            return None
        tag = self._card.read_text()
        self._card.unlink()
        return tag

    def close(self) -> None:
        (self._card.parent / "closed").touch()


class Contact(_Pins):
    def active(self) -> bool:
        return self.read("contact") == "1"


class Thermometer:
    Config = Config

    def __init__(self, config: Config) -> None:
        self._file = Path(config.folder) / "temperature"

    def read(self) -> int:
        return int(self._file.read_text())

    def close(self) -> None:
        """Nothing to give back."""


PARTS = {
    "pilot": Pilot,
    "contactor": Contactor,
    "enable": Gate,
    "reader": CardReader,
    "thermometer": Thermometer,
    "input": Contact,
}
