"""The variables: each well declared, checked, written in one form, and obeyed by code outside the catalogue."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evsed.core import catalogue, light_variables, measurands, security_variables, wear_variables
from evsed.core import events as ev
from evsed.core.catalogue import ALL, by_key16, by_path
from evsed.core.effects import VariablesReply
from evsed.core.records import Setting
from evsed.core.variables import BOOL, INT, LIST, LONGEST_VALUE, TEXT, Variable, Variables
from evsed.core.words import Verdict
from tests.evsed.core.box_world import World

EVSED = Path(catalogue.__file__).resolve().parent.parent
ROOMS = [vars(room) for room in (catalogue, light_variables, measurands, security_variables, wear_variables)]
NAME_OF = {id(value): name for room in ROOMS for name, value in room.items() if isinstance(value, Variable)}
DECLARED = pytest.mark.parametrize("variable", ALL, ids=lambda variable: variable.path)

# OCPP 1.6 §9.1 and its errata: the Core profile; True = the central system may write it.
CORE_KEYS = {
    "AllowOfflineTxForUnknownId": True,
    "AuthorizationCacheEnabled": True,
    "AuthorizeRemoteTxRequests": True,
    "ClockAlignedDataInterval": True,
    "ConnectionTimeOut": True,
    "ConnectorPhaseRotation": True,
    "GetConfigurationMaxKeys": False,
    "HeartbeatInterval": True,
    "LocalAuthorizeOffline": True,
    "LocalPreAuthorize": True,
    "MaxEnergyOnInvalidId": True,
    "MessageTimeout": True,
    "MeterValuesAlignedData": True,
    "MeterValuesAlignedDataMaxLength": False,
    "MeterValuesSampledData": True,
    "MeterValuesSampledDataMaxLength": False,
    "MeterValueSampleInterval": True,
    "MinimumStatusDuration": True,
    "NumberOfConnectors": False,
    "ResetRetries": True,
    "StopTransactionMaxMeterValues": False,
    "StopTransactionOnEVSideDisconnect": True,
    "StopTransactionOnInvalidId": True,
    "StopTxnAlignedData": True,
    "StopTxnAlignedDataMaxLength": False,
    "StopTxnSampledData": True,
    "StopTxnSampledDataMaxLength": False,
    "SupportedFeatureProfiles": False,
    "TransactionMessageAttempts": True,
    "TransactionMessageRetryInterval": True,
    "UnlockConnectorOnEVSideDisconnect": True,
    "WebSocketPingInterval": True,
}


def names_in(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id


@pytest.fixture(scope="module")
def obeyed() -> set[str]:
    """Every `catalogue.NAME` and every imported NAME that the code of evsed uses, but for the catalogue itself."""
    others = (path for path in EVSED.rglob("*.py") if path != Path(catalogue.__file__).resolve())
    return {name for path in others for name in names_in(path)}


# --- declared --------------------------------------------------------------------------------------------------


@DECLARED
def test_its_default_is_one_of_its_values_in_canonical_form(variable: Variable[Any]) -> None:
    text = variable.kind.text(variable.default)
    assert variable.check(text) is None
    assert variable.kind.text(variable.kind.parse(text)) == text


@DECLARED
def test_it_says_what_it_takes_and_what_it_is_for(variable: Variable[Any]) -> None:
    assert variable.limits_text().startswith(variable.kind.name)
    for bound in (variable.low, variable.high):
        assert bound is None or str(bound) in variable.limits_text()
    assert variable.unit is None or variable.limits_text().endswith(f" {variable.unit}")
    assert len(variable.limits_text()) < 300
    assert variable.help.endswith(".")


@pytest.mark.parametrize("variable", [v for v in ALL if v.choices], ids=lambda variable: variable.path)
def test_the_choices_that_it_says_are_those_that_it_takes(variable: Variable[Any]) -> None:
    told = variable.limits_text().removeprefix(f"{variable.kind.name} of ").partition(" (at most")[0]
    for each in told.split(", "):
        word, _, longer = each.removesuffix("]").partition("[")
        for choice in (word, *(word + more for more in longer.split())):
            assert choice in variable.choices and variable.check(choice) is None
    said = sum(1 + each.count(" .") + each.count("[") for each in told.split(", "))
    assert said == len(variable.choices) == variable.most


@DECLARED
def test_it_is_found_by_both_names_without_regard_to_case(variable: Variable[Any]) -> None:
    assert by_path(variable.path.upper()) is variable
    assert variable.key16 is None or by_key16(variable.key16.swapcase()) is variable


@pytest.mark.parametrize("variable", [v for v in ALL if v.writable], ids=lambda variable: variable.path)
def test_what_can_be_written_is_obeyed_or_said_to_inform(variable: Variable[Any], obeyed: set[str]) -> None:
    assert variable.informs or variable.secret or NAME_OF[id(variable)] in obeyed  # secrets have SecretWritten


def test_only_one_merely_informs_and_says_so() -> None:
    """Phases are reported from the meter's point of view, so nothing here can obey it (OCPP 1.6 §4.7)."""
    informs = [variable for variable in ALL if variable.informs]
    assert informs == [catalogue.PHASE_ROTATION]
    assert "kept for central systems" in catalogue.PHASE_ROTATION.help


