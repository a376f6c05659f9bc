"""ConnectorPhaseRotation: how the meter of each outlet is wired to the phases of the grid (OCPP 1.6 §9.1.7).

A value names connectors, each once; 0 is the grid connection of the main meter. Which of them there are is only known
once the board is, so that it is checked apart from the form.
"""

from __future__ import annotations

from collections.abc import Collection

from evsed.core.variables import LIST, Kind

ROTATIONS = ("NotApplicable", "Unknown", "RST", "RTS", "SRT", "STR", "TRS", "TSR")
CONNECTORS = tuple(str(number) for number in range(9))


def _rotations(text: str) -> tuple[str, ...] | None:
    items = LIST.parse(text) or ()
    parts = [item.partition(".") for item in items]
    known = all(number in CONNECTORS and rotation in ROTATIONS for number, _, rotation in parts)
    return items if known and len({number for number, _, _ in parts}) == len(items) else None


ROTATION: Kind[tuple[str, ...]] = Kind("a list such as 1.RST,2.Unknown", _rotations, ",".join)


def strangers(items: tuple[str, ...], outlets: Collection[int]) -> tuple[str, ...]:
    """Those of a value that name a connector which a board with these outlets does not have."""
    return tuple(item for item in items if int(item.partition(".")[0]) not in (0, *outlets))
