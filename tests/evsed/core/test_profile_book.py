from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from evsed.core.profile_book import FLAWS, Capacity, ProfileBook, flaw
from evsed.core.profiles import Criteria, InstalledProfile, Kind, Period, Purpose, Recurrency, Schedule
from tests.evsed.core.profile_kit import NOON, installed, profiles, stacks

CAPACITY = Capacity(level=5, installed=4, periods=3)


def book(*profiles: InstalledProfile, capacity: Capacity = CAPACITY) -> ProfileBook:
    return ProfileBook(profiles, capacity)


def names(found: tuple[Any, ...]) -> list[str]:
    """Outlet and id of tracks or of profiles that were taken out."""
    return [getattr(one, "installed", one).key for one in found]


# --- what takes the place of what (§3.13.1, §3.13.2, §5.16.3) ------------------------------------------------


def test_the_same_id_at_the_same_place_is_replaced() -> None:
    filled = book(installed((0, 10), id=1, level=0))
    assert names(filled.put(installed((0, 6), id=1, level=3), NOON)) == ["1:1"]
    assert names(filled.of_outlet(1, None)) == ["1:1"]


def test_the_same_level_and_purpose_at_the_same_place_is_replaced() -> None:
    filled = book(installed((0, 10), id=1))
    assert names(filled.put(installed((0, 6), id=2), NOON)) == ["1:1"]
    assert names(filled.of_outlet(1, None)) == ["1:2"]


def test_one_may_take_the_place_of_two() -> None:
    filled = book(installed((0, 10), id=1, level=1), installed((0, 10), id=2, level=2))
    assert sorted(names(filled.put(installed((0, 6), id=1, level=2), NOON))) == ["1:1", "1:2"]
    assert len(filled) == 1


@pytest.mark.parametrize(
    "other",
    [
        installed((0, 6), id=2, level=1),
        installed((0, 6), id=2, purpose=Purpose.TX, tx="tx"),
        installed((0, 6), id=2, evse=0),
        installed((0, 6), id=1, evse=2),  # evcc gives all outlets of a station one id
    ],
    ids=["another level", "another purpose", "all outlets", "another outlet"],
)
def test_anything_else_stands_beside_it(other: InstalledProfile) -> None:
    filled = book(installed((0, 10), id=1))
    assert filled.put(other, NOON) == ()
    assert len(filled) == 2


def test_the_default_of_an_outlet_takes_the_place_of_that_of_all_there_only() -> None:
    filled = book(installed((0, 6), id=1, evse=0, level=2), installed((0, 6), id=2, evse=0, level=1))
    filled.put(installed((0, 10), id=3, evse=1, level=2), NOON)
    assert names(filled.of_outlet(1, None)) == ["1:3", "0:2"]
    assert names(filled.of_outlet(2, None)) == ["0:1", "0:2"]
    # However late that of all comes.
    filled.put(installed((0, 8), id=4, evse=0, level=2), NOON)
    assert names(filled.of_outlet(1, None)) == ["1:3", "0:2"]


def test_a_stack_is_a_transactions_own_profiles_then_the_default_ones_each_highest_first() -> None:
    roomy = Capacity(9, 99, 9)
    filled = book(
        installed((0, 6), id=1, level=3),
        installed((0, 6), id=2, level=5),
        installed((0, 6), id=3, level=0, purpose=Purpose.TX, tx="a"),
        installed((0, 6), id=4, level=1, purpose=Purpose.TX, tx="a"),
        installed((0, 6), id=5, level=9, purpose=Purpose.TX, tx="b", evse=2),
        installed((0, 6), id=6, level=1, purpose=Purpose.STATION_MAX, evse=0),
        installed((0, 6), id=7, level=2, purpose=Purpose.STATION_MAX, evse=0),
        capacity=roomy,
    )
    assert names(filled.of_outlet(1, "a")) == ["1:4", "1:3", "1:2", "1:1"]
    assert names(filled.of_outlet(1, "other")) == names(filled.of_outlet(1, None)) == ["1:2", "1:1"]
    assert names(filled.of_station()) == ["0:7", "0:6"]


def test_a_transactions_profiles_go_with_it() -> None:
    filled = book(
        installed((0, 6), id=1, purpose=Purpose.TX, tx="a"),
        installed((0, 6), id=2, purpose=Purpose.TX, tx="b", evse=2),
        installed((0, 6), id=3),
    )
    assert names(filled.ended("a")) == ["1:1"]
    assert len(filled) == 2
    assert filled.ended("a") == ()


