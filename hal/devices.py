"""The slow devices that a site names, opened."""

from __future__ import annotations

from collections.abc import Iterable

from hal.boards import Board
from hal.contract import MeterChoice
from hal.drivers import open_meter
from hal.drivers.meter_model import ModelError
from hal.drivers.protocols import Meter
from hal.settings import SettingsError


def open_meters(chosen: Iterable[MeterChoice], board: Board) -> dict[int, Meter]:
    """The meter of each outlet. Raises SettingsError."""
    opened = {}
    for choice in chosen:
        try:
            port = board.meter_port(choice) if choice.port == "sim" else choice.port
            opened[choice.evse] = open_meter(choice, port)
        except ModelError as wrong:
            raise SettingsError(f"meter of outlet {choice.evse}: {wrong}") from None
    return opened
