"""Some walks of a rogue central system, the same in each run; EVSED_LONG_TESTS takes hundreds."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest

from tests.enemies.rogue import walked

LONG = bool(os.environ.get("EVSED_LONG_TESTS"))
SEEDS = range(1, 400) if LONG else (1, 2, 3, 125)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_rogue_central_system_makes_the_box_neither_unsafe_nor_deaf(seed: int) -> None:
    assert walked(seed, 120) == []
