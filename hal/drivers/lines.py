"""Digital lines as a board file names them, and what any kind of line can do for a part.

Rules this file upholds:
- An input is a contact: *made* means that it connects its line to ground against a pull-up. What the contact says when
  it is made is the part's affair, so that a broken wire can always be the unsafe answer.
- A line that a Raspberry Pi drives, or pulls to its active level, while it boots never switches power.
"""

from __future__ import annotations

import re
from typing import Annotated, Literal, Protocol

import msgspec

from hal.drivers.claims import gpio_claim

LAST_GPIO = 27
ALIASES = {"ID_SDA": 0, "ID_SCL": 1, "SDA1": 2, "SCL1": 3, "TXD1": 14, "RXD1": 15}
"""Names that the kernels of a Pi give to lines of the header beside GPIO0 to GPIO27."""
_CHIP = re.compile(r"(/dev/)?gpiochip[04]")  # the header's: 0, but 4 on a Pi 5 with kernel 6.1 to 6.6


class Out(Protocol):
    """A line that we drive."""

    def set(self, active: bool) -> None:
        """Drive it. Raises PartFailed."""

    def close(self) -> None:
        """Give it back, inactive."""


class In(Protocol):
    """A contact that we watch."""

    def made(self) -> bool:
        """Whether it is made now. Raises PartFailed."""

    def close(self) -> None:
        """Give it back."""


class LineOut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`line` is a name, looked for on all chips or on `chip`, or an offset on `chip`, such as /dev/gpiochip0."""

    line: str | Annotated[int, msgspec.Meta(ge=0)]
    chip: str = ""
    active_low: bool = False
    drive: Literal["push-pull", "open-drain", "open-source"] = "push-pull"

    def __post_init__(self) -> None:
        """Raises ValueError."""
        if self.line == "" or (isinstance(self.line, int) and not self.chip):
            raise ValueError("line is a name, or an offset beside the chip that it is on")


class LineIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As `LineOut`; `active_low = false` is for a contact that connects to the supply, or a buffer that inverts."""

    line: str | Annotated[int, msgspec.Meta(ge=0)]
    chip: str = ""
    active_low: bool = True
    bias: Literal["pull-up", "pull-down", "disabled"] = "pull-up"
    debounce_ms: Annotated[int, msgspec.Meta(ge=0, le=500)] = 0

    def __post_init__(self) -> None:
        """Raises ValueError."""
        if self.line == "" or (isinstance(self.line, int) and not self.chip):
            raise ValueError("line is a name, or an offset beside the chip that it is on")


OutName = str | LineOut
InName = str | LineIn


def as_out(name: OutName) -> LineOut:
    """A bare name means a plain output. Raises ValueError."""
    return LineOut(name) if isinstance(name, str) else name


def as_in(name: InName) -> LineIn:
    """A bare name means a contact to ground. Raises ValueError."""
    return LineIn(name) if isinstance(name, str) else name


def gpio_of(line: LineOut | LineIn) -> int | None:
    """Which GPIO of a Pi's header it is, by name, alias or offset on its chip. None = it may be any other line."""
    if isinstance(line.line, int):
        return line.line if line.line <= LAST_GPIO and _CHIP.fullmatch(line.chip) else None
    number = re.fullmatch(r"GPIO(\d+)", line.line)
    return int(number[1]) if number else ALIASES.get(line.line)


def claim(line: LineOut | LineIn) -> str:
    """What it takes of the board, the same words for the same line."""
    gpio = gpio_of(line)
    if gpio is not None:
        return gpio_claim(gpio)
    return f"line {line.line} of {line.chip}" if isinstance(line.line, int) else f"line {line.line}"


def check_switch(names: tuple[OutName, ...]) -> None:
    """Whether these may switch power. Raises ValueError for one that a Pi could activate before we run."""
    for name in names:
        out = as_out(name)
        gpio = gpio_of(out)
        if gpio is not None and (why := stirs_at_boot(gpio, out.active_low)):
            raise ValueError(why)


def stirs_at_boot(gpio: int, active_low: bool = False) -> str | None:
    """Why a Pi's GPIO must not switch power. None = it may: GPIO0–8 are pulled up until we run, 9–27 down."""
    if gpio in (14, 15):
        return f"GPIO{gpio} belongs to the serial console while the Pi boots; choose one of GPIO16 to GPIO27"
    if (gpio <= 8) != active_low:
        pull, better = ("up", "GPIO16 to GPIO27") if gpio <= 8 else ("down", "GPIO5 to GPIO8")
        return f"GPIO{gpio} is pulled {pull} while the Pi boots, which would be active; choose one of {better}"
    return None
