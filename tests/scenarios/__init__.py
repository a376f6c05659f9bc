"""Whole-wallbox scenarios on the virtual clock."""

import pytest

pytest.register_assert_rewrite("tests.scenarios.day", "tests.world")
