"""The order in which a board is walked through, and what becomes of a part that breaks on the way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from hal.boards import Board
from hal.bringup import pilot, plug, power, slow
from hal.bringup.bench import Bench, Time
from hal.bringup.findings import Finding, Section, judged
from hal.bringup.person import Ended, Person
from hal.bringup.protocol import line
from hal.drivers.protocols import Buzzer, Lights, Meter, PartFailed, Reader, Thermometer
from hal.lamp import Signals

Check = Callable[[Bench, Person], Iterator[Finding]]


class Devices(NamedTuple):
    """The slow devices: meters, readers, lights and buzzers by outlet, thermometers by a name for people."""

    meters: Mapping[int, Meter]
    readers: Mapping[int, Reader]
    signals: Mapping[int, Signals]
    thermometers: Mapping[str, Thermometer]

    def close(self) -> None:
        """Give them all back."""
        signals = [part for pair in self.signals.values() for part in pair if part is not None]
        parts: tuple[Meter | Reader | Thermometer | Lights | Buzzer, ...] = (
            *signals,
            *self.meters.values(),
            *self.readers.values(),
            *self.thermometers.values(),
        )
        for part in parts:
            part.close()


def steps(evse: int, devices: Devices, attended: bool, foreign: bool) -> list[tuple[str, Check]]:
    """Title and check of each step of an outlet; unattended only those that need nobody, in part at least, and move no
    plug. `foreign`: pilot and contactor are a controller's.
    """

    def meter(bench: Bench, person: Person) -> Iterator[Finding]:
        return slow.meter(bench, person, devices.meters.get(evse))

    def reader(bench: Bench, person: Person) -> Iterator[Finding]:
        return slow.reader(bench, person, devices.readers.get(evse))

    def signals(bench: Bench, person: Person) -> Iterator[Finding]:
        return slow.signals(person, devices.signals.get(evse))

    own: list[tuple[str, Check]] = [("at rest", power.at_rest), ("pilot", pilot.swing)]
    with_hands: list[tuple[str, Check]] = [
        ("levels of a car", pilot.levels),
        ("PWM frequency", pilot.frequency),
        ("proximity", plug.proximity),
    ]
    partly: list[tuple[str, Check]] = [("residual-current device", power.residual), ("contacts", plug.contacts)]
    moving: list[tuple[str, Check]] = [
        ("contactor", power.contactor),
        ("choice of phases", power.phases),
        ("lock", plug.lock),
    ]
    if foreign:
        from hal.bringup.foreign import answers, car

        own, with_hands, moving = [("controller", answers)], [("a charge", car)], []
    return [
        *own,
        *(with_hands if attended else ()),
        *partly,
        *(moving if attended else ()),
        ("energy meter", meter),
        ("card reader", reader),
        *((("light and buzzer", signals),) if attended else ()),
    ]


class Walk:
    """One bring-up; `sections` grow as it goes on, and stay when somebody ends it."""

    def __init__(self, board: Board, real: bool, devices: Devices, clock: Time, attended: bool) -> None:
        self._board, self._real, self._devices, self._clock, self._attended = board, real, devices, clock, attended
        self.sections: list[Section] = []
        self.ended_early = False

    def go(self, people: Mapping[int, Person]) -> None:
        """Walk through all outlets, then the machine."""
        try:
            for evse, outlet in self._board.outlets.items():
                bench = Bench(evse, outlet, self._clock)
                for title, check in steps(evse, self._devices, self._attended, outlet.controller is not None):
                    self._take(evse, title, people[evse], partial(check, bench, people[evse]))
            anyone = people[min(people)]
            self._take(0, "Thermometers", anyone, lambda: slow.thermometers(self._devices.thermometers))
            self._take(0, "The machine", anyone, lambda: slow.watchdog(self._real))
        except Ended:
            self.ended_early = True

    def _take(self, evse: int, title: str, person: Person, check: Callable[[], Iterable[Finding]]) -> None:
        """One section; what a broken part leaves undone is a finding of its own."""
        findings: list[Finding] = []
        person.tell(f"\nOutlet {evse}: {title}" if evse else f"\n{title}")
        try:
            for finding in check():
                findings.append(finding)
                person.tell(line(finding))
        except PartFailed as broken:
            advice = "the wiring and the supply of this part, and its keys in the board file"
            findings.append(judged(title, "the part does what it is asked", str(broken), False, advice))
            person.tell(line(findings[-1]))
        finally:
            if findings:
                self.sections.append(Section(evse, title, tuple(findings)))