def test_no_name_is_given_twice() -> None:
    assert len({variable.path.casefold() for variable in ALL}) == len(ALL)
    keys = [variable.key16.casefold() for variable in ALL if variable.key16]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(("key", "writable"), CORE_KEYS.items())
def test_the_core_profile_has_it(key: str, writable: bool) -> None:
    variable = by_key16(key)
    assert variable is not None
    assert variable.writable is writable


@pytest.mark.parametrize(
    "key", ["MeterValuesSampledData", "MeterValuesAlignedData", "StopTxnSampledData", "StopTxnAlignedData"]
)
def test_the_length_of_a_list_is_what_its_own_check_allows(key: str) -> None:
    variable, length = by_key16(key), by_key16(f"{key}MaxLength")
    assert variable is not None
    assert length is not None
    assert length.default == variable.most == len(variable.choices)
    assert variable.check(",".join(variable.choices)) is None


# --- checked ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("HeartbeatInterval", "0"),
        ("HeartbeatInterval", "-1"),
        ("HeartbeatInterval", "604801"),
        ("HeartbeatInterval", "1.5"),
        ("HeartbeatInterval", "+5"),
        ("HeartbeatInterval", ""),
        ("HeartbeatInterval", "9" * 4_000),
        ("HeartbeatInterval", "٣"),
        ("WebSocketPingInterval", "-1"),
        ("LocalPreAuthorize", "yes"),
        ("LocalPreAuthorize", "1"),
        ("MeterValuesSampledData", "SoC"),
        ("MeterValuesSampledData", "Voltage,Voltage"),
        ("MeterValuesSampledData", "Voltage.L1,Voltage.L1"),
        ("MeterValuesSampledData", "Voltage,Voltage.L4"),
        ("MeterValuesSampledData", "Voltage.L1-L2"),
        ("MeterValuesSampledData", "Current.Import.N"),
        ("MeterValuesSampledData", "Current.Import.L1-N"),
        ("MeterValuesSampledData", "Current.Offered.L1"),
        ("MeterValuesSampledData", "Energy.Active.Import.Register.L1"),
        ("MeterValuesSampledData", "Frequency.L1"),
        ("MeterValuesSampledData", "Voltage."),
        ("MeterValuesSampledData", ".L1"),
        ("MeterValuesSampledData", "Voltage," * 200),
        ("ConnectorPhaseRotation", "1.ABC"),
        ("ConnectorPhaseRotation", "9.RST"),
        ("ConnectorPhaseRotation", "RST"),
        ("ConnectorPhaseRotation", "1.RST,1.RTS"),
    ],
)
def test_what_is_no_value_is_refused_in_one_sentence(key: str, text: str) -> None:
    variable = by_key16(key)
    assert variable is not None
    wrong = variable.check(text)
    assert wrong is not None
    assert wrong.startswith(f"{key} takes ")
    assert variable.limits_text() in wrong
    assert len(wrong) < 500


@pytest.mark.parametrize(
    ("key", "text", "canonical"),
    [
        ("HeartbeatInterval", " 0077 ", "77"),
        ("LocalPreAuthorize", "TRUE", "true"),
        ("MeterValuesSampledData", " Voltage , Current.Import,", "Voltage,Current.Import"),
        ("StopTxnSampledData", "", ""),
        ("ConnectorPhaseRotation", "0.RST, 1.NotApplicable", "0.RST,1.NotApplicable"),
    ],
)
def test_a_value_is_kept_and_told_in_one_form(key: str, text: str, canonical: str) -> None:
    world = World().online()
    variable = by_key16(key)
    assert variable is not None
    place = (variable.component, variable.name)
    assert world.asks(ev.VariableWritten("write", *place, text)) is Verdict.ACCEPTED
    reply = world.asks(ev.VariablesRead("read", (place,)))
    assert isinstance(reply, VariablesReply)
    assert reply.found[0].value == canonical
    assert [setting.value for setting in world.disk.of(Setting) if setting.key == variable.path] == [canonical]


@given(st.sampled_from(ALL), st.text(max_size=30))
def test_any_text_is_either_a_value_or_refused_and_never_raises(variable: Variable[Any], text: str) -> None:
    if variable.check(text) is None:
        canonical = variable.kind.text(variable.kind.parse(text))
        assert variable.check(canonical) is None
        assert variable.kind.parse(canonical) == variable.kind.parse(text)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [(BOOL, "False", False), (INT, "-3", -3), (TEXT, " as it is ", " as it is "), (LIST, "a,,b", ("a", "b"))],
)
def test_kinds(kind: Any, text: str, value: object) -> None:
    assert kind.parse(text) == value


