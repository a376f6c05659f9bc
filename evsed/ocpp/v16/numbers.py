"""The central system numbers the transactions: the number comes with StartTransaction.conf, is bound to ours, and is
looked up when a later message leaves.
"""

from __future__ import annotations

from evsed.core.events import Binding
from evsed.ocpp.dialect import Lookups

SUBPROTOCOL = "ocpp1.6"
NEVER_NUMBERED = -1


def bind(tx: str, number: int) -> Binding:
    """The peer's number for ours; 0 and negative ones are numbers too (errata 3.54)."""
    return Binding(SUBPROTOCOL, tx, str(number))


def unbind(tx: str) -> Binding:
    """No message needs the number any more."""
    return Binding(SUBPROTOCOL, tx, None)


def number_of(tx: str, lookups: Lookups) -> int:
    """The peer's number; -1 for a transaction whose start it never answered (errata 3.18)."""
    number = lookups.bindings.value(tx)
    return NEVER_NUMBERED if number is None else int(number)


def transaction_of(number: int, lookups: Lookups) -> str | None:
    """Ours, if that number was ever given to us."""
    return lookups.bindings.thing(str(number))
