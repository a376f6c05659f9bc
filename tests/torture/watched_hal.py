"""evse-hal as it is, on the simulated board, with a watch at its gate: python -m tests.torture.watched_hal

EVSE_TORTURE names a folder: `gate` in it is the file of the watch, see tests/gate.py. SIGUSR2 lets the process take the
memory that it may have, as a leak would, but for pieces as small as the file `left` says; SIGUSR1 gives it back.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from hal.__main__ import main
from hal.sim import bay
from hal.sim.power import SimGate
from tests.gate import Beacon

FOLDER = Path(os.environ["EVSE_TORTURE"])

_hoard: list[bytearray] = []


def _use_up_memory(_: int, __: FrameType | None) -> None:
    size, left = 1 << 20, int(FOLDER.joinpath("left").read_text())
    while size > left:
        try:
            _hoard.append(bytearray(size))
        except MemoryError:
            size //= 2


def _give_back(_: int, __: FrameType | None) -> None:
    _hoard.clear()


def _watched(*arguments: Any) -> SimGate:
    gate = SimGate(*arguments)
    Beacon(FOLDER / "gate", gate)
    return gate


if __name__ == "__main__":
    bay.SimGate = _watched  # type: ignore[assignment, attr-defined]
    signal.signal(signal.SIGUSR1, _give_back)
    signal.signal(signal.SIGUSR2, _use_up_memory)
    sys.exit(main())
