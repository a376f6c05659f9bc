"""GetLocalListVersion and SendLocalList."""

from __future__ import annotations

from typing import Any

import pytest

from evsed.core.listed import ListedToken, ListSent, ListVersion, ListVersionAsked
from evsed.core.words import Token, TokenStatus, Verdict
from tests.evsed.ocpp.world import T0, Peers


def asked(payload: dict[str, Any]) -> Any:
    return Peers().asks("SendLocalList", payload)


@pytest.mark.parametrize(("version", "told"), [(12, 12), (0, 0), (None, -1)])
def test_a_station_without_lists_has_a_version_of_its_own(version: int | None, told: int) -> None:
    peers = Peers()
    request = peers.asks("GetLocalListVersion")
    assert request == ListVersionAsked("central-1")
    assert peers.replies(request, ListVersion(version)) == [[3, "csms-1", {"listVersion": told}]]


def test_cards_with_and_without_status() -> None:
    info = {"status": "Blocked", "expiryDate": "2027-01-01T01:00:01+01:00", "parentIdTag": "GROUP"}
    entries = [
        {"idTag": "Aa", "idTagInfo": info},
        {"idTag": "gone"},
        {"idTag": "B", "idTagInfo": {"status": "Accepted"}},
    ]
    taken = (
        ListedToken(Token("Aa"), TokenStatus.BLOCKED, T0 + 1_000, "GROUP"),
        ListedToken(Token("B"), TokenStatus.ACCEPTED, None, None),
    )
    request = asked({"listVersion": 3, "updateType": "Differential", "localAuthorizationList": entries})
    assert request == ListSent("central-1", 3, False, taken, (Token("gone"),))


@pytest.mark.parametrize("entries", [{}, {"localAuthorizationList": []}])
def test_an_empty_list_may_be_left_out(entries: dict[str, Any]) -> None:
    assert asked({"listVersion": 1, "updateType": "Full"} | entries) == ListSent("central-1", 1, True, ())


@pytest.mark.parametrize("verdict", [Verdict.ACCEPTED, Verdict.FAILED, Verdict.NOT_SUPPORTED, Verdict.VERSION_MISMATCH])
def test_each_answer_has_its_word(verdict: Verdict) -> None:
    peers = Peers()
    request = peers.asks("SendLocalList", {"listVersion": 1, "updateType": "Full"})
    assert peers.replies(request, verdict) == [[3, "csms-1", {"status": verdict.value}]]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"listVersion": "1"}, "TypeConstraintViolation"),
        ({"updateType": "Partial"}, "PropertyConstraintViolation"),
        ({"localAuthorizationList": [{"idTag": "x" * 21}]}, "PropertyConstraintViolation"),
        ({"localAuthorizationList": [{"idTagInfo": {"status": "Accepted"}}]}, "OccurenceConstraintViolation"),
        (
            {"localAuthorizationList": [{"idTag": "A", "idTagInfo": {"status": "Accepted", "expiryDate": "soon"}}]},
            "PropertyConstraintViolation",
        ),
    ],
)
def test_what_is_no_list_is_answered_with_an_error(change: dict[str, Any], code: str) -> None:
    plain = {"listVersion": 1, "updateType": "Full"}
    assert Peers().asked("SendLocalList", plain | change)[0][:3] == [4, "q", code]
