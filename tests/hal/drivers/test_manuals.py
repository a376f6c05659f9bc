"""Every table against the register list of its maker, which `manuals.py` has by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from hal.contract import MeterReading
from hal.drivers.meter_model import known_models, load_model
from hal.drivers.protocols import NoReading
from hal.drivers.register_meter import RegisterMeter
from tests.hal.drivers.manuals import MANUALS


class Maker:
    """A meter that has the registers of its manual, refuses another function and hides none of what it has."""

    def __init__(self, name: str) -> None:
        self.function, _, self.words = MANUALS[name]
        self.most = load_model(name).max_registers

    def read(self, function: int, address: int, count: int) -> Sequence[int]:
        if function != self.function or count > self.most:
            raise NoReading(f"function {function}, {count} registers")
        return [self.words.get(at, 0) for at in range(address, address + count)]

    def close(self) -> None:
        pass


def test_every_table_has_its_manual() -> None:
    assert sorted(MANUALS) == known_models()


@pytest.mark.parametrize("name", known_models())
def test_a_table_reads_what_the_maker_says(name: str) -> None:
    model = load_model(name)
    said = RegisterMeter(model, Maker(name), lambda: 5_000).read()
    check(said, name, MANUALS[name][1], model.resolution_wh)


def check(said: MeterReading, name: str, phases: int, resolution_wh: int) -> None:
    """The one car of the manuals, as far as the model shows it."""
    shown = load_model(name).values
    assert said.power_w == (3_680 if phases == 1 else 9_010)
    assert said.energy_wh == pytest.approx(1_234_560, abs=resolution_wh)
    assert said.voltage_mv == (230_100, 229_900, 231_400)[:phases]
    assert said.current_ma == pytest.approx((16_020, 15_980, 7_250)[:phases], abs=20)  # one has tenths of an ampere
    assert said.phase_power_w == ((3_680, 3_660, 1_670)[: len(shown.phase_power_w.at)] if shown.phase_power_w else ())
    for number, expected, step, value in (
        (said.frequency_mhz, 49_980, 20, shown.frequency_mhz),
        (said.power_factor_permille, 997, 1, shown.power_factor_permille),
        (said.export_wh, 7_890, resolution_wh, shown.export_wh),
    ):
        assert number == (None if value is None else pytest.approx(expected, abs=step))
