"""GPIO lines for tests: `FakeBank` stands for the kernel behind libgpiod, `SimBank` is gpio-sim of a real kernel.

Both are the world at the other side of the pins: it pulls inputs and looks at the level of outputs.
"""

from __future__ import annotations

import errno
import itertools
from collections import deque
from pathlib import Path
from time import sleep
from types import SimpleNamespace
from typing import Any, Protocol

import gpiod
from gpiod.line import Bias, Direction, Edge, Value

NAMES = tuple(f"GPIO{number}" for number in range(28))


class Bank(Protocol):
    def pull(self, name: str, high: bool) -> None:
        """The world drives an input."""

    def high(self, name: str) -> bool:
        """The electrical level of a line now."""


class Line:
    """One line of the fake. `levels` is every level that it has been driven to since it became an output."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.consumer = ""
        self.settings: gpiod.LineSettings | None = None
        self.pulled = False
        self.driven: bool | None = None
        self.levels: list[bool] = []
        self.events: deque[Any] = deque()
        self.broken = False

    @property
    def high(self) -> bool:
        return self.pulled if self.driven is None else self.driven

    def drive(self, value: Value) -> None:
        assert self.settings is not None
        self.driven = (value is Value.ACTIVE) != self.settings.active_low
        self.levels.append(self.driven)


class FakeBank:
    """Chips by path; `now_ms` dates the edges."""

    def __init__(self, **chips: tuple[str, ...]) -> None:
        self.chips = {f"/dev/{path}": [Line(name) for name in names] for path, names in chips.items()}
        self.now_ms = 0

    def line(self, name: str) -> Line:
        return next(line for line in itertools.chain(*self.chips.values()) if line.name == name)

    def pull(self, name: str, high: bool) -> None:
        line = self.line(name)
        if line.pulled != high and line.settings is not None and line.settings.edge_detection is Edge.BOTH:
            line.events.append(SimpleNamespace(timestamp_ns=self.now_ms * 1_000_000))
        line.pulled = high

    def high(self, name: str) -> bool:
        return self.line(name).high

    def open(self, path: str) -> FakeChip:
        if path not in self.chips:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return FakeChip(self.chips[path])


class FakeChip:
    """What the driver uses of gpiod.Chip."""

    def __init__(self, lines: list[Line]) -> None:
        self._lines = lines

    def __enter__(self) -> FakeChip:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def get_info(self) -> Any:
        return SimpleNamespace(num_lines=len(self._lines))

    def get_line_info(self, offset: int) -> Line:
        return self._lines[offset]

    def request_lines(self, config: dict[int, gpiod.LineSettings], consumer: str, event_buffer_size: int) -> Any:
        ((offset, settings),) = config.items()
        if offset >= len(self._lines):
            raise ValueError("line offset of out range")
        line = self._lines[offset]
        if line.settings is not None:
            raise OSError(errno.EBUSY, "Device or resource busy")
        line.settings, line.consumer = settings, consumer
        line.events = deque(maxlen=event_buffer_size)
        if settings.direction is Direction.OUTPUT:
            line.drive(settings.output_value)
        elif settings.bias is not Bias.DISABLED:
            line.pulled = settings.bias is Bias.PULL_UP
        return FakeRequest(offset, line)


class FakeRequest:
    """What the driver uses of gpiod.LineRequest."""

    def __init__(self, offset: int, line: Line) -> None:
        self._offset, self._line = offset, line

    def _check(self, offset: int) -> Line:
        assert offset == self._offset
        if self._line.broken:
            raise OSError(errno.EIO, "Input/output error")
        if self._line.settings is None:
            raise gpiod.RequestReleasedError
        return self._line

    def get_value(self, offset: int) -> Value:
        line = self._check(offset)
        assert line.settings is not None
        return Value.ACTIVE if line.high != line.settings.active_low else Value.INACTIVE

    def set_value(self, offset: int, value: Value) -> None:
        line = self._check(offset)
        assert line.driven is not None
        line.drive(value)

    def wait_edge_events(self, timeout: float) -> bool:
        assert timeout == 0, "the tick never waits"
        return bool(self._check(self._offset).events)

    def read_edge_events(self, most: int) -> list[Any]:
        events = self._check(self._offset).events
        return [events.popleft() for _ in range(min(most, len(events)))]

    def release(self) -> None:
        """As strict_gpiod has it: an input again."""
        self._line.settings, self._line.driven = None, None


class SimBank:
    """A gpio-sim chip with the same lines, in a kernel that has one."""

    _ROOT = Path("/sys/kernel/config/gpio-sim/evse")

    def __init__(self) -> None:
        bank = self._ROOT / "bank0"
        if not bank.exists():
            bank.mkdir(parents=True)
            (bank / "num_lines").write_text(str(len(NAMES)))
            for offset, name in enumerate(NAMES):
                (bank / f"line{offset}").mkdir()
                (bank / f"line{offset}" / "name").write_text(name)
            (self._ROOT / "live").write_text("1")
        device = (self._ROOT / "dev_name").read_text().strip()
        chip = (bank / "chip_name").read_text().strip()
        self._lines = Path("/sys/devices/platform") / device / chip

    def pull(self, name: str, high: bool) -> None:
        pull, wanted = self._file(name, "pull"), "pull-up" if high else "pull-down"
        if pull.read_text().strip() != wanted:
            pull.write_text(wanted)
            sleep(0.03)  # its interrupt comes with the kernel's next timer tick

    def high(self, name: str) -> bool:
        return self._file(name, "value").read_text().strip() == "1"

    def _file(self, name: str, what: str) -> Path:
        return self._lines / name.replace("GPIO", "sim_gpio") / what
