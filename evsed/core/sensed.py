"""What the parts of a board tell that have no say in a charge of their own."""

from __future__ import annotations

from msgspec import Struct


class Warmed(Struct, frozen=True):
    """How warm each watched place is, in thousandths of a degree Celsius; none = nothing was read lately."""

    evse: int
    places: tuple[tuple[str, int], ...]


class ButtonPressed(Struct, frozen=True):
    """Somebody pressed the button of an outlet."""

    evse: int


class PhasesChosen(Struct, frozen=True):
    """How many phases an outlet has now; None = they can't be chosen here."""

    evse: int
    phases: int | None


class ContactorWorn(Struct, frozen=True):
    """How often the contactor of an outlet has closed, and for how many hours it was closed, since it was new."""

    evse: int
    closings: int
    hours: int


SensedEvent = Warmed | ButtonPressed | PhasesChosen | ContactorWorn
