"""The package looks at every frame of a new shape, once, and says what it would not take."""

from __future__ import annotations

import json

import pytest

from tests.world import second_opinion
from tests.world.second_opinion import objection

VALUES = {"connectorId": 1, "meterValue": [{"timestamp": "2027-01-01T00:00:00Z", "sampledValue": [{"value": "1"}]}]}


@pytest.mark.parametrize(
    ("frame", "action"),
    [
        ([2, "a", "MeterValues", VALUES], "MeterValues"),
        ([3, "a", {"status": "Accepted"}], "Reset"),
        ([4, "a", "OccurenceConstraintViolation", "", {}], "Reset"),
    ],
)
def test_what_is_right_is_taken(frame: list[object], action: str) -> None:
    assert objection(json.dumps(frame), action) is None


@pytest.mark.parametrize(
    ("frame", "action"),
    [
        ([2, "a", "MeterValues", VALUES | {"extra": 1}], "MeterValues"),
        ([2, "a", "MeterValues", VALUES | {"connectorId": "1"}], "MeterValues"),
        ([2, "a", "NoSuchAction", {}], "NoSuchAction"),
        ([3, "a", {"status": "Perhaps"}], "Reset"),
        ([3, "a", {}], "Reset"),
        ([3, "a"], "Reset"),
        ([4, "a", "MadeUp", "", {}], "Reset"),
        ([4, "a"], "Reset"),
    ],
)
def test_what_is_wrong_is_named_each_time(frame: list[object], action: str) -> None:
    for _ in range(2):
        said = objection(json.dumps(frame), action)
        assert said is not None and json.dumps(frame) in said


def test_numbers_make_no_new_shape_and_words_do() -> None:
    frame = '[2,"a1","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Available"}]'
    objection(frame, "StatusNotification")
    shown = len(second_opinion._shown)
    objection(frame.replace("a1", "a2"), "StatusNotification")
    assert len(second_opinion._shown) == shown
    objection(frame.replace("Available", "Charging"), "StatusNotification")
    assert len(second_opinion._shown) == shown + 1
