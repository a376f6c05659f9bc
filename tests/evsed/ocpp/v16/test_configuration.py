"""Keys of 1.6 and the variables behind them."""

from __future__ import annotations

import pytest

from evsed.core.capacities import ITEMS_PER_GET
from evsed.core.catalogue import PING_INTERVAL, all_with_key16
from evsed.core.effects import VariablesReply, VariableView
from evsed.core.events import VariablesRead, VariableWritten
from evsed.core.words import Verdict
from tests.evsed.ocpp.world import Peers

PING = ("OCPPCommCtrlr", "WebSocketPingInterval")
PROFILES = ("ChargingStation", "SupportedFeatureProfiles")


@pytest.mark.parametrize("payload", [{}, {"key": []}])
def test_no_key_means_all_of_1_6(payload: dict[str, object]) -> None:
    request = Peers().asks("GetConfiguration", payload)
    assert isinstance(request, VariablesRead)
    assert request.names == tuple(
        (variable.component, variable.name) for variable in all_with_key16() if not variable.secret
    )


def test_keys_have_no_case_and_are_told_in_ours() -> None:
    peers = Peers()
    keys = ["websocketPINGinterval", "nope", "SupportedFeatureProfiles", "WebSocketPingInterval", "Nope", "nope"]
    request = peers.asks("GetConfiguration", {"key": keys})
    assert request == VariablesRead("central-1", (PING, PROFILES))
    found = (VariableView(*PING, "30", True), VariableView(*PROFILES, "Core,RemoteTrigger", False))
    assert peers.replies(request, VariablesReply(found)) == [
        [
            3,
            "csms-1",
            {
                "configurationKey": [
                    {"key": "WebSocketPingInterval", "readonly": False, "value": "30"},
                    {"key": "SupportedFeatureProfiles", "readonly": True, "value": "Core,RemoteTrigger"},
                ],
                "unknownKey": ["nope", "Nope"],
            },
        ]
    ]


def test_only_unknown_keys_are_not_all_keys() -> None:
    assert Peers().asked("GetConfiguration", {"key": ["nope"]}) == [
        [3, "q", {"configurationKey": [], "unknownKey": ["nope"]}]
    ]


def test_a_write_only_variable_is_listed_without_its_value() -> None:
    peers = Peers()
    request = peers.asks("GetConfiguration", {"key": ["WebSocketPingInterval"]})
    (reply,) = peers.replies(request, VariablesReply((VariableView(*PING, None, True),)))
    assert reply[2]["configurationKey"] == [{"key": "WebSocketPingInterval", "readonly": False}]


def test_more_keys_than_told_are_too_many() -> None:
    most = ITEMS_PER_GET.default
    assert Peers().asks("GetConfiguration", {"key": ["WebSocketPingInterval"] * most})
    replies = Peers().asked("GetConfiguration", {"key": ["WebSocketPingInterval"] * (most + 1)})
    assert replies[0][:3] == [4, "q", "OccurenceConstraintViolation"]


def test_all_variables_at_once_fit_the_schema() -> None:
    peers = Peers()
    request = peers.asks("GetConfiguration")
    views = tuple(VariableView(v.component, v.name, v.kind.text(v.default), v.writable) for v in all_with_key16())
    (reply,) = peers.replies(request, VariablesReply(views))
    assert len(reply[2]["configurationKey"]) == len(all_with_key16())
    assert "unknownKey" not in reply[2]


def test_a_change_becomes_a_written_variable() -> None:
    peers = Peers()
    request = peers.asks("ChangeConfiguration", {"key": "WEBSOCKETpinginterval", "value": "x" * 500})
    assert request == VariableWritten("central-1", PING_INTERVAL.component, PING_INTERVAL.name, "x" * 500)
    assert peers.replies(request, Verdict.REJECTED) == [[3, "csms-1", {"status": "Rejected"}]]


@pytest.mark.parametrize("key", ["", "nope", "WebSocketPingInterval ", "OCPPCommCtrlr.WebSocketPingInterval"])
def test_an_unknown_key_is_not_supported(key: str) -> None:
    assert Peers().asked("ChangeConfiguration", {"key": key, "value": "1"}) == [[3, "q", {"status": "NotSupported"}]]
