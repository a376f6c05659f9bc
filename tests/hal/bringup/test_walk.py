"""The bring-up on the simulated board: all is well where all is well, and each fault of the wiring is named."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from functools import partial

import msgspec
import pytest

from hal.boards import Board, assemble, load
from hal.bringup.bench import Bench, PlantTime
from hal.bringup.findings import Finding, Section, Verdict
from hal.bringup.person import Ended, Nobody, Person, SimulatedBuilder, Terminal
from hal.bringup.protocol import Head, as_page, as_text, verdict
from hal.bringup.walk import Devices, Walk
from hal.drivers.protocols import PartFailed
from hal.make_safe import make_safe
from hal.sim.commands import _faults
from hal.sim.plant import Plant


class World:
    """A simulated board, and whoever walks through it."""

    def __init__(self, board: str = "sim2") -> None:
        self.board: Board = assemble(load(board))
        self.plant: Plant = self.board._plant  # type: ignore[attr-defined]  # the world behind the board
        assert make_safe(self.board) == []
        self.clock = PlantTime(self.board)
        self.out = io.StringIO()
        self.ordered: list[bool] = []
        for bay in self.plant.bays.values():
            bay.contactor.order = partial(self._note, bay.contactor.order)  # type: ignore[method-assign]

    def _note(self, order: Callable[[bool], None], closed: bool) -> None:
        self.ordered.append(closed)
        order(closed)

    def breaks(self, fault: str) -> None:
        done, said = self.plant.order(1, ("fault", fault))
        assert done, said

    def walk(self, attended: bool = True, person: Callable[[int], Person] | None = None) -> Walk:
        meters = {evse: self.plant.meter_values(evse) for evse in self.board.outlets}
        warmth = {f"{number}": part for number, part in self.board.thermometers().items()}
        devices = Devices(meters, self.board.readers(), self.board.signals(), warmth)
        walk = Walk(self.board, False, devices, self.clock, attended)
        people = {evse: person(evse) if person else self.builder(evse) for evse in self.board.outlets}
        walk.go(people if attended else dict.fromkeys(people, Nobody(self.out)))
        return walk

    def builder(self, evse: int) -> Person:
        return SimulatedBuilder(self.out, self.board, evse)

    def terminal(self, *answers: str) -> Callable[[int], Person]:
        """One that says these, then q."""
        said = iter(answers)
        return lambda _: Terminal(self.out, lambda: next(said, "q"))


def findings(walk: Walk, which: Verdict) -> list[Finding]:
    return [finding for section in walk.sections for finding in section.findings if finding.verdict is which]


@pytest.mark.parametrize("board", ["sim", "sim2"])
@pytest.mark.parametrize("attended", [True, False])
def test_on_the_simulated_board_every_step_passes(board: str, attended: bool) -> None:
    world = World(board)
    walk = world.walk(attended)
    assert findings(walk, Verdict.FAILED) == []
    assert len(findings(walk, Verdict.PASSED)) > (20 if attended else 10)
    left_out = {finding.what for finding in findings(walk, Verdict.SKIPPED)}
    assert {what for what in left_out if attended or not what.endswith(", tried")} == (
        {"hardware watchdog"} if attended else {"hardware watchdog", "a card"}
    )


def test_without_a_person_the_contactor_is_never_ordered_closed_and_no_bolt_moves() -> None:
    world = World()
    bolts = [bay.lock for bay in world.plant.bays.values()]
    world.walk(attended=False)
    assert True not in world.ordered and not any(bolt and bolt.holds for bolt in bolts)


# What is broken → in which step it is first found, and a word of what the builder is told to look at.
WIRING = {
    "cp-short": ("pilot", "shorted to earth"),
    "pe-lost": ("levels of a car", "earth wire to the plug is broken"),
    "pilot-no-minus": ("pilot", "no −12 V supply"),
    "pilot-stuck": ("pilot", "does not follow its driver"),
    "pilot-fast": ("PWM frequency", "older kernels of the Pi 4"),
    "pilot-noisy": ("pilot", "noisy"),
    "adc-stuck": ("pilot", "no new measurement"),
    "adc-repeats": ("pilot", "converter looks at another line"),
    "adc-gone": ("pilot", "wiring and the supply of this part"),
    "contactor-welded": ("contactor", "welded"),
    "contactor-dead": ("contactor", "nothing moves"),
    "contactor-slow": ("contactor", "slow"),
    "coil-unfed": ("contactor", "nothing moves"),
    "aux-open": ("contactor", "its feedback does not"),
    "aux-closed": ("at rest", "feedback is inverted"),
    "gate-stuck": ("contactor", "bridged or stuck"),
    "residual": ("at rest", "reset the device"),
    "rcd-deaf": ("residual-current device", "its test input"),
    "rcd-slow": ("residual-current device", "its test input"),
    "rcd-stuck": ("residual-current device", "its test input"),
    "phases-stuck": ("choice of phases", "relay's line"),
    "lock-stuck": ("lock", "motor"),
    "lock-weak": ("lock", "motor"),
    "pp-broken": ("proximity", "wire of PP"),
    "pp-short": ("proximity", "shorted to earth"),
    "input-emergency-stop-gone": ("contacts", "wire from the contact"),
    "input-earth-lost-gone": ("contacts", "wire from the contact"),
    "input-enclosure-open-gone": ("contacts", "wire from the contact"),
    "input-grid-dim-gone": ("contacts", "wire from the contact"),
    "input-switched-off-gone": ("contacts", "wire from the contact"),
    "reader-gone": ("card reader", "its plug"),
    "plug-thermometer-gone": ("Thermometers", "its wires"),
    "grid-lost": ("energy meter", "not connected"),
    "phase-lost": ("energy meter", "phase is not connected"),
    "grid-low": ("energy meter", "the mains themselves"),
    "grid-high": ("energy meter", "the mains themselves"),
    "meter-silent": ("energy meter", "address, baud and parity"),
    "meter-late": ("energy meter", "address, baud and parity"),
    "meter-short": ("energy meter", "address, baud and parity"),
    "meter-damaged": ("energy meter", "address, baud and parity"),
    "meter-foreign": ("energy meter", "address, baud and parity"),
    "meter-echo": ("energy meter", "address, baud and parity"),
    "meter-stale": ("energy meter", "address, baud and parity"),
    "meter-refusing": ("energy meter", "address, baud and parity"),
    "meter-other-function": ("energy meter", "address, baud and parity"),
    "meter-wrong-length": ("energy meter", "address, baud and parity"),
    "meter-nan": ("energy meter", "address, baud and parity"),
    "meter-scaled": ("energy meter", "address, baud and parity"),
    "meter-swapped": ("energy meter", "address, baud and parity"),
}
UNSEEN = {
    "meter-backwards": "a register that falls by 1 kWh is lower than before, and there is no before",
    "meter-zero": "a new meter says 0 kWh too",
    "meter-negative": "no power flows while the board is walked through",
    "meter-stuck": "nothing moves at rest",
    "phases-welded": "its feedback lies: only a car's current tells of it",
}


@pytest.mark.parametrize("fault", WIRING)
def test_each_fault_of_the_wiring_is_found_and_named(fault: str) -> None:
    world = World()
    world.breaks(fault)
    walk = world.walk()
    where, advice = WIRING[fault]
    first = next(section for section in walk.sections if section.failed)
    told = [finding.advice for finding in first.findings if finding.advice]
    assert first.title == where and advice in told[0], (first.title, told)
    both = fault.startswith("input-")  # a contact of the whole board
    assert both or all(section.evse in (0, 1) for section in walk.sections if section.failed)


HANDS = {"levels of a car", "PWM frequency", "proximity", "contactor", "choice of phases", "lock"}


@pytest.mark.parametrize("fault", [fault for fault, (where, _) in WIRING.items() if where not in HANDS])
def test_a_self_test_finds_what_needs_no_hand(fault: str) -> None:
    world = World()
    world.breaks(fault)
    walk = world.walk(attended=False)
    assert next(section.title for section in walk.sections if section.failed) == WIRING[fault][0]


def test_every_fault_that_the_plant_knows_is_in_one_of_the_tables() -> None:
    assert set(_faults(World().plant.bays[1])) == WIRING.keys() | UNSEEN.keys()
    assert not WIRING.keys() & UNSEEN.keys()


# --- power ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["", "y", "Y", "ja", "yess", "ye s", "s"])
def test_nothing_but_yes_brings_power(answer: str) -> None:
    world = World("sim")

    class Doubter(SimulatedBuilder):
        def agrees(self, warning: str) -> bool:
            said = iter((answer, "s"))
            return Terminal(world.out, lambda: next(said)).agrees(warning)

    world.walk(person=lambda evse: Doubter(world.out, world.board, evse))
    assert True not in world.ordered


def test_it_says_what_will_close_before_it_does() -> None:
    world = World("sim")
    asked: list[tuple[str, list[bool]]] = []

    class Listener(SimulatedBuilder):
        def agrees(self, warning: str) -> bool:
            asked.append((warning, list(world.ordered)))
            return super().agrees(warning)

    world.walk(person=lambda evse: Listener(world.out, world.board, evse))
    [(warning, before)] = asked
    assert "contactor of outlet 1 will close up to two times" in warning and True not in before
    assert world.ordered.count(True) == 3 and world.ordered[-1] is False


def test_it_never_closes_on_a_car_and_opens_when_one_comes() -> None:
    world = World("sim")
    bench = Bench(1, world.board.outlets[1], world.clock)
    bay = world.plant.bays[1]
    with bench.closing(1_000.0):
        assert bench.wait(1_000, closed=True, beats=True) is not None
        world.plant.order(1, ("plug-in",))
        with pytest.raises(PartFailed, match="a car or a load is on the pilot"):
            bench.wait(1_000, beats=True)
    world.clock.pass_ms(100)
    assert not bay.contactor.main and not bay.gate.alive
    with pytest.raises(PartFailed, match="a car or a load"), bench.closing(1_000.0):
        raise AssertionError
    assert world.ordered.count(True) == 1


@pytest.mark.parametrize("means", ["emergency-stop", "earth-lost", "switched-off"])
def test_a_contact_that_says_off_keeps_the_power_off(means: str) -> None:
    world = World("sim2")
    bench = Bench(1, world.board.outlets[1], world.clock)
    with bench.closing(1_000.0):
        bench.wait(1_000, closed=True, beats=True)
        world.plant.order(1, ("input", means, "on"))
        with pytest.raises(PartFailed, match=means):
            bench.wait(1_000, beats=True)
    with pytest.raises(PartFailed, match=means), bench.closing(1_000.0):
        raise AssertionError
    assert world.ordered.count(True) == 1


def test_it_opens_when_the_residual_current_device_trips_or_somebody_stops_it() -> None:
    world = World("sim")
    bench = Bench(1, world.board.outlets[1], world.clock)
    with bench.closing(1_000.0):
        bench.wait(1_000, closed=True, beats=True)
        world.breaks("residual")
        with pytest.raises(PartFailed, match="tripped"):
            bench.wait(1_000, beats=True)
    world.plant.order(1, ("clear", "residual"))
    with pytest.raises(Ended), bench.closing(1_000.0):
        bench.wait(1_000, closed=True, beats=True)
        raise Ended
    world.clock.pass_ms(100)
    assert not world.plant.bays[1].contactor.main and world.ordered[-1] is False


@pytest.mark.parametrize(
    ("file_ms", "gate_ms", "advice"),
    [
        (100, 100, None),
        (100, 300, None),
        (100, 500, None),
        (100, 540, "capacitor is too large"),
        (100, 5_000, "capacitor is too large"),
        (300, 250, "lower gate_ms from 300 to less than 240"),
        (500, 100, "lower gate_ms from 500"),
    ],
)
def test_a_gate_holds_as_long_as_the_file_says_and_not_too_long(file_ms: int, gate_ms: int, advice: str | None) -> None:
    world = World("sim")
    outlet = world.board.outlets[1]
    timing = msgspec.structs.replace(outlet.timing, gate_ms=file_ms)
    world.board.outlets[1] = dataclasses.replace(outlet, timing=timing)
    world.plant.bays[1].gate._gate_us = gate_ms * 1_000
    failed = findings(world.walk(), Verdict.FAILED)
    assert [finding.what for finding in failed] == ([] if advice is None else ["heartbeats end"])
    assert advice is None or advice in failed[0].advice


def test_a_pilot_that_is_not_measured_anew_gives_no_beat() -> None:
    world = World("sim")
    bench = Bench(1, world.board.outlets[1], world.clock)
    with bench.closing(1_000.0):
        bench.wait(1_000, closed=True, beats=True)
        world.breaks("adc-stuck")
        world.plant.order(1, ("plug-in",))
        with pytest.raises(PartFailed, match="not measured anew"):
            bench.wait(1_000, beats=True)
    world.clock.pass_ms(100)
    assert not world.plant.bays[1].contactor.main


def test_after_standing_still_no_beat_brings_the_power_back() -> None:
    world = World("sim")
    bench = Bench(1, world.board.outlets[1], world.clock)
    with bench.closing(1_000.0):
        bench.wait(1_000, closed=True, beats=True)
        world.clock.pass_ms(2_000)  # Ctrl-Z, fg
        with pytest.raises(PartFailed, match="stood still"):
            bench.wait(1_000, beats=True)
    assert not world.plant.bays[1].gate.alive


def test_a_self_test_leaves_a_car_alone() -> None:
    world = World("sim")
    world.plant.order(1, ("plug-in",))
    heard: list[float] = []
    hear = world.plant.bays[1].car.hear
    world.plant.bays[1].pilot._hears = lambda permille: (heard.append(permille), hear(permille))[1]
    walk = world.walk(attended=False)
    assert set(heard) <= {1_000.0}
    skipped = {finding.what: finding.measured for finding in findings(walk, Verdict.SKIPPED)}
    assert skipped["pilot at both ends and with PWM"] == "a car or a load is on it"
    assert "only while no car" in skipped["residual-current device, its test input"]


@pytest.mark.parametrize("why", [PartFailed("its line is gone"), Ended()])
def test_a_test_of_the_residual_current_device_that_is_broken_off_frees_its_test_input(why: Exception) -> None:
    world = World("sim")
    residual = world.plant.bays[1].residual
    tripped, driven = residual.tripped, [False]
    test = residual.test

    def gone() -> bool:
        if driven[-1]:
            raise why
        return tripped()

    residual.tripped = gone  # type: ignore[method-assign]
    residual.test = lambda active: (driven.append(active), test(active))[1]  # type: ignore[method-assign]
    world.walk(attended=False)
    assert driven == [False, True, False]


def test_no_more_than_the_board_bears_is_ever_offered() -> None:
    world = World("sim")
    heard: list[float] = []
    hear = world.plant.bays[1].car.hear
    world.plant.bays[1].pilot._hears = lambda permille: (heard.append(permille), hear(permille))[1]
    world.walk()
    assert 533 < max(permille for permille in heard if permille < 1_000) < 534  # 32 A


def test_a_gate_that_is_bridged_ends_the_trial_of_the_contactor() -> None:
    world = World("sim")
    world.breaks("gate-stuck")
    world.walk()
    assert world.ordered.count(True) == 1


# --- people -----------------------------------------------------------------------------------------------------------


def test_who_stops_keeps_what_was_found_so_far() -> None:
    world = World("sim")
    walk = world.walk(person=world.terminal("", "s"))
    assert walk.ended_early and [section.title for section in walk.sections] == ["at rest", "pilot", "levels of a car"]
    assert verdict(walk.sections, walk.ended_early).endswith("stopped before its end")


def test_the_end_of_the_input_stops_it() -> None:
    def gone() -> str:
        raise EOFError

    world = World("sim")
    assert world.walk(person=lambda _: Terminal(world.out, gone)).ended_early


def test_what_is_skipped_is_neither_good_nor_bad() -> None:
    world = World("sim2")
    walk = world.walk(person=world.terminal(*["s"] * 200))
    assert not walk.ended_early and findings(walk, Verdict.FAILED) == []
    assert {"state B", "gate and contactor", "a card"} <= {f.what for f in findings(walk, Verdict.SKIPPED)}


def test_a_light_with_its_lines_exchanged_and_a_mute_buzzer_are_noticed() -> None:
    world = World("sim")
    bay = world.plant.bays[1]
    show = bay.lights.show
    bay.lights.show = lambda red, green, blue: show(green, red, blue)  # type: ignore[method-assign]
    bay.buzzer.sound = lambda on: None  # type: ignore[method-assign]
    failed = {finding.what: finding.advice for finding in findings(world.walk(), Verdict.FAILED)}
    assert failed.keys() == {"light, red", "light, green", "buzzer"}
    assert "order of the colours" in failed["light, red"]


# --- protocol ---------------------------------------------------------------------------------------------------------


def test_the_protocol_has_everything_in_both_forms_and_room_for_a_name() -> None:
    head = Head("Bring-up protocol", "a <board>", "evsed 1", "a & b", "2026-01-01 10:00 UTC", ended_early=False)
    sections = (
        Section(1, "pilot", (Finding("+12 V", "11.4 to 12.6 V", "<3 V", Verdict.FAILED, "supply & wire"),)),
        Section(0, "The machine", (Finding("watchdog", "active", "none here", Verdict.SKIPPED),)),
    )
    text, page = as_text(head, sections), as_page(head, sections)
    for part in ("a <board>", "2026-01-01 10:00 UTC", "+12 V", "11.4 to 12.6 V", "<3 V", "look at: supply & wire"):
        assert part in text
    assert "0 passed, 1 failed, 1 skipped" in text and "Installer: ____" in text
    assert "&lt;3 V" in page and "supply &amp; wire" in page and "a &lt;board&gt;" in page and "Installer: ____" in page
    assert "<3 V" not in page and "http" not in page


def test_a_part_that_breaks_in_the_middle_does_not_end_the_walk() -> None:
    world = World("sim")
    world.breaks("adc-gone")
    titles = [section.title for section in world.walk().sections]
    assert titles[-5:] == ["energy meter", "card reader", "light and buzzer", "Thermometers", "The machine"]
