"""What a board has beside its outlets, thermometers and contacts, and which outlets each of them counts for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, Protocol

import msgspec

from hal.contacts import Contact, Dim, Means
from hal.contract import Evse
from hal.drivers.protocols import Input
from hal.heat import HeatSteps, Spot


class ThermometerFile(HeatSteps, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One `[[thermometer]]` of a board file: where it sits, whom that concerns, and what is done when it is hot there.

    `evses` = the outlets that it counts for; none = all. `probe` is its driver, for a board of real parts only.
    """

    place: Literal["plug", "cable", "terminals", "enclosure"]
    evses: tuple[Evse, ...] = ()
    probe: dict[str, Any] | None = None


class InputFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One `[[input]]` of a board file: what its contact means, and for which outlets; none = all.

    `limit` is for grid-dim only, `contact` is its driver, for a board of real parts only.
    """

    means: Means
    evses: tuple[Evse, ...] = ()
    limit: Dim | None = None
    contact: dict[str, Any] | None = None


class Shared(Protocol):
    """What a board file says of these."""

    @property
    def thermometer(self) -> tuple[ThermometerFile, ...]:
        """Its thermometers."""

    @property
    def input(self) -> tuple[InputFile, ...]:
        """Its contacts."""


def objections(shared: Shared, evses: Sequence[int], simulated: bool) -> Iterator[str]:
    """What types alone do not tell, a clause each."""
    watched: set[tuple[str, int]] = set()
    for number, thermometer in enumerate(shared.thermometer, 1):
        where = f"thermometer[{number}]"
        if (wrong := thermometer.objection()) is not None:
            yield f"{where}: {wrong}"
        yield from _common(where, thermometer.evses, evses, thermometer.probe if simulated else None)
        places = {(thermometer.place, evse) for evse in thermometer.evses or evses}
        for place, evse in sorted(places & watched):
            yield f"{where}: place: {place} of outlet {evse} has one already"
        watched |= places
    for number, one in enumerate(shared.input, 1):
        where = f"input[{number}]"
        yield from _common(where, one.evses, evses, one.contact if simulated else None)
        if one.limit is not None and one.means is not Means.GRID_DIM:
            yield f"{where}: limit: is for {Means.GRID_DIM} only"


def _common(where: str, named: Sequence[int], evses: Sequence[int], driver: object) -> Iterator[str]:
    if driver is not None:
        yield f"{where}: a board of kind sim names no drivers"
    for evse in named:
        if evse not in evses:
            yield f"{where}: evses: there is no outlet {evse}"


def spots(shared: Shared, evse: int) -> tuple[Spot, ...]:
    """The places that are watched for an outlet."""
    return tuple(
        Spot(sensor, t.place, HeatSteps(t.half_c, t.quarter_c, t.stop_c, t.back_c))
        for sensor, t in enumerate(shared.thermometer)
        if evse in (t.evses or (evse,))
    )


def says(shared: Shared, means: Means, evse: int) -> bool:
    """Whether there is a contact of that meaning for an outlet."""
    return any(one.means is means and evse in (one.evses or (evse,)) for one in shared.input)


def contacts(shared: Shared, inputs: Sequence[Input], evse: int) -> tuple[Contact, ...]:
    """The contacts that count for an outlet; `inputs` are the parts, in the order of the board file."""
    return tuple(
        Contact(one.means, part, one.limit or Dim())
        for one, part in zip(shared.input, inputs, strict=True)
        if evse in (one.evses or (evse,))
    )
