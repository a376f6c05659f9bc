"""The drivers of board parts: protocols.py says what each must be able to do, one file a device family does it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hal.contract import MeterChoice
    from hal.drivers.protocols import Meter

FAMILIES: dict[str, str] = {
    "evse_din": "hal.drivers.evse_din",
    "gpiod": "hal.drivers.gpiod_parts",
    "gpiozero": "hal.drivers.gpiozero_parts",
    "iio": "hal.drivers.iio",
    "hid_reader": "hal.drivers.hid_reader",
    "kernel_pwm": "hal.drivers.kernel_pwm",
    "leds": "hal.drivers.leds",
    "mcp3xxx": "hal.drivers.mcp3xxx",
    "mfrc522": "hal.drivers.mfrc522",
    "peaks": "hal.drivers.peaks",
    "pn532": "hal.drivers.pn532",
    "serial_reader": "hal.drivers.serial_reader",
    "w1": "hal.drivers.w1",
    "ws281x": "hal.drivers.ws281x",
}
"""Our families of drivers for real parts: exact name → module with a table `PARTS`, see families.py."""


def open_meter(choice: MeterChoice, port: str, now_ms: Callable[[], int] | None = None) -> Meter:
    """The meter of a site, on `port`; nothing is read yet and the port need not be there yet. Raises ModelError.

    `now_ms` dates its readings; without it that is the monotonic clock of the machine.
    """
    # Loaded only where a meter is.
    from hal.bus import monotonic_ms
    from hal.drivers.meter_model import load_model
    from hal.drivers.register_meter import RegisterMeter
    from hal.drivers.rtu_line import LineMeter, Patience, line_at

    model = load_model(choice.model)
    line = line_at(port, choice.baud, choice.parity)
    patience = Patience(model.answer_ms, model.late_ms, model.gap_ms)
    return RegisterMeter(model, LineMeter(line, choice.address, patience), now_ms or monotonic_ms)
