"""When the residual-current device is tried, what it must do then, and what a failed trial means."""

from __future__ import annotations

import pytest

from hal.boards import Timing
from hal.trial import CALM_MS, EACH_MS, Trial
from tests.hal.box import Box, sim_board

TIMING = Timing(residual_trip_ms=1_000, residual_clear_ms=3_000)


class Device:
    """A trial by hand, at A with an open contactor unless it is said otherwise."""

    def __init__(self) -> None:
        self.calls: list[bool] = []
        self.trial = Trial(self.calls.append, TIMING, 0)
        self.see(0)  # the test input is freed, whoever drove it before
        assert self.calls.pop() is False

    def see(self, now_ms: int, *, tripped: bool = False, at_a: bool = True, contactor_open: bool = True) -> str:
        return self.trial.run(at_a, contactor_open, tripped, now_ms)

    def begin(self) -> None:
        """At 1000."""
        self.see(0)
        self.see(1_000)
        assert self.calls == [True] and self.trial.running


@pytest.mark.parametrize(("at_a", "contactor_open"), [(False, True), (True, False), (False, False)])
def test_it_needs_a_second_of_rest_at_a(at_a: bool, contactor_open: bool) -> None:
    device = Device()
    for now_ms in range(0, 5_000, 100):
        device.see(now_ms, at_a=at_a, contactor_open=contactor_open)
    device.see(5_000)
    device.see(5_999)
    assert device.calls == []
    device.see(6_000)
    assert device.calls == [True]


@pytest.mark.parametrize(("trips_ms", "well"), [(1, True), (999, True), (1_000, False)])
@pytest.mark.parametrize(("clears_ms", "lets_go"), [(1, True), (2_999, True)])
def test_it_must_trip_in_time_and_let_go_in_time(trips_ms: int, well: bool, clears_ms: int, lets_go: bool) -> None:
    device = Device()
    device.begin()
    said = device.see(1_000 + trips_ms, tripped=True)
    assert ("did not trip" in said) is not well and device.calls == [True, False]
    gone_ms = 1_000 + trips_ms + clears_ms
    assert device.see(gone_ms - 1, tripped=True) == "" and device.trial.running
    said = "".join(device.see(now_ms) for now_ms in (gone_ms, gone_ms + CALM_MS))
    assert said == ("it trips and lets go" if well else "") and not device.trial.running and not device.trial.failure


def test_one_that_chatters_as_it_lets_go_is_waited_for() -> None:
    device = Device()
    device.begin()
    device.see(1_100, tripped=True)
    for now_ms in (1_200, 1_249):
        assert device.see(now_ms) == "" and device.trial.running
    assert min(device.trial.deadlines(1_249)) == 1_250
    assert device.see(1_249, tripped=True) == ""
    for now_ms in (1_260, 1_309):
        assert device.see(now_ms) == "" and device.trial.running
    assert device.see(1_310) == "it trips and lets go" and not device.trial.running
    tomorrow_ms = 1_310 + EACH_MS
    device.see(tomorrow_ms)
    for now_ms in (tomorrow_ms + 10, tomorrow_ms + 20):  # a plug comes before it has tripped
        assert device.see(now_ms, at_a=False) == "" and device.trial.running


def test_one_that_holds_on_fails() -> None:
    device = Device()
    device.begin()
    device.see(1_100, tripped=True)
    assert device.see(4_099, tripped=True) == ""
    assert "did not let go" in device.see(4_100, tripped=True) and device.trial.failure
    assert not device.trial.running
    device.see(4_110, tripped=True)
    assert not device.trial.failure


def test_one_that_has_tripped_by_itself_is_not_tried() -> None:
    device = Device()
    for now_ms in range(0, 5_000, 10):
        device.see(now_ms, tripped=True)
    assert device.calls == []


