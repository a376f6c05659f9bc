"""StartTransaction, StopTransaction, RemoteStartTransaction, RemoteStopTransaction."""

from __future__ import annotations

from evsed.core.events import Noted, Ref, StartRequested, StopRequested
from evsed.core.profiles import Purpose
from evsed.core.reports import TransactionEnded, TransactionStarted
from evsed.core.words import Token, Verdict
from evsed.ocpp.dialect import Decoded, Lookups, Refusal
from evsed.ocpp.frames import Payload
from evsed.ocpp.times import write_date
from evsed.ocpp.v16.authorization import token_answer
from evsed.ocpp.v16.metering import meter_values
from evsed.ocpp.v16.numbers import bind, number_of, transaction_of, unbind
from evsed.ocpp.v16.profiles import profile_of


def encode_start(report: TransactionStarted, lookups: Lookups) -> Payload:
    """OCPP 1.6 §6.45."""
    payload = {
        "connectorId": report.evse,
        "idTag": report.token.value,
        "meterStart": report.meter_wh,
        "timestamp": write_date(lookups.required_date(report.at)),
    }
    if report.reservation is not None:
        payload["reservationId"] = report.reservation
    return payload


def decode_start(payload: Payload, report: TransactionStarted, lookups: Lookups) -> Decoded:
    """The number is valid whatever the tag is said to be (OCPP 1.6 §4.8)."""
    return token_answer(payload["idTagInfo"]), (bind(report.tx, payload["transactionId"]),)


def encode_stop(report: TransactionEnded, lookups: Lookups) -> Payload:
    """OCPP 1.6 §6.49. The reason is told even if it is Local, which is what a missing one means."""
    payload = {
        "transactionId": number_of(report.tx, lookups),
        "meterStop": report.meter_wh,
        "timestamp": write_date(lookups.required_date(report.at)),
        "reason": report.reason.value,
    }
    if report.token is not None:
        payload["idTag"] = report.token.value
    data = meter_values(report.samples, report.evse, lookups)
    if data:  # errata 3.14.5: none when nothing is configured
        payload["transactionData"] = data
    return payload


def decode_stop(payload: Payload, report: TransactionEnded, lookups: Lookups) -> Decoded:
    """idTagInfo is optional here. This was the last message that needed the number."""
    info = payload.get("idTagInfo")
    return Noted() if info is None else token_answer(info), (unbind(report.tx),)


def decode_remote_start(payload: Payload, ref: Ref, lookups: Lookups) -> StartRequested | Verdict | Refusal:
    """A charging profile must be one of a transaction, which is the one to come (OCPP 1.6 §5.16.2)."""
    connector = payload.get("connectorId")
    if connector is not None and connector < 1:  # OCPP 1.6 §6.33
        return Verdict.REJECTED
    told = payload.get("chargingProfile")
    profile = None if told is None else profile_of(told)
    if isinstance(profile, Refusal):
        return profile
    if profile is not None and profile.purpose is not Purpose.TX:
        return Verdict.REJECTED
    return StartRequested(ref, connector, Token(payload["idTag"]), profile)


def decode_remote_stop(payload: Payload, ref: Ref, lookups: Lookups) -> StopRequested:
    """A number that was never given to us is nobody's."""
    return StopRequested(ref, transaction_of(payload["transactionId"], lookups))