def test_a_text_may_be_as_long_as_the_standard_says() -> None:
    free = Variable(component="C", name="N", kind=TEXT, default="", help="Any.")
    assert free.check("x" * LONGEST_VALUE) is None
    assert free.check("x" * (LONGEST_VALUE + 1)) is not None


# --- present values --------------------------------------------------------------------------------------------


def test_written_beats_preset_beats_default() -> None:
    path = catalogue.HEARTBEAT_INTERVAL.path
    assert Variables(ALL, {})[catalogue.HEARTBEAT_INTERVAL] == 300
    assert Variables(ALL, {path: "5"})[catalogue.HEARTBEAT_INTERVAL] == 5
    assert Variables(ALL, {path: "5"}, {path: "7"})[catalogue.HEARTBEAT_INTERVAL] == 7


def test_what_an_older_version_accepted_and_this_one_does_not_falls_back() -> None:
    path = catalogue.HEARTBEAT_INTERVAL.path
    assert Variables(ALL, {path: "5"}, {path: "never"})[catalogue.HEARTBEAT_INTERVAL] == 5


def test_what_was_written_outlives_a_restart() -> None:
    world = World().online().set("HeartbeatInterval", 77)
    world.power_cut()
    world.offline()
    assert world.station.box.variables[catalogue.HEARTBEAT_INTERVAL] == 77


@pytest.mark.parametrize(
    ("component", "name", "value", "verdict"),
    [
        ("OCPPCommCtrlr", "HeartbeatInterval", "60", Verdict.ACCEPTED),
        ("OCPPCommCtrlr", "HeartbeatInterval", "0", Verdict.REJECTED),
        ("ChargingStation", "NumberOfConnectors", "2", Verdict.REJECTED),
        ("ChargingStation", "Colour", "red", Verdict.NOT_SUPPORTED),
    ],
)
def test_the_answer_to_a_write(component: str, name: str, value: str, verdict: Verdict) -> None:
    world = World().online()
    before = world.asks(ev.VariablesRead("before", ()))
    assert world.asks(ev.VariableWritten("write", component, name, value)) is verdict
    changed = world.asks(ev.VariablesRead("after", ())) != before
    assert changed is (verdict is Verdict.ACCEPTED)


def test_reading_all_and_reading_some() -> None:
    world = World().online()
    everything = world.asks(ev.VariablesRead("all", ()))
    assert [(view.component, view.name) for view in everything.found] == [(v.component, v.name) for v in ALL]
    some = world.asks(ev.VariablesRead("some", (("OCPPCommCtrlr", "MessageTimeout"), ("Nobody", "Nothing"))))
    assert [(view.name, view.value, view.writable) for view in some.found] == [("MessageTimeout", "30", True)]


def told(world: World, key16: str) -> str | None:
    variable = by_key16(key16)
    assert variable is not None
    reply = world.asks(ev.VariablesRead(world.ref(), ((variable.component, variable.name),)))
    assert isinstance(reply, VariablesReply)
    return reply.found[0].value


def test_the_box_says_how_many_outlets_it_has_and_that_their_wiring_is_not_known() -> None:
    world = World(2).online()
    assert told(world, "NumberOfConnectors") == "2"
    assert told(world, "ConnectorPhaseRotation") == "1.Unknown,2.Unknown"
    world = World(2, presets={"ChargingStation.PhaseRotation": "1.RST,2.STR"}).online()
    assert told(world, "ConnectorPhaseRotation") == "1.RST,2.STR"


@pytest.mark.parametrize(("outlets", "verdict"), [(1, Verdict.REJECTED), (2, Verdict.ACCEPTED)])
def test_the_wiring_of_an_outlet_that_does_not_exist_is_refused(outlets: int, verdict: Verdict) -> None:
    world = World(outlets).online()
    place = (catalogue.PHASE_ROTATION.component, catalogue.PHASE_ROTATION.name)
    assert world.asks(ev.VariableWritten("write", *place, "0.RST,1.STR,2.TRS")) is verdict
    assert told(world, "ConnectorPhaseRotation") == ("0.RST,1.STR,2.TRS" if outlets == 2 else "1.Unknown")


@pytest.mark.parametrize(("preset", "kept"), [("1.RST,7.RST", "1.RST"), ("7.RST", "1.Unknown")])
def test_a_wiring_written_for_another_board_is_left_out_and_named(preset: str, kept: str) -> None:
    world = World(1, presets={"ChargingStation.PhaseRotation": preset}).online()
    assert told(world, "ConnectorPhaseRotation") == kept
    assert "! ConnectorPhaseRotation: this board has no connector for 7.RST" in world.lines
