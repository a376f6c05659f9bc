"""Property tests draw the same examples in each run, so that a red one repeats; EVSED_LONG_TESTS draws new ones."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("tests.scenarios.day", "tests.world")

settings.register_profile("same", derandomize=True)
settings.load_profile("default" if os.environ.get("EVSED_LONG_TESTS") else "same")
