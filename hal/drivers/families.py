"""Families of drivers: ours by the table `FAMILIES`, others' by the entry points of packages that are installed.

Rules this file upholds:
- A family is chosen by its exact name and loaded only when a board names it. A name of ours can't be taken over.
- What a family is: a table `PARTS`, role → class. Such a class has a strict msgspec struct `Config`.
- A package that can't be used is one sentence, whatever its code raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from hal.drivers import FAMILIES

GROUP = "evse.drivers"


class FamilyError(Exception):
    """A family that can't be used; the text is one sentence for people."""


def parts_of(family: object) -> Mapping[str, Any]:
    """The classes of a family by role. Raises FamilyError."""
    if isinstance(family, str) and family in FAMILIES:
        try:
            parts: Mapping[str, Any] = import_module(FAMILIES[family]).PARTS
        except ImportError as missing:
            raise FamilyError(f"driver `{family}` cannot be loaded: {missing}") from None
        return parts
    return _foreign(family)


def _foreign(family: object) -> Mapping[str, Any]:
    """The same of somebody else's package. Raises FamilyError."""
    from importlib.metadata import entry_points  # nearly 3 MiB, for boards that need it

    points = entry_points(group=GROUP)
    named = [point for point in points if point.name == family]
    if not named:
        known = ", ".join(sorted({*FAMILIES, *points.names})) or "none in this version"
        raise FamilyError(f"no driver `{family}`; known are {known}")
    if len(named) > 1:
        raise FamilyError(f"driver `{family}` comes with {len(named)} packages; remove all but one")
    value = named[0].value
    try:
        parts = named[0].load()
    except Exception as broken:  # whatever the package's code raises
        why = f"{type(broken).__name__}: {broken}".replace("\n", " ")
        raise FamilyError(f"driver `{family}`: {value} cannot be loaded ({why}); mend or remove its package") from None
    if not isinstance(parts, Mapping) or not all(hasattr(part, "Config") for part in parts.values()):
        raise FamilyError(f"driver `{family}`: {value} is no table of roles and classes with a Config")
    return parts