# --- clearing (§5.5, errata 3.25, 3.26) ----------------------------------------------------------------------

STOCK = (
    installed((0, 6), id=1, level=1),
    installed((0, 6), id=2, level=2),
    installed((0, 6), id=1, level=1, evse=2),
    installed((0, 6), id=3, level=1, evse=0),
    installed((0, 6), id=4, level=1, evse=0, purpose=Purpose.STATION_MAX),
)


@pytest.mark.parametrize(
    ("criteria", "cleared"),
    [
        (Criteria(), ["1:1", "1:2", "2:1", "0:3", "0:4"]),
        (Criteria(id=1), ["1:1", "2:1"]),
        (Criteria(evse=0), ["0:3", "0:4"]),
        (Criteria(level=1), ["1:1", "2:1", "0:3", "0:4"]),
        (Criteria(purpose=Purpose.STATION_MAX), ["0:4"]),
        (Criteria(purpose=Purpose.TX), []),
        (Criteria(evse=1, level=1), ["1:1"]),
        (Criteria(evse=0, purpose=Purpose.TX_DEFAULT, level=1), ["0:3"]),
        (Criteria(evse=9), []),
        (Criteria(id=9), []),
    ],
)
def test_all_that_match_everything_that_is_said_are_cleared(criteria: Criteria, cleared: list[str]) -> None:
    for id_alone in (True, False):
        filled = book(*STOCK, capacity=Capacity(9, 99, 9))
        assert names(filled.clear(criteria, id_alone=id_alone)) == cleared
        assert len(filled) == len(STOCK) - len(cleared)


def test_beside_an_id_nothing_else_counts_where_that_is_the_rule() -> None:
    criteria = Criteria(id=2, evse=9, purpose=Purpose.TX, level=77)
    assert names(book(*STOCK).clear(criteria, id_alone=True)) == ["1:2"]
    assert names(book(*STOCK).clear(criteria, id_alone=False)) == []


# --- what is refused -----------------------------------------------------------------------------------------


def with_periods(*periods: Period) -> InstalledProfile:
    one = installed((0, 6))
    return replace(one, profile=replace(one.profile, schedule=replace(one.profile.schedule, periods=periods)))


FLAWED: dict[str, InstalledProfile] = {
    "its level is not supported": installed((0, 6), level=6),
    "it has no period": with_periods(),
    "it has too many periods": installed((0, 6), (1, 6), (2, 6), (3, 6)),
    "its first period does not start at 0": installed((1, 6)),
    "its periods are not in order": installed((0, 6), (60, 8), (60, 6)),
    "a limit is negative": installed((0, 6), (60, -1)),
    "a number of phases is not possible": installed((0, 6, 4)),
    "its duration is not positive": installed((0, 6), duration_s=0),
    "it does not say how often it recurs": installed((0, 6), kind=Kind.RECURRING),
    "it recurs from no start": installed((0, 6), kind=Kind.RECURRING, recurrency=Recurrency.DAILY, start_ms=None),
    "it is never valid": installed((0, 6), valid_from_ms=NOON, valid_to_ms=NOON),
}


def test_every_flaw_has_its_example() -> None:
    assert list(FLAWED) == [text for text, _ in FLAWS]


@pytest.mark.parametrize("text", FLAWED)
def test_a_flawed_profile_is_refused_with_the_reason(text: str) -> None:
    filled = book()
    assert filled.refusal(FLAWED[text], None, NOON) == text


@pytest.mark.parametrize("level", [-1, 6])
def test_levels_are_bounded_on_both_sides(level: int) -> None:
    assert flaw(installed((0, 6), level=level).profile, CAPACITY) == "its level is not supported"
    assert flaw(installed((0, 6), level=5).profile, CAPACITY) is None


@pytest.mark.parametrize("phases", [0, -1, 4])
def test_phases_are_one_to_three(phases: int) -> None:
    assert flaw(installed((0, 6, phases)).profile, CAPACITY) == "a number of phases is not possible"


def test_an_empty_recurring_schedule_is_judged_without_trouble() -> None:
    empty = replace(installed((0, 6)), profile=replace(installed((0, 6)).profile, schedule=Schedule("A", ())))  # type: ignore[arg-type]
    assert flaw(empty.profile, CAPACITY) == "it has no period"


