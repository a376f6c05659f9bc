"""Steps down at once, back only when cool; and a thermometer that says nothing is not cold."""

from __future__ import annotations

import msgspec
import pytest

from hal.contract import Temperature
from hal.heat import FRESH_MS, SILENT_MS, Heat, HeatSteps, Spot, Warmth
from hal.iec61851 import FAR_MS

PLUG = Spot(0, "plug", HeatSteps())
BOX = Spot(1, "enclosure", HeatSteps(half_c=50, quarter_c=55, stop_c=60, back_c=45))
WHOLE_MA = 32_000


class Watched:
    """One heat, and readings that come each second."""

    def __init__(self, *spots: Spot) -> None:
        self.heat = Heat(spots or (PLUG,), 0)
        self.now_ms = 0
        self.readings: dict[int, Warmth] = {}

    def at(self, celsius: float, sensor: int = 0) -> int | None:
        self.now_ms += 1_000
        self.readings = {**self.readings, sensor: Warmth(round(celsius * 1_000), self.now_ms)}
        self.heat.look(self.readings, self.now_ms)
        return self.heat.limit_ma(WHOLE_MA, self.now_ms)

    def after(self, ms: int) -> int | None:
        self.now_ms += ms
        self.heat.look(self.readings, self.now_ms)
        return self.heat.limit_ma(WHOLE_MA, self.now_ms)


@pytest.mark.parametrize(
    ("celsius", "left_ma"),
    [
        *((-20, None), (62.1, None), (64.999, None), (65, 16_000), (67.999, 16_000), (68, 8_000)),
        *((70.999, 8_000), (71, 0), (140, 0)),
    ],
)
def test_each_step_down_is_taken_at_once(celsius: float, left_ma: int | None) -> None:
    assert Watched().at(celsius) == left_ma


def test_back_up_goes_only_what_is_cool() -> None:
    one = Watched()
    told = [one.at(celsius) for celsius in (66, 64, 62.1, 69, 66, 71, 69, 63, 62)]
    assert told == [16_000, 16_000, 16_000, 8_000, 8_000, 0, 0, 0, None]


def test_cool_is_cool_to_the_thousandth_of_a_degree() -> None:
    one = Watched()
    assert [one.at(celsius) for celsius in (66, 62.001, 62)] == [16_000, 16_000, None]


def test_what_is_left_can_be_said_on_the_pilot() -> None:
    one = Watched()
    one.at(69)
    assert one.heat.limit_ma(16_000, one.now_ms) == 6_000


def test_the_hottest_place_counts_each_by_its_own_steps() -> None:
    both = Watched(PLUG, BOX)
    assert both.at(30) is None and both.at(51, sensor=1) == 16_000
    assert both.at(69) == 8_000 and both.heat.too_hot is None
    assert both.at(61, sensor=1) == 0 and both.heat.too_hot == "enclosure, 61 °C"
    assert both.heat.temperatures == (Temperature("plug", 69_000), Temperature("enclosure", 61_000))


def test_a_thermometer_that_falls_silent_leaves_a_quarter_and_then_is_a_fault() -> None:
    one = Watched()
    assert one.at(30) is None and one.heat.due_ms(one.now_ms) == one.now_ms + FRESH_MS
    assert one.after(FRESH_MS - 1) is None and one.after(1) == 8_000 and one.heat.temperatures == ()
    assert one.heat.due_ms(one.now_ms) == one.now_ms + SILENT_MS - FRESH_MS
    assert one.after(SILENT_MS - FRESH_MS - 1) == 8_000 and one.heat.silent(one.now_ms) is None
    one.after(1)
    assert one.heat.silent(one.now_ms) == "plug" and one.heat.due_ms(one.now_ms) == FAR_MS
    assert one.at(30) is None and one.heat.silent(one.now_ms) is None


def test_a_reading_is_fresh_for_10_s_and_a_silence_lasts_a_minute() -> None:
    assert (FRESH_MS, SILENT_MS) == (10_000, 60_000)


def test_a_reading_that_is_taken_away_is_no_cold_one() -> None:
    one = Watched()
    assert one.at(66) == 16_000
    one.readings = {}
    assert one.after(FRESH_MS - 1) == 16_000 and one.heat.temperatures == (Temperature("plug", 66_000),)
    assert one.after(1) == 8_000


def test_one_that_never_spoke_is_silent_from_the_start() -> None:
    one = Watched()
    assert one.after(FRESH_MS - 1) is None and one.after(1) == 8_000
    assert one.after(SILENT_MS) == 8_000 and one.heat.silent(one.now_ms) == "plug"


def test_what_was_too_hot_stays_so_while_nothing_is_read() -> None:
    one = Watched()
    one.at(75)
    assert one.after(FRESH_MS) == 0 and one.heat.too_hot == "plug"


def test_an_outlet_without_a_thermometer_knows_no_heat() -> None:
    none = Heat((), 0)
    none.look({0: Warmth(99_000, 5)}, 10)
    assert none.limit_ma(WHOLE_MA, 10**9) is None and none.silent(10**9) is None and none.due_ms(0) == FAR_MS


@pytest.mark.parametrize(("celsius", "taken"), [(19, False), (20, True), (120, True), (121, False)])
def test_a_step_lies_where_thermometers_can_say_it(celsius: int, taken: bool) -> None:
    for key in ("half_c", "quarter_c", "stop_c", "back_c"):
        if taken:
            assert msgspec.convert({key: celsius}, HeatSteps) == HeatSteps(**{key: celsius})
            continue
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({key: celsius}, HeatSteps)
    with pytest.raises(msgspec.ValidationError, match="warm_c"):
        msgspec.convert({"warm_c": 30}, HeatSteps)


def test_steps_that_do_not_rise_are_refused() -> None:
    assert HeatSteps().objection() is None
    for wrong in (HeatSteps(half_c=68), HeatSteps(stop_c=68), HeatSteps(back_c=65)):
        assert wrong.objection() == "back_c, half_c, quarter_c and stop_c must rise in this order"
