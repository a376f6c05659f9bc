"""The certification's stories under hardships: whatever befalls the wire, the books come right."""

import pytest

pytest.register_assert_rewrite("tests.hardship.walk", "tests.scenarios.day", "tests.world")
