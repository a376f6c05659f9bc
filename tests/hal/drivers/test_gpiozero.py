"""The family "gpiozero" over its own mock pins: the contracts, and the limits that it says it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from gpiozero.pins.mock import MockFactory

from hal.drivers import gpiozero_parts
from hal.drivers.gpiozero_parts import PARTS, factory
from hal.drivers.protocols import PartFailed
from hal.settings import SettingsError, convert
from tests.hal.drivers import line_worlds as worlds
from tests.hal.drivers.contracts import ContactorContract, EnableContract, InputContract, ResidualContract

RELAY = {"factory": "mock", "coil": 23, "feedback": 24, "contact": "mirror"}
TWO_RELAYS = RELAY | {"coil": [23, 16], "feedback": [24, 6]}


class MockBank:
    """The world at the other side of gpiozero's mock pins."""

    def __init__(self, pins: Any) -> None:
        self.pins = pins

    def pin(self, name: str) -> Any:
        return self.pins.pin(name)

    def pull(self, name: str, high: bool) -> None:
        (self.pin(name).drive_high if high else self.pin(name).drive_low)()

    def high(self, name: str) -> bool:
        return bool(self.pin(name).state)


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> Iterator[MockBank]:
    monkeypatch.setitem(gpiozero_parts.FACTORIES, "mock", "gpiozero.pins.mock:MockFactory")
    factory.cache_clear()
    pins = factory("mock")
    assert isinstance(pins, MockFactory)
    yield MockBank(pins)
    pins.reset()
    factory.cache_clear()


@pytest.fixture
def clock(bank: MockBank) -> worlds.Clock:
    return worlds.Clock()


@pytest.fixture
def build(bank: MockBank) -> Iterator[Callable[..., Any]]:
    built: list[Any] = []

    def build(role: str, options: dict[str, Any], **more: Any) -> Any:
        part = PARTS[role](convert(options, PARTS[role].Config), **more)  # type: ignore[call-arg]
        built.append(part)
        return part

    yield build
    for part in built:
        part.close()


class TestContactor(ContactorContract):
    @pytest.fixture(params=["mirror", "auxiliary"])
    def rig(self, request: Any, bank: Any, clock: worlds.Clock, build: Any) -> Any:
        part = build("contactor", RELAY | {"contact": request.param})
        rig = worlds.RelayRig(clock, bank, {"GPIO23": "GPIO24"}, mirror=request.param == "mirror")
        rig.part = part
        return rig


class TestTwoContactors(ContactorContract):
    @pytest.fixture
    def rig(self, bank: Any, clock: worlds.Clock, build: Any) -> Any:
        part = build("contactor", TWO_RELAYS)
        rig = worlds.RelayRig(clock, bank, {"GPIO23": "GPIO24", "GPIO16": "GPIO6"}, mirror=True)
        rig.part = part
        return rig


class TestEnable(EnableContract):
    @pytest.fixture
    def rig(self, bank: Any, clock: worlds.Clock, build: Any) -> Any:
        part = build("enable", {"factory": "mock", "pin": 22})
        rig = worlds.GateRig(clock, bank, "GPIO22")
        rig.part = part
        return rig


class TestResidual(ResidualContract):
    @pytest.fixture
    def rig(self, bank: Any, clock: worlds.Clock, build: Any) -> Any:
        part = build("residual", {"factory": "mock", "fault": 25, "tripped_when": "open", "test": 26})
        rig = worlds.LeakRig(clock, bank, "GPIO25", "GPIO26")
        rig.part = part
        return rig

    def test_its_test_input_makes_it_trip(self, rig: Any) -> None:
        for active in (True, False):
            rig.part.test(active)
            rig.run(100)
            assert rig.part.tripped() is active


class TestInput(InputContract):
    @pytest.fixture
    def rig(self, bank: Any, clock: worlds.Clock, build: Any) -> Any:
        part = build("input", {"factory": "mock", "pin": 27, "active_when": "made"}, now_ms=clock.now_ms)
        rig = worlds.ButtonRig(clock, bank, "GPIO27")
        rig.part = part
        return rig

    def test_what_bounces_is_calmed(self, rig: Any) -> None:
        for pressed in (True, False, True, False, True, False):
            rig.press(pressed)
            rig.run(40)
            assert rig.part.active() is False
        rig.press(True)
        rig.run(60)
        assert rig.part.active() is True


def test_an_output_goes_through_no_level_but_its_own(bank: MockBank, build: Any) -> None:
    part = build("contactor", RELAY)
    part.order(True)
    part.order(False)
    assert [state.state for state in bank.pin("GPIO23").states] == [False, True, False]


def test_given_back_it_is_low(bank: MockBank, build: Any) -> None:
    part = build("contactor", RELAY)
    part.order(True)
    part.close()
    assert not bank.high("GPIO23") and bank.pin("GPIO23").function == "input"


def test_a_broken_feedback_wire_reads_as_welded(build: Any) -> None:
    assert build("contactor", RELAY).closed() is True


def test_without_a_test_line_there_is_nothing_to_try(build: Any) -> None:
    part = build("residual", {"factory": "mock", "fault": 25, "tripped_when": "made"})
    assert part.tripped() is False and not hasattr(part, "test")


def test_a_pin_is_given_once(build: Any) -> None:
    build("contactor", RELAY)
    with pytest.raises(PartFailed, match="heartbeat on GPIO23: pin GPIO23 is already in use"):
        build("enable", {"factory": "mock", "pin": 23})


def test_a_pin_that_cannot_be_had_gives_back_those_before_it(build: Any) -> None:
    build("input", {"factory": "mock", "pin": 6, "active_when": "made"})
    with pytest.raises(PartFailed, match="feedback on GPIO6"):
        build("contactor", TWO_RELAYS)
    build("contactor", RELAY)


def test_a_factory_that_is_not_there_is_said_and_no_other_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(gpiozero_parts.FACTORIES, "rpigpio", "gpiozero.pins.nothing:Factory")
    factory.cache_clear()
    with pytest.raises(PartFailed, match="pin factory `rpigpio` cannot be had: No module named"):
        PARTS["enable"](convert({"factory": "rpigpio", "pin": 22}, PARTS["enable"].Config))  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("role", "options", "sentence"),
    [
        ("contactor", RELAY | {"active_low": True}, "unknown key `active_low`"),
        ("contactor", RELAY | {"coil": 4}, "GPIO4 is pulled up while the Pi boots"),
        ("contactor", RELAY | {"coil": [23, 16]}, "each coil needs the feedback of its own relay"),
        ("contactor", RELAY | {"coil": 28}, "coil must be at most 27"),
        ("contactor", RELAY | {"contact": "voltage"}, "contact must be one of 'mirror', 'auxiliary'"),
        ("enable", {"factory": "mock", "pin": 15}, "GPIO15 belongs to the serial console"),
        ("enable", {"pin": 22}, "factory is missing"),
        ("input", {"factory": "native", "pin": 27, "active_when": "made"}, "factory is one of lgpio, rpigpio"),
    ],
)
def test_a_table_that_cannot_be_obeyed(bank: MockBank, role: str, options: Any, sentence: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        convert(options, PARTS[role].Config)
    assert sentence in str(wrong.value) and "\n" not in str(wrong.value)
