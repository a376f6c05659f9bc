"""Some walks of a rogue central system, the same in each run; EVSED_LONG_TESTS takes hundreds."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest

from evsed.ocpp import pace
from tests.enemies import harms
from tests.enemies.rogue import FLOODS, flooded, walked

LONG = bool(os.environ.get("EVSED_LONG_TESTS"))
SEEDS = range(1, 400) if LONG else (1, 2, 26, 125)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_rogue_central_system_makes_the_box_neither_unsafe_nor_broke_nor_deaf_nor_talkative(seed: int) -> None:
    assert walked(seed, 120) == []


@pytest.mark.parametrize("number", range(len(FLOODS)))
def test_whoever_floods_the_box_wears_out_no_disk(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    for room in () if LONG else (pace, harms):
        monkeypatch.setattr(room, "AT_ONCE", 30_000)
    assert flooded(number, 3_000 if LONG else 200) == []
