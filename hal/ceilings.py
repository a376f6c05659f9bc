"""Who limits the current of an outlet, as far as this process knows. A limit has an owner; the least of all counts."""

from __future__ import annotations

from collections.abc import Mapping

from hal.boards import OutletBoard
from hal.contacts import Dimmer, Means
from hal.contract import Ceiling, Owner
from hal.heat import Heat
from hal.lease import Permit
from hal.senses import Inputs


class Ceilings:
    """All limits of one outlet."""

    def __init__(self, board: OutletBoard, installer_ma: int, permit: Permit, heat: Heat) -> None:
        self._board, self._installer_ma, self._permit, self._heat = board, installer_ma, permit, heat
        self._dimmer = Dimmer(board.contacts)
        self.all: tuple[Ceiling, ...] = ()

    def least(self, inputs: Inputs, cable_ma: int | None, charging: bool, now_ms: int) -> int:
        """The least limit in mA. `cable_ma` 0 = a plug that says nothing, `charging` = closed by order and feedback."""
        self._dimmer.look(inputs.said, now_ms)
        board_ma = self._board.board_ma
        whole_ma = min(self._installer_ma, board_ma, cable_ma or board_ma)
        limits = {
            Owner.LEASE: self._permit.limit_ma(inputs.lease, charging, now_ms),
            Owner.INSTALLER: self._installer_ma,
            Owner.BOARD: board_ma,
            Owner.CABLE: cable_ma if self._board.parts.proximity is not None else None,
            Owner.HEAT: self._heat.limit_ma(whole_ma, now_ms),
            Owner.GRID: self._dimmer.limit_ma(now_ms),
            Owner.SWITCH: 0 if Means.SWITCHED_OFF in inputs.said.active else None,
        }
        self.all = _in_order(limits)
        return self.all[0].max_ma

    def due_ms(self, now_ms: int) -> int:
        """When time alone next changes one of ours."""
        return self._dimmer.due_ms(now_ms)


def _in_order(limits: Mapping[Owner, int | None]) -> tuple[Ceiling, ...]:
    """The least one first; None = its owner sets none now."""
    known = ((ma, owner) for owner, ma in limits.items() if ma is not None)
    return tuple(Ceiling(owner, ma) for ma, owner in sorted(known))
