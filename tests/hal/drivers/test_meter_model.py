"""Meter tables: those we ship, and what is refused in one."""

from __future__ import annotations

import pytest

from hal.drivers.meter_model import ModelError, known_models, load_model, parse_model, quantities

TABLE = """
name = "m"
covers = ["m"]
function = 4
type = "f32"
step = 2
max_registers = 80
gap_ms = 1
answer_ms = 1
late_ms = 1
blocks = [{ at = 0x00, count = 4, spare = 2 }, { at = 0x20, count = 8 }]
[values]
energy_wh = { at = [0x24], scale = 1000 }
power_w = { at = [0x02] }
[bounds]
power_w = 75000
current_ma = 120000
voltage_mv = 450000
"""


@pytest.mark.parametrize("name", known_models())
def test_every_table_loads(name: str) -> None:
    assert {"energy_wh", "power_w"} <= {quantity.name for quantity in quantities(load_model(name))}


@pytest.mark.parametrize("name", known_models())
def test_a_poll_fits_into_its_second_at_the_speed_of_the_factory(name: str) -> None:
    model = load_model(name)
    characters = sum(8 + 5 + 2 * max(block.counts(model.step)) for block in model.blocks)
    line_ms = characters * 11_000 / model.factory.baud
    assert line_ms + len(model.blocks) * (model.gap_ms + 50) < 1_000  # 50 ms: what a meter usually thinks


def test_the_meters_most_used_can_be_asked_for_another_count_each_time() -> None:
    for name in ("sdm630", "sdm120", "sdm72"):
        model = load_model(name)
        assert all(len(block.counts(model.step)) >= 2 for block in model.blocks)


def test_no_block_reads_over_the_identity_of_a_small_carlo_gavazzi() -> None:
    model = load_model("cg-em111")
    assert all(not block.at <= 0x0B < block.at + max(block.counts(model.step)) for block in model.blocks)


@pytest.mark.parametrize("name", ["sdm999", "SDM630", "../boards/sim", "", "sdm630.toml"])
def test_an_unknown_model_gets_the_list_of_the_known(name: str) -> None:
    with pytest.raises(ModelError, match=r"choose one of: .*sdm120.*sdm630") as refused:
        load_model(name)
    assert "\n" not in str(refused.value)


def test_a_place_says_block_and_registers() -> None:
    places = {q.name: q.places[0] for q in quantities(parse_model(TABLE.encode(), "m"))}
    assert places["energy_wh"][:2] == (1, slice(4, 6))
    assert places["power_w"][:2] == (0, slice(2, 4))


@pytest.mark.parametrize(
    ("was", "becomes", "reason"),
    [
        ("function = 4", "function = 6", "function must be one of 3, 4, not 6"),
        ('type = "f32"', 'type = "f16"', "type must be one of 'f32', "),
        ("gap_ms = 1", "gap_ms = 0", "gap_ms must be at least 1"),
        ("gap_ms = 1", "gap = 1", "unknown key `gap`; known are name, covers, function, type, max_registers, gap_ms, "),
        ("at = [0x02]", "at = []", "values.power_w.at must have at least 1 items"),
        ("at = [0x02]", "at = [0x10000]", "values.power_w.at[1] must be at most 65535"),
        ("at = [0x02]", "at = [0x10]", "power_w at 0x10 lies in none of the blocks"),
        ("at = [0x02]", "at = [0x03]", "power_w at 0x3 lies in none of the blocks"),
        ("at = [0x02]", "at = [0x00, 0x02]", "one address, or three"),
        ("at = [0x02]", "at = [0x00, 0x20, 0x22]", "totals"),
        ("power_w = { at", "powr_w = { at", "unknown key `powr_w` in values; known are energy_wh, power_w, "),
        ("energy_wh = { at = [0x24], scale = 1000 }", "", "values.energy_wh is missing"),
        ("spare = 2", "spare = 4", "same count"),
        ("spare = 2", "spare = 200", "blocks[1].spare must be at most 124"),
        ("max_registers = 80", "max_registers = 7", "at most 7"),
        ("blocks = [{ at", "blocks = [{{ at", "m:"),
        ("voltage_mv = 450000", "voltage_mv = -1", "bounds.voltage_mv must be at least 1"),
    ],
)
def test_a_table_that_cannot_work_is_refused_with_its_reason(was: str, becomes: str, reason: str) -> None:
    assert was in TABLE
    with pytest.raises(ModelError, match="meter table m: ") as refused:
        parse_model(TABLE.replace(was, becomes, 1).encode(), "m")
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)
