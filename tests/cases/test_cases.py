"""The list is whole, and a case counts only if every scenario that bears it ran and passed."""

from __future__ import annotations

import pytest

from tests.cases.__main__ import verdict
from tests.cases.certification import NOT_HERE, OCPP16, case_of, cases


def test_the_list_is_whole() -> None:
    numbers = [number for _, number in cases(OCPP16)]
    assert len(numbers) == len(set(numbers)) == 107
    assert set(NOT_HERE) <= set(numbers)


@pytest.mark.parametrize(
    ("nodeid", "case"),
    [
        ("tests/scenarios/test_cert_session.py::test_tc_003_regular_start", "003"),
        ("tests/scenarios/test_cert_session.py::test_tc_004_2_timeout", "004_2"),
        ("tests/scenarios/test_cert_control.py::test_reset[TC_014_CS]", "014"),
        ("tests/scenarios/test_cert_control.py::test_reset[TC_048_1_CS-Faulted]", "048_1"),
        ("tests/scenarios/test_manners.py::test_two_outlets", None),
        ("tests/scenarios/test_tc_001_x.py::test_nothing", None),
    ],
)
def test_a_test_bears_its_case_in_its_name(nodeid: str, case: str | None) -> None:
    assert case_of(nodeid) == case


@pytest.mark.parametrize(
    ("results", "number", "said"),
    [
        ({"a": "passed", "b": "passed"}, "003", "passed"),
        ({"a": "passed", "b": "failed"}, "003", "failed"),
        ({"a": "passed", "b": "skipped"}, "003", "failed"),
        ({}, "003", "missing"),
        ({}, "032_1", "not here"),
    ],
)
def test_a_case_passes_when_all_that_bear_it_do(results: dict[str, str], number: str, said: str) -> None:
    assert verdict(results, number) == said
