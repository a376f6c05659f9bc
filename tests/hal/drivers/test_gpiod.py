"""The family "gpiod": the contracts over fake lines (or, in the lab kernel, over real ones), and what only it has."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import gpiod
import pytest

from hal.drivers import gpiod_lines
from hal.drivers.gpiod_parts import PARTS
from hal.drivers.protocols import PartFailed
from hal.settings import SettingsError, convert
from tests.hal.drivers import line_worlds as worlds
from tests.hal.drivers.contracts import (
    ContactorContract,
    EnableContract,
    InputContract,
    LockContract,
    PhasesContract,
    ResidualContract,
)
from tests.hal.drivers.gpio_bank import NAMES, Bank, FakeBank, SimBank

REAL = os.environ.get("EVSE_GPIO_SIM") == "1"
only_fake = pytest.mark.skipif(REAL, reason="needs lines that can break")


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> Bank:
    if REAL:
        return SimBank()
    fake = FakeBank(gpiochip0=NAMES)
    monkeypatch.setattr(gpiod, "Chip", fake.open)
    monkeypatch.setattr(gpiod_lines, "glob", lambda _: list(fake.chips))
    return fake


@pytest.fixture
def clock(bank: Bank) -> worlds.Clock:
    return worlds.Clock(bank)


@pytest.fixture
def build() -> Iterator[Callable[..., Any]]:
    """A part of the family, closed in the end."""
    built: list[Any] = []

    def build(role: str, options: dict[str, Any], **more: Any) -> Any:
        part = PARTS[role](convert(options, PARTS[role].Config), **more)  # type: ignore[call-arg]
        built.append(part)
        return part

    yield build
    for part in built:
        part.close()


ONE = {"coil": "GPIO23", "feedback": "GPIO24", "contact": "mirror"}
TWO = {"coil": ["GPIO23", "GPIO20"], "feedback": ["GPIO24", "GPIO21"], "contact": "mirror"}
AUXILIARY = ONE | {"contact": "auxiliary"}
BOLT = {"lock": "GPIO17", "unlock": "GPIO27", "feedback": "GPIO13"}


@pytest.fixture(params=[ONE, TWO, AUXILIARY], ids=["one", "two", "auxiliary"])
def relays(request: Any) -> dict[str, Any]:
    return dict(request.param)


class TestContactor(ContactorContract):
    @pytest.fixture
    def rig(self, bank: Bank, clock: worlds.Clock, build: Callable[..., Any], relays: dict[str, Any]) -> Any:
        part = build("contactor", relays)
        wires = dict(zip(_list(relays["coil"]), _list(relays["feedback"]), strict=True))
        rig = worlds.RelayRig(clock, bank, wires, mirror=relays["contact"] == "mirror")
        rig.part = part
        return rig


class TestEnable(EnableContract):
    @pytest.fixture
    def rig(self, bank: Bank, clock: worlds.Clock, build: Callable[..., Any]) -> Any:
        part = build("enable", {"line": "GPIO22"})
        rig = worlds.GateRig(clock, bank, "GPIO22")
        rig.part = part
        return rig


class TestLock(LockContract):
    @pytest.fixture
    def rig(self, bank: Bank, clock: worlds.Clock, build: Callable[..., Any]) -> Any:
        part = build("lock", BOLT, now_ms=clock.now_ms, later=clock.later)
        rig = worlds.BoltRig(clock, bank, "GPIO17", "GPIO27", "GPIO13")
        rig.part = part
        return rig


class TestResidual(ResidualContract):
    @pytest.fixture
    def rig(self, bank: Bank, clock: worlds.Clock, build: Callable[..., Any]) -> Any:
        part = build("residual", {"fault": "GPIO25", "tripped_when": "open", "test": "GPIO26"})
        rig = worlds.LeakRig(clock, bank, "GPIO25", "GPIO26")
        rig.part = part
        rig.step()
        part.tripped()
        return rig

    def test_its_test_input_makes_it_trip(self, rig: Any) -> None:
        for active in (True, False, True):
            rig.part.test(active)
            rig.run(100)
            assert rig.part.tripped() is active

    def test_a_trip_that_is_over_is_told_once(self, rig: Any) -> None:
        rig.leak(True)
        rig.leak(False)
        assert [rig.part.tripped() for _ in range(2)] == [True, False]

    def test_the_end_of_a_trip_is_not_told_as_another(self, rig: Any) -> None:
        rig.leak(True)
        assert [rig.part.tripped() for _ in range(2)] == [True, True]
        rig.leak(False)
        assert [rig.part.tripped() for _ in range(2)] == [False, False]


class TestInput(InputContract):
    @pytest.fixture
    def rig(self, bank: Bank, clock: worlds.Clock, build: Callable[..., Any]) -> Any:
        rig = worlds.ButtonRig(clock, bank, "GPIO27")
        rig.part = build("input", {"line": "GPIO27", "active_when": "made"})
        return rig


class TestPhases(PhasesContract):
    @pytest.fixture
    def rig(self, bank: Bank, clock: worlds.Clock, build: Callable[..., Any]) -> Any:
        part = build("phases", {"coil": "GPIO20", "feedback": "GPIO21", "contact": "mirror"})
        rig = worlds.RelayRig(clock, bank, {"GPIO20": "GPIO21"})
        rig.part = part
        return rig


def _list(names: Any) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


# --- what an output is at its first instant, and at its last ---------------------------------------------------


@only_fake
@pytest.mark.parametrize("active_low", [False, True])
def test_an_output_is_never_active_before_it_is_told(bank: FakeBank, build: Any, active_low: bool) -> None:
    name = "GPIO6" if active_low else "GPIO23"  # pulled to its inactive level while a Pi boots
    coil = {"line": name, "active_low": active_low}
    build("contactor", ONE | {"coil": coil}).order(False)
    assert set(bank.line(name).levels) == {active_low}
    settings = bank.line(name).settings
    assert settings is not None and settings.direction is gpiod.line.Direction.OUTPUT


@pytest.mark.parametrize("role", ["contactor", "enable"])
def test_given_back_it_is_inactive(bank: Bank, build: Any, role: str) -> None:
    part = build(role, ONE if role == "contactor" else {"line": "GPIO23"})
    part.order(True) if role == "contactor" else part.beat()
    assert bank.high("GPIO23")
    part.close()
    assert not bank.high("GPIO23")
    part.close()


@only_fake
@pytest.mark.parametrize("three", [False, True])
def test_a_phase_relay_stays_as_it_is_found(bank: FakeBank, build: Any, three: bool) -> None:
    monitored = {"line": "GPIO21", "bias": "disabled"}
    bank.pull("GPIO21", three)  # its mirror contact
    part = build("phases", {"coil": "GPIO20", "feedback": monitored, "contact": "mirror"})
    assert set(bank.line("GPIO20").levels) == {three} and part.three() is three
    part.use(not three)
    assert bank.high("GPIO20") is not three


def test_every_wire_has_the_bias_that_was_asked_for(bank: Bank, build: Any) -> None:
    part = build("input", {"line": {"line": "GPIO27", "bias": "pull-down", "active_low": False}, "active_when": "made"})
    assert part.active() is False
    bank.pull("GPIO27", True)
    assert part.active() is True


# --- broken wires and broken relays -------------------------------------------------------------------------------


def test_a_broken_feedback_wire_reads_as_welded(bank: Bank, build: Any) -> None:
    assert build("contactor", ONE).closed() is True  # the pull-up alone: the contact to ground is missing


def test_a_broken_fault_wire_reads_as_tripped_and_a_broken_bolt_wire_as_not_locked(bank: Bank, build: Any) -> None:
    assert build("residual", {"fault": "GPIO25", "tripped_when": "open"}).tripped() is True
    assert build("lock", BOLT).locked() is False


def test_a_residual_current_device_without_a_test_line_cannot_be_tested(bank: Bank, build: Any) -> None:
    assert not hasattr(build("residual", {"fault": "GPIO25", "tripped_when": "made"}), "test")


def test_of_two_relays_one_that_sticks_is_noticed_both_ways(bank: Bank, build: Any, clock: worlds.Clock) -> None:
    part = build("contactor", TWO)
    bank.pull("GPIO24", False)  # both mirror contacts made
    bank.pull("GPIO21", False)
    assert part.closed() is False
    bank.pull("GPIO24", True)
    assert part.closed() is True  # one is welded
    part.order(True)
    assert part.closed() is False  # one did not close


@only_fake
def test_a_broken_first_coil_does_not_keep_the_second_closed(bank: FakeBank, build: Any) -> None:
    part = build("contactor", TWO)
    part.order(True)
    bank.line("GPIO23").broken = True
    with pytest.raises(PartFailed, match=r"coil on line GPIO23: .*Input/output error"):
        part.order(False)
    assert not bank.high("GPIO20")


@only_fake
@pytest.mark.parametrize(("role", "options", "ask"), [("input", {"line": "GPIO27", "active_when": "made"}, "active")])
def test_a_line_that_fails_is_a_part_that_failed(bank: FakeBank, build: Any, role: str, options: Any, ask: str) -> None:
    part = build(role, options)
    bank.line("GPIO27").broken = True
    with pytest.raises(PartFailed, match="input on line GPIO27: "):
        getattr(part, ask)()


# --- voltage as feedback --------------------------------------------------------------------------------------------


@only_fake
@pytest.mark.parametrize(("hz", "live"), [(0, False), (10, False), (50, True), (60, True), (100, True)])
def test_a_wire_with_mains_frequency_is_live(
    bank: FakeBank, clock: worlds.Clock, build: Any, hz: int, live: bool
) -> None:
    part = build("contactor", ONE | {"contact": "voltage"}, now_ms=clock.now_ms)
    edge_us = 1_000_000 // (2 * hz) if hz else 10**9
    for us in range(edge_us, 500_000, edge_us):
        bank.now_ms = clock.ms + us // 1_000
        bank.pull("GPIO24", (us // edge_us) % 2 == 0)
    clock.ms += 500
    assert part.closed() is live
    clock.ms += 250
    assert part.closed() is False  # the voltage is gone


# --- finding lines ---------------------------------------------------------------------------------------------------


@only_fake
@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("GPIO99", "no GPIO chip has a line of that name; `gpioinfo` lists those that are there"),
        ({"line": "GPIO99", "chip": "/dev/gpiochip0"}, "/dev/gpiochip0 has no line of that name"),
        ({"line": 99, "chip": "/dev/gpiochip0"}, "of /dev/gpiochip0: line offset of out range"),
        ({"line": "GPIO27", "chip": "/dev/gpiochip7"}, "/dev/gpiochip7: No such file or directory"),
        ({"line": 3, "chip": "/dev/gpiochip7"}, "/dev/gpiochip7: No such file or directory"),
        ("TWICE", "/dev/gpiochip0 and /dev/gpiochip1 both have it; write chip = beside line ="),
        ("GPIO24", "on line GPIO24 of /dev/gpiochip0: Device or resource busy"),
    ],
)
def test_a_line_that_cannot_be_had_is_said_in_one_sentence(
    monkeypatch: pytest.MonkeyPatch, build: Any, line: Any, why: str
) -> None:
    fake = FakeBank(gpiochip0=(*NAMES, "TWICE"), gpiochip1=("X", "TWICE"))
    monkeypatch.setattr(gpiod, "Chip", fake.open)
    monkeypatch.setattr(gpiod_lines, "glob", lambda _: sorted(fake.chips))
    build("contactor", ONE)
    with pytest.raises(PartFailed) as refused:
        build("input", {"line": line, "active_when": "made"})
    assert why in str(refused.value) and "\n" not in str(refused.value)


def test_what_was_taken_before_a_line_was_missing_is_given_back(bank: Bank, build: Any) -> None:
    with pytest.raises(PartFailed):
        build("contactor", ONE | {"feedback": "GPIO99"})
    build("contactor", ONE)


def test_by_chip_and_offset(bank: Bank, build: Any) -> None:
    chip = "/dev/gpiochip0"
    part = build("contactor", ONE | {"coil": {"line": 23, "chip": chip}})
    part.order(True)
    assert bank.high("GPIO23")


@pytest.mark.parametrize(
    ("role", "options", "sentence"),
    [
        (
            "contactor",
            ONE | {"coil": "GPIO4"},
            "GPIO4 is pulled up while the Pi boots, which would be active; choose on",
        ),
        ("contactor", ONE | {"coil": "GPIO14"}, "GPIO14 belongs to the serial console while the Pi boots"),
        ("contactor", ONE | {"coil": {"line": "GPIO23", "active_low": True}}, "GPIO23 is pulled down while the Pi"),
        ("enable", {"line": "GPIO2"}, "GPIO2 is pulled up"),
        ("phases", {"coil": "GPIO2", "feedback": "GPIO21", "contact": "mirror"}, "GPIO2 is pulled up"),
        ("contactor", ONE | {"coil": ["GPIO23", "GPIO20"]}, "each coil needs the feedback of its own relay"),
        ("contactor", ONE | {"coil": 23}, "coil must be text, not a whole number"),
        ("contactor", ONE | {"coil": {"line": 23}}, "line is a name, or an offset beside the chip that it is on"),
        ("contactor", ONE | {"contact": "nc"}, "contact must be one of 'mirror', 'auxiliary', 'voltage'"),
        ("contactor", ONE | {"coil": []}, "coil must have at least 1 items"),
        ("lock", BOLT | {"pulse_ms": 5_000}, "pulse_ms must be at most 4000"),
        ("input", {"line": "GPIO4"}, "active_when is missing"),
    ],
)
def test_a_table_that_cannot_be_obeyed(role: str, options: Any, sentence: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        convert(options, PARTS[role].Config)
    assert sentence in str(wrong.value) and "\n" not in str(wrong.value)


def test_a_pin_that_is_pulled_up_at_boot_may_be_an_active_low_coil() -> None:
    convert(ONE | {"coil": {"line": "GPIO6", "active_low": True}}, PARTS["contactor"].Config)


def test_a_buzzer_sounds_and_is_silent_when_it_is_given_back(bank: Bank, build: Callable[..., Any]) -> None:
    buzzer = build("buzzer", {"line": "GPIO26"})
    assert not bank.high("GPIO26")
    buzzer.sound(True)
    assert bank.high("GPIO26")
    buzzer.close()
    assert not bank.high("GPIO26")
