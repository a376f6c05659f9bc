"""Authorize and ClearCache."""

from __future__ import annotations

import pytest

from evsed.core.events import CacheCleared, TokenAnswer
from evsed.core.reports import AuthorizationAsked
from evsed.core.words import Token, TokenStatus, Verdict
from tests.evsed.ocpp.world import T0, Peers


@pytest.mark.parametrize("tag", ["A", "0123456789abcdefghij", "é ü/%\\\"'", "\t\x00", "名前", ""])
def test_a_tag_is_asked_for_as_it_is(tag: str) -> None:
    assert Peers().sends(AuthorizationAsked(1, Token(tag))) == {"idTag": tag}


@pytest.mark.parametrize("status", list(TokenStatus))
def test_what_is_said_of_it(status: TokenStatus) -> None:
    peers = Peers()
    info = {"status": status.value, "expiryDate": "2027-01-01T00:00:01", "parentIdTag": "GROUP"}
    peers.csms.answers_next("Authorize", {"idTagInfo": info})
    answer = peers.answer_to(AuthorizationAsked(1, Token("A")))
    assert answer == TokenAnswer(status, T0 + 1_000, "GROUP")


def test_the_cache_is_cleared_or_there_is_none() -> None:
    peers = Peers()
    request = peers.asks("ClearCache")
    assert request == CacheCleared("central-1")
    assert peers.replies(request, Verdict.ACCEPTED) == [[3, "csms-1", {"status": "Accepted"}]]
