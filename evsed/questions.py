"""The requests of the control socket as they come in: each word with its fields, their types and bounds."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from evsed.core.catalogue import ALL

MOST_ROWS = 1_000

Evse = Annotated[int, Meta(ge=1, le=99)]
Rows = Annotated[int, Meta(ge=1, le=MOST_ROWS)]


class Question(Struct, tag_field="do", forbid_unknown_fields=True):
    """What every request has: its word in `do`."""


class Status(Question, tag="status"):
    """The state of everything."""


class Watch(Question, tag="watch"):
    """The same, again and again."""


class Get(Question, tag="get"):
    """Read variables."""

    names: Annotated[tuple[str, ...], Meta(max_length=len(ALL))] = ()


class Set(Question, tag="set"):
    """Write a variable."""

    name: str
    value: str


class Transactions(Question, tag="transactions"):
    """The newest transactions."""

    limit: Rows = 20


class SecurityLog(Question, tag="security-log"):
    """The newest lines of the security log."""

    limit: Rows = 50


class LogLines(Question, tag="log"):
    """The newest lines of the log."""

    lines: Rows = 50


class SendData(Question, tag="send-data"):
    """A vendor's message to the central system; bounds of OCPP 1.6 §6.15."""

    vendor: Annotated[str, Meta(min_length=1, max_length=255)]
    message: Annotated[str, Meta(max_length=50)] | None = None
    data: str | None = None


class Availability(Question, tag="availability"):
    """Put an outlet (0 = all) in or out of service."""

    evse: Annotated[int, Meta(ge=0, le=99)]
    operative: bool


class ClearFaults(Question, tag="clear-faults"):
    """A person acknowledges the latched faults."""

    evse: Evse


class MeterReplaced(Question, tag="meter-replaced"):
    """A person says that the energy meter was replaced, so that a lower register is right."""

    evse: Evse


class Start(Question, tag="start"):
    """Start a charge for a card; evse left out = the station chooses."""

    tag: Annotated[str, Meta(min_length=1, max_length=20)]
    evse: Evse | None = None


class Stop(Question, tag="stop"):
    """Stop the charge of an outlet, or forget the card that waits there."""

    evse: Evse


class Unlock(Question, tag="unlock"):
    """Free the cable."""

    evse: Evse
