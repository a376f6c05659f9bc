"""How the versions of OCPP differ in behaviour, as named values. Each dialect answers every field."""

from __future__ import annotations

from msgspec import Struct

from evsed.core.security_events import SecurityKind


class Rules(Struct, frozen=True):
    """A new field makes all dialects answer."""

    unlock_stops_transaction: bool
    boot_trigger_after_accepted: bool
    answers_while_rejected: bool
    remote_start_while_pending: bool
    clear_by_id_alone: bool
    critical_security: frozenset[SecurityKind]
