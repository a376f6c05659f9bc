"""A board whose pilots and contactors belong to controllers of their own: see hal/external.py.

    kind = "external"
    [[outlet]]
    evse = 1
    max_ma = 16_000
    socket = false
    [outlet.controller]
    driver = "evse_din"        # and beside it the keys of its Config

Rules this file upholds:
- Each outlet has a controller and no other part but a card reader; its cable is fixed, for a bolt would be nobody's.
- A controller that is silent at the start is a fault and no reason not to start: it is told 0 A as soon as it answers.
"""

from __future__ import annotations

import logging
from typing import Any

from hal.boards import BoardError, BoardFile, OutletBoard, OutletFile
from hal.boards.metal import claimed, part_builder, place
from hal.contract import MeterChoice
from hal.controller import Keeper
from hal.drivers.protocols import PartFailed, Parts, Reader, Thermometer
from hal.lamp import Signals

log = logging.getLogger("hal.boards")


class ExternalBoard:
    """A `Board`; one that is only made safe is the same."""

    def __init__(self, board: BoardFile) -> None:
        check(board)
        self.name = board.name
        self._file = board
        self._keepers: list[Keeper] = []
        self.outlets = {outlet.evse: self._outlet(outlet) for outlet in board.outlet}

    def _outlet(self, outlet: OutletFile) -> OutletBoard:
        build = part_builder(self._file, outlet, "controller")
        assert build is not None
        where = place(self._file, outlet, "controller")
        try:
            keeper = Keeper(build(), where)
        except Exception as failed:
            raise BoardError(f"{where}: {failed}") from None
        self._keepers.append(keeper)
        whole: Any = _Whole(keeper)
        parts = Parts(pilot=whole, contactor=whole, enable=whole, lock=None, proximity=None, residual=None)
        timing = self._file.timing
        rated, allow_d = outlet.rated_closings, outlet.allow_d
        return OutletBoard(parts, outlet.max_ma, False, allow_d, False, timing, rated_closings=rated, controller=keeper)

    def advance(self, now_ms: int) -> None:
        """The first tick lets the controllers be talked to."""
        for keeper in self._keepers:
            keeper.start()

    def next_change_ms(self, now_ms: int) -> int | None:
        """Nobody knows."""
        return None

    def order(self, evse: int, words: tuple[str, ...]) -> tuple[bool, str]:
        """Refuse."""
        return False, f"board {self.name} is real: only a simulated board takes orders"

    def readers(self) -> dict[int, Reader]:
        """The card readers by outlet, as of any board of metal. Raises BoardError."""
        builders = {outlet.evse: part_builder(self._file, outlet, "reader") for outlet in self._file.outlet}
        try:
            return {evse: build() for evse, build in builders.items() if build is not None}
        except (OSError, PartFailed) as failed:
            raise BoardError(f"board {self.name}: reader: {failed}") from None

    def signals(self) -> dict[int, Signals]:
        """None: the controller shows what it has to."""
        return {}

    def thermometers(self) -> dict[int, Thermometer]:
        """None: a board file of this kind names none."""
        return {}

    def meter_port(self, choice: MeterChoice) -> str:
        """Refuse. Raises BoardError."""
        raise BoardError(f'board {self.name} is real: meter.port: "sim" exists on a simulated board only')

    def close(self) -> None:
        """Talk no more."""
        for keeper in self._keepers:
            keeper.stop()


class _Whole:
    """A controller as the parts that make_safe.py reaches for: it has one order, which makes all of them safe."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper

    def order(self, closed: bool) -> None:
        """Off, whatever was asked. Raises PartFailed; of one that has never answered it is only said."""
        try:
            self._keeper.make_safe()
        except PartFailed as failed:
            if self._keeper.seen is not None:
                raise
            log.warning("! %s", failed)

    def drop(self) -> None:
        """There is no gate of ours."""

    def offer(self, permille: float) -> None:
        """0 A is +12 V there."""


def check(board: BoardFile) -> None:
    """Whether every driver is there and understands its keys. Raises BoardError."""
    for outlet in board.outlet:
        for role in ("controller", "reader"):
            build = part_builder(board, outlet, role)
            if role == "controller" and build is None:
                raise BoardError(f"{place(board, outlet, role)}: is missing; each outlet of kind external needs it")
    claimed(board)
