"""Reset, UnlockConnector, TriggerMessage."""

from __future__ import annotations

import pytest

from evsed.core.events import ResetKind, ResetRequested, Triggered, TriggerKind, UnlockRequested
from evsed.core.words import Verdict
from tests.evsed.ocpp.world import Peers


@pytest.mark.parametrize("kind", list(ResetKind))
def test_a_reset(kind: ResetKind) -> None:
    assert Peers().asks("Reset", {"type": kind.value}) == ResetRequested("central-1", kind)


@pytest.mark.parametrize("verdict", [Verdict.UNLOCKED, Verdict.UNLOCK_FAILED, Verdict.NOT_SUPPORTED])
def test_an_unlock_is_answered_when_it_is_known(verdict: Verdict) -> None:
    peers = Peers()
    request = peers.asks("UnlockConnector", {"connectorId": 1})
    assert request == UnlockRequested("central-1", 1)
    assert peers.replies(request, verdict) == [[3, "csms-1", {"status": verdict.value}]]


@pytest.mark.parametrize("kind", [TriggerKind.METER_VALUES, TriggerKind.STATUS])
def test_a_trigger_may_be_about_one_connector(kind: TriggerKind) -> None:
    peers = Peers()
    assert peers.asks("TriggerMessage", {"requestedMessage": kind.value}) == Triggered("central-1", kind, None)
    payload = {"requestedMessage": kind.value, "connectorId": 2}
    assert peers.asks("TriggerMessage", payload) == Triggered("central-2", kind, 2)


@pytest.mark.parametrize(
    "kind", [TriggerKind.BOOT, TriggerKind.HEARTBEAT, TriggerKind.DIAGNOSTICS, TriggerKind.FIRMWARE]
)
def test_a_connector_is_ignored_where_it_says_nothing(kind: TriggerKind) -> None:
    request = Peers().asks("TriggerMessage", {"requestedMessage": kind.value, "connectorId": 9})
    assert request == Triggered("central-1", kind, None)


@pytest.mark.parametrize("message", ["LogStatusNotification", "Foo", "heartbeat"])
def test_what_we_never_send_is_not_implemented(message: str) -> None:
    replies = Peers().asked("TriggerMessage", {"requestedMessage": message})
    assert replies == [[3, "q", {"status": "NotImplemented"}]]


def test_a_trigger_of_another_type_is_refused() -> None:
    assert Peers().asked("TriggerMessage", {"requestedMessage": 7})[0][2] == "TypeConstraintViolation"
    assert Peers().asked("TriggerMessage", {})[0][2] == "OccurenceConstraintViolation"
