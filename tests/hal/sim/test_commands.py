"""What a person may say to the plant: each word does its thing, and no word does harm."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hal.sim.car import Manner
from hal.sim.commands import _COMMANDS, _USAGE, _faults
from hal.sim.plant import Plant
from tests.hal.sim.world import Hand

USAGE = (
    "plug-in [--cable A] [--phases 1|3], unplug [--force | --at-car], swipe TAG, "
    "warm CELSIUS [PLACE], load OHMS|open [--no-diode], pp OHMS|open, "
    "input NAME on|off, car drive|stop|resume|full|manners NAME on|off, fault NAME, clear NAME, state"
)


@pytest.mark.parametrize(
    ("words", "listed"),
    [
        ((), USAGE),
        (("dance",), USAGE),
        (("plug-in", "--colour", "red"), "--cable, --phases"),
        (("plug-in", "--cable", "21"), "13, 20, 32, 63"),
        (("plug-in", "--cable"), "needs a value"),
        (("plug-in", "--phases", "2"), "1, 3"),
        (("unplug", "--gently"), "--force, --at-car"),
        (("car",), "drive, stop, resume, full, manners"),
        (("car", "fly"), "drive, stop, resume, full, manners"),
        (("car", "stop", "now"), "one word too many"),
        (("car", "manners", "rude", "on"), "never-stops, greedy, overdraws, toggles"),
        (("car", "manners", "greedy", "maybe"), "on, off"),
        (("fault",), "cp-short"),
        (("fault", "boredom"), "contactor-welded"),
        (("clear", "boredom"), "meter-silent"),
        (("swipe",), "1 to 20"),
        (("swipe", "x" * 21), "1 to 20"),
        (("swipe", "a\nb"), "1 to 20"),
        (("state", "please"), "one word too many"),
        (("input", "button", "on"), "this outlet has no inputs"),
        (("warm", "66"), "this outlet has no thermometer"),
        (("warm", "hot"), "such as: warm 66"),
        (("warm", "-300"), "say -55 to 150"),
        (("warm", "151"), "say -55 to 150"),
        (("unplug",), "no plug is in"),
    ],
)
def test_wrong_words_get_one_sentence_that_helps(words: tuple[str, ...], listed: str) -> None:
    text = Hand().refused(*words)
    assert listed in text
    assert "\n" not in text


def test_each_command_has_its_usage() -> None:
    assert all(usage.split()[0] == verb for verb, usage in _USAGE.items()) and list(_USAGE) == list(_COMMANDS)


def test_a_second_plug_is_refused() -> None:
    hand = Hand()
    hand.say("plug-in")
    assert "already" in hand.refused("plug-in")


def test_every_fault_can_be_set_and_cleared_and_is_told() -> None:
    hand = Hand()
    hand.charge()
    for name in _faults(hand.bay):
        hand.say("fault", name)
        assert name in hand.say("state")
        hand.wait(20) if name != "adc-gone" else None
        hand.say("clear", name)
        assert name not in hand.say("state")


def test_every_manner_can_be_switched_and_is_told() -> None:
    hand = Hand()
    for manner in Manner:
        hand.say("car", "manners", manner, "on")
        assert manner in hand.say("state")
        hand.say("car", "manners", manner, "off")
    assert hand.say("state").endswith("all well")


def test_state_tells_what_is() -> None:
    hand = Hand()
    hand.charge()
    text = hand.say("state")
    for part in ("plugged in", "wants energy", "S2 closed", "contacts closed", "16.0/16.0/16.0 A", "bolt out"):
        assert part in text


def test_cards_come_once_and_in_order() -> None:
    hand = Hand()
    reader = hand.plant.reader(1)
    assert reader.poll() is None
    hand.say("swipe", "04AABBCC")
    hand.say("swipe", "04AABBCC")
    hand.say("swipe", "DEADBEEF")
    assert [reader.poll() for _ in range(4)] == ["04AABBCC", "04AABBCC", "DEADBEEF", None]


def test_an_unknown_outlet_is_named() -> None:
    assert Hand().plant.order(3, ("state",)) == (False, "there is no outlet 3; this board has 1")


WORDS = st.one_of(
    st.sampled_from(
        [*_COMMANDS, "--cable", "--force", "--phases", "20", "1", "car", "manners", "on", "greedy", "full"]
    ),
    st.sampled_from([*Manner, *_faults(Plant(1, True).bays[1])]),
    st.text(max_size=64),
)


@settings(max_examples=200)
@given(st.lists(st.lists(WORDS, max_size=8), max_size=8))
def test_no_words_break_the_plant(orders: list[list[str]]) -> None:
    hand = Hand()
    for words in orders:
        _, text = hand.plant.order(1, tuple(words))
        assert text
    hand.now_ms += 60_000
    hand.plant.advance(hand.now_ms)
    assert hand.bay.flow().energy_pj > 0
