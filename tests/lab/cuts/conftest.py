"""What the lives here silence speaks again in the tests that follow."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def spoken() -> Iterator[None]:
    yield
    logging.disable(logging.NOTSET)
