"""Who limits the current of an outlet, as far as this process knows. A limit has an owner; the least of all counts."""

from __future__ import annotations

from collections.abc import Mapping

from hal.contract import Ceiling, Owner


def in_order(limits: Mapping[Owner, int | None]) -> tuple[Ceiling, ...]:
    """All limits that there are, in mA, the least one first; None = its owner sets none now. There is always one."""
    known = ((ma, owner) for owner, ma in limits.items() if ma is not None)
    return tuple(Ceiling(owner, ma) for ma, owner in sorted(known))
