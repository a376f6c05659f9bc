"""SetChargingProfile, ClearChargingProfile, GetCompositeSchedule, and the profile that RemoteStartTransaction carries.

Rules this file upholds:
- Limits are cut to one decimal (OCPP 1.6 §7.14); what is told is never more than what is offered.
- An absolute schedule without a start counts from the start of the charge, as a relative one does (§7.13).
- A date that is none is refused: a limit at the wrong time is worse than none.
"""

from __future__ import annotations

from evsed.core.profiles import (
    ClearProfiles,
    Composite,
    CompositeAsked,
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
from evsed.ocpp.dialect import Lookups, Refusal, RequestAnswer
from evsed.ocpp.frames import Payload
from evsed.ocpp.times import read_date, write_date
from evsed.ocpp.v16.numbers import transaction_of
from evsed.ocpp.v16.plain import encode_verdict
from evsed.ocpp.violations import Flaw

MOST = 1_000_000_000
LONGEST_COMPOSITE_S = 366 * 86_400
"""More than this is no limit in any unit."""

# OCPP 1.6 §7.10
PURPOSES = {
    "ChargePointMaxProfile": Purpose.STATION_MAX,
    "TxDefaultProfile": Purpose.TX_DEFAULT,
    "TxProfile": Purpose.TX,
}


class _NoDate(Exception):
    """A field that should be a date is none; the text names it."""


def decode_set(payload: Payload, ref: str, lookups: Lookups) -> InstallProfile | Verdict | Refusal:
    """OCPP 1.6 §5.16. A transaction counts for a transaction's profile only, and must be one that we know (§7.8)."""
    told = payload["csChargingProfiles"]
    profile = profile_of(told)
    if isinstance(profile, Refusal):
        return profile
    number = told.get("transactionId") if profile.purpose is Purpose.TX else None
    tx = None if number is None else transaction_of(number, lookups)
    if number is not None and tx is None:
        return Verdict.REJECTED
    return InstallProfile(ref, payload["connectorId"], profile, tx)


def encode_set(answer: RequestAnswer, asked: Payload, lookups: Lookups) -> Payload | Refusal:
    """A connector that there is not is answered with an error (errata 3.39)."""
    if answer is Verdict.NO_SUCH_OUTLET:
        return Refusal(Flaw.VALUE, "connectorId is none of this station")
    return encode_verdict(answer, asked, lookups)


def decode_clear(payload: Payload, ref: str, lookups: Lookups) -> ClearProfiles:
    """OCPP 1.6 §5.5."""
    purpose = payload.get("chargingProfilePurpose")
    return ClearProfiles(
        ref,
        Criteria(
            id=payload.get("id"),
            evse=payload.get("connectorId"),
            purpose=None if purpose is None else PURPOSES[purpose],
            level=payload.get("stackLevel"),
        ),
    )


def encode_clear(answer: RequestAnswer, asked: Payload, lookups: Lookups) -> Payload | Refusal:
    """§7.21 has no word for a refusal, and neither Accepted nor Unknown is true of profiles that stay: an error is."""
    if answer is Verdict.REJECTED:
        return Refusal(Flaw.INTERNAL, "the profiles stay: that they go can't be kept now")
    return encode_verdict(answer, asked, lookups)


def decode_composite(payload: Payload, ref: str, lookups: Lookups) -> CompositeAsked:
    """OCPP 1.6 §5.7. In amperes unless watts are asked for; who asks for more than a year is told of a year."""
    unit = RateUnit(payload.get("chargingRateUnit", RateUnit.AMPS))
    return CompositeAsked(ref, payload["connectorId"], min(payload["duration"], LONGEST_COMPOSITE_S), unit)


def encode_composite(answer: RequestAnswer, asked: Payload, lookups: Lookups) -> Payload:
    """The start stands beside the schedule and not in it (errata 3.57); without a known time it is left out."""
    if not isinstance(answer, Composite):
        return encode_verdict(answer, asked, lookups)
    payload = {"status": "Accepted", "connectorId": answer.evse, "chargingSchedule": _schedule_told(answer)}
    if answer.start_ms is not None:
        payload["scheduleStart"] = write_date(answer.start_ms)
    return payload


def profile_of(told: Payload) -> Profile | Refusal:
    """A ChargingProfile (OCPP 1.6 §7.8). Whether it makes sense is the core's business."""
    recurrency = told.get("recurrencyKind")
    try:
        return Profile(
            id=told["chargingProfileId"],
            level=told["stackLevel"],
            purpose=PURPOSES[told["chargingProfilePurpose"]],
            kind=Kind(told["chargingProfileKind"]),
            schedule=_schedule(told["chargingSchedule"]),
            recurrency=None if recurrency is None else Recurrency(recurrency),
            valid_from_ms=_date(told, "validFrom"),
            valid_to_ms=_date(told, "validTo"),
        )
    except _NoDate as none:
        return Refusal(Flaw.VALUE, str(none))


def _schedule(told: Payload) -> Schedule:
    least = told.get("minChargingRate")
    return Schedule(
        unit=RateUnit(told["chargingRateUnit"]),
        periods=tuple(
            Period(period["startPeriod"], _thousandths(period["limit"]), period.get("numberPhases"))
            for period in told["chargingSchedulePeriod"]
        ),
        start_ms=_date(told, "startSchedule"),
        duration_s=told.get("duration"),
        least=None if least is None else _thousandths(least),
    )


def _schedule_told(answer: Composite) -> Payload:
    periods: list[Payload] = []
    for period in answer.periods:
        told: Payload = {"startPeriod": period.start_s, "limit": period.limit // 100 / 10}
        if period.phases is not None:
            told["numberPhases"] = period.phases
        if not periods or told != periods[-1] | {"startPeriod": period.start_s}:  # else only its thousandths differ
            periods.append(told)
    return {
        "duration": answer.duration_s,
        "chargingRateUnit": answer.unit.value,
        "chargingSchedulePeriod": periods,
    }


def _thousandths(value: float) -> int:
    return round(min(max(value, -MOST), MOST) * 10) * 100


def _date(told: Payload, field: str) -> int | None:
    text = told.get(field)
    if text is None:
        return None
    wall_ms = read_date(text)
    if wall_ms is None:
        raise _NoDate(f"{field} is no date")
    return wall_ms
