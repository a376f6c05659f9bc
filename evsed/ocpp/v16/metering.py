"""MeterValues, and the meter values that StopTransaction carries.

Rules this file upholds:
- Measurand and unit are always told; of the other fields only what differs from its default (OCPP 1.6 §7.43).
- Samples of a transaction bear its number, always: central systems find the transaction by it.
- A set that is empty or can't be dated is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from evsed.core.reports import MetersSampled, TransactionUpdated
from evsed.core.words import Context, Measurand, MeterSet, SampledValue
from evsed.ocpp.dialect import Lookups
from evsed.ocpp.frames import Payload
from evsed.ocpp.times import write_date
from evsed.ocpp.v16.numbers import number_of
from evsed.ocpp.violations import LocalViolation


def _thousandths(value: int) -> str:
    """12345 is "12.345", 16000 is "16.0": the shortest decimal that is this many thousandths."""
    return str(value / 1000)


# By name: how the integer is written, and its unit.
_WIRE: dict[str, tuple[Callable[[int], str], str | None]] = {
    str(Measurand.ENERGY_IMPORT): (str, "Wh"),
    str(Measurand.ENERGY_EXPORT): (str, "Wh"),
    str(Measurand.POWER_IMPORT): (str, "W"),
    str(Measurand.POWER_OFFERED): (str, "W"),
    str(Measurand.POWER_FACTOR): (_thousandths, None),
    str(Measurand.CURRENT_IMPORT): (_thousandths, "A"),
    str(Measurand.CURRENT_OFFERED): (_thousandths, "A"),
    str(Measurand.VOLTAGE): (_thousandths, "V"),
    str(Measurand.FREQUENCY): (_thousandths, None),  # errata 3.86: hertz, without a unit
    str(Measurand.TEMPERATURE): (_thousandths, "Celcius"),  # so it is spelt in the schemas (J errata 2.1)
}
_LOCATIONS = {"plug": None, "cable": "Cable", "terminals": "Inlet", "enclosure": "Body"}  # §7.30; Outlet is the default
_DEFAULT_CONTEXT = Context.SAMPLE_PERIODIC


def encode_updated(report: TransactionUpdated, lookups: Lookups) -> Payload:
    """OCPP 1.6 §6.31, within a transaction."""
    number = number_of(report.tx, lookups)
    return {"connectorId": report.evse, "transactionId": number, **_sampled(report, lookups)}


def encode_sampled(report: MetersSampled, lookups: Lookups) -> Payload:
    """OCPP 1.6 §6.31, outside a transaction."""
    return {"connectorId": report.evse, **_sampled(report, lookups)}


def meter_values(samples: Iterable[MeterSet], evse: int, lookups: Lookups) -> list[Payload]:
    """The sets that have a date and values (OCPP 1.6 §7.33)."""
    dated = ((lookups.date(sample.at), sample) for sample in samples if sample.values)
    return [
        {"timestamp": write_date(wall_ms), "sampledValue": [_value(v, sample.context, evse) for v in sample.values]}
        for wall_ms, sample in dated
        if wall_ms is not None
    ]


def _sampled(report: TransactionUpdated | MetersSampled, lookups: Lookups) -> Payload:
    values = meter_values(report.samples, report.evse, lookups)
    if not values:
        raise LocalViolation("no sample has both a known time and values")
    return {"meterValue": values}


def _value(sampled: SampledValue, context: Context, evse: int) -> Payload:
    measurand = str(sampled.measurand)
    written, unit = _WIRE[measurand]
    value = {"value": written(sampled.value), "measurand": measurand}
    if context is not _DEFAULT_CONTEXT:
        value["context"] = str(context)
    if sampled.phase is not None:
        value["phase"] = sampled.phase
    location = "Inlet" if evse == 0 else _LOCATIONS.get(sampled.place or "")  # errata 3.14.3: the main meter
    if location is not None:
        value["location"] = location
    if unit is not None:
        value["unit"] = unit
    return value
