"""A board whose pilots and contactors belong to controllers of their own: see hal/external.py.

    kind = "external"
    [[outlet]]
    evse = 1
    max_ma = 16_000
    socket = false
    [outlet.controller]
    driver = "evse_din"        # and beside it the keys of its Config

Rules this file upholds:
- Each outlet has a controller; its cable is fixed, for a bolt would be nobody's. What is neither pilot nor contactor
  may be the Pi's own: contacts, thermometers, card reader, lights and buzzer.
- A controller that is silent at the start is a fault and no reason not to start: it is told 0 A as soon as it answers.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from hal.boards import NAMED, BoardError, BoardFile, OutletBoard, OutletFile, outlet_board
from hal.boards.metal import RealBoard, check_shared, part_builder, place
from hal.controller import ControllerLink
from hal.drivers.protocols import PartFailed, Parts

log = logging.getLogger("hal.boards")


class ExternalBoard(RealBoard):
    """A `Board`. `bare`: only the controllers, which is all that can be made safe."""

    def __init__(self, board: BoardFile, bare: bool = False) -> None:
        check(board)
        self.name = board.name
        self._file, self._bare = board, bare
        self._built: list[Any] = []
        self._links: list[ControllerLink] = []
        try:
            self._inputs = None if bare else self._build_inputs()
            self.outlets = {outlet.evse: self._outlet(outlet) for outlet in board.outlet}
        except BaseException:
            self.close()
            raise

    def _outlet(self, outlet: OutletFile) -> OutletBoard:
        build = part_builder(self._file, outlet, "controller")
        assert build is not None
        where = place(self._file, outlet, "controller")
        try:
            link = ControllerLink(build(), where)
        except Exception as failed:
            raise BoardError(f"{where}: {failed}") from None
        self._links.append(link)
        whole: Any = _Whole(link)
        parts = Parts(pilot=whole, contactor=whole, enable=whole, lock=None, proximity=None, residual=None)
        return replace(outlet_board(self._file, outlet, parts, self._inputs), controller=link)

    def advance(self, now_ms: int) -> None:
        """The first tick lets the controllers be talked to."""
        for link in self._links:
            link.start()

    def close(self) -> None:
        """Talk no more, and give the contacts back."""
        for link in self._links:
            link.stop()
        for part in self._built:
            if hasattr(type(part), "close"):
                part.close()


class _Whole:
    """A controller as the parts that make_safe.py reaches for: it has one order, which makes all of them safe."""

    def __init__(self, link: ControllerLink) -> None:
        self._link = link

    def order(self, closed: bool) -> None:
        """Off, whatever was asked. Raises PartFailed; of one that has never answered it is only said."""
        try:
            self._link.make_safe()
        except PartFailed as failed:
            if self._link.seen is not None:
                raise
            log.warning("! %s", failed)

    def drop(self) -> None:
        """There is no gate of ours."""

    def offer(self, permille: float) -> None:
        """0 A is +12 V there."""


def check(board: BoardFile) -> None:
    """Whether every driver is there and understands its keys. Raises BoardError."""
    for outlet in board.outlet:
        for role in NAMED["external"]:
            build = part_builder(board, outlet, role)
            if role == "controller" and build is None:
                raise BoardError(f"{place(board, outlet, role)}: is missing; each outlet of kind external needs it")
    check_shared(board)
