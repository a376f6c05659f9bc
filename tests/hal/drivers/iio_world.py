"""A folder that looks like the kernel's converters."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Converter:
    """An ADS1115 as the kernel shows it; `ohms` hang below a divider."""

    def __init__(self, folder: Path, name: str = "ads1115", address: str = "1-0048", number: int = 0) -> None:
        self.folder = folder / "devices" / address / f"iio:device{number}"
        self.folder.mkdir(parents=True)
        (folder / f"iio:device{number}").symlink_to(self.folder)
        (self.folder / "name").write_text(f"{name}\n")
        (self.folder / "in_voltage_scale").write_text("0.187500000\n")
        for channel in range(4):
            self.show(channel, 0)

    def show(self, channel: int, mv: float) -> None:
        (self.folder / f"in_voltage{channel}_raw").write_text(f"{round(mv / 0.1875)}\n")

    def hang(self, channel: int, ohms: float | None, options: dict[str, Any]) -> None:
        share = 1.0 if ohms is None else ohms / (ohms + options["pull_ohms"])
        self.show(channel, options["supply_mv"] * share)