@pytest.mark.parametrize("evse", [1, 2])
def test_a_maximum_of_the_station_is_for_the_station(evse: int) -> None:
    limit = installed((0, 6), evse=evse, purpose=Purpose.STATION_MAX)
    assert book().refusal(limit, None, NOON) == "a maximum of the station is set for the whole station only"
    assert book().refusal(replace(limit, evse=0), None, NOON) is None


def test_a_transactions_profile_needs_its_transaction() -> None:
    own = installed((0, 6), purpose=Purpose.TX, tx="a")
    assert book().refusal(own, "a", NOON) is None
    for running in (None, "b"):
        assert book().refusal(own, running, NOON) == "no such transaction runs there"
    everywhere = replace(own, evse=0)
    assert book().refusal(everywhere, "a", NOON) == "a transaction's profile is set for one outlet only"


def test_no_more_are_taken_than_there_is_room_for() -> None:
    full = book(*(installed((0, 6), id=id, level=id) for id in range(4)))
    assert full.refusal(installed((0, 6), id=9, level=5), None, NOON) == "no more profiles can be installed"
    assert full.refusal(installed((0, 6), id=3, level=5), None, NOON) is None  # it replaces one


def test_what_is_over_makes_room() -> None:
    over = installed((0, 6), id=0, level=0, start_ms=NOON - 60_000, duration_s=60)
    past = installed((0, 6), id=1, level=1, valid_to_ms=NOON)
    full = book(over, past, installed((0, 6), id=2, level=2), installed((0, 6), id=3, level=3))
    new = installed((0, 6), id=9, level=5)
    assert full.refusal(new, None, NOON - 1) == "no more profiles can be installed"
    assert full.refusal(new, None, None) == "no more profiles can be installed"
    assert full.refusal(new, None, NOON) is None
    assert sorted(names(full.put(new, NOON))) == ["1:0", "1:1"]
    assert len(full) == 3


@pytest.mark.parametrize(
    "lasting",
    [
        installed((0, 6), start_ms=NOON - 60_000),
        installed((0, 6), duration_s=60, kind=Kind.RELATIVE),
        installed((0, 6), duration_s=60, kind=Kind.RECURRING, recurrency=Recurrency.DAILY, start_ms=NOON - 9_000_000),
        installed((0, 6), valid_to_ms=NOON + 1),
    ],
    ids=["endless", "relative", "recurring", "still valid"],
)
def test_what_may_speak_again_makes_no_room(lasting: InstalledProfile) -> None:
    full = book(lasting, capacity=Capacity(5, 1, 3))
    assert full.refusal(installed((0, 6), id=9, level=5), None, NOON) == "no more profiles can be installed"


# --- any book ------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(stacks(most=12, evses=(0, 1, 2)), profiles(99, (0, 1, 2)))
def test_a_book_never_holds_two_for_one_place(several: list[InstalledProfile], last: InstalledProfile) -> None:
    filled = ProfileBook((), Capacity(9, 6, 99))
    live: dict[str, InstalledProfile] = {}
    for one in (*several, last):
        if filled.refusal(one, "tx", NOON) is None:
            for gone in filled.put(one, NOON):
                del live[gone.key]
            live[one.key] = one
        else:
            assert one.key not in live or live[one.key] is not one
        assert len(filled) == len(live) <= 6
    places = [(one.evse, one.profile.purpose, one.profile.level) for one in live.values()]
    assert len(places) == len(set(places))
    found = {id(track.installed) for evse in (1, 2) for track in filled.of_outlet(evse, "tx")}
    found |= {id(track.installed) for track in filled.of_station()}
    assert found <= {id(one) for one in live.values()}


@settings(max_examples=60)
@given(
    stacks(most=8, evses=(0, 1, 2)),
    st.builds(
        Criteria,
        st.none() | st.integers(0, 3),
        st.none() | st.integers(0, 2),
        st.none() | st.sampled_from(Purpose),
        st.none() | st.integers(0, 3),
    ),
)
def test_what_is_cleared_matches_and_what_stays_does_not(several: list[InstalledProfile], criteria: Criteria) -> None:
    filled = ProfileBook((), Capacity(9, 99, 99))
    live: dict[str, InstalledProfile] = {}
    for one in several:
        for gone in filled.put(one, None):
            del live[gone.key]
        live[one.key] = one
    cleared = {one.key for one in filled.clear(criteria, id_alone=False)}
    for key, one in live.items():
        said = (criteria.id, criteria.evse, criteria.purpose, criteria.level)
        has = (one.profile.id, one.evse, one.profile.purpose, one.profile.level)
        assert (key in cleared) == all(want is None or want == got for want, got in zip(said, has, strict=True))
