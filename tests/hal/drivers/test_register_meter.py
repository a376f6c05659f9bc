"""From registers to a reading: decoding, dating, the nonce, the second look."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from struct import pack, unpack

import pytest

from hal.drivers.meter_model import Model, load_model, parse_model
from hal.drivers.protocols import NoReading
from hal.drivers.register_meter import RegisterMeter, decode


class Shelf:
    """Registers that a test fills; remembers what was asked for."""

    def __init__(self) -> None:
        self.words: dict[int, int] = {}
        self.asked: list[tuple[int, int, int]] = []
        self.closed = False

    def put(self, address: int, number: float, kind: str = "f") -> None:
        words = unpack(f">{len(pack('>' + kind, number)) // 2}H", pack(">" + kind, number))
        self.words.update({address + n: word for n, word in enumerate(words)})

    def read(self, function: int, address: int, count: int) -> Sequence[int]:
        self.asked.append((function, address, count))
        return [self.words.get(at, 0) for at in range(address, address + count)]

    def close(self) -> None:
        self.closed = True


class Bench:
    """An sdm630 on a shelf, charging with 16 A."""

    def __init__(self, model: Model | None = None) -> None:
        self.shelf = Shelf()
        self.now_ms = 5_000
        self.meter = RegisterMeter(model or load_model("sdm630"), self.shelf, lambda: self.now_ms)
        for phase in range(3):
            self.shelf.put(0x00 + 2 * phase, 230.0)
            self.shelf.put(0x06 + 2 * phase, 16.0)
            self.shelf.put(0x0C + 2 * phase, 3_643.2)
        self.shelf.put(0x34, 10_929.6)
        self.shelf.put(0x3E, 0.99)
        self.shelf.put(0x46, 50.0)
        self.shelf.put(0x48, 1_234.567)
        self.shelf.put(0x4A, 0.5)


def test_every_quantity_in_the_units_of_the_contract() -> None:
    reading = Bench().meter.read()
    assert reading.at_ms == 5_000
    assert reading.energy_wh == 1_234_567
    assert reading.export_wh == 500
    assert reading.power_w == 10_930
    assert reading.current_ma == (16_000, 16_000, 16_000)
    assert reading.voltage_mv == (230_000, 230_000, 230_000)
    assert reading.phase_power_w == (3_643, 3_643, 3_643)
    assert reading.frequency_mhz == 50_000
    assert reading.power_factor_permille == 990


def test_a_reading_is_dated_when_it_is_asked_for() -> None:
    bench = Bench()
    bench.meter.read()
    times = iter([7_000, 9_999])
    bench.meter._now_ms = lambda: next(times)
    assert bench.meter.read().at_ms == 7_000


def test_no_two_questions_in_a_row_are_alike() -> None:
    bench = Bench()
    for _ in range(9):
        bench.meter.read()
        bench.now_ms += 1_000
    counts = [count for _, _, count in bench.shelf.asked]
    assert set(counts) == {76, 78, 80}
    assert all(a != b for a, b in pairwise(counts))
    assert all(a != b for a, b in zip(counts, counts[2:], strict=False))


def test_a_first_reading_needs_a_second_that_fits() -> None:
    bench = Bench()
    shelf, honest = bench.shelf, bench.shelf.read

    def zero_once(function: int, address: int, count: int) -> Sequence[int]:
        shelf.read = honest  # type: ignore[method-assign]
        words = list(honest(function, address, count))
        words[0x48:0x4A] = 0, 0
        return words

    shelf.read = zero_once  # type: ignore[method-assign]
    with pytest.raises(NoReading, match="jumped from 0 to 1234567"):
        bench.meter.read()
    assert bench.meter.read().energy_wh == 1_234_567
    assert len(shelf.asked) == 4


def test_later_readings_are_asked_for_once_until_the_meter_was_silent_for_long() -> None:
    bench = Bench()
    bench.meter.read()
    bench.now_ms += 1_000
    bench.meter.read()
    assert len(bench.shelf.asked) == 3
    bench.now_ms += 61_000
    bench.shelf.put(0x48, 1_234.9)
    bench.meter.read()
    assert len(bench.shelf.asked) == 5


def test_a_backwards_register_is_no_reading_and_the_old_one_stays_the_last_good() -> None:
    bench = Bench()
    bench.meter.read()
    for energy_kwh in (1_233.0, 0.0, 1_234.0):
        bench.now_ms += 1_000
        bench.shelf.put(0x48, energy_kwh)
        with pytest.raises(NoReading, match="went back from 1234567"):
            bench.meter.read()
    bench.now_ms += 1_000
    bench.shelf.put(0x48, 1_234.570)
    assert bench.meter.read().energy_wh == 1_234_570


@pytest.mark.parametrize("address", [0x00, 0x08, 0x34, 0x3E, 0x46, 0x48, 0x4A])
@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_no_number_is_no_reading(address: int, number: float) -> None:
    bench = Bench()
    bench.meter.read()
    bench.shelf.put(address, number)
    with pytest.raises(NoReading, match=r"nan|inf"):
        bench.meter.read()


@pytest.mark.parametrize(
    ("words", "kind", "order", "number"),
    [
        ([0x4366, 0x3333], "f32", "high-first", 230.2),
        ([0x3333, 0x4366], "f32", "low-first", 230.2),
        ([0x406C, 0xC666, 0x6666, 0x6666], "f64", "high-first", 230.2),
        ([0xFFFE], "i16", "high-first", -2),
        ([0xFFFE], "u16", "high-first", 65_534),
        ([0x0001, 0x0000], "u32", "high-first", 65_536),
        ([0xFFFF, 0xFFFE], "i32", "high-first", -2),
        ([0xFFFE, 0xFFFF], "i32", "low-first", -2),
        ([0, 0, 1, 0], "u64", "high-first", 65_536),
        ([0xFFFF, 0xFFFF, 0xFFFF, 0xFFFE], "i64", "high-first", -2),
        ([0xFFFF, 0xFFFF], "u32", "high-first", None),
        ([0x7FFF, 0xFFFF], "i32", "high-first", None),
        ([0x7FFF], "i16", "high-first", None),
    ],
)
def test_decoding(words: list[int], kind: str, order: str, number: float | None) -> None:
    assert decode(words, kind, order) == (number if number is None else pytest.approx(number))


ABB = b"""
name = "abb"
covers = ["B23"]
function = 3
type = "i32"
max_registers = 30
gap_ms = 1
answer_ms = 1
late_ms = 1
blocks = [{ at = 0x5000, count = 4, spare = 2 }, { at = 0x5B00, count = 22, spare = 2 }]
bounds = { power_w = 75000, current_ma = 120000, voltage_mv = 450000 }
[values]
energy_wh = { at = [0x5000], type = "u64", scale = 10 }
voltage_mv = { at = [0x5B00, 0x5B02, 0x5B04], type = "u32", scale = 100 }
current_ma = { at = [0x5B0C, 0x5B0E, 0x5B10], type = "u32", scale = 10 }
power_w = { at = [0x5B14], scale = 0.01 }
"""


def test_the_next_model_is_a_table_and_no_code() -> None:
    bench = Bench(parse_model(ABB, "abb"))
    bench.shelf.words.clear()
    bench.shelf.put(0x5000, 123_456, "Q")
    for phase in range(3):
        bench.shelf.put(0x5B00 + 2 * phase, 2_301, "I")
        bench.shelf.put(0x5B0C + 2 * phase, 1_600, "I")
    bench.shelf.put(0x5B14, 1_093_000, "i")
    reading = bench.meter.read()
    assert (reading.energy_wh, reading.power_w) == (1_234_560, 10_930)
    assert reading.current_ma == (16_000,) * 3
    assert reading.voltage_mv == (230_100,) * 3
    assert reading.export_wh is None
    # One phase without a value: none of them. The total without one: no reading.
    bench.shelf.put(0x5B0E, 0xFFFF_FFFF, "I")
    assert bench.meter.read().current_ma == ()
    bench.shelf.put(0x5B14, 0x7FFF_FFFF, "i")
    with pytest.raises(NoReading, match="power_w"):
        bench.meter.read()


def test_close_gives_the_line_back() -> None:
    bench = Bench()
    bench.meter.close()
    assert bench.shelf.closed
