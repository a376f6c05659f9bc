"""What an outlet shows and lets hear, in time; right also when evsed is gone."""

from __future__ import annotations

import pytest

from hal.bus import Bus, Mailbox
from hal.contract import Cp, Display, Fault, Lease, Outlet, Show
from hal.drivers.protocols import PartFailed
from hal.lamp import Lamp, Signals
from hal.lights import DARK, Face, Mood, mood
from hal.sim.signals import SimBuzzer, SimLights
from tests.evsed.snapshots import IDLE, outlet

BROKEN = (Fault("X", True, True, "OtherError", "x", 0),)
WARNED = (Fault("Y", False, False, "OtherError", "y", 0),)
GREEN, RED = (0, 1_000, 0), (1_000, 0, 0)


@pytest.mark.parametrize(
    ("facts", "display", "expected"),
    [
        ({}, Display(), Mood.FREE),
        ({"faults": WARNED}, Display(), Mood.FREE),
        ({"faults": BROKEN, "closed": True}, Display(), Mood.FAULT),
        ({"closed": True, "cp": Cp.C}, Display(Show.UNAVAILABLE), Mood.CHARGING),
        ({"closed": True, "cp": Cp.C}, None, Mood.CHARGING),
        ({"cp": Cp.B}, Display(), Mood.PLUGGED),
        ({"cp": Cp.B}, None, Mood.PLUGGED),
        ({"cp": Cp.B, "pwm": True}, Display(), Mood.WAITING),
        ({"cp": Cp.B}, Display(Show.ASKING), Mood.ASKING),
        ({"cp": Cp.B}, Display(Show.UNAVAILABLE), Mood.UNAVAILABLE),
        ({"cp": Cp.B}, Display(Show.OFFLINE), Mood.PLUGGED),
        ({}, Display(Show.RESERVED), Mood.RESERVED),
        ({}, Display(Show.OFFLINE), Mood.OFFLINE),
        ({}, None, Mood.ALONE),
    ],
)
def test_what_is_wrong_comes_first_and_what_only_evsed_knows_last(
    facts: dict[str, object], display: Display | None, expected: Mood
) -> None:
    assert mood(outlet(**facts), display) is expected


def test_all_moods_can_be_told_apart() -> None:
    assert len({kind.value for kind in Mood}) == len(Mood)


def colours(face: Face, times: range, permille: int = 1_000) -> list[tuple[int, int, int]]:
    return [face.colour(permille, now_ms) for now_ms in times]


def test_a_blinking_mood_begins_lit() -> None:
    face = Face()
    face.look(outlet(faults=BROKEN), Display(), 1_000)
    assert colours(face, range(1_000, 1_800, 100)) == [RED, RED, DARK, DARK] * 2


def test_light_is_as_strong_as_it_may_be() -> None:
    face = Face()
    face.look(IDLE, Display(), 0)
    assert face.colour(250, 0) == (0, 250, 0) and face.colour(0, 0) == DARK


def test_a_signal_blinks_as_often_as_told_and_then_is_over() -> None:
    face = Face()
    face.look(IDLE, Display(number=7), 0)
    face.look(IDLE, Display(signal=Show.REFUSED, number=8, blinks=2), 1_000)
    told = colours(face, range(1_000, 2_800, 300))
    assert told == [RED, DARK, RED, DARK, GREEN, GREEN]
    face.look(IDLE, Display(signal=Show.REFUSED, number=8, blinks=2), 5_000)
    assert face.colour(1_000, 5_000) == GREEN
    face.look(IDLE, Display(signal=Show.REFUSED, number=9, blinks=2), 6_000)
    assert face.colour(1_000, 6_000) == RED


def test_without_blinks_only_the_buzzer_tells() -> None:
    face = Face()
    face.look(IDLE, Display(number=1), 0)
    face.look(IDLE, Display(signal=Show.REFUSED, number=2, blinks=0), 0)
    assert face.colour(1_000, 0) == GREEN and face.sounds(0)


def test_what_was_signalled_before_we_looked_is_not_shown() -> None:
    face = Face()
    face.look(IDLE, Display(signal=Show.REFUSED, number=5), 0)
    assert face.colour(1_000, 0) == GREEN and not face.sounds(0)


@pytest.mark.parametrize(("signal", "beeps"), [(Show.ACCEPTED, 1), (Show.REFUSED, 3)])
def test_yes_is_one_beep_and_no_are_three(signal: Show, beeps: int) -> None:
    face, buzzer = Face(), SimBuzzer()
    face.look(IDLE, Display(), 0)
    face.look(IDLE, Display(signal=signal, number=1), 0)
    for now_ms in range(0, 10_000, 50):
        buzzer.sound(face.sounds(now_ms))
    assert buzzer.beeps == beeps and not buzzer.on


class Stage:
    """A lamp, and what it looks at."""

    def __init__(self) -> None:
        self.lights, self.buzzer = SimLights(), SimBuzzer()
        self.outlet: Outlet | None = IDLE
        self.lease: Lease | None = Lease(1, 0, False, False, 3_000, display=Display(light_permille=500))
        self.lamp = Lamp(Signals(self.lights, self.buzzer), lambda: (self.outlet, self.lease))


def test_a_lamp_follows_the_lease_and_knows_when_it_is_over() -> None:
    stage = Stage()
    stage.lamp.turn(2_999)
    assert stage.lights.colour == (0, 500, 0)
    stage.lamp.turn(3_000)
    assert stage.lights.colour == (1_000, 600, 0)  # it is alone
    stage.outlet = outlet(faults=BROKEN)
    stage.lamp.turn(4_000)
    assert stage.lights.colour == RED
    stage.lamp.close()
    assert stage.lights.colour == DARK


def test_what_could_not_be_shown_is_shown_again() -> None:
    stage = Stage()
    stage.lamp.turn(0)

    def broken(*_: int) -> None:
        raise PartFailed("gone")

    stage.outlet, show = outlet(faults=BROKEN), stage.lights.show
    stage.lights.show = broken  # type: ignore[method-assign]
    with pytest.raises(PartFailed):
        stage.lamp.turn(50)
    stage.lights.show = show  # type: ignore[method-assign]
    stage.lamp.turn(100)
    assert stage.lights.colour == (500, 0, 0)


def test_before_the_first_tick_nothing_is_shown() -> None:
    stage = Stage()
    stage.outlet = None
    stage.lamp.turn(0)
    assert stage.lights.colour == DARK


def test_the_bus_turns_its_lamps_and_closes_them() -> None:
    stage = Stage()
    bus = Bus({}, {}, Mailbox(), {}, {1: stage.lamp}, now_ms=lambda: 0)
    bus._lamp(stage.lamp)()
    assert stage.lights.colour == (0, 500, 0)
    bus.stop()
    assert stage.lights.colour == DARK
