"""Snapshots become events: everything once, in an order in which nothing is judged before what it is judged by."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from evsed.core import events as ev
from evsed.core.effects import Demand, Shine
from evsed.core.lights import ROWS
from evsed.core.limits import LEAST_OFFER_MA
from evsed.core.sensed import ButtonPressed, ContactorWorn, PhasesChosen, Warmed
from evsed.core.words import FaultNote, MeterReading, Token
from evsed.edges import HalView, differences, lease
from hal.contract import LEASE_MS, MIN_MA, Ceiling, ContactorLife, Cp, Display, Lease, Outlet, Owner, Show, Temperature
from tests.evsed.snapshots import CARD, HOT, IDLE, READING, outlet, snapshot

CHARGING = outlet(
    cp=Cp.C, pwm=True, offered_ma=16_000, cable_ma=20_000, closed=True, reason=None, locked=True, meter=READING
)
HARD = (
    Ceiling(Owner.LEASE, 6_000),
    Ceiling(Owner.HEAT, 8_000),
    Ceiling(Owner.INSTALLER, 16_000),
    Ceiling(Owner.CABLE, 20_000),
    Ceiling(Owner.BOARD, 32_000),
)


def news(before: Outlet, after: Outlet) -> list[ev.Event]:
    return list(differences(before, after))


class View:
    """A view whose events are kept."""

    def __init__(self, born_ms: int = 6_001) -> None:
        self.told: list[ev.Event] = []
        self.view = HalView(self.told.append, born_ms)

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]


def test_every_word_of_the_core_is_one_of_hal() -> None:
    assert {row.word for row in ROWS} | {"accepted", "refused"} == {str(show) for show in Show}


# --- one outlet ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "changed", "told"),
    [
        (IDLE, {"cp": Cp.B}, ev.CablePlugged(1, None)),
        (IDLE, {"cp": Cp.B, "cable_ma": 20_000}, ev.CablePlugged(1, 20_000)),
        (CHARGING, {"cp": Cp.A}, ev.CableUnplugged(1)),
        (CHARGING, {"cp": Cp.B}, ev.EvStoppedDrawing(1)),
        (outlet(CHARGING, cp=Cp.B), {"cp": Cp.C}, ev.EvReady(1)),
        (outlet(CHARGING, cp=Cp.B), {"cp": Cp.D}, ev.EvReady(1)),
        (IDLE, {"closed": True}, ev.ContactorMoved(1, True)),
        (CHARGING, {"closed": False}, ev.ContactorMoved(1, False)),
        (IDLE, {"offered_ma": 6_000}, ev.OfferMoved(1, 6_000, (), "NO_LEASE")),
        (IDLE, {"limits": HARD}, ev.OfferMoved(1, 0, (("heat", 8_000), ("board", 32_000)), "NO_LEASE")),
        (IDLE, {"temperatures": (Temperature("plug", 41_500),)}, Warmed(1, (("plug", 41_500),))),
        (outlet(temperatures=(Temperature("plug", 41_500),)), {"temperatures": ()}, Warmed(1, ())),
        (IDLE, {"reason": None}, ev.OfferMoved(1, 0, (), None)),
        (IDLE, {"locked": True}, ev.LockMoved(1, True)),
        (IDLE, {"locked": None}, ev.LockMoved(1, None)),
        (IDLE, {"presses": 1}, ButtonPressed(1)),
        (IDLE, {"phases": 1}, PhasesChosen(1, 1)),
        (IDLE, {"contactor": ContactorLife(7, 2, 1_000)}, ContactorWorn(1, 7, 2)),
        (IDLE, {"tag": CARD}, ev.TagPresented(1, Token("04A1B2C3"))),
        (
            IDLE,
            {"faults": (HOT,)},
            ev.FaultsChanged(1, (FaultNote("OVER_TEMPERATURE", True, False, "HighTemperature", "too hot"),)),
        ),
        (outlet(faults=(HOT,)), {"faults": ()}, ev.FaultsChanged(1, ())),
        (
            IDLE,
            {"meter": READING},
            ev.MeterRead(1, MeterReading(7_000, 1_234_567, 3_680, (16_000,), (230_000,), (3_680,), 50_000, 1_000, 12)),
        ),
        (outlet(cable_ma=20_000), {"cable_ma": None}, ev.SocketEmptied(1)),
    ],
)
def test_a_change_is_told(before: Outlet, changed: dict[str, Any], told: ev.Event) -> None:
    assert told in news(before, outlet(before, **changed))


@pytest.mark.parametrize("same", [IDLE, CHARGING])
def test_what_stays_is_not_told_again(same: Outlet) -> None:
    assert news(same, same) == []


@pytest.mark.parametrize("figure", ["short_c", "wake_ups", "closings"])
def test_counters_are_no_news(figure: str) -> None:
    assert news(IDLE, outlet(**{figure: 7})) == []


@pytest.mark.parametrize("trouble", [Cp.E, Cp.F])
def test_a_pilot_in_trouble_does_not_say_that_the_cable_has_left(trouble: Cp) -> None:
    told = news(CHARGING, outlet(CHARGING, cp=trouble))
    assert not any(isinstance(event, ev.CableUnplugged | ev.SocketEmptied) for event in told)
    assert ev.EvStoppedDrawing(1) in told


def test_a_car_that_leaves_has_not_stopped_drawing_first() -> None:
    assert not any(isinstance(event, ev.EvStoppedDrawing) for event in news(CHARGING, outlet(CHARGING, cp=Cp.A)))


def test_the_same_card_again_is_another_presentation() -> None:
    shown = outlet(tag=CARD)
    assert news(shown, shown) == []
    assert news(shown, outlet(tag=type(CARD)(2, CARD.tag, 9_000))) == [ev.TagPresented(1, Token(CARD.tag))]


def test_a_meter_that_falls_silent_is_no_reading() -> None:
    assert news(outlet(meter=READING), IDLE) == []


def test_facts_come_before_the_edges_that_are_judged_by_them() -> None:
    """Faults, offer and meter first, so that no car is let in by what was so a moment ago."""
    told = [type(event) for event in news(IDLE, outlet(CHARGING, faults=(HOT,), tag=CARD))]
    assert told == [
        ev.FaultsChanged,
        ev.OfferMoved,
        ev.LockMoved,
        ev.MeterRead,
        ev.ContactorMoved,
        ev.CablePlugged,
        ev.EvReady,
        ev.TagPresented,
    ]


# --- the whole board -----------------------------------------------------------------------------------------


def test_the_first_snapshot_tells_everything_but_an_old_card() -> None:
    hal = View()
    hal.view.take(snapshot(outlet(CHARGING, tag=CARD), outlet(evse=2)))
    assert isinstance(hal.told[0], ev.HalUp) and hal.told[0].outlets == (1, 2)
    assert hal.of(ev.ContactorMoved) == [ev.ContactorMoved(1, True), ev.ContactorMoved(2, False)]
    assert hal.of(ev.CablePlugged) == [ev.CablePlugged(1, 20_000)]
    assert hal.of(ev.CableUnplugged) == [ev.CableUnplugged(2)]
    assert hal.of(ev.LockMoved) == [ev.LockMoved(1, True), ev.LockMoved(2, False)]
    assert hal.of(ev.TagPresented) == []
    assert hal.view.up


def test_a_card_that_was_shown_while_we_began_is_told_once() -> None:
    hal = View(born_ms=6_000)
    hal.view.take(snapshot(outlet(tag=CARD)))
    assert hal.told[-1] == ev.TagPresented(1, Token(CARD.tag))
    hal.view.lost()
    hal.view.take(snapshot(outlet(tag=CARD), seq=2))
    assert len(hal.of(ev.TagPresented)) == 1


def test_a_card_that_was_shown_while_hal_could_not_be_heard_is_told_unless_that_is_long_ago() -> None:
    hal = View(born_ms=0)
    hal.view.take(snapshot())
    hal.view.lost()
    hal.view.take(snapshot(outlet(tag=CARD), seq=2))
    assert len(hal.of(ev.TagPresented)) == 1
    hal.view.lost()
    hal.view.take(msgspec.structs.replace(snapshot(outlet(tag=type(CARD)(2, CARD.tag, 8_001))), at_ms=18_002))
    assert len(hal.of(ev.TagPresented)) == 1


def test_the_next_one_tells_only_what_is_new() -> None:
    hal = View()
    hal.view.take(snapshot(IDLE, outlet(evse=2)))
    hal.told.clear()
    hal.view.take(snapshot(IDLE, outlet(evse=2, closed=True), seq=2))
    assert hal.told == [ev.ContactorMoved(2, True)]


def test_another_life_of_hal_tells_everything_anew() -> None:
    hal = View()
    hal.view.take(snapshot())
    hal.told.clear()
    hal.view.take(snapshot(started_ms=9_999))
    assert isinstance(hal.told[0], ev.HalUp) and hal.of(ev.ContactorMoved)


def test_silence_is_told_once_and_then_all_is_told_again() -> None:
    hal = View()
    hal.view.lost()
    assert hal.told == []
    hal.view.take(snapshot())
    hal.told.clear()
    hal.view.lost()
    hal.view.lost()
    assert hal.told == [ev.HalDown()] and not hal.view.up
    hal.view.take(snapshot(seq=2))
    assert hal.of(ev.HalUp) and hal.of(ev.ContactorMoved)


def test_a_demand_is_a_lease_for_its_time_and_no_longer() -> None:
    shine = Shine(2, "offline", "refused", 4, 5, 300)
    shown = Display(Show.OFFLINE, Show.REFUSED, 4, 5, 300)
    assert lease(Demand(2, 0, False, False), 0, shine).display == shown
    assert lease(Demand(2, 16_000, True, False, 1), 0) == Lease(2, 16_000, True, False, LEASE_MS, 1)
    assert lease(Demand(2, 16_000, True, False), 5_000) == Lease(2, 16_000, True, False, 5_000 + LEASE_MS)


def test_both_processes_agree_on_the_least_that_a_pilot_can_offer() -> None:
    assert LEAST_OFFER_MA == MIN_MA
