"""Meter values on the wire: units, decimals, phases, what is left out."""

from __future__ import annotations

import pytest

from evsed.core.reports import MetersSampled, TransactionUpdated
from evsed.core.words import Context, Measurand, MeterSet, SampledValue
from tests.evsed.ocpp.world import UNDATED, Peers, at


def value_of(measurand: Measurand, value: int, phase: str | None = None, evse: int = 1) -> dict[str, str]:
    sample = MeterSet(at(), Context.SAMPLE_PERIODIC, (SampledValue(measurand, value, phase),))
    (sent,) = Peers().sends(MetersSampled(evse, (sample,)))["meterValue"][0]["sampledValue"]
    return dict(sent)


@pytest.mark.parametrize(
    ("measurand", "value", "text", "unit"),
    [
        (Measurand.ENERGY_IMPORT, 12_345_678, "12345678", "Wh"),
        (Measurand.ENERGY_EXPORT, 0, "0", "Wh"),
        (Measurand.POWER_IMPORT, 11_040, "11040", "W"),
        (Measurand.POWER_IMPORT, -3, "-3", "W"),
        (Measurand.POWER_OFFERED, 3_680, "3680", "W"),
        (Measurand.POWER_FACTOR, 980, "0.98", None),
        (Measurand.POWER_FACTOR, -1_000, "-1.0", None),
        (Measurand.CURRENT_IMPORT, 16_000, "16.0", "A"),
        (Measurand.CURRENT_IMPORT, 15_950, "15.95", "A"),
        (Measurand.CURRENT_IMPORT, 15_953, "15.953", "A"),
        (Measurand.CURRENT_IMPORT, 7, "0.007", "A"),
        (Measurand.CURRENT_IMPORT, -50, "-0.05", "A"),
        (Measurand.CURRENT_OFFERED, 6_000, "6.0", "A"),
        (Measurand.VOLTAGE, 230_100, "230.1", "V"),
        (Measurand.FREQUENCY, 49_980, "49.98", None),
        (Measurand.TEMPERATURE, 41_562, "41.562", "Celcius"),
    ],
)
def test_integers_become_decimals_in_the_unit_of_1_6(
    measurand: Measurand, value: int, text: str, unit: str | None
) -> None:
    assert value_of(measurand, value) == {"value": text, "measurand": measurand.value} | (
        {"unit": unit} if unit else {}
    )


def test_every_measurand_can_be_told() -> None:
    assert [value_of(measurand, 1)["measurand"] for measurand in Measurand] == [str(m) for m in Measurand]


def test_phases_are_named() -> None:
    assert value_of(Measurand.CURRENT_IMPORT, 1, "L2")["phase"] == "L2"
    assert value_of(Measurand.VOLTAGE, 1, "L3-N")["phase"] == "L3-N"
    assert value_of(Measurand.POWER_IMPORT, 1, "L1") == {
        "value": "1",
        "measurand": "Power.Active.Import",
        "unit": "W",
        "phase": "L1",
    }


def test_the_main_meter_sits_at_the_inlet() -> None:
    assert value_of(Measurand.POWER_IMPORT, 1, evse=0)["location"] == "Inlet"
    assert "location" not in value_of(Measurand.POWER_IMPORT, 1)


@pytest.mark.parametrize("context", list(Context))
def test_a_context_is_told_unless_it_is_the_default(context: Context) -> None:
    sample = MeterSet(at(), context, (SampledValue(Measurand.POWER_IMPORT, 1),))
    (sent,) = Peers().sends(MetersSampled(1, (sample,)))["meterValue"][0]["sampledValue"]
    assert sent.get("context", "Sample.Periodic") == context.value
    assert ("context" in sent) is (context is not Context.SAMPLE_PERIODIC)


def test_samples_of_a_transaction_bear_its_number_and_their_own_times() -> None:
    values = (SampledValue(Measurand.POWER_IMPORT, 1),)
    samples = tuple(MeterSet(at(second), Context.SAMPLE_PERIODIC, values) for second in (1, 2))
    payload = Peers().sends(TransactionUpdated("tx", 2, samples))
    assert (payload["connectorId"], payload["transactionId"]) == (2, -1)
    assert [entry["timestamp"][17:] for entry in payload["meterValue"]] == ["01.000Z", "02.000Z"]


def test_outside_a_transaction_there_is_no_number() -> None:
    sample = MeterSet(at(), Context.SAMPLE_CLOCK, (SampledValue(Measurand.POWER_IMPORT, 1),))
    assert "transactionId" not in Peers().sends(MetersSampled(1, (sample,)))


def test_samples_without_date_or_values_are_not_sent() -> None:
    values = (SampledValue(Measurand.POWER_IMPORT, 1),)
    undated, empty = MeterSet(UNDATED, Context.TRIGGER, values), MeterSet(at(), Context.TRIGGER, ())
    dated = MeterSet(at(), Context.TRIGGER, values)
    assert len(Peers().sends(MetersSampled(1, (undated, dated, empty)))["meterValue"]) == 1
    why = Peers().refused(MetersSampled(1, (undated, empty)))
    assert why.text == "MetersSampled: no sample has both a known time and values"
