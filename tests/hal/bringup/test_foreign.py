"""The walk through an outlet with a controller of its own: sound ones pass, and what is wrong is found and named."""

from __future__ import annotations

import io
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hal.boards import assemble, load
from hal.bringup import __main__ as bringup
from hal.bringup import slow
from hal.bringup.findings import Finding, Verdict
from hal.bringup.person import Ended, Nobody, Words
from hal.bringup.walk import Devices, Walk
from hal.contract import Cp
from hal.make_safe import make_safe
from tests.hal.din import Din


class Clock:
    """Nobody waits."""

    def __init__(self) -> None:
        self.ms = 0

    def now_ms(self) -> int:
        return self.ms

    def pass_ms(self, ms: int) -> None:
        self.ms += ms


class Hands(Nobody):
    """A person with a tester, who agrees to power or does not, and may stop at a state."""

    def __init__(self, din: Din, agrees: bool = True, stops_at: str = "") -> None:
        super().__init__(io.StringIO())
        self._din, self._agrees, self._stops_at = din, agrees, stops_at
        self.asked: list[str] = []

    def do(self, what: str, *orders: Words) -> bool:
        for kind, state in orders:
            assert kind == "tester"
            self.asked.append(state)
            if state == self._stops_at:
                raise Ended
            self._din.plugged, self._din.wants = state != "A", state == "C"
        return bool(orders)

    def agrees(self, warning: str) -> bool:
        assert "mains" in warning
        return self._agrees


@pytest.fixture
def din(monkeypatch: pytest.MonkeyPatch) -> Din:
    din = Din()
    monkeypatch.setattr("hal.drivers.evse_din._on_line", lambda config: din)
    return din


def walked(person: Nobody, attended: bool = True) -> tuple[Walk, dict[str, Finding]]:
    board = assemble(load("evse-din"))
    assert make_safe(board) == []
    walk = Walk(board, False, Devices({}, {}, {}, {}), Clock(), attended)
    walk.go({1: person})
    assert make_safe(board) == []
    board.close()
    return walk, {finding.what: finding for section in walk.sections for finding in section.findings}


def failed(found: dict[str, Finding]) -> list[str]:
    return [what for what, finding in found.items() if finding.verdict is Verdict.FAILED]


def test_a_sound_controller_passes_every_step_and_is_off_in_the_end(din: Din) -> None:
    hands = Hands(din)
    walk, found = walked(hands)
    assert failed(found) == [] and not walk.ended_early
    assert found["offered 6 A in C"].measured == "C, 6 A, closed" and hands.asked == ["B", "C", "B", "A"]
    assert found["told 0 A and to open"].verdict is Verdict.PASSED
    assert not din.closed and din.set == 0


def test_without_a_yes_it_is_offered_nothing(din: Din) -> None:
    _, found = walked(Hands(din, agrees=False))
    assert found["offered 6 A in C"].verdict is Verdict.SKIPPED
    assert all(words == (0,) for address, words in din.written if address == 1000)


def test_the_self_test_needs_nobody_and_offers_nothing(din: Din) -> None:
    _, found = walked(Nobody(io.StringIO()), attended=False)
    assert failed(found) == [] and "offered 6 A in C" not in found and "its relay at rest" in found
    assert all(words == (0,) for address, words in din.written if address == 1000)


def test_whoever_stops_in_the_middle_leaves_it_off(din: Din) -> None:
    walk, _ = walked(Hands(din, stops_at="C"))
    assert walk.ended_early and not din.closed and din.set == 0


@pytest.mark.parametrize(
    ("breaks", "what", "measured"),
    [
        (lambda din: setattr(din, "silent", True), "controller", "no answer"),
        (lambda din: setattr(din, "firmware", 12), "controller", "its firmware 12 does not tell its relay"),
        (lambda din: setattr(din, "diode_missing", True), "its own faults", "DIODE_MISSING"),
        (lambda din: setattr(din, "plugged", True), "car at rest", str(Cp.B)),
        (lambda din: setattr(din, "rcd_error", True), "offered 6 A in C", "E, 0 A, open"),
        (lambda din: setattr(din, "offers_too_much", True), "offered 6 A in C", "C, 32 A, closed"),
    ],
)
def test_what_is_wrong_is_found(din: Din, breaks: Callable[[Din], None], what: str, measured: str) -> None:
    breaks(din)
    _, found = walked(Hands(din))
    assert what in failed(found) and measured in found[what].measured and found[what].advice


def test_a_relay_that_sticks_is_found(din: Din) -> None:
    class Sticking(Hands):
        def do(self, what: str, *orders: Words) -> bool:
            if din.closed:
                din._live = lambda: None  # type: ignore[method-assign]
                din.write = lambda address, words: None  # type: ignore[method-assign]
            return super().do(what, *orders)

    board = assemble(load("evse-din"))
    walk = Walk(board, False, Devices({}, {}, {}, {}), Clock(), attended=True)
    walk.go({1: Sticking(din)})
    found = {finding.what: finding for section in walk.sections for finding in section.findings}
    assert {"a car that has had enough", "told 0 A and to open"} <= set(failed(found))
    board.close()


@pytest.fixture
def signals() -> Iterator[None]:
    """A program ignores them on its way out; this process must not."""
    numbers = signal.SIGTERM, signal.SIGHUP, signal.SIGINT
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("din", "signals")
def test_it_is_a_program_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(slow, "watchdog", lambda real: iter(()))
    assert bringup.main(["selftest", "--board", "evse-din", "--state", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "offer at rest" in said and ", 0 failed, " in said.splitlines()[-1]
