"""Who may charge: each row of the decision table of OCPP 1.6 §3.5, seen from the driver's and the central system's
side. The card of the installer's list is HOME, the one that a central system has accepted before is TAG.
"""

from __future__ import annotations

import pytest

from evsed.core import authorization
from tests.scenarios.conftest import Make
from tests.world.csms import NEW_YEAR_2027, iso
from tests.world.wallbox import TAG, Wallbox

HOME = "HOME0001"
FAMILY = "0B0B0B0B"
PRE = {"AuthCtrlr.LocalPreAuthorize": "true"}
NOT_OFFLINE = {"AuthCtrlr.LocalAuthorizeOffline": "false"}
UNKNOWN_OFFLINE = {"AuthCtrlr.OfflineTxForUnknownIdEnabled": "true"}
NO_CACHE = {"AuthCacheCtrlr.Enabled": "false"}

# card, keys, online: whether it starts, and whether the central system is asked first.
DECISIONS: dict[str, tuple[str, dict[str, str], bool, bool, bool]] = {
    "list, online": (HOME, {}, True, True, True),
    "list, online, at once": (HOME, PRE, True, True, False),
    "list, offline": (HOME, {}, False, True, False),
    "list, offline, forbidden": (HOME, NOT_OFFLINE, False, False, False),
    "cache, online": (TAG, {}, True, True, True),
    "cache, online, at once": (TAG, PRE, True, True, False),
    "cache, offline": (TAG, {}, False, True, False),
    "cache, offline, forbidden": (TAG, NOT_OFFLINE, False, False, False),
    "cache switched off, offline": (TAG, NO_CACHE, False, False, False),
    "cache switched off, online": (TAG, PRE | NO_CACHE, True, True, True),
    "unknown, online": ("NEW00001", PRE, True, True, True),
    "unknown, offline": ("NEW00001", {}, False, False, False),
    "unknown, offline, allowed": ("NEW00001", UNKNOWN_OFFLINE, False, True, False),
}


def show(world: Wallbox, card: str) -> None:
    world.advance(5)
    world.plug_in()
    world.swipe(card)
    world.advance(10)


def known(make: Make, keys: dict[str, str]) -> Wallbox:
    """TAG has charged here before."""
    world = make(tags=(HOME,), presets=keys)
    world.advance(5)
    world.charge(5)
    world.finish()
    return world


@pytest.mark.parametrize("case", DECISIONS)
def test_decision(make: Make, case: str) -> None:
    card, keys, online, starts, asks = DECISIONS[case]
    world = known(make, keys)
    asked = len(world.csms.all("Authorize"))
    if not online:
        world.lose_line()
    show(world, card)
    assert world.bay().contactor.main is starts
    assert len(world.csms.all("Authorize")) - asked == asks
    world.reconnect()
    world.advance(5)
    assert len(world.csms.charges) == 1 + starts
    if starts:
        world.finish(tag=card)


@pytest.mark.parametrize("status", ["Invalid", "Blocked", "Expired"])
def test_a_card_known_as_bad_is_refused_offline_even_where_unknown_ones_may_charge(make: Make, status: str) -> None:
    world = make(presets=UNKNOWN_OFFLINE)
    world.advance(5)
    world.csms.answers_next("Authorize", {"idTagInfo": {"status": status}})
    world.swipe()
    world.lose_line()
    show(world, TAG)
    assert not world.bay().contactor.main


def test_a_card_known_as_bad_is_asked_about_again_online(make: Make) -> None:
    world = make(presets=PRE)
    world.advance(5)
    world.csms.answers_next("Authorize", {"idTagInfo": {"status": "Invalid"}})
    world.swipe()
    show(world, TAG)
    assert world.bay().contactor.main
    assert len(world.csms.all("Authorize")) == 2
    world.finish()


@pytest.mark.parametrize("minutes", [8, 12])
def test_a_cached_card_expires_by_time(make: Make, minutes: int) -> None:
    world = make()
    world.advance(5)
    expiry = iso(NEW_YEAR_2027 + 10 * 60_000)
    world.csms.answers_next("Authorize", {"idTagInfo": {"status": "Accepted", "expiryDate": expiry}})
    world.swipe()
    world.advance(minutes * 60)
    world.lose_line()
    show(world, TAG)
    assert world.bay().contactor.main is (minutes < 10)
    if minutes < 10:
        world.finish()


def test_the_cache_outlives_a_power_cut(make: Make) -> None:
    world = known(make, {})
    world.advance(60)
    world.lose_line()
    world.power_cut()
    show(world, TAG)
    assert world.bay().contactor.main
    world.finish()


@pytest.mark.parametrize("cut", [False, True])
def test_a_full_cache_lets_go_of_bad_cards_first_then_of_the_oldest(
    make: Make, monkeypatch: pytest.MonkeyPatch, cut: bool
) -> None:
    """Seen from outside: who is let go is a stranger, and strangers may not charge offline, the others may."""
    monkeypatch.setattr(authorization, "CACHE_SIZE", 3)
    world = make()
    world.csms.invalid_tags.add("BAD")
    world.advance(5)
    for card in ("OLDEST", "BAD", "OLDER", "NEW", "NEWEST"):  # at NEW goes BAD, at NEWEST goes OLDEST
        world.swipe(card)
        world.advance(65)
    world.lose_line()
    if cut:
        world.advance(60)
        world.power_cut()
    starts = {}
    for card in ("OLDEST", "OLDER", "NEW", "NEWEST"):
        show(world, card)
        starts[card] = world.bay().contactor.main
        if starts[card]:
            world.finish(tag=card)
        else:
            world.unplug()
        world.advance(10)
    assert starts == {"OLDEST": False, "OLDER": True, "NEW": True, "NEWEST": True}


