"""Start and stop, and the number that only the central system knows."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from evsed.core.events import Binding, Delivered, Noted, StartRequested, StopRequested, TokenAnswer
from evsed.core.profiles import Kind, Period, Profile, Purpose, RateUnit, Schedule
from evsed.core.reports import TransactionEnded, TransactionStarted, TransactionUpdated
from evsed.core.words import Context, Measurand, MeterSet, SampledValue, StopReason, Token, TokenStatus, Verdict
from evsed.ocpp.dialect import BINDINGS_AT_MOST
from tests.evsed.ocpp.world import UNDATED, Peers, at

REGISTER = (SampledValue(Measurand.ENERGY_IMPORT, 1_234),)


def started(tx: str = "tx-1") -> TransactionStarted:
    return TransactionStarted(tx, 1, Token("CARD"), at(5), 1_000)


def ended(tx: str = "tx-1") -> TransactionEnded:
    return TransactionEnded(tx, 1, Token("CARD"), at(65), 1_500, StopReason.LOCAL)


def updated(tx: str = "tx-1") -> TransactionUpdated:
    return TransactionUpdated(tx, 1, (MeterSet(at(10), Context.SAMPLE_PERIODIC, REGISTER),))


def test_a_start() -> None:
    assert Peers().sends(started()) == {
        "connectorId": 1,
        "idTag": "CARD",
        "meterStart": 1_000,
        "timestamp": "2027-01-01T00:00:05.000Z",
    }


def test_a_start_that_uses_a_reservation_names_it() -> None:
    report = TransactionStarted("tx-1", 1, Token("CARD"), at(), 0, reservation=0)
    assert Peers().sends(report)["reservationId"] == 0


def test_the_number_comes_with_the_answer_and_is_handed_out_to_be_kept() -> None:
    peers = Peers()
    peers.csms.invalid_tags.add("CARD")
    peers.report(started())
    event = peers.events[-1]
    assert event == Delivered(
        "item-1", TokenAnswer(TokenStatus.INVALID), (Binding("ocpp1.6", "tx-1", "1"),)
    )  # valid whatever is said of the tag


@pytest.mark.parametrize("number", [0, -1, -7, 1, 2**31 - 1, 2**40])
def test_any_whole_number_is_one(number: int) -> None:
    peers = Peers()
    peers.csms.numbers = count(number)
    peers.answer_to(started())
    assert peers.sends(updated())["transactionId"] == number
    assert peers.asks("RemoteStopTransaction", {"transactionId": number}) == StopRequested("central-1", "tx-1")
    assert peers.sends(ended())["transactionId"] == number
    assert peers.csms.charges[number].stop is not None


def test_a_transaction_whose_start_was_never_answered_is_number_minus_one() -> None:
    peers = Peers()
    assert peers.sends(updated())["transactionId"] == -1  # errata 3.18
    assert peers.sends(ended())["transactionId"] == -1


def test_a_number_that_the_store_kept_is_used() -> None:
    kept = [Binding("ocpp2.0.1", "tx-1", "9"), Binding("ocpp1.6", "tx-1", "7"), Binding("ocpp1.6", "tx-2", "8")]
    peers = Peers(kept)
    assert peers.sends(updated())["transactionId"] == 7
    assert peers.asks("RemoteStopTransaction", {"transactionId": 8}) == StopRequested("central-1", "tx-2")


def test_a_number_used_twice_means_the_newer_transaction() -> None:
    peers = Peers([Binding("ocpp1.6", "old", "0"), Binding("ocpp1.6", "new", "0")])
    assert peers.asks("RemoteStopTransaction", {"transactionId": 0}) == StopRequested("central-1", "new")


def test_numbers_are_forgotten_with_the_stop_and_bounded() -> None:
    peers = Peers(Binding("ocpp1.6", f"tx-{n}", str(n)) for n in range(BINDINGS_AT_MOST + 1))
    assert peers.sends(updated("tx-0"))["transactionId"] == -1
    peers.report(ended("tx-5"))
    event = peers.events[-1]
    assert isinstance(event, Delivered) and event.bindings == (Binding("ocpp1.6", "tx-5", None),)
    assert peers.asks("RemoteStopTransaction", {"transactionId": 5}) == StopRequested("central-1", None)


def test_a_stop() -> None:
    assert Peers().sends(ended()) == {
        "transactionId": -1,
        "idTag": "CARD",
        "meterStop": 1_500,
        "timestamp": "2027-01-01T00:01:05.000Z",
        "reason": "Local",
    }


@pytest.mark.parametrize("reason", list(StopReason))
def test_a_stop_without_a_card_says_why(reason: StopReason) -> None:
    peers = Peers()
    report = TransactionEnded("tx-1", 1, None, at(), 1, reason)
    payload = peers.sends(report)
    assert payload["reason"] == reason.value and "idTag" not in payload
    assert isinstance(peers.events[-1], Delivered) and peers.events[-1].answer == Noted()


def test_a_stop_carries_samples_that_have_a_date_and_values() -> None:
    samples = (
        MeterSet(at(5), Context.TRANSACTION_BEGIN, REGISTER),
        MeterSet(UNDATED, Context.SAMPLE_PERIODIC, REGISTER),
        MeterSet(at(20), Context.SAMPLE_PERIODIC, ()),
        MeterSet(at(65), Context.TRANSACTION_END, REGISTER),
    )
    peers = Peers()
    data = peers.sends(TransactionEnded("tx-1", 1, None, at(), 1, StopReason.REMOTE, samples))["transactionData"]
    assert [entry["sampledValue"][0]["context"] for entry in data] == ["Transaction.Begin", "Transaction.End"]
    assert "transactionData" not in peers.sends(
        TransactionEnded("tx-2", 1, None, at(), 1, StopReason.REMOTE, samples[1:3])
    )


def test_without_a_known_time_a_transaction_is_not_told() -> None:
    peers = Peers()
    why = peers.refused(TransactionStarted("tx-1", 1, Token("CARD"), UNDATED, 0))
    assert why.text == "TransactionStarted: its time is not known yet"
    peers.refused(TransactionEnded("tx-1", 1, None, UNDATED, 0, StopReason.POWER_LOSS))


def test_a_remote_start() -> None:
    peers = Peers()
    request = peers.asks("RemoteStartTransaction", {"idTag": "APP", "connectorId": 2})
    assert request == StartRequested("central-1", 2, Token("APP"))
    assert peers.replies(request, Verdict.ACCEPTED) == [[3, "csms-1", {"status": "Accepted"}]]
    assert peers.asks("RemoteStartTransaction", {"idTag": "APP"}) == StartRequested("central-2", None, Token("APP"))


@pytest.mark.parametrize("connector", [0, -1])
def test_a_remote_start_at_no_connector_is_rejected(connector: int) -> None:
    replies = Peers().asked("RemoteStartTransaction", {"idTag": "APP", "connectorId": connector})
    assert replies == [[3, "q", {"status": "Rejected"}]]


def with_profile(purpose: str = "TxProfile", **more: Any) -> dict[str, Any]:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}]}
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule,
        **more,
    }
    return {"idTag": "APP", "chargingProfile": profile}


@pytest.mark.parametrize("named", [{}, {"transactionId": 99}], ids=["as it should", "naming a transaction"])
def test_a_remote_start_may_bring_a_profile_for_its_transaction(named: dict[str, Any]) -> None:
    """Errata 3.41: the transaction that it is for has no number yet."""
    profile = Profile(1, 0, Purpose.TX, Kind.RELATIVE, Schedule(RateUnit.AMPS, (Period(0, 10_000),)))
    request = Peers().asks("RemoteStartTransaction", with_profile(**named))
    assert request == StartRequested("central-1", None, Token("APP"), profile)


@pytest.mark.parametrize("purpose", ["TxDefaultProfile", "ChargePointMaxProfile"])
def test_a_remote_start_with_another_profile_is_rejected(purpose: str) -> None:
    replies = Peers().asked("RemoteStartTransaction", with_profile(purpose))
    assert replies == [[3, "q", {"status": "Rejected"}]]


def test_a_remote_start_with_a_profile_of_no_date_is_an_error() -> None:
    replies = Peers().asked("RemoteStartTransaction", with_profile(validFrom="soon"))
    assert replies[0][:3] == [4, "q", "PropertyConstraintViolation"]


def test_a_remote_stop_of_nobody_knows_what() -> None:
    assert Peers().asks("RemoteStopTransaction", {"transactionId": 99}) == StopRequested("central-1", None)
