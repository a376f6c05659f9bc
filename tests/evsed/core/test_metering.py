"""Meter samples: what a set holds, and when one is due (OCPP 1.6 §3.16, §4.7)."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from evsed.core import events as ev
from evsed.core.measurands import PAIRS, WORDS
from evsed.core.metering import SOURCES, Aligned, Offer, beyond, fresh, next_sampled_ms, richer, sample
from evsed.core.reports import MetersSampled, TransactionUpdated
from evsed.core.words import Context, Measurand, MeterReading, Now, SampledValue, Stamp, Verdict
from tests.evsed.core.box_world import WALL0, World
from tests.evsed.core.metering_kit import charging, moments, sets

AT = Stamp("boot", 1, 1)
DAY_MS = 86_400_000
FULL = MeterReading(
    at_ms=1_000,
    energy_wh=1_234,
    power_w=3_450,
    current_ma=(5_000, 5_100, 5_200),
    voltage_mv=(229_000, 230_000, 231_000),
    phase_power_w=(1_100, 1_150, 1_200),
    frequency_mhz=50_010,
    power_factor_permille=998,
    export_wh=7,
)
BARE = MeterReading(at_ms=1_000, energy_wh=1_234, power_w=3_450)


# --- what a set holds ------------------------------------------------------------------------------------------


def test_every_measurand_has_a_source() -> None:
    assert set(SOURCES) == {str(measurand) for measurand in Measurand}


def values(*words: str, reading: MeterReading = FULL) -> list[tuple[int, str | None]]:
    found = sample(reading, Offer(16_000, 3), words, AT, Context.TRIGGER)
    return [] if found is None else [(value.value, value.phase) for value in found.values]


@pytest.mark.parametrize(
    ("measurand", "expected"),
    [
        (Measurand.ENERGY_IMPORT, [(1_234, None)]),
        (Measurand.ENERGY_EXPORT, [(7, None)]),
        (Measurand.POWER_IMPORT, [(3_450, None), (1_100, "L1"), (1_150, "L2"), (1_200, "L3")]),
        (Measurand.POWER_OFFERED, [(11_040, None)]),
        (Measurand.POWER_FACTOR, [(998, None)]),
        (Measurand.CURRENT_IMPORT, [(5_000, "L1"), (5_100, "L2"), (5_200, "L3")]),
        (Measurand.CURRENT_OFFERED, [(16_000, None)]),
        (Measurand.VOLTAGE, [(229_000, "L1-N"), (230_000, "L2-N"), (231_000, "L3-N")]),
        (Measurand.FREQUENCY, [(50_010, None)]),
    ],
)
def test_each_measurand(measurand: Measurand, expected: list[tuple[int, str | None]]) -> None:
    assert values(measurand) == expected


@pytest.mark.parametrize(
    "measurand",
    [
        Measurand.ENERGY_EXPORT,
        Measurand.POWER_FACTOR,
        Measurand.CURRENT_IMPORT,
        Measurand.VOLTAGE,
        Measurand.FREQUENCY,
    ],
)
def test_what_the_meter_does_not_say_is_left_out(measurand: Measurand) -> None:
    assert values(measurand, reading=BARE) == []


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("Power.Active.Import.L3", (1_200, "L3")),
        ("Current.Import.L2", (5_100, "L2")),
        ("Voltage.L1", (229_000, "L1")),
        ("Voltage.L1-N", (229_000, "L1-N")),
        ("Voltage.L3-N", (231_000, "L3-N")),
    ],
)
def test_a_phase_that_is_asked_for_comes_alone_and_under_that_name(word: str, expected: tuple[int, str]) -> None:
    assert values(word) == [expected]


def test_the_power_of_a_meter_of_one_phase_is_that_of_its_phase() -> None:
    assert values("Power.Active.Import.L1", reading=ONE) == [(ONE.power_w, "L1")]
    assert values("Power.Active.Import", reading=ONE) == [(ONE.power_w, None)]
    assert values("Power.Active.Import.L1", reading=BARE) == []


def test_each_phase_that_may_be_asked_for_is_one_value_of_its_measurand() -> None:
    assert set(PAIRS) == set(WORDS) - {str(measurand) for measurand in Measurand}
    for word, (measurand, phase) in PAIRS.items():
        ((value, told),) = values(word)
        assert told == phase
        assert (value, phase) in [(v, p and p[: len(phase)]) for v, p in values(measurand)]


def test_phases_come_in_the_order_of_the_list_and_each_value_once() -> None:
    assert values("Current.Import.L3", "Current.Import", "Current.Import.L1") == [
        (5_200, "L3"),
        (5_000, "L1"),
        (5_100, "L2"),
    ]


ONE = MeterReading(at_ms=1, energy_wh=1, power_w=1, current_ma=(5_000,), voltage_mv=(230_000,), export_wh=0)


@pytest.mark.parametrize(
    ("reading", "tells"),
    [
        (FULL, set(WORDS) - {"Temperature"}),
        (BARE, {"Energy.Active.Import.Register", "Power.Active.Import", "Power.Offered", "Current.Offered"}),
        (
            richer(None, ONE),
            {"Energy.Active.Import.Register", "Energy.Active.Export.Register", "Power.Active.Import"}
            | {"Power.Offered", "Current.Offered", "Current.Import", "Current.Import.L1", "Power.Active.Import.L1"}
            | {"Voltage", "Voltage.L1", "Voltage.L1-N"},
        ),
    ],
)
def test_beyond_an_outlet_is_what_its_meter_has_never_told(reading: MeterReading, tells: set[str]) -> None:
    assert {word for word in WORDS if not beyond(word, reading, Offer(0, 1))} == tells
    assert not beyond("Temperature", reading, Offer(0, 1, (("plug", 1),)))
    assert not any(beyond(word, None, Offer(0, 1)) for word in WORDS)


def test_what_a_meter_leaves_out_for_a_while_it_can_tell_all_the_same() -> None:
    assert richer(FULL, BARE) == replace(FULL, at_ms=BARE.at_ms)
    assert richer(None, replace(BARE, energy_wh=None)).energy_wh == 0  # not believed just now, but a register it is
    assert richer(richer(FULL, ONE), FULL) == FULL


def test_temperatures_tell_where_they_were_measured() -> None:
    offer = Offer(0, 3, (("plug", 41_500), ("enclosure", 30_000)))
    found = sample(BARE, offer, (Measurand.TEMPERATURE,), AT, Context.TRIGGER)
    assert found is not None
    assert [(value.value, value.place) for value in found.values] == [(41_500, "plug"), (30_000, "enclosure")]


def test_a_meter_that_shows_no_phases_apart_tells_the_whole() -> None:
    assert values(Measurand.POWER_IMPORT, reading=BARE) == [(3_450, None)]


def test_a_meter_without_volts_offers_power_at_the_nominal_voltage() -> None:
    found = sample(BARE, Offer(10_000, 1), (Measurand.POWER_OFFERED,), AT, Context.TRIGGER)
    assert found is not None
    assert found.values == (SampledValue(Measurand.POWER_OFFERED, 2_300),)


def test_an_old_reading_is_none() -> None:
    assert fresh(FULL, 6_000) is FULL
    assert fresh(FULL, 6_001) is None
    assert fresh(None, 0) is None


# --- sampled ---------------------------------------------------------------------------------------------------


def test_samples_come_at_the_interval_from_the_start_with_what_is_configured() -> None:
    world = charging(MeterValueSampleInterval=10, MeterValuesSampledData="Energy.Active.Import.Register,Voltage")
    world.advance(35)
    assert moments(world) == [10, 20, 30]
    first = sets(world.reports(TransactionUpdated))[0]
    assert first.context is Context.SAMPLE_PERIODIC
    assert [(value.measurand, value.phase) for value in first.values] == [
        (Measurand.ENERGY_IMPORT, None),
        *((Measurand.VOLTAGE, f"L{n}-N") for n in (1, 2, 3)),
    ]
    assert first.values[0].value == 1_000_030
    tx = world.tx()
    assert tx is not None
    assert {report.tx for report in world.reports(TransactionUpdated)} == {tx.id}


def test_offline_samples_wait_and_keep_their_moments() -> None:
    world = charging(MeterValueSampleInterval=10)
    world.disconnect()
    world.advance(30)
    world.connect()
    assert moments(world) == [10, 20, 30]


def test_zero_switches_them_off() -> None:
    world = charging(MeterValueSampleInterval=0)
    world.advance(200)
    assert moments(world) == []


def test_an_interval_changed_in_mid_charge_counts_from_the_start() -> None:
    world = charging(MeterValueSampleInterval=60)
    world.advance(25)
    world.set("MeterValueSampleInterval", 10)
    world.advance(25)
    world.set("MeterValueSampleInterval", 0)
    world.advance(100)
    world.set("MeterValueSampleInterval", 30)
    world.advance(30)
    assert moments(world) == [30, 40, 50, 180]


def test_samples_go_on_after_a_crash_as_if_there_had_been_none() -> None:
    world = charging(MeterValueSampleInterval=10)
    world.advance(12)
    world.crash()
    world.advance(25)
    world.connect()
    assert moments(world) == [20, 30]  # the first one was lost with what had not reached the disk


def test_after_a_power_cut_samples_count_from_the_end_of_it() -> None:
    """When the start was is a matter of another boot's clock, which has gone."""
    world = charging(MeterValueSampleInterval=10)
    world.disk.flush()
    world.advance(3)
    world.power_cut()
    world.online()
    began_ms = world.mono_ms
    world.advance(25)
    world.answer_all()
    told = [values.at.mono_ms - began_ms for values in sets(world.reports(TransactionUpdated))]
    assert told == [10_000, 20_000]


