"""ReserveNow and CancelReservation."""

from __future__ import annotations

from evsed.core.reserved import ReservationCancelled, ReserveAsked
from evsed.core.words import Token, Verdict
from evsed.ocpp.dialect import Lookups, Refusal
from evsed.ocpp.frames import Payload
from evsed.ocpp.times import read_date
from evsed.ocpp.violations import Flaw


def decode_reserve(payload: Payload, ref: str, lookups: Lookups) -> ReserveAsked | Verdict | Refusal:
    """OCPP 1.6 §6.37. An end that is no date is none that could be kept."""
    until_ms = read_date(payload["expiryDate"])
    if until_ms is None:
        return Refusal(Flaw.VALUE, "expiryDate is no date")
    if payload["connectorId"] < 0:
        return Verdict.REJECTED
    return ReserveAsked(
        ref,
        payload["reservationId"],
        payload["connectorId"],
        Token(payload["idTag"]),
        payload.get("parentIdTag"),
        until_ms,
    )


def decode_cancel(payload: Payload, ref: str, lookups: Lookups) -> ReservationCancelled:
    """OCPP 1.6 §5.1."""
    return ReservationCancelled(ref, payload["reservationId"])
