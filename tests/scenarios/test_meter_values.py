"""What is sent of the meters, word for word as the lists of measurands ask for it: with one phase and with three."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from evsed.core import measurands
from tests.scenarios.conftest import Make
from tests.scenarios.test_cert_control import read, stamps, write
from tests.world.csms import ENERGY, wall_ms
from tests.world.wallbox import Wallbox

MODELS = {1: "sdm120", 3: "sdm630"}
LISTS = ("MeterValuesSampledData", "MeterValuesAlignedData", "StopTxnSampledData", "StopTxnAlignedData")


@pytest.fixture(params=MODELS)
def measured(make: Make, request: pytest.FixtureRequest) -> tuple[Wallbox, int]:
    """A box whose meter tells so many phases apart, and their number."""
    world = make(meter=MODELS[request.param])
    world.advance(5)
    return world, request.param


def words(values: list[dict[str, Any]]) -> list[str]:
    """What was told, as a list of measurands would ask for it."""
    return [".".join(filter(None, (value["measurand"], value.get("phase")))) for value in values]


def contexts(data: list[dict[str, Any]]) -> list[str]:
    """Why each set was taken, which is the same for all values of it."""
    told = [{value.get("context", "Sample.Periodic") for value in values["sampledValue"]} for values in data]
    assert all(len(contexts) == 1 for contexts in told)
    return [context for (context,) in told]


def phases(measurand: str, count: int, ending: str = "") -> list[str]:
    return [f"{measurand}.L{phase}{ending}" for phase in range(1, count + 1)]


def test_a_measurand_comes_with_all_phases_and_a_phase_alone(measured: tuple[Wallbox, int]) -> None:
    world, count = measured
    write(world, "ClockAlignedDataInterval", "0")
    write(world, "MeterValueSampleInterval", "10")
    assert write(world, LISTS[0], "Voltage,Current.Import,Power.Active.Import") == "Accepted"
    world.charge(25)
    whole = phases("Voltage", count, "-N") + phases("Current.Import", count) + ["Power.Active.Import"]
    sent = world.csms.charges[1].samples
    assert words(sent[-1].meterValue[0]["sampledValue"]) == whole + phases("Power.Active.Import", count)
    one = f"Current.Import.L{count},Voltage.L1,{ENERGY},Voltage.L{count}-N,Power.Active.Import.L1"
    assert write(world, LISTS[0], one) == "Accepted"
    world.advance(10)
    values = sent[-1].meterValue[0]["sampledValue"]
    assert ",".join(words(values)) == one
    amps, volts = float(values[0]["value"]), float(values[1]["value"])
    assert amps > 10 and 200 < volts < 250 and [value.get("unit") for value in values] == ["A", "V", "Wh", "V", "W"]
    assert int(values[4]["value"]) == pytest.approx(volts * amps, rel=0.05)
    world.finish()


@pytest.mark.parametrize("key", LISTS)
def test_a_phase_that_no_meter_here_tells_apart_is_rejected_and_nothing_changes(make: Make, key: str) -> None:
    """OCPP 1.6 §3.16.4."""
    world = make(meter=MODELS[1])
    world.advance(5)
    assert write(world, key, "Voltage.L1,Current.Import.L1") == "Accepted"
    for text in ("Voltage.L2", "Voltage,Voltage.L3-N", "Current.Import.L1,Current.Import.L2", "Voltage.L1-L2"):
        assert write(world, key, text) == "Rejected"
    assert read(world, key)[key] == ("Voltage.L1,Current.Import.L1", False)
    assert f"{key} is not changed: nothing here measures Voltage.L3-N" in "\n".join(world.lines)


@pytest.mark.parametrize(
    ("model", "tells", "not_told"),
    [
        ("abb-b21", ["Frequency", "Voltage.L1-N", "Power.Active.Import.L1"], ["Voltage.L2", "Power.Active.Import.L2"]),
        ("orno-504", ["Current.Import.L1", "Voltage.L1"], ["Current.Import.L2", "Energy.Active.Export.Register"]),
        ("sdm72", [], ["Voltage", "Current.Import", "Frequency", "Power.Active.Import.L1"]),
    ],
)
def test_what_a_meter_does_not_tell_is_no_measurand_of_this_box(
    make: Make, model: str, tells: list[str], not_told: list[str]
) -> None:
    """OCPP 1.6 §3.16.4. Each measurand that is accepted is sent."""
    world = make(meter=model)
    world.advance(5)
    always = [ENERGY, "Power.Active.Import", "Power.Offered", "Current.Offered", "Temperature"]
    accepted = [word for word in measurands.WORDS if write(world, LISTS[0], word) == "Accepted"]
    assert {*always, *tells} <= set(accepted) and not set(not_told) & set(accepted)
    write(world, LISTS[0], ",".join(accepted))
    world.csms.call("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1})
    world.advance(1)
    sent = words(world.csms.last("MeterValues").meterValue[0]["sampledValue"])
    assert all(any(told == word or told.startswith(f"{word}.") for told in sent) for word in accepted)
    assert all(any(told == word or told.startswith(f"{word}.") for word in accepted) for told in sent)


@pytest.mark.parametrize("key", LISTS)
def test_as_many_items_as_are_said_fit_and_no_more(make: Make, key: str) -> None:
    """OCPP 1.6 §9.1: the keys that end in MaxLength."""
    world = make()
    world.advance(5)
    most = int(read(world, f"{key}MaxLength")[f"{key}MaxLength"][0])
    plain = (ENERGY, "Energy.Active.Export.Register", "Power.Offered", "Power.Factor", "Current.Offered", "Frequency")
    rest = ["Temperature", "Voltage", "Current.Import", "Power.Active.Import", *phases("Voltage", 3)]
    rest += phases("Voltage", 3, "-N") + phases("Current.Import", 3) + phases("Power.Active.Import", 3)
    every = [*plain, *rest]
    assert len(every) == most
    assert write(world, key, ",".join(every)) == "Accepted"
    assert read(world, key)[key][0] == ",".join(every)
    assert write(world, key, ",".join([*every, "Voltage.L4"])) == "Rejected"


def test_a_stop_carries_both_ends_samples_and_aligned_sets_by_phase(measured: tuple[Wallbox, int]) -> None:
    """OCPP 1.6 §3.16.1, §3.16.2, errata 3.14: begin and end with each measurand that is configured for either."""
    world, count = measured
    write(world, "MeterValueSampleInterval", "20")
    write(world, "ClockAlignedDataInterval", "30")
    assert write(world, "StopTxnSampledData", f"{ENERGY},Voltage.L{count}") == "Accepted"
    assert write(world, "StopTxnAlignedData", f"Current.Import.L1,{ENERGY}") == "Accepted"
    world.charge(65)
    world.finish()
    stop, start = world.csms.last("StopTransaction"), world.csms.charges[1].start
    data = stop.transactionData
    told = contexts(data)
    assert (told[0], told[-1]) == ("Transaction.Begin", "Transaction.End")
    assert sorted(told[1:-1]) == ["Sample.Clock"] * told.count("Sample.Clock") + ["Sample.Periodic"] * 3
    assert told.count("Sample.Clock") in (2, 3)
    both = [ENERGY, f"Voltage.L{count}", "Current.Import.L1"]
    wanted = {"Sample.Periodic": [ENERGY, f"Voltage.L{count}"], "Sample.Clock": ["Current.Import.L1", ENERGY]}
    for context, values in zip(told, data, strict=True):
        assert words(values["sampledValue"]) == wanted.get(context, both)
        at_ms = wall_ms(values["timestamp"])
        since_ms = at_ms - wall_ms(start.timestamp)
        assert context != "Sample.Clock" or at_ms % 30_000 < 100
        assert context != "Sample.Periodic" or since_ms % 20_000 < 100
    moments = [wall_ms(values["timestamp"]) for values in data]
    assert moments == sorted(moments)
    energies = [int(v["value"]) for values in data for v in values["sampledValue"] if v["measurand"] == ENERGY]
    assert (energies[0], energies[-1]) == (start.meterStart, stop.meterStop)
    assert all(earlier <= later for earlier, later in pairwise(energies))
    clock = [sample for sample in world.csms.charges[1].samples if contexts(sample.meterValue) == ["Sample.Clock"]]
    assert [at for at in stamps(clock) if at <= moments[-1]] == [
        at for at, context in zip(moments, told, strict=True) if context == "Sample.Clock"
    ]


def test_a_stop_carries_no_values_when_no_list_asks_for_any(measured: tuple[Wallbox, int]) -> None:
    """OCPP 1.6 §3.16.5."""
    world, _ = measured
    world.charge(30)
    world.finish()
    assert "transactionData" not in world.csms.last("StopTransaction").payload