def test_measurands_changed_in_mid_charge_are_obeyed_with_the_next_set() -> None:
    world = charging(MeterValueSampleInterval=10)
    world.advance(10)
    world.set("MeterValuesSampledData", "Current.Offered")
    world.advance(10)
    world.answer_all()
    assert [value.measurand for value in sets(world.reports(TransactionUpdated))[-1].values] == [
        Measurand.CURRENT_OFFERED
    ]


def test_without_a_fresh_reading_there_is_no_sample() -> None:
    world = charging(MeterValueSampleInterval=10)
    world.bays[1].meter_works = False
    world.advance(22)
    world.bays[1].meter_works = True
    world.advance(10)
    assert moments(world) == [30]


def test_the_register_is_noted_on_the_disk_once_a_minute() -> None:
    world = charging(MeterValueSampleInterval=0)
    world.advance(125)
    world.disk.flush()
    assert world.transactions()[0].last_wh == 1_000_360


@pytest.mark.parametrize("interval_s", [1, 59, 60, 86_400])
def test_the_next_sample_is_always_to_come(interval_s: int) -> None:
    for now_ms in (5_000, 5_001, 64_999, 65_000, 10**9):
        at_ms = next_sampled_ms(5_000, interval_s, now_ms)
        assert at_ms is not None
        assert now_ms < at_ms <= now_ms + interval_s * 1_000
        assert (at_ms - 5_000) % (interval_s * 1_000) == 0


