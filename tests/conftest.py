"""Property tests draw the same examples in each run, so that a red one repeats; EVSED_LONG_TESTS draws new ones.

None has a deadline: an example that is slow on a busy machine proves nothing.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("tests.scenarios.day", "tests.world")

settings.register_profile("ours", derandomize=not os.environ.get("EVSED_LONG_TESTS"), deadline=None)
settings.load_profile("ours")
