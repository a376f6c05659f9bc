"""What the register counts: the exact integral, however the clock goes; what the meter counts the battery gets."""

from __future__ import annotations

import pytest

from hal.sim.battery import PJ_PER_WH, Battery
from hal.sim.grid import GridFault
from tests.hal.sim.world import Hand

HOUR_MS = 3_600_000


def charged() -> Hand:
    hand = Hand()
    hand.charge()
    return hand


def test_steps_and_jumps_of_the_clock_count_the_same() -> None:
    stepped, jumped = charged(), charged()
    until = stepped.now_ms + HOUR_MS
    while stepped.now_ms < until:
        stepped.now_ms = min(until, stepped.now_ms + 377)
        stepped.plant.advance(stepped.now_ms)
        stepped.parts.enable.beat()
    now = jumped.now_ms
    while now < until:
        now = jumped.plant.skip(until)
    assert jumped.bay.flow() == stepped.bay.flow()


def test_one_hour_of_eleven_kilowatts_is_eleven_kilowatt_hours() -> None:
    hand = charged()
    before = hand.bay.flow().energy_pj
    hand.plant.skip(hand.now_ms + HOUR_MS)
    wh = (hand.bay.flow().energy_pj - before) / PJ_PER_WH
    assert wh == pytest.approx(3 * 230 * 16 * 0.99, rel=0.01)


def test_the_battery_gets_what_the_meter_counts() -> None:
    hand = charged()
    meter, battery = hand.bay.flow().energy_pj, hand.bay.car.battery
    stored = battery._pj
    hand.plant.skip(hand.now_ms + HOUR_MS)
    assert hand.bay.flow().energy_pj - meter == battery._pj - stored > 0


def test_the_current_tapers_and_ends_with_the_full_battery() -> None:
    hand = charged()
    hand.bay.fill(79)
    seen = []
    now = hand.now_ms
    end = now + 24 * HOUR_MS
    while now < end:
        now = hand.plant.skip(end)
        seen.append(hand.drawn_ma)
    assert seen[0] == 15_200
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == 20
    assert seen[-1] == 0
    assert hand.bay.car.battery.permille == 1_000
    assert not hand.bay.car.s2


def test_nothing_is_counted_while_the_contactor_is_open_or_the_gate_shut() -> None:
    hand = charged()
    hand.beats = False
    hand.wait(600)
    before = hand.bay.flow().energy_pj
    hand.wait(5_000)
    assert hand.bay.flow().energy_pj == before


def test_a_weld_goes_on_counting() -> None:
    hand = charged()
    hand.say("fault", "contactor-welded")
    hand.say("car", "manners", "never-stops", "on")
    hand.parts.contactor.order(False)
    before = hand.bay.flow().energy_pj
    hand.wait(5_000)
    assert hand.bay.flow().energy_pj > before


def test_the_register_never_starts_at_zero() -> None:
    assert Hand().bay.flow().energy_pj == 1_234_567 * PJ_PER_WH


@pytest.mark.parametrize(
    ("fault", "volts", "draws"),
    [
        (GridFault.LOST, (0, 0, 0), (False, False, False)),
        (GridFault.PHASE_LOST, (230, 230, 0), (True, True, False)),
        (GridFault.LOW, (172, 172, 172), (True, True, True)),
        (GridFault.HIGH, (276, 276, 276), (True, True, True)),
    ],
)
def test_faults_of_the_mains(fault: GridFault, volts: tuple[int, ...], draws: tuple[bool, ...]) -> None:
    hand = charged()
    hand.say("fault", fault)
    flow = hand.bay.flow()
    assert [round(mv / 1_000) for mv in flow.voltage_mv] == pytest.approx(volts, abs=2)
    assert tuple(ma > 0 for ma in flow.current_ma) == draws
    hand.say("clear", fault)
    hand.wait(2_000)
    assert hand.bay.flow().current_ma == (16_000, 16_000, 16_000)


def test_voltages_wander_a_little_and_always_in_the_same_way() -> None:
    traces = []
    for hand in (charged(), charged()):
        trace = []
        for _ in range(20):
            hand.now_ms = hand.plant.skip(hand.now_ms + 60_000)
            trace.append(hand.bay.flow().voltage_mv)
        traces.append(trace)
    assert traces[0] == traces[1]
    volts = [mv for triple in traces[0] for mv in triple]
    assert min(volts) > 228_000
    assert max(volts) < 232_000
    assert len(set(volts)) > 10


def test_a_battery_takes_all_below_80_percent_and_ever_less_above() -> None:
    taken = [Battery(percent=percent).accepts_ma(16_000) for percent in (0, 79, 80, 81, 90, 99, 100)]
    assert taken == [16_000, 16_000, 16_000, 15_200, 8_000, 1_000, 0]
