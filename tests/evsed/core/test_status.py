"""Every row of the answer to "why is it not charging?", and that any state gets exactly one sentence."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from evsed.core.status import (
    CLEARED_BY_SERVICE,
    CLEARED_BY_UNPLUGGING,
    HAL_REASONS,
    OWNERS,
    REASONS,
    Access,
    HalStatus,
    LinkStatus,
    OutletStatus,
    StationStatus,
    link_sentence,
    masked,
    why,
)
from evsed.core.words import FaultNote, Status, Token, TokenStatus
from hal.faults import CATALOGUE, Clears
from hal.guard import Reason

STATION = StationStatus(identity="box", version="1", hal=HalStatus(up=True))
IDLE = OutletStatus(evse=1)
PLUGGED = replace(IDLE, plugged=True, status=Status.PREPARING)
RUNNING = replace(
    PLUGGED,
    status=Status.SUSPENDED_EVSE,
    tx="t1",
    token="…B2C3",
    ev_ready=True,
    offered_ma=16_000,
    limits=(("board", 32_000), ("cable", 16_000)),
    limited_by="cable",
)
CHARGING = replace(RUNNING, status=Status.CHARGING, closed=True, drawn_ma=(15_900, 16_000, 15_800))
WELDED = FaultNote("WELDED", True, True, "PowerSwitchFailure", "The contactor did not open.")
TRIPPED = FaultNote("RESIDUAL_CURRENT", True, True, "GroundFailure", "6 mA")
TOO_MUCH = FaultNote("OVER_CURRENT", True, True, "OverCurrentFailure", "18 A drawn of 16 A")
HOT = FaultNote("HOT", True, False, "HighTemperature", "The box is at 81 °C. It cools down.")
WARNING = FaultNote("SHORT_C", False, False, "NoError", "A short C.")

CASES: dict[str, tuple[OutletStatus, str]] = {
    "fault for service": (
        replace(CHARGING, faults=(WARNING, HOT, WELDED)),
        "Fault WELDED: The contactor did not open; "
        "switch the supply off and have it repaired, then run 'evse-hal --service-clear'.",
    ),
    "fault until unplugged": (
        replace(PLUGGED, faults=(TOO_MUCH,)),
        "Fault OVER_CURRENT: 18 A drawn of 16 A; unplug the car, and try again or try another cable.",
    ),
    "latched fault": (
        replace(PLUGGED, faults=(TRIPPED,)),
        "Fault RESIDUAL_CURRENT: 6 mA; remove the cause, then run 'evsectl clear-faults --evse 1'.",
    ),
    "fault": (
        replace(PLUGGED, faults=(WARNING, HOT)),
        "Fault HOT: The box is at 81 °C; It cools down; the charge may go on by itself once that is over.",
    ),
    "closed without a charge": (
        replace(CHARGING, tx=None),
        "The contactor is closed although no charge is running; it is about to open.",
    ),
    "ending": (
        replace(CHARGING, ending=True),
        "The charge is ending; the contactor opens as soon as the car lets go.",
    ),
    "charging unmeasured": (replace(CHARGING, drawn_ma=()), "Charging with up to 16.0 A, limited by the cable."),
    "closed but idle": (
        replace(CHARGING, drawn_ma=(200,)),
        "The contactor is closed and 16.0 A are offered, but the car draws nothing yet.",
    ),
    "offer on its way": (
        replace(CHARGING, offered_ma=6_000),
        "Charging at 16.0 A; the offer moves from 6.0 A to 16.0 A within seconds.",
    ),
    "charging below the offer": (
        replace(CHARGING, drawn_ma=(10_000, 9_900, 9_800)),
        "Charging at 10.0 A, limited by the car; 16.0 A are offered.",
    ),
    "charging": (CHARGING, "Charging at 16.0 A, limited by the cable."),
    "out of service": (
        replace(PLUGGED, operative=False),
        "The outlet is out of service; put it back with 'evsectl availability operative --evse 1'.",
    ),
    "reserved": (
        replace(IDLE, status=Status.RESERVED),
        "The outlet is reserved for another driver; wait until the reservation ends.",
    ),
    "authorizing": (
        replace(IDLE, authorizing=True),
        "A card is being checked; wait a moment.",
    ),
    "waiting for the cable": (
        replace(IDLE, waiting_for_cable=True, token="…B2C3"),
        "Card …B2C3 is accepted; plug in the car.",
    ),
    "card refused": (
        replace(PLUGGED, refused=TokenStatus.BLOCKED),
        "The last card was refused (Blocked); show another one.",
    ),
    "no car": (IDLE, "No car is plugged in."),
    "no longer accepted": (
        replace(RUNNING, deauthorized=True),
        "Card …B2C3 is no longer accepted by the central system; unplug the car, or ask the operator.",
    ),
    "finished, free": (
        replace(PLUGGED, status=Status.FINISHING, access=Access.FREE),
        "The charge has ended; unplug the car and plug it in again to start another one.",
    ),
    "finished": (
        replace(PLUGGED, status=Status.FINISHING),
        "The charge has ended; unplug the car, or show a card to start another one.",
    ),
    "no meter": (
        replace(RUNNING, waiting_for_meter=True),
        "The energy meter gives no reading; check its wiring, address and speed.",
    ),
    "about to start": (
        replace(PLUGGED, access=Access.FREE),
        "A car is plugged in and the charge is about to start.",
    ),
    "no card": (PLUGGED, "Show a card to start the charge."),
    "paused by a limit": (
        replace(RUNNING, offered_ma=0, limits=(("installer", 0), ("board", 16_000)), limited_by="installer"),
        "Paused by the installer's limit: 0.0 A are allowed, and a car needs at least 6.0 A.",
    ),
    "car not ready": (
        replace(RUNNING, ev_ready=False, hal_reason="PILOT_B"),
        "The car does not ask for energy; it may be full, asleep or waiting for a timer of its own.",
    ),
    "other reason of hal": (
        replace(RUNNING, hal_reason="SUNSPOTS"),
        "The hardware process keeps the contactor open: SUNSPOTS.",
    ),
    "about to close": (
        replace(RUNNING, hal_reason="C_UNCONFIRMED"),
        "The car asks for energy and the contactor is about to close.",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_cause_has_its_sentence(name: str) -> None:
    outlet, sentence = CASES[name]
    row = next(row for row in REASONS if row.applies(outlet, STATION))
    assert (row.name, why(outlet, STATION)) == (name, sentence)


@pytest.mark.parametrize("reason", HAL_REASONS)
def test_each_reason_of_the_guard_has_its_sentence(reason: str) -> None:
    sentence = HAL_REASONS[reason].replace("{owner}", "the cable")
    assert why(replace(RUNNING, hal_reason=reason), STATION) == sentence


def test_the_reasons_are_those_of_the_guard() -> None:
    told_by_other_rows = {"FAULT", "PILOT_A", "PILOT_B", "C_UNCONFIRMED"}
    assert HAL_REASONS.keys() | told_by_other_rows == set(Reason)


def test_the_cures_are_those_of_the_catalogue() -> None:
    def cleared(way: Clears) -> set[str]:
        return {name for name, kind in CATALOGUE.items() if kind.opens and kind.clears is way}

    assert cleared(Clears.UNPLUGGED) == CLEARED_BY_UNPLUGGING
    assert cleared(Clears.SERVICE) == CLEARED_BY_SERVICE


def test_a_silent_hal_is_the_cause_of_everything() -> None:
    gone = replace(STATION, hal=HalStatus(up=False))
    assert why(CHARGING, gone).startswith("The hardware process evse-hal does not answer;")


@pytest.mark.parametrize("outlet", [IDLE, PLUGGED, RUNNING], ids=["idle", "plugged", "running"])
def test_what_the_whole_box_lacks_is_the_cause_while_nothing_flows(outlet: OutletStatus) -> None:
    full = replace(STATION, store="No space left on device.")
    assert (
        why(outlet, full) == "The journal can't be written, and without it nothing may charge: No space left on device."
    )
    assert why(outlet, replace(STATION, restarting=True)) == "The box is about to restart; wait a minute."
    assert why(CHARGING, full).startswith("Charging")


def test_no_row_is_without_a_case() -> None:
    rows = {row.name for row in REASONS}
    assert rows == CASES.keys() | {"hal down", "restarting", "journal in trouble"} | {
        f"hal {reason}" for reason in HAL_REASONS
    }
    assert len(rows) == len(REASONS)


def test_a_limit_of_an_owner_without_a_better_name_is_named_as_it_is() -> None:
    assert why(replace(CHARGING, limited_by="roof.pv"), STATION) == "Charging at 16.0 A, limited by “roof.pv”."


amperes = st.integers(0, 80_000)
text = st.one_of(
    st.sampled_from(["", ".", "a. b", "x?!", "{card}", "two\nlines", "…", "A. A. A."]), st.text(max_size=30)
)
outlets = st.builds(
    OutletStatus,
    evse=st.integers(1, 8),
    drawn_ma=st.lists(amperes, max_size=3).map(tuple),
    offered_ma=amperes,
    token=st.none() | text,
    tx=st.none() | text,
    limits=st.lists(st.tuples(text | st.sampled_from(sorted(OWNERS)), amperes), max_size=4).map(tuple),
    limited_by=st.none() | text | st.sampled_from(sorted(OWNERS)),
    hal_reason=st.none() | text | st.sampled_from(sorted(HAL_REASONS) or ["X"]),
    faults=st.lists(st.builds(FaultNote, text, st.booleans(), st.booleans(), text, text), max_size=3).map(tuple),
)
stations = st.builds(
    StationStatus,
    identity=text,
    version=text,
    store=st.just("") | text,
    restarting=st.sampled_from([False, False, False, True]),
    hal=st.builds(HalStatus, up=st.sampled_from([True, True, True, False])),
)


@given(outlets, stations)
def test_any_combination_gives_exactly_one_sentence(outlet: OutletStatus, station: StationStatus) -> None:
    assert is_one_sentence(why(outlet, station))


@given(st.builds(LinkStatus, error=text, for_s=st.integers(0, 10**7), next_try_s=st.none() | st.integers(0, 999)))
def test_the_connection_is_told_in_one_sentence(link: LinkStatus) -> None:
    assert is_one_sentence(link_sentence(link))


def is_one_sentence(said: str) -> bool:
    return bool(re.fullmatch(r"[A-Z].*[^\s.!?;,:]\.", said)) and not re.search(r"[.!?…]\s", said)


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        (LinkStatus(), "No central system is configured; the box works on its own."),
        (LinkStatus(configured=True, connected=True, for_s=3_725), "Connected for 1 h 2 min."),
        (
            LinkStatus(configured=True, for_s=5, next_try_s=30, error="connection refused."),
            "Offline for 5 s: connection refused; next try in 30 s.",
        ),
        (LinkStatus(configured=True), "Offline for 0 s."),
    ],
)
def test_how_the_connection_stands(link: LinkStatus, sentence: str) -> None:
    assert link_sentence(link) == sentence


@pytest.mark.parametrize(
    ("tag", "shown"),
    [("04A1B2C3D4", "…C3D4"), ("12345", "…45"), ("1234", "…34"), ("1", "…"), ("", "…")],
)
def test_a_card_shows_at_most_half_of_itself(tag: str, shown: str) -> None:
    assert masked(Token(tag)) == shown


def test_no_card_is_none() -> None:
    assert masked(None) is None
