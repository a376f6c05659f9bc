"""How the station stays reachable: new keys and profiles that do not work, and several central systems in a row."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from evsed.core.central_systems import CentralSystem, Secret, Target
from tests.scenarios.conftest import Make
from tests.scenarios.test_cert_security import NEW, NEW_TEXT, OLD, PLAIN, TLS, change, events
from tests.world.wallbox import Wallbox

PRIMARY = CentralSystem("ws://first", "first", OLD, 1)
SECOND = CentralSystem("wss://second", "second", Secret(b"another password"), 2)
CANARY = "canary-4d1f0e9c7a5b3d2f"


@pytest.fixture
def secured(make: Make) -> Wallbox:
    world = make(systems=(PLAIN,))
    world.advance(5)
    return world


def only(key: Secret) -> Callable[[Target], str]:
    return lambda target: "" if target.key == key else "refused"


# --- keys ----------------------------------------------------------------------------------------------------


def test_a_key_that_the_central_system_does_not_take_after_all(secured: Wallbox) -> None:
    secured.admits = only(OLD)
    assert change(secured, "AuthorizationKey", NEW_TEXT).status == "Accepted"
    secured.advance(20)
    assert secured.csms.call("ClearCache") and secured.advance(1) is None
    assert secured.dialled[-1].key == OLD
    secured.admits = only(NEW)  # it took it late
    secured.drop_line()
    secured.advance(20)
    assert secured.dialled[-1].key == NEW
    secured.admits = only(OLD)  # and now the old one is forgotten
    secured.drop_line()
    secured.advance(120)
    assert OLD not in {target.key for target in secured.dialled[-3:]}


def test_digits_that_were_meant_as_text(secured: Wallbox) -> None:
    text = "0123456789abcdef0123456789abcdef"
    secured.admits = only(Secret(text.encode()))
    assert change(secured, "AuthorizationKey", text).status == "Accepted"
    secured.advance(20)
    assert secured.dialled[-1].key == Secret(text.encode())
    assert secured.dialled[-2].key == Secret(bytes.fromhex(text))


@pytest.mark.parametrize("value", ["", "x" * 15, "x" * 41, "a" * 16 + "\n", "00" * 21])
def test_what_is_no_key_changes_nothing(secured: Wallbox, value: str) -> None:
    assert change(secured, "AuthorizationKey", value).status == "Rejected"
    assert any(line.endswith("refused: it is not 16 to 40 printable characters") for line in secured.lines)
    secured.advance(20)
    assert len(secured.dialled) == 1


@pytest.mark.parametrize("wait", [0, 1, 4])
def test_a_new_key_outlives_a_cut_at_once(secured: Wallbox, wait: float) -> None:
    asked = secured.csms.call("ChangeConfiguration", {"key": "AuthorizationKey", "value": NEW_TEXT})
    secured.until(lambda: asked.answer is not None)
    secured.admits = only(NEW)
    secured.advance(wait)
    secured.power_cut()
    secured.advance(20)
    assert secured.dialled[-1].key == NEW


def test_the_key_is_write_only_and_nowhere_to_be_seen(secured: Wallbox) -> None:
    assert change(secured, "AuthorizationKey", CANARY).status == "Accepted"
    assert change(secured, "AuthorizationKey", CANARY + "x" * 40).status == "Rejected"
    every = secured.csms.call("GetConfiguration")
    secured.advance(1)
    assert "AuthorizationKey" not in str(every.answer)
    asked = secured.csms.call("GetConfiguration", {"key": ["AuthorizationKey"]})
    secured.advance(20)
    assert asked.answer == {"configurationKey": [{"key": "AuthorizationKey", "readonly": False}]}
    assert secured.evsed is not None
    said = [*secured.lines, repr(secured.dialled), repr(secured.evsed.station.networks.target()), str(asked.answer)]
    assert secured.dialled[-1].key == Secret(CANARY.encode())
    assert not any(CANARY in line for line in said)


# --- profiles ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [False, True])
def test_a_profile_that_does_not_connect_is_left_again(secured: Wallbox, cut: bool) -> None:
    secured.admits = lambda target: "" if target.profile == 1 else "unreachable"
    assert change(secured, "SecurityProfile", 2).status == "Accepted"
    secured.advance(4)
    if cut:
        secured.power_cut()
    secured.advance(60)
    asked = secured.csms.call("GetConfiguration", {"key": ["SecurityProfile"]})
    secured.advance(1)
    assert asked.answer == {"configurationKey": [{"key": "SecurityProfile", "readonly": False, "value": "1"}]}
    assert events(secured).count("ReconfigurationOfSecurityParameters") == 2
    assert [target.profile for target in secured.dialled].count(2) in range(
        3, 4 + 2 * cut
    )  # a cut may forget the first


def test_a_connection_that_brings_no_answer_proves_nothing(secured: Wallbox) -> None:
    """It is accepted and closed at once, again and again."""
    assert change(secured, "SecurityProfile", 2).status == "Accepted"
    secured.carries = lambda frame: False
    for _ in range(4):
        secured.advance(4)
        secured.drop_line()
    secured.carries = lambda frame: True
    secured.advance(30)
    assert secured.dialled[-1].profile == 1


@pytest.mark.parametrize(
    ("system", "profile"),
    [
        (CentralSystem("ws://csms", "b"), 1),  # no key
        (CentralSystem("ws://csms", "b", Secret(b"short"), 1), 2),  # none that would do
        (CentralSystem("ws://csms", "b", OLD, 1), 2),  # no root certificate
        (PLAIN, 3),  # no certificate of the station
        (TLS, 4),
        (TLS, "x"),
    ],
)
def test_without_what_a_profile_needs_it_is_refused(make: Make, system: CentralSystem, profile: object) -> None:
    world = make(systems=(system,))
    world.advance(5)
    assert change(world, "SecurityProfile", profile).status == "Rejected"
    world.advance(20)
    assert len(world.dialled) == 1


def test_from_nothing_to_a_key(make: Make) -> None:
    world = make(systems=(CentralSystem("ws://csms", "b"),))
    world.advance(5)
    assert change(world, "AuthorizationKey", NEW_TEXT).status == "Accepted"
    world.advance(10)
    assert len(world.dialled) == 1  # no connection is made with it yet
    assert change(world, "SecurityProfile", 1).status == "Accepted"
    world.advance(10)
    assert world.dialled[-1] == Target(0, "ws://csms", 1, NEW)


def test_the_secure_address_may_be_another_one(make: Make) -> None:
    system = CentralSystem("ws://csms:80/a", "b", OLD, 1, secure_url="wss://tls.csms:443/b", trusted=True)
    world = make(systems=(system,))
    world.advance(5)
    change(world, "SecurityProfile", 2)
    world.advance(10)
    assert world.dialled[-1].url == "wss://tls.csms:443/b"


def test_what_the_installer_writes_anew_counts(secured: Wallbox) -> None:
    change(secured, "SecurityProfile", 2)
    change(secured, "AuthorizationKey", NEW_TEXT)
    secured.advance(10)
    secured.systems = (CentralSystem("ws://csms/ocpp", "written anew", OLD, 1),)
    secured.kill_evsed(restart_s=1)
    secured.advance(5)
    assert secured.dialled[-1] == Target(0, "ws://csms/ocpp", 1, OLD)


# --- several central systems ---------------------------------------------------------------------------------


def test_the_second_central_system_is_dialled_when_the_first_is_gone(make: Make) -> None:
    world = make(systems=(PRIMARY, SECOND))
    world.admits = lambda target: "" if target.number == 1 else "unreachable"
    world.advance(30)
    assert [target.url for target in world.dialled] == ["ws://first"] * 3 + ["wss://second"]
    assert world.dialled[-1].key == SECOND.key
    assert world.actions()[0] == "BootNotification"


def test_the_last_good_one_is_kept_over_a_restart(make: Make) -> None:
    world = make(systems=(PRIMARY, SECOND))
    world.admits = lambda target: "" if target.number == 1 else "unreachable"
    world.advance(120)
    world.admits = lambda target: ""
    world.power_cut()
    world.advance(10)
    assert world.dialled[-1].url == "wss://second"


def test_another_central_system_is_told_of_the_boot(make: Make) -> None:
    world = make(systems=(PRIMARY, SECOND))
    world.advance(10)
    world.admits = lambda target: "" if target.number == 1 else "unreachable"
    world.drop_line()
    world.csms.registered = False
    world.advance(30)
    assert len(world.csms.all("BootNotification")) == 2
    world.drop_line()
    world.advance(10)
    assert len(world.csms.all("BootNotification")) == 2  # a plain reconnect to the same one


def test_a_row_of_dead_ones_is_tried_round_and_round(make: Make) -> None:
    world = make(systems=(PRIMARY, SECOND))
    world.admits = lambda target: "unreachable"
    world.advance(600)
    assert [target.number for target in world.dialled][:12] == [0, 0, 0, 1, 1, 1] * 2
