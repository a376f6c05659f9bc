"""A tree of files that behaves as the kernel's PWM class: what is written is obeyed or refused as the kernel would.

The files are real, so that folders and links are found as on a Pi; the accesses go through this world, since no file
of a disk could refuse a value.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from hal.drivers import kernel_pwm, sysfs


class KernelTree:
    """One block with its channels. `drives` is told (period, duty, enabled, normal) whenever that changes."""

    def __init__(self, folder: Path, device: str = "fe20c000.pwm", number: int = 0, channels: int = 2) -> None:
        self.root = folder / "class" / "pwm"
        device_folder = folder / "devices" / "platform" / "soc" / device
        chip = device_folder / "pwm" / f"pwmchip{number}"
        chip.mkdir(parents=True)
        self.root.mkdir(parents=True, exist_ok=True)
        (chip / "device").symlink_to(device_folder)
        (chip / "npwm").write_text(f"{channels}\n")
        (chip / "export").touch()
        self.chip = self.root / f"pwmchip{number}"
        self.chip.symlink_to(chip)
        self._channels = channels
        self.history: list[tuple[int, int, bool, bool]] = []
        self.waited_s: list[float] = []
        self.drives: Callable[[tuple[int, int, bool, bool]], None] = self.history.append
        self.exported_period_ns = 0
        self.udev_needs = 0  # looks at a new channel before it is ours
        self.longest_step_ns = 0  # a clock that can't give 1 kHz: periods are cut to this many ns

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sysfs, "write", self.write)
        monkeypatch.setattr(kernel_pwm, "CLASS", str(self.root))
        monkeypatch.setattr(kernel_pwm, "sleep", self.waited_s.append)
        monkeypatch.setattr(kernel_pwm, "access", self.access)

    def write(self, path: str, value: object) -> None:
        """What a store function of the kernel does."""
        file = Path(path)
        if not file.exists():
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if file.name != "export" and not self.access(path, os.W_OK):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES), path)
        if file.name == "export":
            self._export(int(str(value)))
        else:
            self._apply(file.parent, file.name, str(value))

    def access(self, path: str, mode: int) -> bool:
        """Whether udev has given us the channel."""
        return len(self.waited_s) >= self.udev_needs

    def state(self, channel: int = 0) -> tuple[int, int, bool, bool]:
        folder = self.chip / f"pwm{channel}"
        say = {name: (folder / name).read_text().strip() for name in ("period", "duty_cycle", "enable", "polarity")}
        return int(say["period"]), int(say["duty_cycle"]), say["enable"] == "1", say["polarity"] == "normal"

    def put(self, channel: int = 0, **values: object) -> None:
        """What another program has left there."""
        if not (self.chip / f"pwm{channel}").exists():
            self._export(channel)
        for name, value in values.items():
            (self.chip / f"pwm{channel}" / name).write_text(f"{value}\n")

    def _export(self, channel: int) -> None:
        if channel >= self._channels:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        folder = self.chip / f"pwm{channel}"
        if folder.exists():
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        folder.mkdir()
        fresh = {"period": self.exported_period_ns, "duty_cycle": 0, "enable": 0, "polarity": "normal"}
        self.put(channel, **fresh)

    def _apply(self, folder: Path, name: str, value: str) -> None:
        channel = int(folder.name.removeprefix("pwm"))
        period, duty, enabled, normal = self.state(channel)
        if name == "period":
            period = min(int(value), self.longest_step_ns or int(value))
        elif name == "duty_cycle":
            duty = int(value)
        elif name == "enable":
            enabled = value == "1"
        elif name == "polarity" and not enabled:
            normal = value == "normal"
        else:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if duty > period or (enabled and not period):  # pwm_apply_state
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        said = {"period": period, "duty_cycle": duty, "enable": int(enabled)}
        self.put(channel, **said, polarity="normal" if normal else "inversed")
        self.drives((period, duty, enabled, normal))
