"""An outlet whose pilot and contactor are an EVSE-DIN's: the driver, its link and the loop that supervises."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from hal.boards import BoardError, OutletBoard, Timing, check_parts, load
from hal.boards.external import ExternalBoard
from hal.contract import Cp, Lease, Limits, MeterReading, Outlet, Retry, Voltage
from hal.controller import ControllerLink
from hal.drivers.evse_din import DinConfig, EvseDin
from hal.drivers.protocols import NoReading, Parts
from hal.external import STALE_MS, ExternalLoop
from hal.faults import Name
from hal.heat import Warmth
from hal.make_safe import make_safe
from hal.wear import Worn
from tests.hal.din import Din

CONFIG = DinConfig(port="/dev/nowhere")
LIMITS = Limits(max_ma=16_000, fallback_ma=6_000, grace_s=60)


class Desk:
    """Readings and memory of one outlet."""

    def __init__(self) -> None:
        self.reading: MeterReading | None = None
        self.kept: tuple[Name, ...] = ()
        self.failed = ""
        self.warmth: dict[int, Warmth] = {}

    def meter(self, evse: int) -> MeterReading | None:
        return self.reading

    def silence(self, evse: int) -> str:
        return ""

    def tag(self, evse: int) -> None:
        return None

    def mute(self, evse: int) -> str:
        return ""

    def warmths(self) -> dict[int, Warmth]:
        return self.warmth

    def recall(self, evse: int) -> tuple[Name, ...]:
        return self.kept

    def keep(self, evse: int, names: tuple[Name, ...]) -> None:
        self.kept = names


class Bay:
    """The controller with its car, and our loop; a lease is renewed while there is one."""

    def __init__(self, din: Din | None = None, metered: bool = False) -> None:
        self.now_ms = 1_000_000
        self.din = din or Din()
        self.desk = Desk()
        self.link = ControllerLink(EvseDin(CONFIG, self.din, lambda: self.now_ms), "controller")
        told = (LIMITS, Voltage(), Retry(), self.desk, self.desk, Worn())
        self.loop = ExternalLoop(1, self.board(), *told, metered, self.now_ms)
        self.lease_ma: int | None = None
        self.closes = True

    def board(self) -> OutletBoard:
        parts = Parts(None, None, None, None, None, None)  # type: ignore[arg-type]
        return OutletBoard(parts, 32_000, False, False, False, Timing(), controller=self.link)

    def passes(self, seconds: float) -> Outlet:
        """Time goes by in looks of the link, each with a tick."""
        for _ in range(round(seconds * 4)):
            self.now_ms += 250
            if self.lease_ma is not None:
                self.loop.permit.grant(Lease(1, self.lease_ma, self.closes, False, self.now_ms + 3_000), self.now_ms)
            self.link.turn()
            self.loop.run(self.now_ms)
        assert self.loop.outlet is not None
        return self.loop.outlet

    def charge(self) -> Outlet:
        self.din.plugged = self.din.wants = True
        self.lease_ma = 16_000
        outlet = self.passes(2)
        assert outlet.closed and outlet.cp is Cp.C
        return outlet

    def fault(self) -> list[str]:
        assert self.loop.outlet is not None
        return [fault.name for fault in self.loop.outlet.faults]


def test_a_charge_from_plug_to_plug() -> None:
    bay = Bay()
    idle = bay.passes(1)
    assert (idle.cp, idle.closed, idle.offered_ma, idle.reason) == (Cp.A, False, 0, "PILOT_A")
    assert bay.din.set == 0  # not the 13 A that it would offer by itself
    bay.din.plugged = bay.din.wants = True
    waiting = bay.passes(1)
    assert (waiting.cp, waiting.pwm, waiting.reason) == (Cp.B, False, "NO_LEASE")
    charging = bay.charge()
    assert (charging.offered_ma, charging.pwm, charging.reason, charging.closings) == (16_000, True, None, 1)
    bay.closes = False
    ended = bay.passes(1)
    assert (ended.cp, ended.closed, ended.offered_ma, ended.reason) == (Cp.B, False, 0, "NOT_WANTED")
    bay.din.plugged = False
    assert bay.passes(1).cp is Cp.A
    assert ended.interruptions == 0 and bay.fault() == []


def test_a_lease_that_ends_falls_back_and_then_ends_the_charge() -> None:
    bay = Bay()
    bay.charge()
    bay.passes(5)
    bay.lease_ma = None
    assert bay.passes(4).offered_ma == 6_000
    assert bay.passes(50).closed
    ended = bay.passes(12)
    assert not ended.closed and ended.offered_ma == 0 and bay.din.set == 0


def test_a_car_that_does_not_stop_is_opened_after_six_seconds() -> None:
    bay = Bay()
    bay.din.stubborn = True
    bay.charge()
    bay.closes = False
    assert bay.passes(5.5).closed
    assert (1004, (1,)) not in bay.din.written
    assert not bay.passes(1.5).closed
    assert (1004, (1,)) in bay.din.written


def test_changes_of_an_offer_are_five_seconds_apart_but_an_end_is_at_once() -> None:
    bay = Bay()
    bay.charge()
    bay.lease_ma = 10_000
    assert bay.passes(2).offered_ma == 16_000
    assert bay.passes(2).offered_ma == 10_000
    bay.lease_ma = 5_999
    assert bay.passes(0.5).offered_ma == 0


@pytest.mark.parametrize("limit_ma", [6_000, 10_999, 16_000, 32_000])
def test_never_more_than_lease_installer_and_board_in_whole_amperes(limit_ma: int) -> None:
    bay = Bay()
    bay.charge()
    bay.lease_ma = limit_ma
    assert bay.passes(6).offered_ma == min(limit_ma, LIMITS.max_ma) // 1_000 * 1_000


def test_a_fine_controller_gets_hundredths() -> None:
    din = Din(firmware=18)
    din.config = 0x80
    bay = Bay(din)
    bay.din.plugged = bay.din.wants = True
    bay.lease_ma = 10_990
    assert bay.passes(8).offered_ma == 10_990
    assert din.set == 1_099


def test_a_silent_controller_is_a_fault_and_nothing_is_made_up() -> None:
    bay = Bay()
    bay.charge()
    bay.din.silent = True
    bay.passes(STALE_MS / 1_000 - 0.5)
    assert bay.fault() == []
    silent = bay.passes(1)
    assert (silent.cp, silent.reason, silent.closed, silent.offered_ma) == (Cp.E, "FAULT", True, 16_000)
    assert silent.faults[0].text.endswith("controller: no answer")
    bay.din.silent = False
    back = bay.passes(1)
    assert bay.din.set == 0 and not back.closed and back.cp is Cp.B
    assert bay.fault() == ["PART_FAILED"]
    assert bay.passes(40).closed  # the fault was held for half a minute


def test_a_controller_that_was_restarted_is_told_again() -> None:
    bay = Bay()
    bay.passes(1)
    assert bay.din.boot_amps == 0
    bay.din.boot_amps = 13  # somebody else's setting
    bay.din.reboot()
    bay.passes(1)
    assert bay.din.set == 0


def test_a_relay_that_falls_in_mid_charge_is_counted() -> None:
    bay = Bay()
    bay.charge()
    bay.din.closed, bay.din.broken = False, True
    bay.passes(1)
    assert bay.fault() == ["PILOT_FAULT"]
    bay.din.broken = False
    assert bay.passes(40).closings == 2


def test_one_that_offers_more_than_it_was_told_is_stopped() -> None:
    bay = Bay()
    bay.charge()
    bay.din.offers_too_much = True
    assert bay.passes(4).closed
    outlet = bay.passes(3)
    assert bay.fault() == ["PILOT_DRIVER"] and not outlet.closed
    assert "offers 32000 mA, not 16000" in outlet.faults[0].text


def test_one_that_does_not_let_go_is_a_fault_of_the_contactor() -> None:
    bay = Bay()
    bay.charge()
    bay.din.held = True
    bay.closes = False
    bay.passes(15)
    assert "WELDED" in bay.fault() and bay.desk.kept == (Name.WELDED,)


def test_one_whose_line_was_cut_before_it_could_be_told_to_open_is_not_welded() -> None:
    bay = Bay()
    bay.charge()
    bay.closes, bay.din.held = False, True
    bay.passes(7)
    bay.din.silent = True
    bay.passes(10)
    bay.din.silent = False
    assert bay.passes(0.25).closed
    bay.din.held = False
    assert not bay.passes(2).closed and "WELDED" not in bay.fault()


def test_its_residual_current_waits_for_a_person_who_clears_it_there_too() -> None:
    bay = Bay()
    bay.charge()
    bay.din.rcd_error = True
    assert not bay.passes(1).closed
    assert bay.fault() == ["RESIDUAL_CURRENT"]
    assert bay.desk.kept == (Name.RESIDUAL_CURRENT,)
    bay.din.rcd_error = False
    bay.passes(60)
    assert bay.fault() == ["RESIDUAL_CURRENT"]
    bay.loop.acknowledge()
    assert bay.passes(1).faults == ()
    assert (1004, (4,)) in bay.din.written


def test_ventilation_is_refused_where_the_board_does() -> None:
    bay = Bay()
    bay.din.ventilation = True
    bay.din.plugged = bay.din.wants = True
    bay.lease_ma = 16_000
    bay.passes(1)
    assert bay.fault() == ["D_REFUSED"]
    assert bay.din.set == 0


def test_what_the_meter_sees_is_held_against_the_offer() -> None:
    bay = Bay(metered=True)
    for _ in range(12):
        bay.desk.reading = MeterReading(bay.now_ms, 1_000, 15_000, (20_000,))
        bay.charge() if bay.lease_ma is None else bay.passes(1)
    assert bay.fault() == ["OVER_CURRENT"]
    assert bay.din.set == 0
    bay.desk.reading = MeterReading(bay.now_ms, 1_000, 0, (0,))
    bay.passes(290)
    assert "OVER_CURRENT" in bay.fault() and bay.din.set == 0
    bay.passes(11)
    assert "OVER_CURRENT" not in bay.fault() and bay.din.set > 0


def test_no_two_looks_in_a_row_ask_for_the_same_count() -> None:
    bay = Bay()
    bay.passes(3)
    looks = bay.din.asked[2:]
    assert set(looks) == {8, 9, 10} and all(a != b for a, b in pairwise(looks))


def test_an_old_firmware_is_refused_in_a_sentence() -> None:
    with pytest.raises(NoReading, match="firmware 15 does not tell its relay; it needs 16 or newer"):
        EvseDin(CONFIG, Din(firmware=15)).look()


@pytest.mark.parametrize(("register", "number", "why"), [("state", 0, "vehicle state is 0"), ("set", 9_999, "99.99 A")])
def test_what_no_controller_says_is_no_news(
    monkeypatch: pytest.MonkeyPatch, register: str, number: int, why: str
) -> None:
    din = Din()
    monkeypatch.setattr(Din, register, number, raising=False)
    if register == "set":
        din.set = number
    with pytest.raises(NoReading, match=why):
        EvseDin(CONFIG, din).look()


# --- the board -------------------------------------------------------------------------------------------------


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> tuple[Din, ExternalBoard]:
    din = Din()
    monkeypatch.setattr("hal.drivers.evse_din._on_line", lambda config: din)
    return din, ExternalBoard(load("evse-din"))


def test_making_safe_tells_it_0_and_to_open(board: tuple[Din, ExternalBoard]) -> None:
    din, built = board
    din.plugged = din.wants = din.stubborn = True
    din.registers()
    assert din.closed
    assert make_safe(built) == []
    assert not din.closed and din.set == 0


def test_one_that_never_answered_is_only_said_and_one_that_did_must_confirm(
    board: tuple[Din, ExternalBoard], caplog: pytest.LogCaptureFixture
) -> None:
    din, built = board
    din.silent = True
    assert make_safe(built) == []  # it may get its supply later than we do
    assert "controller did not confirm that it is off: no answer" in caplog.text
    din.silent = False
    assert make_safe(built) == []
    din.silent = True
    built.outlets[1].controller.want(6_000)  # type: ignore[union-attr]
    (refused,) = make_safe(built)
    assert "controller did not confirm that it is off: no answer" in refused


def test_one_that_stays_on_is_said(board: tuple[Din, ExternalBoard]) -> None:
    din, built = board
    din.held = True
    (refused,) = make_safe(built)
    assert "controller did not confirm that it is off: it stays on" in refused


@pytest.mark.parametrize(
    ("was", "becomes", "reason"),
    [
        ("socket = false", "socket = true", "socket and wake_up must be false with a controller"),
        ('kind = "external"', 'kind = "pi"', "controller: a board of kind pi names pilot, "),
        ("[outlet.controller]", "[outlet.pilot]", "pilot: a board of kind external names controller, reader"),
        ("address = 1", "adress = 1", "unknown key `adress`; known are port, address, baud"),
        ('driver = "evse_din"', 'driver = "pn532"', "driver `pn532` has no controller"),
        ("[outlet.controller]", "[outlet.reader]", "controller: is missing"),
    ],
)
def test_a_board_that_cannot_work_is_said(tmp_path: Path, was: str, becomes: str, reason: str) -> None:
    text = Path("hal/boards/evse-din.toml").read_text()
    assert was in text
    path = tmp_path / "board.toml"
    path.write_text(text.replace(was, becomes))
    with pytest.raises(BoardError) as refused:
        check_parts(load(str(path)))
    assert reason in str(refused.value) or (becomes == "[outlet.reader]" and "no reader" in str(refused.value))
