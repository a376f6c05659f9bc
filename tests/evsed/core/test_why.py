"""Every row of the answer to "why is it not charging?", and that any state gets exactly one sentence."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from evsed.core import advice
from evsed.core.register import FELL
from evsed.core.status import Access, HalStatus, LinkStatus, OutletStatus, StationStatus
from evsed.core.why import OWNERS, REASONS, REFUSALS, SIMPLIFIED_MA, link_sentence, registration_sentence, why
from evsed.core.words import FaultNote, Refused, Registration, Status, TokenStatus
from hal.faults import CATALOGUE, Clears, Name
from hal.guard import Reason
from hal.iec61851 import SIMPLIFIED_MA as HAL_SIMPLIFIED_MA

STATION = StationStatus(identity="box", version="1", hal=HalStatus(up=True))
OFFLINE = replace(STATION, link=LinkStatus(configured=True))
PENDING = replace(STATION, link=LinkStatus(configured=True, connected=True), registration=Registration.PENDING)
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
HOT = FaultNote("HOT", True, False, "HighTemperature", "The box is at 81 °C. It cools down.")
SILENT = FaultNote(
    "METER_SILENT", False, False, "PowerMeterFailure", "the energy meter gives no valid answer: wrong checksum"
)
WARNING = FaultNote("SHORT_C", False, False, "NoError", "A short C.")

CASES: dict[str, tuple[OutletStatus, str]] = {
    "fault": (
        replace(CHARGING, faults=(WARNING, HOT, WELDED)),
        "Fault WELDED: The contactor did not open; switch the supply off and have the contactor replaced, then run "
        "'evse-hal --service-clear' and start evse-hal again.",
    ),
    "closed without a charge": (
        replace(CHARGING, tx=None),
        "The contactor is closed although no charge is running; it is about to open.",
    ),
    "ended, not written": (
        replace(RUNNING, ending=True),
        "The charge has ended and its last meter reading is awaited; wait some seconds.",
    ),
    "ending": (
        replace(CHARGING, ending=True),
        "The charge is ending; the contactor opens as soon as the car lets go.",
    ),
    "charging unmeasured": (
        replace(CHARGING, drawn_ma=()),
        "Charging with up to 16.0 A, limited by the cable; the energy meter gives no reading, so the charge goes on "
        "and its energy is told once the meter answers.",
    ),
    "closed but idle": (
        replace(CHARGING, drawn_ma=(200,)),
        "The contactor is closed and 16.0 A are offered, but the car draws nothing yet.",
    ),
    "another card charges": (
        replace(CHARGING, refused=Refused.OTHER_CARD),
        "The last card is not taken, since card …B2C3 charges here; show that one to end the charge.",
    ),
    "no mains": (
        replace(CHARGING, drawn_ma=(0, 0, 0), voltage_mv=(0, 4_000, 49_999)),
        "The contactor is closed, but the meter sees no mains voltage; check the supply and its fuses.",
    ),
    "offer on its way": (
        replace(CHARGING, offered_ma=6_000, offer_moves=True),
        "Charging at 16.0 A; the offer moves from 6.0 A to 16.0 A within seconds.",
    ),
    "simplified car": (
        replace(CHARGING, offered_ma=10_000, drawn_ma=(10_000,)),
        "Charging at 10.0 A; the car asked for energy without the usual handshake, and such a car is offered 10.0 A "
        "at most.",
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
        replace(IDLE, status=Status.RESERVED, reserved=("…B2C3", "14:05 UTC, 25 min from now")),
        "The outlet is reserved for card …B2C3 until 14:05 UTC, 25 min from now; show that card to charge.",
    ),
    "register fell": (
        replace(PLUGGED, fell=(1_234_567, 17), waiting_for_meter=True),
        "The register of the energy meter fell from 1234.567 kWh to 0.017 kWh, so no charge may begin; "
        "have the meter checked, or run 'evsectl meter-replaced --evse 1' if it is another one.",
    ),
    "authorizing": (
        replace(IDLE, authorizing=True),
        "A card is being checked; wait a moment.",
    ),
    "waiting for the cable": (
        replace(IDLE, waiting_for_cable=True, token="…B2C3"),
        "Card …B2C3 is accepted; plug in the car.",
    ),
    "no meter configured": (
        replace(IDLE, metered=False),
        "No energy meter is configured for this outlet, and no charge may begin unmeasured; add a [[meter]] to "
        "site.toml and restart the box.",
    ),
    "card refused": (
        replace(PLUGGED, refused=Refused.BLOCKED),
        "The central system refused the last card as blocked; show another one, or ask the operator.",
    ),
    "card refused earlier": (
        replace(PLUGGED, refused=Refused.EARLIER),
        "The central system refused the last card earlier, and the central system can't be asked without a connection; "
        "show another one.",
    ),
    "card not known": (
        replace(PLUGGED, refused=Refused.UNKNOWN),
        "The last card is not known here, and the central system can't be asked without a connection; try again later, "
        "or add the card to access.tags in site.toml.",
    ),
    "card only online": (
        replace(PLUGGED, refused=Refused.NOT_OFFLINE),
        "The last card is known, but LocalAuthorizeOffline is false, and the central system can't be asked without a "
        "connection; try again later.",
    ),
    "cable kept": (
        replace(PLUGGED, cable_for="…B2C3"),
        "The charge has ended and the cable is kept for card …B2C3; show it again to free the cable.",
    ),
    "cable without a car": (
        replace(IDLE, cable_left=True),
        "A cable without a car is in the socket, or its pilot or earth wire is broken; plug it into the car, or take "
        "it out.",
    ),
    "car left its charge": (
        replace(RUNNING, plugged=False),
        "The car is unplugged but its charge is still open; plug it in again, or end it with card …B2C3.",
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
    "no meter reading": (
        replace(PLUGGED, faults=(SILENT,)),
        "No charge may begin unmeasured: the energy meter gives no valid answer: wrong checksum; "
        "check its wiring, and model, address and speed in site.toml; if it was replaced, restart evse-hal, then run "
        "'evsectl meter-replaced --evse 1' if it counts less than the one before.",
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
    row = next(row for row in REASONS if row.applies(outlet, OFFLINE))
    assert (row.name, why(outlet, OFFLINE)) == (name, sentence)


def test_a_card_that_nobody_knows_is_told_by_who_could_be_asked() -> None:
    unknown = replace(PLUGGED, refused=Refused.UNKNOWN)
    assert why(unknown, STATION) == (
        "The last card is not known here; add it to access.tags in site.toml and restart evsed, or show another one."
    )
    assert "can't be asked without a connection" in why(unknown, OFFLINE)
    assert "can't be asked before it has accepted this box" in why(unknown, PENDING)


def test_every_refusal_has_its_sentence() -> None:
    assert {Refused(status) for status in TokenStatus if status is not TokenStatus.ACCEPTED} == REFUSALS.keys()
    told = {
        why(replace(CHARGING if refused is Refused.OTHER_CARD else PLUGGED, refused=refused), OFFLINE)
        for refused in Refused
    }
    assert len(told) == len(Refused)


def test_a_phase_without_voltage_is_named() -> None:
    lost = replace(CHARGING, voltage_mv=(230_000, 229_000, 0))
    assert why(lost, STATION) == "Charging at 16.0 A, limited by the cable; the meter sees no voltage on L3."
    assert why(replace(lost, drawn_ma=(9_000, 0, 0)), STATION).endswith("are offered; the meter sees no voltage on L3.")
    lost = replace(lost, drawn_ma=(0, 0, 0), voltage_mv=(0, 229_000, 0))
    assert why(lost, STATION).endswith("draws nothing yet; the meter sees no voltage on L1 and L3.")


def test_in_a_free_box_no_card_is_refused_beside_a_charge() -> None:
    assert why(replace(CHARGING, refused=Refused.OTHER_CARD, access=Access.FREE), STATION).startswith("Charging")


def test_a_permission_that_waits_for_the_meter_says_so() -> None:
    assert why(replace(PLUGGED, waiting_for_meter=True), STATION) == (
        "No charge may begin unmeasured: the energy meter gives no reading; check its wiring, and model, address and "
        "speed in site.toml; if it was replaced, restart evse-hal, then run 'evsectl meter-replaced --evse 1' if it "
        "counts less than the one before."
    )


def test_the_current_of_a_simplified_car_is_that_of_hal() -> None:
    assert SIMPLIFIED_MA == HAL_SIMPLIFIED_MA


@pytest.mark.parametrize("reason", advice.REASONS)
def test_each_reason_of_the_guard_has_its_sentence(reason: str) -> None:
    sentence = advice.REASONS[reason].replace("{owner}", "the cable")
    assert why(replace(RUNNING, hal_reason=reason), STATION) == sentence


def test_the_reasons_are_those_of_the_guard() -> None:
    told_by_other_rows = {"FAULT", "PILOT_A", "PILOT_B", "C_UNCONFIRMED"}
    assert advice.REASONS.keys() | told_by_other_rows == set(Reason)


CURES = {
    Clears.UNPLUGGED: "unplug the car",
    Clears.ACKNOWLEDGED: "run 'evsectl clear-faults --evse 2'",
    Clears.SERVICE: "run 'evse-hal --service-clear'",
}


@pytest.mark.parametrize("name", CATALOGUE)
def test_each_fault_of_the_catalogue_says_what_to_do_and_how_it_clears(name: str) -> None:
    kind = CATALOGUE[Name(name)]
    told = advice.on_fault(name, latched=True, opens=kind.opens, evse=2)
    assert name in advice.FAULTS
    assert CURES.get(kind.clears, "") in told
    assert (CURES[Clears.ACKNOWLEDGED] in told) == (kind.clears is Clears.ACKNOWLEDGED)
    fault = FaultNote(name, True, True, kind.code16, kind.text)
    assert is_one_sentence(why(replace(PLUGGED, faults=(fault,)), STATION))


def test_a_fault_that_ends_by_itself_says_when() -> None:
    held = {name: kind.hold_ms // 1_000 for name, kind in CATALOGUE.items() if kind.hold_ms}
    assert held == advice.HELD_S
    assert advice.on_end("CP_SHORT") == (
        "CP_SHORT ends by itself when the car is unplugged, or 30 s after its cause has gone"
    )


@pytest.mark.parametrize(
    ("name", "latched", "told"),
    [
        ("EARTH_LOST", False, "its cause has gone, and it ends by itself within 30 s, or when the car is unplugged."),
        ("EMERGENCY_STOP", True, "its cause has gone; run 'evsectl clear-faults --evse 1'."),
        ("FAIL_TO_CLOSE", True, "its feedback contact needs a repair."),
    ],
)
def test_a_fault_that_is_only_kept_says_what_ends_it(name: str, latched: bool, told: str) -> None:
    fault = FaultNote(name, True, latched, "OtherError", "it was so", gone=True)
    said = why(replace(PLUGGED, faults=(fault,)), STATION)
    assert said.endswith(told) and is_one_sentence(said)
    assert not why(replace(PLUGGED, faults=(replace(fault, gone=False),)), STATION).endswith("has gone.")


def test_a_pilot_line_that_hangs_is_freed_by_unplugging() -> None:
    told = advice.on_fault("PILOT_DRIVER", latched=False, opens=True, evse=1)
    assert told == "unplug the car; if it stays or comes back, the pilot circuit of the box needs a repair"


def test_nothing_but_faults_of_hal_and_the_register_has_advice() -> None:
    assert advice.FAULTS.keys() == {*Name, FELL}


def test_a_fault_that_nobody_told_us_of_has_advice_too() -> None:
    told = why(replace(PLUGGED, faults=(HOT,)), STATION)
    assert told == "Fault HOT: The box is at 81 °C; It cools down; the charge may go on by itself once that is over."
    told = why(replace(PLUGGED, faults=(replace(HOT, latched=True),)), STATION)
    assert told.endswith("remove the cause, then run 'evsectl clear-faults --evse 1'.")


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
    assert rows == CASES.keys() | {"hal down", "restarting", "journal in trouble", "card not known, alone"} | {
        f"hal {reason}" for reason in advice.REASONS
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
    voltage_mv=st.lists(st.integers(0, 250_000), max_size=3).map(tuple),
    closed=st.booleans(),
    offered_ma=amperes,
    token=st.none() | text,
    tx=st.none() | text,
    limits=st.lists(st.tuples(text | st.sampled_from(sorted(OWNERS)), amperes), max_size=4).map(tuple),
    limited_by=st.none() | text | st.sampled_from(sorted(OWNERS)),
    hal_reason=st.none() | text | st.sampled_from(sorted(advice.REASONS)),
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
    assert is_one_sentence(link_sentence(replace(STATION, link=link)))


@pytest.mark.parametrize(
    ("state", "next_boot_s", "sentence"),
    [
        (None, None, "The central system has not answered yet."),
        (Registration.ACCEPTED, None, "Accepted."),
        (
            Registration.PENDING,
            60,
            "Pending: the central system has not released this box yet, so only cards known here may charge; "
            "it is asked again in 1 min.",
        ),
        (
            Registration.REJECTED,
            None,
            "Rejected: the central system does not take this box, so only cards known here may charge; "
            "enter “box” there.",
        ),
    ],
)
def test_how_the_registration_stands(state: Registration | None, next_boot_s: int | None, sentence: str) -> None:
    assert registration_sentence(replace(STATION, registration=state, next_boot_s=next_boot_s)) == sentence


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
        (LinkStatus(configured=True, connected=True, for_s=60, silent_s=4), "Connected for 1 min."),
        (
            LinkStatus(configured=True, connected=True, for_s=60, silent_s=5),
            "Connected for 1 min, but no answer for 5 s.",
        ),
        (LinkStatus(configured=True), "Offline for 0 s."),
    ],
)
def test_how_the_connection_stands(link: LinkStatus, sentence: str) -> None:
    assert link_sentence(replace(STATION, link=link)) == sentence
