"""A story is its scenario without expectations, and a walk fails by what must be so."""

from __future__ import annotations

from pathlib import Path

import pytest

from evsed.ocpp.v16.dialect import DIALECT
from tests.cases.certification import case_of
from tests.hardship.blows import ONCE, QUESTIONS, Struck
from tests.hardship.picks import situations
from tests.hardship.story import Story, softened, stories
from tests.hardship.walk import Walk, walked
from tests.world.csms import ERROR_CODES, Csms

SOURCE = """
done = []
def test_it(missing=None):
    done.append("first")
    assert done.append("asserted") == "something else"
    for number in (1, 2):
        done.append(missing.attribute)
        done.append(number)
    if done:
        raise ValueError("gone")
    done.append("last")
"""


def test_each_step_is_tried_and_nothing_is_expected() -> None:
    names = softened(SOURCE, "a scenario")
    names["test_it"]()
    assert names["done"] == ["first", "asserted", 1, 2, "last"]
    assert [why.split("(")[0] for why in names["astray"]] == ["AttributeError", "AttributeError", "ValueError"]


def test_every_certification_scenario_is_a_story_and_bears_no_case() -> None:
    told = stories()
    files = (Path(__file__).parents[1] / "scenarios").glob("test_cert_*.py")
    assert {story.name.split("-")[0] for story in told} == {file.stem.removeprefix("test_cert_") for file in files}
    assert len({story.name for story in told}) == len(told) >= 92
    assert not any(case_of(f"x::test_it[{story.name}]") for story in told)


def test_every_error_code_is_said() -> None:
    assert set(ERROR_CODES) <= set(ONCE) and len(ERROR_CODES) == 10


def test_every_request_of_a_central_system_crosses() -> None:
    assert {action for action, _ in QUESTIONS} == set(DIALECT.inbound)


@pytest.fixture
def story() -> Story:
    return next(story for story in stories() if "003_regular_start" in story.name)


def test_a_breach_fails_the_walk(story: Story) -> None:
    def befall(walk: Walk, csms: Csms) -> None:
        csms.breaches.append("a breach")

    with pytest.raises(AssertionError, match="a breach"):
        walked(story, befall)


def test_a_start_that_is_not_booked_fails_the_walk(story: Story) -> None:
    def befall(walk: Walk, csms: Csms) -> None:
        csms.holds("StartTransaction")
        csms.fate = lambda message: message.action == "StartTransaction" and csms.charges.clear() is None

    with pytest.raises(AssertionError):
        walked(story, befall)


def test_a_blow_after_the_last_call_does_not_fall(story: Story) -> None:
    blow = Struck(len(situations(story)) + 50, ONCE["lost"])
    walked(story, blow)
    assert not blow.fell