def test_a_bad_card_that_a_full_cache_let_go_is_a_stranger(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorization, "CACHE_SIZE", 3)
    world = make(presets=UNKNOWN_OFFLINE)
    world.csms.invalid_tags |= {"BAD", "WORSE"}
    world.advance(5)
    for card in ("BAD", "FIRST", "SECOND", "WORSE"):
        world.swipe(card)
        world.advance(65)
    world.lose_line()
    show(world, "WORSE")
    assert not world.bay().contactor.main, "it is known as bad"
    world.swipe("BAD")
    world.until(lambda: world.bay().contactor.main)
    world.finish(tag="BAD")


def test_a_cached_card_of_the_group_stops_offline(make: Make) -> None:
    world = make()
    world.csms.parents = {TAG: "G", FAMILY: "G"}
    world.advance(5)
    world.swipe(FAMILY)
    world.advance(61)
    world.charge(10)
    world.lose_line()
    world.swipe(FAMILY)
    world.until(lambda: not world.bay().contactor.main)
    world.reconnect()
    world.advance(5)
    assert world.csms.last("StopTransaction").idTag == FAMILY


def test_an_unknown_card_of_the_group_does_not_stop_offline(make: Make) -> None:
    world = make()
    world.csms.parents = {TAG: "G", FAMILY: "G"}
    world.advance(5)
    world.charge(10)
    world.lose_line()
    world.swipe(FAMILY)
    world.advance(10)
    assert world.bay().contactor.main
    world.finish()


def test_a_free_box_asks_for_no_card(make: Make) -> None:
    world = make(free=True)
    world.advance(5)
    world.plug_in()
    world.until(lambda: world.statuses()[-1] == "Charging")
    assert not world.csms.all("Authorize")
    assert world.csms.charges[1].start.idTag == "FREE"
    world.order("unplug", "--force")
    world.advance(5)
    assert world.csms.last("StopTransaction").reason == "EVDisconnected"
    world.plug_in()
    world.until(lambda: len(world.csms.charges) == 2)
    assert world.statuses() == ["Available", "Preparing", "Charging", "Finishing", "Available", "Preparing"]


def test_a_box_without_a_central_system_lives_by_its_list(make: Make) -> None:
    world = make(network=False, tags=(HOME,))
    show(world, "NEW00001")
    assert not world.bay().contactor.main
    world.swipe(HOME)
    world.until(lambda: world.bay().contactor.main)
    world.advance(60)
    world.finish(tag=HOME)
    evsed = world.evsed
    assert evsed is not None
    (kept,) = evsed.journal.transactions()
    assert kept.end_wh == world.register()
    assert kept.end_wh > kept.start_wh


def test_only_the_first_of_two_cards_counts_while_one_is_asked_about(box: Wallbox) -> None:
    box.csms.holds("Authorize")
    box.plug_in()
    box.swipe()
    box.swipe(FAMILY)
    box.advance(1)
    assert [m.idTag for m in box.csms.all("Authorize")] == [TAG]
    box.csms.releases("Authorize")
    box.until(lambda: box.bay().contactor.main)
    assert box.csms.charges[1].start.idTag == TAG
    box.finish()


def test_a_question_without_an_answer_is_decided_here(make: Make) -> None:
    """A silent central system does not keep a known driver from charging."""
    world = known(make, {"OCPPCommCtrlr.MessageTimeout": "10"})
    world.csms.silent_on("Authorize")
    show(world, TAG)
    world.until(lambda: world.bay().contactor.main, within=15)
    world.finish()


def test_a_remote_start_may_ask_first(make: Make) -> None:
    world = make(presets={"AuthCtrlr.AuthorizeRemoteStart": "true"})
    world.csms.invalid_tags.add(TAG)
    world.advance(5)
    world.plug_in()
    world.csms.call("RemoteStartTransaction", {"connectorId": 1, "idTag": TAG})
    world.advance(30)
    assert not world.csms.charges
    assert not world.bay().contactor.main


def test_a_remote_start_without_connector_takes_the_one_with_the_cable(make: Make) -> None:
    world = make(evses=2)
    world.advance(5)
    world.plug_in(evse=2)
    asked = world.csms.call("RemoteStartTransaction", {"idTag": TAG})
    world.advance(5)
    assert asked.status == "Accepted"
    assert world.csms.charges[1].start.connectorId == 2
    world.finish(evse=2)


def test_a_central_system_that_contradicts_the_list_hears_of_it(make: Make) -> None:
    world = make(tags=(HOME,))
    world.csms.invalid_tags.add(HOME)
    world.advance(5)
    show(world, HOME)
    assert not world.bay().contactor.main
    told = world.csms.last("StatusNotification")
    assert (told.connectorId, told.status, told.errorCode) == (0, "Available", "LocalListConflict")
    world.advance(60)
