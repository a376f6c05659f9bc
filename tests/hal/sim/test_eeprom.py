"""The register of a simulated meter outlives its process, and only its process."""

from __future__ import annotations

from pathlib import Path

import pytest

from hal.sim.eeprom import Eeprom
from hal.sim.plant import Plant


def test_a_register_goes_on_where_the_last_process_left_it(tmp_path: Path) -> None:
    Eeprom(tmp_path / "m", 1_000).value = 10**22
    assert Eeprom(tmp_path / "m", 1_000).value == 10**22


def test_it_never_starts_below_the_factory_value(tmp_path: Path) -> None:
    assert Eeprom(tmp_path / "m", 1_000).value == 1_000
    assert Eeprom(None, 1_000).value == 1_000


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 100])
def test_a_damaged_file_is_begun_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m").write_bytes(content)
    assert Eeprom(tmp_path / "m", 7).value == 7


def test_the_plant_counts_on_after_a_restart(tmp_path: Path) -> None:
    first = Plant(1, socket=False, keep=tmp_path)
    bay = first.bays[1]
    bay.car.plug(True)
    bay.pilot.offer(267)
    bay.contactor.order(True)
    for ms in range(0, 60_000, 400):
        bay.gate.beat()
        bay.car.move_s2(True)
        first.advance(ms)
    counted = first.meter_values(1).read().energy_wh
    assert counted > 1_234_567 + 50
    assert Plant(1, socket=False, keep=tmp_path).meter_values(1).read().energy_wh == counted
