"""What only the core knows of an outlet, for its light: who may use it, and what became of the last card.

Rules this file upholds:
- It adds to what hal shows by itself, and decides nothing of it: hal knows cars, faults and contactors.
- Each card that is accepted or refused has a number of its own, so that two refusals in a row are seen as two.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from evsed.core.effects import Shine
from evsed.core.light_variables import BLINK_REPEAT, LIGHT_INTENSITY
from evsed.core.turn import Turn
from evsed.core.words import Status, StopReason

if TYPE_CHECKING:
    from evsed.core.outlet import Outlet
    from evsed.core.station import Station


class Row(Struct, frozen=True):
    """A word for hal, and when it is said."""

    word: str
    applies: Callable[[Outlet, Station], bool]


ROWS = (
    Row("asking", lambda outlet, _: outlet.asking is not None),
    Row("unavailable", lambda outlet, _: not outlet.in_service),
    Row("reserved", lambda outlet, _: outlet.status is Status.RESERVED),
    Row("offline", lambda outlet, station: station.networks.configured and not station.box.online),
    Row("", lambda _, __: True),
)


class _Card(Struct):
    """What the last card of an outlet led to."""

    yes: object = None
    no: object = None
    signal: str = ""
    number: int = 0


class Lights:
    """The lights of all outlets."""

    def __init__(self) -> None:
        self._told: dict[int, Shine] = {}
        self._cards: dict[int, _Card] = {}

    def settle(self, station: Station, turn: Turn) -> None:
        """Tell what has changed."""
        for outlet in station.outlets.values():
            # What was so before we began is no news.
            card = self._cards.setdefault(outlet.evse, _Card(_yes(outlet), outlet.refusal))
            _follow(card, outlet)
            word = next(row.word for row in ROWS if row.applies(outlet, station))
            variables = station.box.variables
            shine = Shine(
                outlet.evse, word, card.signal, card.number, variables[BLINK_REPEAT], variables[LIGHT_INTENSITY] * 10
            )
            if shine != self._told.get(outlet.evse):
                self._told[outlet.evse] = shine
                turn.tell(shine)


def _follow(card: _Card, outlet: Outlet) -> None:
    """Find a yes or a no that is new. A permission that becomes a charge is one and the same."""
    yes, no = _yes(outlet), outlet.refusal
    if no is not None and no is not card.no:
        card.signal, card.number = "refused", card.number + 1
    elif yes is not None and yes != card.yes:
        card.signal, card.number = "accepted", card.number + 1
    card.yes, card.no = yes, no


def _yes(outlet: Outlet) -> object:
    """What the last accepted card stands for: a charge that begins, or one that it ended. A free box asks for none."""
    tx = outlet.charging.tx
    if outlet.box.access.free_token is not None:
        return None
    if tx is not None and tx.reason is StopReason.LOCAL:
        return tx.id, "ended"
    if tx is not None:
        return tx.token
    return outlet.grant.token if outlet.grant is not None else None
