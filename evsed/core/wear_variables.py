"""The variables that tell how worn the contactors are, a part of `catalogue.py`, and who keeps them true."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evsed.core.variables import TEXT, Variable

if TYPE_CHECKING:
    from evsed.core.station import Station

CONTACTOR_CLOSINGS = Variable(
    component="Contactor",
    name="Closings",
    key16="ContactorClosings",
    kind=TEXT,
    default="",
    writable=False,
    help="How often the contactor of each outlet has closed since it was new, such as 1.4711,2.88.",
)
CONTACTOR_HOURS = Variable(
    component="Contactor",
    name="Hours",
    key16="ContactorHours",
    kind=TEXT,
    default="",
    writable=False,
    help="For how many whole hours the contactor of each outlet was closed since it was new, such as 1.901,2.14.",
)


def tell(station: Station) -> None:
    """Let them say what hal last told of each outlet."""
    lives = {outlet.evse: life for outlet in station.outlets.values() if (life := outlet.seen.contactor) is not None}
    write = station.box.variables.write
    write(CONTACTOR_CLOSINGS, ",".join(f"{evse}.{closings}" for evse, (closings, _) in lives.items()))
    write(CONTACTOR_HOURS, ",".join(f"{evse}.{hours}" for evse, (_, hours) in lives.items()))
