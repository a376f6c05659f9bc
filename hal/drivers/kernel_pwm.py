"""The pilot's generator: a channel of the Pi's PWM block, driven by the kernel.

    [outlet.pilot.out]
    driver = "kernel_pwm"
    gpio = 18              # with dtoverlay=pwm,pin=18,func=2 in config.txt
    inverted = false       # true where a high GPIO makes −12 V, as behind one transistor or an optocoupler

Why not gpiozero: none of its pin factories drives the PWM block. Its PWM is a thread that sleeps, and its duty a whole
percent, cut off: 16 A (26.67 %) would be offered as 15.6 A, with edges tens of microseconds late. The kernel's is made
by hardware in steps of 20 ns, which is 1.2 mA, and needs no CPU.

Rules this file upholds:
- The block is found by the name of its device; the number of a pwmchip differs by kernel.
- No order of writes makes the kernel refuse one, nor puts anything between the old drive and the new one on the line.
- Another's setting is taken over through +12 V for at least one of its cycles; after that the channel is never
  disabled: a disabled channel leaves its pin low, and that is −12 V or +12 V only by chance.
- What the kernel says is compared with what was asked in every tick: the duty, and in turn period, polarity or enable.
  It does not know the true frequency (old kernels on a Pi 4 are 7 % fast): that is measured at commissioning.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from os import access
from pathlib import Path
from time import sleep
from typing import Literal

import msgspec

from hal.drivers import sysfs
from hal.drivers.claims import gpio_claim
from hal.drivers.protocols import PartFailed

PERIOD_NS = 1_000_000  # IEC 61851-1 A.2: 1 kHz
STEP_NS = 20
LONGEST_WAIT_S = 0.1
OURS = ("period", str(PERIOD_NS)), ("polarity", "normal"), ("enable", "1")
UDEV_S, UDEV_TRIES = 0.01, 200

CLASS = "/sys/class/pwm"
_BCM = {12: 0, 13: 1, 18: 0, 19: 1}
BLOCKS = {  # device: GPIO → channel
    "3f20c000.pwm": _BCM,  # Pi 3, Zero 2 W
    "fe20c000.pwm": _BCM,  # Pi 4
    "1f00098000.pwm": {12: 0, 13: 1, 18: 2, 19: 3},  # Pi 5
}
_FUNCTIONS = {12: 4, 13: 4, 18: 2, 19: 2}


class PwmConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Keys beside `driver`."""

    gpio: Literal[12, 13, 18, 19]
    inverted: bool = False

    def claims(self) -> tuple[str, ...]:
        """What it takes of the board: its pin, and the channel behind it where this machine has one."""
        return (gpio_claim(self.gpio), *_channel_claim(self.gpio))


