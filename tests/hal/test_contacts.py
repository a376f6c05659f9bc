"""Contacts say what is safe when they cannot be read, and the grid operator's limit goes slowly."""

from __future__ import annotations

import msgspec
import pytest

from hal.contacts import Contact, Contacts, Dim, Dimmer, Means, Said
from hal.drivers.protocols import PartFailed
from hal.iec61851 import FAR_MS
from hal.sim.contact import SimInput

WORDS = {  # of the board file
    "EMERGENCY_STOP": "emergency-stop",
    "EARTH_LOST": "earth-lost",
    "ENCLOSURE_OPEN": "enclosure-open",
    "GRID_DIM": "grid-dim",
    "SWITCHED_OFF": "switched-off",
    "LOCK_POWER_LOW": "lock-power-low",
    "MAINS_FAILING": "mains-failing",
    "BUTTON": "button",
}
DIMMED = Said(frozenset({Means.GRID_DIM}))


def test_each_meaning_has_its_word() -> None:
    assert {means.name: means.value for means in Means} == WORDS


@pytest.mark.parametrize(
    ("key", "low", "high"),
    [("watts", 1_380, 22_080), ("max_ma", 0, 80_000), ("hold_s", 0, 3_600), ("rise_a_min", 0, 60)],
)
def test_a_dimming_keeps_to_its_bounds(key: str, low: int, high: int) -> None:
    for value in (low, high):
        assert getattr(msgspec.convert({key: value}, Dim), key) == value
    for value in (low - 1, high + 1):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({key: value}, Dim)


def test_a_dimming_is_usually_4200_w_over_three_phases_and_ends_after_10_s() -> None:
    assert msgspec.structs.astuple(Dim()) == (4_200, 3, None, 10, 0)
    assert Contact(Means.GRID_DIM, SimInput()).dim == Dim()
    for wrong in ({"phases": 0}, {"phases": 2}, {"phases": 4}, {"amperes": 1}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(wrong, Dim)
    with pytest.raises(AttributeError):
        Dim().watts = 2_000  # type: ignore[misc]


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
    seen = ((False, False), (True, False), (True, False), (True, True), (True, False), (False, False))
    for on, gone in (*seen, (False, True), (True, False), (False, False), (True, False)):
        part.on, part.gone = on, gone
        told.append(contacts.look().presses)
    assert told == [0, 1, 1, 1, 1, 1, 1, 1, 1, 2] and contacts.look().active == frozenset()


def test_the_first_that_cannot_be_read_is_told() -> None:
    parts = [SimInput() for _ in range(3)]
    contacts = Contacts([Contact(means, part) for means, part in zip(list(Means)[:3], parts, strict=True)])
    for part in parts[1:]:
        part.vanish()
    active = frozenset({Means.EARTH_LOST, Means.ENCLOSURE_OPEN})
    assert contacts.look() == Said(active, "earth-lost: its wire is gone")


class Mute:
    """A contact whose driver gives no reason."""

    def active(self) -> bool:
        raise PartFailed("")


def test_one_without_a_reason_has_one_all_the_same() -> None:
    assert Contacts([Contact(Means.SWITCHED_OFF, Mute())]).look().broken == "switched-off: it does not answer"


def test_two_buttons_are_counted_together_beside_other_contacts() -> None:
    parts = [SimInput() for _ in range(3)]
    contacts = Contacts(
        [Contact(means, parts[i]) for i, means in enumerate((Means.BUTTON, Means.GRID_DIM, Means.BUTTON))]
    )
    assert contacts.look() == Said()
    for part in parts:
        part.on = True
    assert contacts.look() == Said(frozenset({Means.GRID_DIM}), "", 2)
    parts[0].on = False
    assert contacts.look() == Said(frozenset({Means.GRID_DIM}), "", 2)
    parts[0].on = True
    assert contacts.look().presses == 3


@pytest.mark.parametrize(
    ("dim", "ma"),
    [
        (Dim(), 6_086),
        (Dim(phases=1), 18_260),
        (Dim(watts=4_140), 6_000),
        (Dim(watts=4_141), 6_001),
        (Dim(watts=7_359, phases=1), 31_995),
        (Dim(watts=7_361, phases=1), 32_000),
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
    assert one.limit_ma(15_000) is None and one.due_ms(15_000) == 15_000
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


def test_a_rise_is_counted_from_the_end_of_the_hold_to_the_millisecond() -> None:
    one = dimmer(Dim(max_ma=8_000, hold_s=10, rise_a_min=7))
    one.look(DIMMED, 0)
    one.look(Said(), 1_000)
    assert (one.limit_ma(10_999), one.due_ms(1_000), one.due_ms(10_999)) == (8_000, 11_000, 11_000)
    told = []
    now_ms = one.due_ms(10_999)
    for _ in range(4):
        now_ms = one.due_ms(now_ms)
        one.look(Said(), now_ms)
        told.append((now_ms, one.limit_ma(now_ms - 1), one.limit_ma(now_ms)))
    assert told == [(19_572, 8_000, 9_000), (28_143, 9_000, 10_000), (36_715, 10_000, 11_000), (45_286, 11_000, 12_000)]


def test_a_rise_ends_at_80_a() -> None:
    one = dimmer(Dim(max_ma=78_000, hold_s=0, rise_a_min=1))
    one.look(DIMMED, 0)
    one.look(Said(), 0)
    assert [one.limit_ma(ms) for ms in (59_999, 60_000, 119_999, 120_000)] == [78_000, 79_000, 79_000, None]
    one.look(Said(), 119_999)
    assert one.due_ms(119_999) == 120_000
    one.look(Said(), 120_000)
    assert one.due_ms(120_000) == FAR_MS and one.limit_ma(0) is None  # it does not limit any more


def test_a_contact_that_is_still_active_has_not_let_go() -> None:
    one = dimmer(Dim(max_ma=8_000, hold_s=10, rise_a_min=1))
    for now_ms in (0, 50_000, 100_000):
        one.look(DIMMED, now_ms)
        assert (one.limit_ma(now_ms), one.due_ms(now_ms)) == (8_000, FAR_MS)
    one.look(Said(), 200_000)
    one.look(Said(), 205_000)
    assert one.due_ms(205_000) == 210_000
    one.look(DIMMED, 206_000)
    assert (one.limit_ma(900_000), one.due_ms(206_000)) == (8_000, FAR_MS)


def test_who_has_no_such_contact_is_not_dimmed() -> None:
    one = Dimmer([Contact(Means.BUTTON, SimInput(), Dim(max_ma=6_000))])
    one.look(DIMMED, 0)
    one.look(Said(), 10)
    assert one.limit_ma(10) is None and one.due_ms(10) == FAR_MS


def test_the_stricter_of_two_counts() -> None:
    both = [Contact(Means.GRID_DIM, SimInput(), Dim(max_ma=ma)) for ma in (10_000, 8_000)]
    one = Dimmer(both)
    one.look(DIMMED, 0)
    assert one.limit_ma(0) == 8_000
