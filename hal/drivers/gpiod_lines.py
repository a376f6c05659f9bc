"""Lines of the kernel's GPIO character devices, by libgpiod 2.

Rules this file upholds:
- An output is inactive, or what its part was found to be, from the instant at which it becomes an output: direction
  and level are one request.
- A line is the one of that name, on whichever chip; a name on two chips must come with its chip.
- Nothing waits: levels are one ioctl, edges only those that the kernel already keeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from glob import glob

import gpiod
from gpiod.line import Bias, Clock, Direction, Drive, Edge, Value

from hal.drivers.lines import LineIn, LineOut
from hal.drivers.protocols import PartFailed

CHIPS = "/dev/gpiochip*"
MOST_EDGES = 64

_DRIVES = {"push-pull": Drive.PUSH_PULL, "open-drain": Drive.OPEN_DRAIN, "open-source": Drive.OPEN_SOURCE}
_BIASES = {"pull-up": Bias.PULL_UP, "pull-down": Bias.PULL_DOWN, "disabled": Bias.DISABLED}
_LEVELS = {True: Value.ACTIVE, False: Value.INACTIVE}


class _Line:
    """A requested line. `what` names the part's wire for people."""

    def __init__(self, pin: LineIn | LineOut, what: str, settings: gpiod.LineSettings) -> None:
        self._what = f"{what} on line {pin.line}"
        self._held = False
        chip, self._offset = _find(pin, self._what)
        try:
            with gpiod.Chip(chip) as opened:
                self._request = opened.request_lines(
                    {self._offset: settings}, consumer=f"evse-hal {what}"[:31], event_buffer_size=MOST_EDGES
                )
        except (OSError, ValueError) as refused:  # an offset that the chip does not have is a ValueError
            raise PartFailed(f"{self._what} of {chip}: {getattr(refused, 'strerror', refused)}") from None
        self._held = True

    def close(self) -> None:
        """Give it back."""
        if self._held:
            self._held = False
            self._request.release()


class GpiodOut(_Line):
    """An `Out`; `active` is its level from the first instant."""

    def __init__(self, pin: LineOut, what: str, active: bool = False) -> None:
        settings = gpiod.LineSettings(
            direction=Direction.OUTPUT,
            drive=_DRIVES[pin.drive],
            active_low=pin.active_low,
            output_value=_LEVELS[active],
        )
        super().__init__(pin, what, settings)

    def set(self, active: bool) -> None:
        """Drive it. Raises PartFailed."""
        try:
            self._request.set_value(self._offset, _LEVELS[active])
        except (OSError, gpiod.RequestReleasedError) as failed:
            raise PartFailed(f"{self._what}: {failed}") from None

    def close(self) -> None:
        """Give it back, inactive: the kernel may keep its level."""
        try:
            if self._held:
                self.set(False)
        except PartFailed:
            pass  # it can only be released now
        finally:
            super().close()


class GpiodIn(_Line):
    """An `In` that may be asked for its edges too."""

    def __init__(self, pin: LineIn, what: str, edges: bool = False) -> None:
        settings = gpiod.LineSettings(
            direction=Direction.INPUT,
            bias=_BIASES[pin.bias],
            active_low=pin.active_low,
            debounce_period=timedelta(milliseconds=pin.debounce_ms),
            edge_detection=Edge.BOTH if edges else Edge.NONE,
            event_clock=Clock.MONOTONIC,
        )
        super().__init__(pin, what, settings)

    def made(self) -> bool:
        """Whether it is made now. Raises PartFailed."""
        try:
            return self._request.get_value(self._offset) is Value.ACTIVE
        except (OSError, gpiod.RequestReleasedError) as failed:
            raise PartFailed(f"{self._what}: {failed}") from None

    def edges_ms(self) -> list[int]:
        """When edges came since the last call, oldest first, at most a bufferful. Raises PartFailed."""
        return [event.timestamp_ns // 1_000_000 for event in self._events()]

    def was(self, made: bool) -> bool:
        """Whether it is so, or was since the last call. Raises PartFailed."""
        # Two edges are a way there and back. One is the change that the level tells of too, or told a moment ago. Their
        # kinds tell nothing: the kernel looks at the line only after the interrupt.
        return len(self._events()) > 1 or self.made() is made

    def _events(self) -> list[gpiod.EdgeEvent]:
        try:
            return self._request.read_edge_events(MOST_EDGES) if self._request.wait_edge_events(0) else []
        except (OSError, gpiod.RequestReleasedError) as failed:
            raise PartFailed(f"{self._what}: {failed}") from None


def _find(pin: LineIn | LineOut, what: str) -> tuple[str, int]:
    """Chip and offset of a line. Raises PartFailed."""
    if isinstance(pin.line, int):
        return pin.chip, pin.line
    chips = [pin.chip] if pin.chip else sorted(glob(CHIPS))
    found = list(_named(pin.line, chips, what))
    if not found:
        where = f"{pin.chip} has no line of that name" if pin.chip else "no GPIO chip has a line of that name"
        raise PartFailed(f"{what}: {where}; `gpioinfo` lists those that are there")
    if len(found) > 1:
        raise PartFailed(f"{what}: {' and '.join(chip for chip, _ in found)} both have it; write chip = beside line =")
    return found[0]


def _named(name: str, chips: list[str], what: str) -> Iterator[tuple[str, int]]:
    for path in chips:
        try:
            with gpiod.Chip(path) as chip:
                lines = range(chip.get_info().num_lines)
                offset = next((line for line in lines if chip.get_line_info(line).name == name), None)
        except OSError as failed:
            raise PartFailed(f"{what}: {path}: {failed.strerror}") from None
        if offset is not None:
            yield path, offset