@pytest.mark.parametrize(
    "text",
    [
        "Energy.Active.Import.Register,SoC",
        "Power.Active.Import,Power.Active.Import",
        "power.active.import",
        "Voltage.L1,Current.Offered.L1",
        "Voltage,Power.Active.Import.L1",  # its meter shows the power of all phases only
        "Frequency",
        "Voltage,Temperature",
        ",".join(f"{m}" for m in (*Measurand, "RPM")),
    ],
)
@pytest.mark.parametrize("key", ["MeterValuesSampledData", "MeterValuesAlignedData"])
def test_one_unknown_measurand_rejects_the_whole_list_and_changes_nothing(key: str, text: str) -> None:
    world = World().online()
    place = ("SampledDataCtrlr", "TxUpdatedMeasurands") if "Sampled" in key else ("AlignedDataCtrlr", "Measurands")
    before = world.asks(ev.VariablesRead("before", (place,)))
    assert world.asks(ev.VariableWritten("write", *place, text)) is Verdict.REJECTED
    assert world.asks(ev.VariablesRead("after", (place,))) == before


# --- clock-aligned ---------------------------------------------------------------------------------------------


def aligned(interval_s: int = 60) -> World:
    """Online; the wall clock is WALL0 plus the world's time. Nothing is sampled."""
    world = World().online().set("MeterValueSampleInterval", 0)
    return world.set("ClockAlignedDataInterval", interval_s).set("MeterValuesAlignedData", "Power.Active.Import")