class KernelPwm:
    """A `PilotOut`. Built, it drives +12 V."""

    Config = PwmConfig

    def __init__(self, config: PwmConfig) -> None:
        self._inverted = config.inverted
        self._folder = _channel(config.gpio)
        self._duty_ns = self._high_ns(1_000.0)
        self._turn = 0
        if not self._is_ours():
            self._take_over()
        self.drive(1_000.0)

    def drive(self, permille: float) -> None:
        """Share of the high level: 1000 = +12 V, 0 = −12 V. Never more than asked for. Raises PartFailed."""
        self._duty_ns = self._high_ns(permille)
        try:
            self._write("duty_cycle", self._duty_ns)
        except OSError as refused:
            raise PartFailed(f"pilot: {self._folder}: {refused.strerror}") from None
        for _ in OURS:
            self.verify()

    def verify(self) -> None:
        """Whether the kernel still has the duty that was written, and the next of `OURS`. Raises PartFailed."""
        name, ours = OURS[self._turn]
        try:
            duty, said = self._read("duty_cycle"), self._read(name)
        except OSError as gone:
            raise PartFailed(f"pilot: {self._folder}: {gone.strerror}") from None
        if duty != str(self._duty_ns):
            raise PartFailed(f"pilot: {self._folder}: the duty is {duty} ns, {self._duty_ns} ns were written")
        if said != ours:
            raise PartFailed(f"pilot: {self._folder}: {name} is {said}, not {ours}: another program has changed it")
        self._turn = (self._turn + 1) % len(OURS)  # what is wrong is looked at until it is right again

    def close(self) -> None:
        """Leave +12 V on the line, driven by the hardware alone."""
        try:
            self.drive(1_000.0)
        except PartFailed:
            return  # whoever drove it last has been told

    def _high_ns(self, permille: float) -> int:
        """The GPIO's high time for a share of the pilot's high level, rounded down in terms of the pilot."""
        pilot_ns = int(permille * PERIOD_NS / 1_000 / STEP_NS + 1e-6) * STEP_NS
        return PERIOD_NS - pilot_ns if self._inverted else pilot_ns

    def _is_ours(self) -> bool:
        """Whether period, polarity and enable are as they must be."""
        try:
            return all(self._read(name) == ours for name, ours in OURS)
        except OSError as gone:
            raise PartFailed(f"pilot: {self._folder}: {gone.strerror}") from None

    def _take_over(self) -> None:
        """From whatever another program or the firmware has left. Raises PartFailed."""
        try:
            was_ns = int(self._read("period"))
            if self._read("enable") == "1":
                high = (self._read("polarity") == "normal") is not self._inverted
                self._write("duty_cycle", was_ns if high else 0)
                sleep(min(2 * max(was_ns, PERIOD_NS) / 1e9, LONGEST_WAIT_S))
                self._write("enable", 0)
            if self._read("polarity") != "normal":
                self._write("polarity", "normal")  # refused while enabled
            if int(self._read("duty_cycle")) > PERIOD_NS:
                self._write("duty_cycle", 0)  # a period below its duty would be refused
            self._write("period", PERIOD_NS)
            if (got := self._read("period")) != str(PERIOD_NS):
                raise PartFailed(f"pilot: {self._folder}: the kernel gives a period of {got} ns, not {PERIOD_NS} ns")
            self._write("duty_cycle", self._duty_ns)
            self._write("enable", 1)
        except (OSError, ValueError) as refused:
            raise PartFailed(f"pilot: {self._folder}: {refused}") from None

    def _read(self, name: str) -> str:
        return sysfs.read(f"{self._folder}/{name}")

    def _write(self, name: str, value: object) -> None:
        sysfs.write(f"{self._folder}/{name}", value)


def _chips() -> dict[str, Path]:
    """What the kernel has of PWM: device → folder."""
    return {chip.joinpath("device").resolve().name: chip for chip in Path(CLASS).glob("pwmchip*")}


def _channel_claim(gpio: int) -> Iterator[str]:
    """A Pi 3, 4 or Zero 2 W drives GPIO12 and 18 by one channel, and GPIO13 and 19 by the other; a Pi 5 has four."""
    for device in _chips().keys() & BLOCKS.keys():
        yield f"PWM channel {BLOCKS[device][gpio]} of {device}"


def _channel(gpio: int) -> str:
    """The folder of the GPIO's channel, exported where it is not yet. Raises PartFailed."""
    chips = _chips()
    found = sorted(chips.keys() & BLOCKS.keys())
    if len(found) != 1:
        overlay = f"dtoverlay=pwm,pin={gpio},func={_FUNCTIONS[gpio]}"
        others = ", ".join(sorted(chips)) or "none"
        raise PartFailed(f"pilot: no PWM of a Raspberry Pi (there is {others}); put {overlay} into config.txt")
    number, chip = BLOCKS[found[0]][gpio], str(chips[found[0]])
    folder = f"{chip}/pwm{number}"
    if not os.path.isdir(folder):
        try:
            sysfs.write(f"{chip}/export", number)
        except OSError as refused:
            raise PartFailed(f"pilot: channel {number} of {chip}: {refused.strerror}") from None
        _wait_for_udev(f"{folder}/enable")
    return folder


def _wait_for_udev(file: str) -> None:
    """A new channel is root's until udev has given it to our group, see deploy/70-evse.rules. Raises PartFailed."""
    for _ in range(UDEV_TRIES):
        if access(file, os.W_OK):
            return
        sleep(UDEV_S)
    raise PartFailed(f"pilot: {file} may not be written; is deploy/70-evse.rules installed, and we in its group?")


PARTS = {"pilot_out": KernelPwm}
