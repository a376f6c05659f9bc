"""The plant as its users see it: outlets that don't touch each other, a clock that may jump, meters on ports."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hal.contract import MeterChoice
from hal.drivers import open_meter
from hal.drivers.meter_model import ModelError
from hal.drivers.protocols import NoReading
from hal.sim.meter import WIRE_FAULTS, MeterFault
from hal.sim.plant import Plant
from tests.hal.sim.world import SIXTEEN_AMPERES, Hand

ROOT = Path(__file__).resolve().parents[3]


def test_what_happens_at_one_outlet_stays_there() -> None:
    hand = Hand(evses=2)
    hand.charge()
    hand.say("fault", "cp-short")
    hand.wait(20)
    other = hand.plant.parts(2)
    assert other.pilot.volts()[0] > 11
    assert not other.contactor.closed()
    assert hand.plant.bays[2].flow().current_ma == (0, 0, 0)
    assert hand.plant.order(2, ("unplug",)) == (False, "no plug is in")


def test_next_change_tells_when_a_tick_could_notice_something() -> None:
    hand = Hand()
    hand.wait(20)
    assert hand.plant.next_change_ms(hand.now_ms) is None
    hand.say("plug-in")
    hand.parts.pilot.offer(SIXTEEN_AMPERES)
    due = hand.plant.next_change_ms(hand.now_ms)
    assert due == hand.now_ms + 700
    hand.plant.advance(due - 1)
    assert not hand.bay.car.s2
    hand.plant.advance(due)
    assert hand.bay.car.s2


def test_a_skip_ends_where_something_happens_and_keeps_fed_gates_open() -> None:
    hand = Hand()
    hand.wait(20)
    hand.parts.contactor.order(True)
    hand.wait(50)
    hand.say("plug-in")
    hand.parts.pilot.offer(SIXTEEN_AMPERES)
    began = hand.now_ms
    assert hand.plant.skip(began + 3_600_000) == began + 700
    assert hand.bay.car.s2
    hand.now_ms = hand.plant.skip(began + 3_600_000)
    assert hand.bay.gate.alive
    # And when the ticks stop for real, the gate drops as ever.
    hand.beats = False
    hand.wait(510)
    assert not hand.bay.gate.alive


def test_a_skip_does_not_open_a_gate_that_is_shut() -> None:
    hand = Hand()
    hand.plant.skip(hand.now_ms + 10_000)
    assert not hand.bay.gate.alive


def test_time_never_goes_back() -> None:
    hand = Hand()
    hand.charge()
    before = hand.bay.flow()
    hand.plant.advance(0)
    assert hand.bay.flow() == before


def test_a_jump_of_the_clock_without_beats_drops_the_gate_on_the_way() -> None:
    hand = Hand()
    hand.charge()
    before = hand.bay.flow().energy_pj
    hand.plant.advance(hand.now_ms + 3_600_000)
    assert not hand.parts.contactor.closed()
    most = 3 * 235 * 16 * 0.520 * 1e12  # half a second and the contacts' way
    assert 0 < hand.bay.flow().energy_pj - before < most


def test_the_meter_in_the_plants_own_time() -> None:
    hand = Hand()
    meter = hand.plant.meter_values(1)
    assert meter.read().power_w == 0
    hand.charge()
    reading = meter.read()
    assert reading.at_ms == hand.now_ms
    assert reading.current_ma == (16_000, 16_000, 16_000)
    assert 10_500 < reading.power_w < 11_200


@pytest.mark.parametrize("fault", [*sorted(WIRE_FAULTS), MeterFault.NAN, MeterFault.BACKWARDS, MeterFault.ZERO])
def test_no_fault_of_the_meter_becomes_a_reading_there(fault: MeterFault) -> None:
    hand = Hand()
    meter = hand.plant.meter_values(1)
    good = meter.read()
    hand.say("fault", f"meter-{fault}")
    with pytest.raises(NoReading):
        meter.read()
    hand.say("clear", f"meter-{fault}")
    assert meter.read() == good


def test_the_simulated_meter_on_a_real_line() -> None:
    hand = Hand(evses=2)
    hand.charge()
    port = hand.plant.meter_port(1)
    assert hand.plant.meter_port(1) == port
    assert hand.plant.meter_port(2) != port
    meter = open_meter(MeterChoice("sdm630", port), port, lambda: hand.now_ms)
    over_the_line = meter.read()
    assert over_the_line == hand.plant.meter_values(1).read()
    assert over_the_line.current_ma == (16_000, 16_000, 16_000)
    meter.close()
    hand.plant.close()


def test_a_model_that_is_not_there_is_named() -> None:
    with pytest.raises(ModelError, match="sdm630"):
        Plant(1, True).meter_port(1, "sdm999")


def test_the_slave_as_a_process_of_its_own() -> None:
    arguments = [sys.executable, "-m", "hal.sim.meter_slave", "--model", "sdm120", "--address", "7", "--ma", "10000"]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdin is not None
    assert process.stdout is not None
    port = process.stdout.readline().strip()
    meter = open_meter(MeterChoice("sdm120", port, address=7), port)
    assert meter.read().current_ma == (10_000,)
    meter.close()
    process.stdin.close()
    assert process.wait(10) == 0
    process.stdout.close()
    assert not os.path.exists(port)
