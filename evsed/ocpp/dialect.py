"""What one OCPP version is: a subprotocol, its schemas and error codes, two tables of conversions, and its rules.

Rules this file upholds:
- A conversion is a pair of pure functions; nothing is found by name or by inheritance.
- A request that has no entry is refused as unsupported or unknown; a report without an entry is undelivered.
- What only the peer knows of one of our things (its number for a transaction) is a `Binding`, bound late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from msgspec import Struct, field

from evsed.core.effects import Answered, VendorReply
from evsed.core.events import Answer, Binding, Ref, Request
from evsed.core.reports import Report
from evsed.core.rules import Rules
from evsed.core.words import Nameplate, Stamp, Verdict
from evsed.ocpp.frames import Payload
from evsed.ocpp.schemas import Schemas
from evsed.ocpp.veils import Veils
from evsed.ocpp.violations import Flaw, LocalViolation

BINDINGS_AT_MOST = 256

R = TypeVar("R", bound=Report)

RequestAnswer = Answered
"""What the core answers to a request; a decoder that needs no core gives one itself."""


class Refusal(Struct, frozen=True):
    """A request that is answered with an error, as the version spells the flaw."""

    flaw: Flaw
    text: str


class Bindings:
    """What one dialect's peer calls our things. The newest BINDINGS_AT_MOST are kept; a name that the peer uses
    again means the newest thing.
    """

    def __init__(self, dialect: str, known: Iterable[Binding]) -> None:
        self._dialect = dialect
        self._values: dict[str, str] = {}
        self.add(known)

    def add(self, bindings: Iterable[Binding]) -> None:
        """Bind, or forget where the value is None; those of other dialects are left alone."""
        for binding in bindings:
            if binding.dialect == self._dialect:
                self._values.pop(binding.thing, None)
                if binding.value is not None:
                    self._values[binding.thing] = binding.value
        while len(self._values) > BINDINGS_AT_MOST:
            del self._values[next(iter(self._values))]

    def value(self, thing: str) -> str | None:
        """What the peer calls it, if it said so."""
        return self._values.get(thing)

    def thing(self, value: str) -> str | None:
        """What the peer means."""
        return next((thing for thing, known in reversed(self._values.items()) if known == value), None)


class Lookups(Struct, frozen=True):
    """What conversions may look up. `date` is the wall time of a stamp, None while it isn't known.

    `vendors` are the handlers of vendors' messages by vendor and message, in lower case: none unless someone adds one.
    """

    nameplate: Nameplate
    date: Callable[[Stamp], int | None]
    bindings: Bindings
    vendors: Mapping[str, Mapping[str | None, VendorHandler]] = field(default_factory=dict)

    def required_date(self, stamp: Stamp) -> int:
        """As `date`. Raises LocalViolation when it isn't known."""
        wall_ms = self.date(stamp)
        if wall_ms is None:
            raise LocalViolation("its time is not known yet")
        return wall_ms


VendorHandler = Callable[[str | None, Ref, Lookups], Request | VendorReply]
"""What the data of a vendor's message becomes."""


class Inbound(Struct, frozen=True):
    """How a request of the peer becomes an event of the core, and the core's answer a payload, or an error.

    `unknown_words` answers at once when the named field has a word that the schema doesn't allow.
    """

    decode: Callable[[Payload, Ref, Lookups], Request | RequestAnswer | Refusal]
    encode: Callable[[RequestAnswer, Payload, Lookups], Payload | Refusal]
    unknown_words: Mapping[str, Verdict] = field(default_factory=dict)


Decoded = tuple[Answer, tuple[Binding, ...]]


class Outbound(Struct, Generic[R], frozen=True):
    """How a report becomes a message (`encode` may raise LocalViolation), and its answer an event of the core."""

    action: str
    encode: Callable[[R, Lookups], Payload]
    decode: Callable[[Payload, R, Lookups], Decoded]


class Dialect(Struct, frozen=True):
    """One OCPP version. `shown` are the fields that a line of the log may show, `veils` what an upload may."""

    subprotocol: str
    schemas: Schemas
    codes: Mapping[Flaw, str]
    inbound: Mapping[str, Inbound]
    outbound: Mapping[type, Outbound[Any]]
    rules: Rules
    shown: tuple[str, ...]
    veils: Veils
