"""Contacts with a meaning, and the limit that one of them sets. Pure but for the drivers that are asked.

Rules this file upholds:
- A contact that cannot be read says what is safe: pressed, lost, open, dimmed, switched off, low. A button says
  nothing.
- A grid operator's limit holds for a while after its contact lets go, and then rises no faster than it may.
- Bounce is the driver's to calm.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Literal, NamedTuple

import msgspec

from hal.contract import MIN_MA
from hal.drivers.protocols import Input, PartFailed
from hal.iec61851 import FAR_MS, MAX_MA

NOMINAL_V = 230
MOST_DIMMED_MA = 32_000


class Means(StrEnum):
    """What a contact says while it is active."""

    EMERGENCY_STOP = "emergency-stop"
    EARTH_LOST = "earth-lost"
    ENCLOSURE_OPEN = "enclosure-open"
    GRID_DIM = "grid-dim"
    SWITCHED_OFF = "switched-off"
    LOCK_POWER_LOW = "lock-power-low"
    MAINS_FAILING = "mains-failing"
    BUTTON = "button"


class Dim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is left while a grid operator dims (in Germany §14a EnWG: 4.2 kW): watts over so many phases, or `max_ma`.

    It holds for `hold_s` after the contact let go, then rises by `rise_a_min` each minute; 0 = at once.
    """

    watts: Annotated[int, msgspec.Meta(ge=1_380, le=22_080)] = 4_200
    phases: Literal[1, 3] = 3
    max_ma: Annotated[int, msgspec.Meta(ge=0, le=80_000)] | None = None
    hold_s: Annotated[int, msgspec.Meta(ge=0, le=3_600)] = 10
    rise_a_min: Annotated[int, msgspec.Meta(ge=0, le=60)] = 0

    @property
    def ma(self) -> int:
        """Milliamperes for each phase while it lasts."""
        if self.max_ma is not None:
            return self.max_ma
        return min(max(self.watts * 1_000 // (NOMINAL_V * self.phases), MIN_MA), MOST_DIMMED_MA)


class Contact(NamedTuple):
    """One contact of the board, and what it means for an outlet."""

    means: Means
    part: Input
    dim: Dim = Dim()


class Said(NamedTuple):
    """What all contacts of an outlet say; `broken` is why one can't be read. Buttons are counted, not said."""

    active: frozenset[Means] = frozenset()
    broken: str = ""
    presses: int = 0


class Contacts:
    """The contacts of one outlet. Each tick asks `look`, which gives the same object while nothing changes."""

    def __init__(self, contacts: Sequence[Contact]) -> None:
        self._contacts = tuple(contacts)
        self._parts = tuple(contact.part for contact in contacts)
        self._raw: tuple[bool | str, ...] | None = None
        self._said = Said()

    def look(self) -> Said:
        """What they say now."""
        raw = tuple(map(_ask, self._parts))
        if raw != self._raw:
            before, self._raw = self._raw, raw
            self._said = self._understood(raw, before)
        return self._said

    def _understood(self, raw: tuple[bool | str, ...], before: tuple[bool | str, ...] | None) -> Said:
        told = list(zip(self._contacts, raw, strict=True))
        active = frozenset(contact.means for contact, said in told if said and contact.means is not Means.BUTTON)
        broken = next((f"{contact.means}: {said}" for contact, said in told if isinstance(said, str)), "")
        pressed = sum(
            contact.means is Means.BUTTON and said is True and was is False
            for (contact, said), was in zip(told, before or (), strict=False)
        )
        return Said(active, broken, self._said.presses + pressed)


def _ask(part: Input) -> bool | str:
    """Whether it is active, or why that can't be known."""
    try:
        return part.active()
    except PartFailed as failed:
        return str(failed) or "it does not answer"


class Dimmer:
    """The grid operator's limit at one outlet, in time."""

    def __init__(self, contacts: Sequence[Contact]) -> None:
        dims = [contact.dim for contact in contacts if contact.means is Means.GRID_DIM]
        self._dim = min(dims, key=lambda dim: dim.ma, default=None)
        self._active = False
        self._let_go_ms: int | None = None  # None: it does not limit any more

    def look(self, said: Said, now_ms: int) -> None:
        """Take what the contacts say."""
        if self._active:
            self._let_go_ms = now_ms  # if it is not any more
        self._active = Means.GRID_DIM in said.active
        if self.limit_ma(now_ms) is None:
            self._let_go_ms = None

    def limit_ma(self, now_ms: int) -> int | None:
        """What it allows now; None = anything."""
        if self._dim is None:
            return None
        if self._active:
            return self._dim.ma
        if self._let_go_ms is None:
            return None
        risen_ms = now_ms - self._let_go_ms - self._dim.hold_s * 1_000
        if risen_ms < 0:
            return self._dim.ma
        ma = self._dim.ma + risen_ms * self._dim.rise_a_min // 60_000 * 1_000
        return ma if self._dim.rise_a_min and ma < MAX_MA else None

    def due_ms(self, now_ms: int) -> int:
        """When time alone next changes it."""
        if self._dim is None or self._active or self._let_go_ms is None:
            return FAR_MS
        held_ms = self._let_go_ms + self._dim.hold_s * 1_000
        if now_ms < held_ms or not self._dim.rise_a_min:
            return held_ms
        steps = (now_ms - held_ms) * self._dim.rise_a_min // 60_000 + 1
        return held_ms - (-steps * 60_000 // self._dim.rise_a_min)
