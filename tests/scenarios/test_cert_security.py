"""Passwords, security profiles and certificates as the OCPP 1.6 certification walks through them. Each test bears the
id of the case it mirrors; what it says of TLS itself is proven against a real server in tests/evsed/ocpp/test_tls.py.
"""

from __future__ import annotations

import pytest

from evsed.core.central_systems import CentralSystem, Secret, Target
from evsed.core.credentials import Own
from tests.scenarios.conftest import Make
from tests.world.csms import Question
from tests.world.wallbox import Wallbox

OLD = Secret(b"the old password")
NEW_TEXT = "4F43415F4F4354545F61646D696E5F74657374"
NEW = Secret(b"OCA_OCTT_admin_test")
BROUGHT = Own("", "brought by the installer", 0, 4_000_000_000_000)
PLAIN = CentralSystem("ws://csms/ocpp", "written", OLD, 1, trusted=True)
TLS = CentralSystem("wss://csms/ocpp", "written", OLD, 2, trusted=True)


@pytest.fixture
def secured(make: Make) -> Wallbox:
    """A box with security profile 1."""
    world = make(systems=(PLAIN,))
    world.advance(5)
    return world


def change(world: Wallbox, key: str, value: object) -> Question:
    asked = world.csms.call("ChangeConfiguration", {"key": key, "value": str(value)})
    world.advance(1)
    return asked


def events(world: Wallbox) -> list[str]:
    """Each once, though what was on its way at a cut comes again."""
    told = {message.id: message.type for message in world.csms.all("SecurityEventNotification")}
    return list(told.values())


def test_tc_073_a_new_password(secured: Wallbox) -> None:
    secured.admits = lambda target: "" if target.key == NEW else "refused"  # the old one counts no more: A01.FR.03
    assert change(secured, "AuthorizationKey", NEW_TEXT).status == "Accepted"
    secured.advance(10)
    assert [target.key for target in secured.dialled] == [OLD, NEW]
    assert secured.csms.all("BootNotification")[1:] == []  # a reconnect is no boot
    assert "ReconfigurationOfSecurityParameters" in events(secured)
    secured.admits = lambda target: "" if target.key == OLD else "refused"
    assert change(secured, "AuthorizationKey", OLD.value.decode()).status == "Accepted"
    secured.advance(10)
    assert secured.dialled[-1].key == OLD


def test_tc_083_the_profile_rises(secured: Wallbox) -> None:
    secured.admits = lambda target: "" if target.profile == 2 else "unreachable"
    assert change(secured, "SecurityProfile", 2).status == "Accepted"
    reset = secured.csms.call("Reset", {"type": "Hard"})
    secured.advance(30)
    assert reset.status == "Accepted"
    assert secured.dialled[-1] == Target(0, "wss://csms/ocpp", 2, OLD)
    assert len(secured.csms.all("BootNotification")) == 2
    tried = len(secured.dialled)
    secured.admits = lambda target: "" if target.profile == 1 else "unreachable"
    secured.drop_line()
    secured.advance(120)
    assert {target.profile for target in secured.dialled[tried:]} == {2}  # no way down


def test_tc_084_the_profile_does_not_sink(make: Make) -> None:
    world = make(systems=(TLS,))
    world.advance(5)
    for value in (0, 1, 2):
        assert change(world, "SecurityProfile", value).status == "Rejected"
    world.advance(10)
    assert len(world.dialled) == 1


def test_tc_085_the_key_goes_with_each_connection(secured: Wallbox) -> None:
    secured.drop_line()
    secured.advance(5)
    assert [target.key for target in secured.dialled] == [OLD, OLD]


def test_tc_086_with_tls_the_key_goes_too(make: Make) -> None:
    world = make(systems=(TLS,))
    world.advance(5)
    assert world.dialled == [Target(0, "wss://csms/ocpp", 2, OLD)]


def test_tc_087_with_profile_3_the_certificate_is_shown_and_no_key(make: Make) -> None:
    world = make(systems=(CentralSystem("wss://csms/ocpp", "written", OLD, 2, trusted=True, own=BROUGHT),))
    world.advance(5)
    assert change(world, "SecurityProfile", 3).status == "Accepted"
    world.advance(10)
    assert world.dialled[-1] == Target(0, "wss://csms/ocpp", 3)
