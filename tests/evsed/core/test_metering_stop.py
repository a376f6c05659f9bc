"""What a stop carries of the samples of its transaction (OCPP 1.6 §3.16.5, §3.16.6)."""

from __future__ import annotations

import pytest

from evsed.core.metering import thin
from evsed.core.reports import TransactionEnded
from evsed.core.words import Context, MeterSet, Stamp
from tests.evsed.core.box_world import World
from tests.evsed.core.metering_kit import charging

AT = Stamp("boot", 1, 1)


# --- the data of a stop ----------------------------------------------------------------------------------------


def stopped(seconds: int, **keys: object) -> TransactionEnded:
    world = charging(MeterValueSampleInterval=10, **keys)
    world.advance(seconds + 0.5)
    world.swipe()
    world.advance(2)
    world.answer_all()
    report = world.last(TransactionEnded)
    assert isinstance(report, TransactionEnded)
    return report


def contexts(report: TransactionEnded) -> list[Context]:
    return [values.context for values in report.samples]


def test_a_stop_carries_nothing_when_nothing_is_configured() -> None:
    assert stopped(60).samples == ()


def test_a_stop_carries_begin_samples_and_end() -> None:
    report = stopped(30, StopTxnSampledData="Energy.Active.Import.Register")
    assert contexts(report) == [Context.TRANSACTION_BEGIN, *[Context.SAMPLE_PERIODIC] * 3, Context.TRANSACTION_END]
    energies = [values.values[0].value for values in report.samples]
    assert energies == [1_000_000, 1_000_030, 1_000_060, 1_000_090, report.meter_wh]


def test_a_stop_carries_clock_aligned_sets_too() -> None:
    world = charging(ClockAlignedDataInterval=20, StopTxnAlignedData="Power.Active.Import", MeterValueSampleInterval=0)
    world.advance(41)
    world.swipe()
    world.advance(2)
    world.answer_all()
    assert contexts(world.last(TransactionEnded)) == [
        Context.TRANSACTION_BEGIN,
        *[Context.SAMPLE_CLOCK] * 2,
        Context.TRANSACTION_END,
    ]


def test_what_was_gathered_is_not_sent_once_both_lists_are_empty() -> None:
    world = charging(MeterValueSampleInterval=10, StopTxnSampledData="Voltage")
    world.advance(30)
    world.set("StopTxnSampledData", "")
    world.swipe()
    world.advance(2)
    world.answer_all()
    assert world.last(TransactionEnded).samples == ()


def test_the_data_of_a_stop_outlives_a_crash() -> None:
    world = charging(MeterValueSampleInterval=10, StopTxnSampledData="Voltage")
    world.advance(65)
    world.disk.flush()
    world.crash()
    world.advance(5)
    world.swipe()
    world.advance(2)
    world.connect()
    world.answer_all()
    assert contexts(world.last(TransactionEnded)).count(Context.SAMPLE_PERIODIC) == 7


def stopped_with_at_most(most: int, seconds: float) -> TransactionEnded:
    """A sample each second, and so many sets in the stop."""
    world = World(presets={"SampledDataCtrlr.TxEndedMaxMeterValues": str(most)}).online()
    world.set("MeterValueSampleInterval", 1).set("StopTxnSampledData", "Energy.Active.Import.Register")
    world.set("ClockAlignedDataInterval", 0).charging()
    world.advance(seconds)
    world.swipe()
    world.advance(2)
    world.answer_all()
    report = world.last(TransactionEnded)
    assert isinstance(report, TransactionEnded)
    return report


@pytest.mark.parametrize(("samples", "kept_s"), [(2, [0, 1, 2]), (3, [0, 2, 3]), (4, [0, 3, 4])])
def test_there_is_room_for_the_end_so_it_drops_no_sample(samples: int, kept_s: list[int]) -> None:
    *kept, end = stopped_with_at_most(4, samples + 0.5).samples
    assert [round((values.at.mono_ms - kept[0].at.mono_ms) / 1_000) for values in kept] == kept_s
    assert end.context is Context.TRANSACTION_END


@pytest.mark.parametrize("most", [2, 3, 5])
def test_a_long_stop_is_thinned_and_keeps_both_ends(most: int) -> None:
    report = stopped_with_at_most(most, 40)
    assert len(report.samples) <= most
    assert contexts(report)[0] is Context.TRANSACTION_BEGIN
    assert contexts(report)[-1] is Context.TRANSACTION_END
    stamps = [values.at.mono_ms for values in report.samples]
    assert stamps == sorted(stamps)


@pytest.mark.parametrize("length", [0, 1, 2, 3, 10, 101])
@pytest.mark.parametrize("most", [0, 1, 2, 3, 50])
def test_thinning_ends_and_keeps_order_and_both_ends(length: int, most: int) -> None:
    full = tuple(MeterSet(Stamp("boot", at, None), Context.SAMPLE_PERIODIC, ()) for at in range(length))
    thinned = thin(full, most)
    assert len(thinned) <= max(most, 2)
    assert thinned == tuple(values for values in full if values in thinned)
    assert not full or (thinned[0], thinned[-1]) == (full[0], full[-1])
    assert length > most or thinned == full