def wall(world: World, reports: Iterable[TransactionUpdated | MetersSampled]) -> list[int]:
    """The wall times of samples."""
    dates = (world.station.date(values.at, world.now()) for report in reports for values in report.samples)
    return [date for date in dates if date is not None]


@pytest.mark.parametrize("interval_s", [60, 900])
def test_aligned_sets_come_at_multiples_since_midnight(interval_s: int) -> None:
    world = aligned(interval_s)
    for _ in range(3):
        world.advance(interval_s)
        world.answer_all()
    dates = wall(world, world.reports(MetersSampled))
    assert len(dates) == 3
    assert [date % DAY_MS % (interval_s * 1_000) for date in dates] == [0, 0, 0]


def test_midnight_is_always_one() -> None:
    clock = Aligned()
    clock.due(Now("boot", 0, DAY_MS - 10_000), 50_000)
    assert clock.at_ms == 10_000


def test_aligned_sets_belong_to_the_transaction_that_runs() -> None:
    world = aligned().charging()
    world.advance(60)
    world.answer_all()
    assert world.reports(MetersSampled) == []
    report = world.last(TransactionUpdated)
    assert report.samples[0].context is Context.SAMPLE_CLOCK


def test_offline_they_are_kept_of_a_transaction_only() -> None:
    world = aligned()
    world.disconnect()
    world.advance(120)
    world.connect()
    world.answer_all()
    assert world.reports(MetersSampled) == []
    world.charging()
    world.disconnect()
    world.advance(120)
    world.connect()
    world.answer_all()
    assert len(world.reports(TransactionUpdated)) == 2


def test_without_a_trusted_clock_there_are_none() -> None:
    world = World(free=True).offline().set("MeterValueSampleInterval", 0).set("ClockAlignedDataInterval", 10)
    world.plug_in()
    world.advance(100)
    assert len(world.station.box.outbox) == 1  # the start
    world.wall_offset = WALL0
    world.advance(20)
    assert len(world.station.box.outbox) == 3


def test_zero_switches_aligned_ones_off() -> None:
    world = aligned(60).set("ClockAlignedDataInterval", 0)
    world.advance(200)
    world.answer_all()
    assert world.reports(MetersSampled) == []


def test_a_stepped_clock_only_moves_the_next_one() -> None:
    world = aligned(60)
    world.advance(10)
    assert world.wall_offset is not None
    world.wall_offset += 3_600_000 + 7_000
    world.advance(60)
    world.answer_all()
    dates = wall(world, world.reports(MetersSampled))
    assert len(dates) == 1
    assert dates[0] % 60_000 == 0


def test_a_clock_that_is_slewed_misses_none() -> None:
    world = aligned(60)
    for _ in range(120):
        world.advance(5)
        world.answer_all()
        assert world.wall_offset is not None
        world.wall_offset += 1
    assert len(world.reports(MetersSampled)) == 10
