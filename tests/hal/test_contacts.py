"""Contacts say what is safe when they cannot be read, and the grid operator's limit goes slowly."""

from __future__ import annotations

import pytest

from hal.contacts import Contact, Contacts, Dim, Dimmer, Means, Said
from hal.iec61851 import FAR_MS
from hal.sim.contact import SimInput

DIMMED = Said(frozenset({Means.GRID_DIM}))


def dimmer(dim: Dim) -> Dimmer:
    return Dimmer([Contact(Means.GRID_DIM, SimInput(), dim)])


def test_all_that_is_active_is_said_by_one_object_while_nothing_changes() -> None:
    stop, tamper = SimInput(), SimInput()
    contacts = Contacts([Contact(Means.EMERGENCY_STOP, stop), Contact(Means.ENCLOSURE_OPEN, tamper)])
    first = contacts.look()
    assert first == Said() and contacts.look() is first
    tamper.on = True
    assert contacts.look().active == {Means.ENCLOSURE_OPEN} and contacts.look() is contacts.look()


@pytest.mark.parametrize("means", [means for means in Means if means is not Means.BUTTON])
def test_one_that_cannot_be_read_says_what_is_safe(means: Means) -> None:
    part = SimInput()
    part.vanish()
    assert Contacts([Contact(means, part)]).look() == Said(frozenset({means}), f"{means}: its wire is gone")


def test_a_button_counts_when_it_goes_down_and_nothing_else() -> None:
    part = SimInput()
    part.on = True
    contacts = Contacts([Contact(Means.BUTTON, part)])
    assert contacts.look() == Said()  # held down since before we looked
    told = []
    for on, gone in ((False, False), (True, False), (True, False), (True, True), (True, False), (False, False)):
        part.on, part.gone = on, gone
        told.append(contacts.look().presses)
    assert told == [0, 1, 1, 1, 1, 1] and contacts.look().active == frozenset()


@pytest.mark.parametrize(
    ("dim", "ma"),
    [
        (Dim(), 6_086),
        (Dim(phases=1), 18_260),
        (Dim(watts=1_380), 6_000),
        (Dim(watts=22_080, phases=1), 32_000),
        (Dim(max_ma=0), 0),
        (Dim(max_ma=10_000, watts=4_200), 10_000),
    ],
)
def test_what_is_left_in_each_phase(dim: Dim, ma: int) -> None:
    assert dim.ma == ma


def test_it_holds_and_then_lets_go() -> None:
    one = dimmer(Dim(max_ma=8_000, hold_s=10))
    one.look(Said(), 0)
    assert one.limit_ma(0) is None and one.due_ms(0) == FAR_MS
    one.look(DIMMED, 1_000)
    assert one.limit_ma(10**9) == 8_000 and one.due_ms(1_000) == FAR_MS
    one.look(Said(), 5_000)
    assert one.limit_ma(14_999) == 8_000 and one.due_ms(5_000) == 15_000
    assert one.limit_ma(15_000) is None
    one.look(Said(), 15_000)
    assert one.due_ms(15_000) == FAR_MS


def test_a_contact_that_comes_back_holds_anew() -> None:
    one = dimmer(Dim(max_ma=8_000, hold_s=10))
    for said, now_ms in ((DIMMED, 0), (Said(), 1_000), (DIMMED, 9_000), (Said(), 10_000)):
        one.look(said, now_ms)
    assert one.limit_ma(19_999) == 8_000 and one.limit_ma(20_000) is None


def test_it_rises_by_steps_of_an_ampere() -> None:
    one = dimmer(Dim(max_ma=8_000, hold_s=0, rise_a_min=2))
    one.look(DIMMED, 0)
    one.look(Said(), 1_000)
    now_ms, told = 1_000, []
    for _ in range(3):
        told.append((now_ms, one.limit_ma(now_ms)))
        assert one.limit_ma(one.due_ms(now_ms) - 1) == one.limit_ma(now_ms)
        now_ms = one.due_ms(now_ms)
        one.look(Said(), now_ms)
    assert told == [(1_000, 8_000), (31_000, 9_000), (61_000, 10_000)]
    assert one.limit_ma(1_000 + 72 * 30_000) is None  # 80 A: more than any board


def test_the_stricter_of_two_counts() -> None:
    both = [Contact(Means.GRID_DIM, SimInput(), Dim(max_ma=ma)) for ma in (10_000, 8_000)]
    one = Dimmer(both)
    one.look(DIMMED, 0)
    assert one.limit_ma(0) == 8_000