@pytest.mark.parametrize("tripped", [False, True])
def test_a_plug_ends_it_at_once_without_a_verdict_and_it_stays_due(tripped: bool) -> None:
    device = Device()
    device.begin()
    assert device.see(1_050, at_a=False, tripped=tripped) == "" and device.calls == [True, False]
    assert device.trial.running
    assert device.see(1_100, at_a=False) == device.see(1_150, at_a=False) == "" and not device.trial.running
    device.see(9_000)
    device.see(10_000)
    assert device.calls == [True, False, True]


def test_each_day_and_after_each_car() -> None:
    device = Device()
    device.begin()
    device.see(1_100, tripped=True)
    device.see(1_200)
    device.see(1_250)
    assert device.trial.deadlines(5_000)[0] == 1_250 + EACH_MS
    device.see(1_250 + EACH_MS - 1)
    assert device.calls == [True, False]
    device.see(1_250 + EACH_MS)
    assert device.calls == [True, False, True]
    device = Device()
    device.begin()
    device.see(1_100, tripped=True)
    device.see(1_200)
    device.see(1_250)
    device.see(50_000, at_a=False)
    device.see(60_000)
    device.see(61_000)
    assert device.calls == [True, False, True]


def test_a_device_without_a_test_input_is_never_tried() -> None:
    trial = Trial(None, TIMING, 0)
    trial.ask(1)
    assert [trial.run(True, True, False, now_ms) for now_ms in range(0, 5_000, 500)] == [""] * 10
    assert not trial.running and min(trial.deadlines(5_000)) > EACH_MS


@pytest.mark.parametrize("goes_ms", [0, 1, 2_999])
def test_a_trip_that_was_called_for_by_who_ran_before_is_waited_for(goes_ms: int) -> None:
    calls: list[bool] = []
    trial = Trial(calls.append, TIMING, 0)
    for now_ms in range(goes_ms):
        assert trial.run(True, True, True, now_ms) == "" and trial.running
    assert trial.run(True, True, False, goes_ms) == ""
    assert set(calls) == {False} and not trial.running and not trial.failure


def test_a_trip_that_was_there_before_and_stays_is_no_failed_trial() -> None:
    trial = Trial(lambda active: None, TIMING, 0)
    assert trial.run(True, True, True, 2_999) == "" and trial.running
    assert min(trial.deadlines(1)) == 3_000
    assert trial.run(True, True, True, 3_000) == "" and not trial.running and not trial.failure


# --- in the box ------------------------------------------------------------------------------------------------


def test_at_boot_it_is_tried_and_nobody_calls_that_a_fault() -> None:
    box = Box()
    seen = []
    for _ in range(200):
        box.tick_once()
        seen.append(box.plant.bays[1].residual.tripped())
    assert any(seen) and not seen[-1]
    assert not any(snapshot.outlets[0].faults for snapshot in box.snapshots)


@pytest.mark.parametrize("breaks", ["rcd-deaf", "rcd-slow", "rcd-stuck"])
def test_a_failed_trial_keeps_it_open_until_a_person_says_so_and_the_next_is_passed(breaks: str) -> None:
    box = Box(sim_board(socket=False))
    box.say(f"fault {breaks}")
    box.run(6_000)
    assert "RESIDUAL_TEST_FAILED" in box.faults() and box.memory.kept[1]
    box.say("plug-in")
    box.allow(16_000)
    assert box.run(5_000).closings == 0
    box.say("unplug")
    box.tick.acknowledge(1)
    box.run(6_000)
    assert box.faults()  # it was tried again, or is still tripped
    box.say(f"clear {breaks}")
    box.run(1_000)
    box.tick.acknowledge(1)
    box.run(6_000)
    assert box.faults() == []
    box.charge()


def test_a_plug_that_comes_in_mid_trial_charges_after_it() -> None:
    box = Box(sim_board(socket=False))
    while not box.plant.bays[1].residual.tripped():
        box.tick_once()
    box.say("fault rcd-stuck")
    box.say("plug-in")
    box.allow(16_000)
    reasons = {box.run(10).reason for _ in range(250)}
    assert "SELF_TEST" in reasons and box.faults() == [] and box.outlet().closings == 0
    box.say("clear rcd-stuck")
    box.until(closed=True)
