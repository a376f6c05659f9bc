"""SetChargingProfile, ClearChargingProfile, GetCompositeSchedule."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evsed.core.profiles import (
    ClearProfiles,
    Composite,
    CompositeAsked,
    CompositePeriod,
    Criteria,
    InstallProfile,
    Kind,
    Period,
    Profile,
    Purpose,
    RateUnit,
    Recurrency,
    Schedule,
)
from evsed.core.words import Verdict
from evsed.ocpp.dialect import Bindings, Lookups, Refusal
from evsed.ocpp.v16.dialect import SCHEMAS
from evsed.ocpp.v16.numbers import SUBPROTOCOL, bind
from evsed.ocpp.v16.profiles import (
    decode_clear,
    decode_composite,
    decode_set,
    encode_composite,
    profile_of,
)
from evsed.ocpp.violations import Flaw
from tests.evsed.ocpp.world import NAMEPLATE, T0, Peers

LOOKUPS = Lookups(NAMEPLATE, lambda stamp: stamp.wall_ms, Bindings(SUBPROTOCOL, [bind("tx-a", 7), bind("tx-0", 0)]))


def told(purpose: str = "TxDefaultProfile", kind: str = "Absolute", **more: Any) -> dict[str, Any]:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16}]}
    schedule |= more.pop("schedule", {})
    return {
        "chargingProfileId": 12,
        "stackLevel": 3,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": schedule,
        **more,
    }


def decoded(profile: dict[str, Any], connector: int = 1) -> Any:
    payload = {"connectorId": connector, "csChargingProfiles": profile}
    assert SCHEMAS.of_request("SetChargingProfile", payload) is None
    return decode_set(payload, "ref", LOOKUPS)


def test_a_whole_profile() -> None:
    profile = told(
        kind="Recurring",
        recurrencyKind="Weekly",
        validFrom="2027-01-01T00:00:00.5Z",
        validTo="2027-01-01T02:00:00.000000+01:00",
        schedule={
            "duration": 3600,
            "startSchedule": "2027-01-01T00:00:01Z",
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 11000.0, "numberPhases": 3},
                {"startPeriod": 60, "limit": 6000.5},
            ],
            "minChargingRate": 4140.1,
        },
    )
    assert decoded(profile) == InstallProfile(
        "ref",
        1,
        Profile(
            id=12,
            level=3,
            purpose=Purpose.TX_DEFAULT,
            kind=Kind.RECURRING,
            schedule=Schedule(
                unit=RateUnit.WATTS,
                periods=(Period(0, 11_000_000, 3), Period(60, 6_000_500, None)),
                start_ms=T0 + 1_000,
                duration_s=3_600,
                least=4_140_100,
            ),
            recurrency=Recurrency.WEEKLY,
            valid_from_ms=T0 + 500,
            valid_to_ms=T0 + 3_600_000,
        ),
    )


def test_the_least_that_a_profile_says() -> None:
    asked = decoded(told(kind="Relative"), connector=0)
    assert asked.evse == 0
    assert asked.profile == Profile(
        12, 3, Purpose.TX_DEFAULT, Kind.RELATIVE, Schedule(RateUnit.AMPS, (Period(0, 16_000),))
    )


@pytest.mark.parametrize(
    ("word", "purpose"),
    [
        ("ChargePointMaxProfile", Purpose.STATION_MAX),
        ("TxDefaultProfile", Purpose.TX_DEFAULT),
        ("TxProfile", Purpose.TX),
    ],
)
def test_purposes(word: str, purpose: Purpose) -> None:
    assert decoded(told(word)).profile.purpose is purpose


def test_a_transactions_profile_may_name_its_transaction() -> None:
    assert decoded(told("TxProfile")).tx is None
    assert decoded(told("TxProfile", transactionId=7)).tx == "tx-a"
    assert decoded(told("TxProfile", transactionId=0)).tx == "tx-0"  # errata 3.54


def test_a_transaction_that_was_never_numbered_so_is_rejected() -> None:
    assert decoded(told("TxProfile", transactionId=8)) is Verdict.REJECTED


def test_a_transaction_says_nothing_in_any_other_profile() -> None:
    """§7.8."""
    assert decoded(told("TxDefaultProfile", transactionId=8)).tx is None


@pytest.mark.parametrize("field", ["validFrom", "validTo"])
def test_a_validity_that_is_no_date_is_refused(field: str) -> None:
    assert decoded(told(**{field: "tomorrow"})) == Refusal(Flaw.VALUE, f"{field} is no date")


def test_a_start_that_is_no_date_is_refused() -> None:
    assert decoded(told(schedule={"startSchedule": "2027-02-30T00:00:00Z"})) == Refusal(
        Flaw.VALUE, "startSchedule is no date"
    )


@pytest.mark.parametrize(
    ("limit", "thousandths"),
    [(0, 0), (8.1, 8_100), (0.1, 100), (16.0, 16_000), (1e300, 10**12), (-1e300, -(10**12)), (10**18, 10**12)],
)
def test_limits_of_any_size_are_taken(limit: float, thousandths: int) -> None:
    one = {"chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    assert decoded(told(schedule=one)).profile.schedule.periods == (Period(0, thousandths),)


@pytest.mark.parametrize(
    ("payload", "criteria"),
    [
        ({}, Criteria()),
        ({"id": 0}, Criteria(id=0)),
        (
            {"connectorId": 0, "chargingProfilePurpose": "ChargePointMaxProfile", "stackLevel": 0},
            Criteria(evse=0, purpose=Purpose.STATION_MAX, level=0),
        ),
    ],
)
def test_clearing(payload: dict[str, Any], criteria: Criteria) -> None:
    assert SCHEMAS.of_request("ClearChargingProfile", payload) is None
    assert decode_clear(payload, "ref", LOOKUPS) == ClearProfiles("ref", criteria)


def test_a_composite_is_in_amperes_unless_watts_are_asked_for() -> None:
    asked = {"connectorId": 2, "duration": 60}
    assert decode_composite(asked, "ref", LOOKUPS) == CompositeAsked("ref", 2, 60, RateUnit.AMPS)
    watts = asked | {"chargingRateUnit": "W"}
    assert decode_composite(watts, "ref", LOOKUPS) == CompositeAsked("ref", 2, 60, RateUnit.WATTS)


def encoded(answer: Composite | Verdict) -> dict[str, Any]:
    payload = encode_composite(answer, {}, LOOKUPS)
    assert SCHEMAS.of_answer("GetCompositeSchedule", payload) is None
    return payload


def test_more_than_a_year_is_told_of_a_year() -> None:
    asked = {"connectorId": 1, "duration": 99_999_999_999_999}
    decoded = decode_composite(asked, "ref", LOOKUPS)
    assert isinstance(decoded, CompositeAsked) and decoded.duration_s == 366 * 86_400


def test_a_composite_schedule() -> None:
    """Errata 3.57: no startSchedule."""
    answer = Composite(
        1, T0, 300, RateUnit.AMPS, (CompositePeriod(0, 16_000, 3), CompositePeriod(60, 8_199), CompositePeriod(61, 0))
    )
    assert encoded(answer) == {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": "2027-01-01T00:00:00.000Z",
        "chargingSchedule": {
            "duration": 300,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [
                {"startPeriod": 0, "limit": 16.0, "numberPhases": 3},
                {"startPeriod": 60, "limit": 8.1},
                {"startPeriod": 61, "limit": 0.0},
            ],
        },
    }


def test_periods_that_differ_by_less_than_can_be_told_are_one() -> None:
    periods = (CompositePeriod(0, 8_199), CompositePeriod(60, 8_100), CompositePeriod(90, 8_050))
    told = encoded(Composite(1, T0, 300, RateUnit.AMPS, periods))["chargingSchedule"]["chargingSchedulePeriod"]
    assert told == [{"startPeriod": 0, "limit": 8.1}, {"startPeriod": 90, "limit": 8.0}]


def test_without_a_known_time_a_composite_has_no_start() -> None:
    answer = Composite(1, None, 300, RateUnit.WATTS, (CompositePeriod(0, 11_000_000),))
    assert "scheduleStart" not in encoded(answer)


def test_what_can_not_be_told_is_rejected() -> None:
    assert encoded(Verdict.REJECTED) == {"status": "Rejected"}


@settings(max_examples=60)
@given(st.integers(0, 10**9))
def test_every_amount_is_told_in_tenths_and_never_too_high(amount: int) -> None:
    payload = encoded(Composite(1, T0, 1, RateUnit.WATTS, (CompositePeriod(0, amount),)))
    limit = json.loads(json.dumps(payload))["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"]
    assert amount - 100 < round(limit * 1_000) <= amount
    assert len(repr(limit).partition(".")[2]) == 1


@settings(max_examples=60)
@given(st.integers(0, 10_000_000))
def test_every_limit_of_one_decimal_comes_back_as_it_was(tenths: int) -> None:
    one = {"chargingSchedulePeriod": [{"startPeriod": 0, "limit": tenths / 10}]}
    asked = profile_of(told(schedule=one))
    assert isinstance(asked, Profile)
    amount = asked.schedule.periods[0].limit
    assert amount == tenths * 100
    back = encoded(Composite(1, T0, 1, RateUnit.AMPS, (CompositePeriod(0, amount),)))
    assert back["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == tenths / 10


# --- over the wire -------------------------------------------------------------------------------------------


def test_a_profile_is_set_and_answered() -> None:
    peers = Peers()
    request = peers.asks("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": told()})
    assert isinstance(request, InstallProfile)
    assert peers.replies(request, Verdict.ACCEPTED) == [[3, "csms-1", {"status": "Accepted"}]]


def test_a_connector_that_there_is_not_is_an_error() -> None:
    """Errata 3.39."""
    peers = Peers()
    request = peers.asks("SetChargingProfile", {"connectorId": 9, "csChargingProfiles": told()})
    ((kind, _, code, text, _),) = peers.replies(request, Verdict.NO_SUCH_OUTLET)
    assert (kind, code) == (4, "PropertyConstraintViolation")
    assert text == "connectorId is none of this station"


@pytest.mark.parametrize(
    ("field", "word"),
    [("chargingProfilePurpose", "Max"), ("chargingProfileKind", "absolute"), ("recurrencyKind", "Monthly")],
)
def test_an_unknown_word_is_an_error(field: str, word: str) -> None:
    """Errata 3.38."""
    payload = {"connectorId": 1, "csChargingProfiles": told() | {field: word}}
    assert Peers().asked("SetChargingProfile", payload)[0][2] == "PropertyConstraintViolation"


def test_an_unknown_unit_is_an_error() -> None:
    """Errata 3.24, 3.38."""
    payload = {"connectorId": 1, "csChargingProfiles": told(schedule={"chargingRateUnit": "kW"})}
    assert Peers().asked("SetChargingProfile", payload)[0][2] == "PropertyConstraintViolation"
    asked = {"connectorId": 1, "duration": 60, "chargingRateUnit": "kW"}
    assert Peers().asked("GetCompositeSchedule", asked)[0][2] == "PropertyConstraintViolation"


def test_a_limit_of_two_decimals_is_an_error() -> None:
    one = {"chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.15}]}
    payload = {"connectorId": 1, "csChargingProfiles": told(schedule=one)}
    assert Peers().asked("SetChargingProfile", payload)[0][2] == "PropertyConstraintViolation"


def test_a_composite_schedule_over_the_wire() -> None:
    peers = Peers()
    request = peers.asks("GetCompositeSchedule", {"connectorId": 1, "duration": 60})
    answer = Composite(1, T0, 60, RateUnit.AMPS, (CompositePeriod(0, 16_000),))
    ((kind, _, payload),) = peers.replies(request, answer)
    assert (kind, payload["status"]) == (3, "Accepted")


def test_a_profile_shows_in_the_trace_by_its_place_only() -> None:
    peers = Peers()
    peers.asks("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": told()})
    assert peers.lines[-1] == (
        "< CALL csms-1 SetChargingProfile connectorId=1 csChargingProfiles.chargingProfileId=12 "
        "csChargingProfiles.chargingProfilePurpose=TxDefaultProfile csChargingProfiles.stackLevel=3"
    )
