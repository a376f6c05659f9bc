"""ReserveNow and CancelReservation."""

from __future__ import annotations

from typing import Any

import pytest

from evsed.core.reports import TransactionStarted
from evsed.core.reserved import ReservationCancelled, ReserveAsked
from evsed.core.words import Token, Verdict
from tests.evsed.ocpp.world import T0, Peers, at

PLAIN: dict[str, Any] = {
    "connectorId": 1,
    "expiryDate": "2027-01-01T01:00:01+01:00",
    "idTag": "CARD",
    "reservationId": -7,
}


@pytest.mark.parametrize(("parent", "group"), [({}, None), ({"parentIdTag": "GROUP"}, "GROUP")])
def test_a_reservation(parent: dict[str, str], group: str | None) -> None:
    request = Peers().asks("ReserveNow", PLAIN | parent)
    assert request == ReserveAsked("central-1", -7, 1, Token("CARD"), group, T0 + 1_000)


@pytest.mark.parametrize(
    "verdict", [Verdict.ACCEPTED, Verdict.FAULTED, Verdict.OCCUPIED, Verdict.REJECTED, Verdict.UNAVAILABLE]
)
def test_each_answer_has_its_word(verdict: Verdict) -> None:
    peers = Peers()
    request = peers.asks("ReserveNow", PLAIN)
    assert peers.replies(request, verdict) == [[3, "csms-1", {"status": verdict.value}]]


def test_a_connector_below_zero_is_rejected() -> None:
    assert Peers().asked("ReserveNow", PLAIN | {"connectorId": -1}) == [[3, "q", {"status": "Rejected"}]]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"expiryDate": "tomorrow"}, "PropertyConstraintViolation"),
        ({"idTag": "x" * 21}, "PropertyConstraintViolation"),
        ({"reservationId": "7"}, "TypeConstraintViolation"),
        ({"foreign": 1}, "FormationViolation"),
    ],
)
def test_what_is_no_reservation_is_answered_with_an_error(change: dict[str, Any], code: str) -> None:
    assert Peers().asked("ReserveNow", PLAIN | change)[0][:3] == [4, "q", code]


@pytest.mark.parametrize("verdict", [Verdict.ACCEPTED, Verdict.REJECTED])
def test_a_cancellation(verdict: Verdict) -> None:
    peers = Peers()
    request = peers.asks("CancelReservation", {"reservationId": -7})
    assert request == ReservationCancelled("central-1", -7)
    assert peers.replies(request, verdict) == [[3, "csms-1", {"status": verdict.value}]]


def test_the_start_names_the_reservation_that_ends_by_it() -> None:
    start = TransactionStarted("tx", 1, Token("CARD"), at(), 1_000, -7)
    assert Peers().sends(start)["reservationId"] == -7
