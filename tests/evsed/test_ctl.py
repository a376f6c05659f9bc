"""evsectl against a real control socket and a real seqpacket socket: what it prints, what it exits with."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from evsed import __version__, ctl, ctl_text
from evsed.core import events
from evsed.core.status import CertificateKind, CertificateNote, Dials, HalStatus, LinkStatus, Older
from evsed.core.words import FaultNote, StopReason, Token, Verdict
from hal.contract import SimAnswer, SimOrder, Snapshot, TickFigures, decode_request, encode
from hal.sim.commands import _USAGE
from tests.evsed.desk_world import CHARGING, STATION, STUCK, TRIPPED, WARNING, World, serving


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EVSED_CONTROL", "EVSE_HAL_SOCKET", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def run(tmp_path: Path, world: World, *argv: str) -> int:
    """evsectl with these arguments while the world is being served."""

    async def play() -> int:
        path = tmp_path / "control.sock"
        async with serving(world, path):
            return await asyncio.to_thread(ctl.main, ["--control-socket", str(path), *argv])

    return asyncio.run(play())


def charging_world() -> World:
    world = World()
    world.becomes(replace(CHARGING, faults=(WARNING,)))
    return world


STATUS = """\
box-1, evsed 0.1.0
  central system  Connected for 1 min 1 s.
  address         wss://central.example/ocpp/box-1 with security profile 2
  registration    Accepted.
  queue           2 reports to deliver
  hardware        evse-hal answers for 1 h 1 min
  tick            3 of 370000 late, the worst by 1.2 ms

outlet 1  Charging
  why             Charging at 16.0 A, limited by the cable.
  current         16.0 A offered, 15.9 A / 16.0 A / 15.8 A drawn at 229 V / 230 V / 231 V
  limits          board 32.0 A, cable 16.0 A
  power           10.98 kW
  this charge     3.214 kWh
  register        10000.000 kWh
  card            …B2C3
  transaction     t2
  warning         SHORT_C: The car asked for less than 200 ms
"""


def test_status_is_a_page_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, charging_world(), "status") == 0
    assert capsys.readouterr().out == STATUS


def test_status_tells_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World()
    broken = FaultNote("WELDED", True, True, "PowerSwitchFailure", "It did not \x1b[2J open.")
    world.state = replace(
        STATION,
        hal=HalStatus(),
        tick=None,
        link=LinkStatus(),
        clock_trusted=False,
        store="disk full",
        outlets=(replace(CHARGING, drawn_ma=(), voltage_mv=(), power_w=None, energy_wh=None, faults=(broken,)),),
    )
    assert run(tmp_path, world, "status") == 0
    out = capsys.readouterr().out
    for line in (
        "  central system  No central system is configured; the box works on its own.",
        "  hardware        evse-hal is silent for 0 s",
        "  clock           not known yet; records are dated once it is",
        "  journal         disk full",
        "  current         16.0 A offered, unknown drawn",
        "  power           unknown",
        "  register        unknown",
        "  latched fault   WELDED: It did not ?[2J open; switch the supply off and have the contactor replaced, then "
        "run 'evse-hal --service-clear' and start evse-hal again",
    ):
        assert line in out.splitlines()
    assert "registration" not in out


def test_status_as_json_is_one_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, charging_world(), "status", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["outlets"][0]["why"] == "Charging at 16.0 A, limited by the cable."


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ctl._paint() is ctl_text.plainly
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert ctl._paint() is ctl_text.in_colours
    monkeypatch.setenv("NO_COLOR", "1")
    assert ctl._paint() is ctl_text.plainly
    assert ctl_text.in_colours("green", "x") == "\x1b[32mx\x1b[0m"


def test_a_dumb_terminal_gets_neither_colours_nor_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    assert ctl._paint() is ctl_text.plainly
    assert not ctl._moves_cursor()


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Who starts the tests may ignore Ctrl-C, and then so would our children."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_watch_goes_on_until_interrupted(tmp_path: Path) -> None:
    async def play() -> None:
        path, world = tmp_path / "control.sock", charging_world()
        async with serving(world, path):
            watcher = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "evsed.ctl",
                "status",
                "--watch",
                "--json",
                "--control-socket",
                str(path),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            assert watcher.stdout is not None
            first = json.loads(await watcher.stdout.readline())
            assert first["outlets"][0]["offered_ma"] == 16_000
            world.becomes(replace(CHARGING, offered_ma=10_000))
            second = json.loads(await watcher.stdout.readline())
            assert second["outlets"][0]["offered_ma"] == 10_000
            watcher.send_signal(signal.SIGINT)
            _, said = await watcher.communicate()
            assert (watcher.returncode, said) == (130, b"")

    asyncio.run(play())


@pytest.mark.usefixtures("interruptible")
def test_watch_waits_for_an_evsed_that_restarts(tmp_path: Path) -> None:
    async def play() -> None:
        path, world = tmp_path / "control.sock", charging_world()
        argv = ("status", "--watch", "--json", "--control-socket", str(path))
        async with serving(world, path):
            watcher = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "evsed.ctl", *argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            assert watcher.stdout is not None and watcher.stderr is not None
            first = await watcher.stdout.readline()
        told = await watcher.stderr.readline()
        assert b"hung up" in told and told.endswith(b"Waiting for it.\n")
        async with serving(world, path):
            assert await watcher.stdout.readline() == first
            watcher.send_signal(signal.SIGINT)
            _, said = await watcher.communicate()
            assert (watcher.returncode, said) == (130, b"")

    asyncio.run(play())


@pytest.mark.parametrize("argv", [("status",), ("status", "--watch"), ("get",), ("transactions",), ("log",)])
def test_who_only_asks_does_not_wait_long_for_a_silent_evsed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...]
) -> None:
    assert ctl.READING_S <= 5
    monkeypatch.setattr(ctl, "READING_S", 0.01)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        assert ctl.main(["--control-socket", str(tmp_path / "s"), *argv]) == 1
    assert "does not answer" in one_sentence(capsys)


def test_get_one_is_its_bare_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, World(), "get", "HeartbeatInterval") == 0
    assert capsys.readouterr().out == "300\n"


def test_get_several_is_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, World(), "get", "HeartbeatInterval", "NumberOfConnectors") == 0
    assert capsys.readouterr().out == (
        "NAME                VALUE  UNIT  MEANING\n"
        "HeartbeatInterval   300    s     A heartbeat is sent after this long without another message.\n"
        "NumberOfConnectors  1      -     Outlets of the board. (read-only)\n"
    )


NARROW = """\
HeartbeatInterval = 300 s
    A heartbeat is sent after this long without
    another message.
NumberOfConnectors = 1
    Outlets of the board. (read-only)
"""


def test_in_a_narrow_terminal_nothing_is_broken_within_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctl, "_width", lambda: 50)
    assert run(tmp_path, World(), "get", "HeartbeatInterval", "NumberOfConnectors") == 0
    assert capsys.readouterr().out == NARROW
    assert run(tmp_path, charging_world(), "status") == 0
    out = capsys.readouterr().out
    assert "  why             Charging at 16.0 A, limited by\n                  the cable.\n" in out
    assert run(tmp_path, World(), "transactions") == 0
    out += capsys.readouterr().out
    assert "TRANSACTION" not in out
    monkeypatch.setattr(ctl, "_width", lambda: 80)
    assert run(tmp_path, World(), "transactions") == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_get_all_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, World(), "get", "--json") == 0
    assert "MeterValueSampleInterval" in {v["name"] for v in json.loads(capsys.readouterr().out)}


def test_transactions_are_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, World(), "transactions") == 0
    assert capsys.readouterr().out == (
        "OUTLET  CARD    STARTED              ENDED                ENERGY     REASON  TRANSACTION\n"
        "1       …B2C3   not dated yet        running              3.214 kWh  -       t2\n"
        "1       …B2C3   2027-01-15 08:00:00  2027-01-15 08:01:00  0.150 kWh  Local   t1\n"
        "1       nobody  -                    2027-01-15 08:00:00  0.350 kWh  -       -\n"
    )


def test_transactions_as_json_and_limited(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, World(), "transactions", "--json", "--limit", "1") == 0
    assert [t["id"] for t in json.loads(capsys.readouterr().out)] == ["t2"]


CERTIFICATES = """\
KIND               SUBJECT   UNTIL       SERIAL  MORE
station            SN1       2027-01-26  AB      in use, ends in 12 d
central root       Old root  2026-01-15  1F      ended 1 d ago
manufacturer root  Maker     unknown     2       its end can't be read
"""


def certified_world() -> World:
    world = World()
    own = CertificateNote(
        kind=CertificateKind.OWN,
        title="SN1",
        serial="AB",
        until_ms=1_800_999_999_000,
        in_use=True,
        warning="ends in 12 d",
    )
    root = CertificateNote(
        kind=CertificateKind.CENTRAL, title="Old root", serial="1F", until_ms=1_768_500_000_000, warning="ended 1 d ago"
    )
    maker = CertificateNote(
        kind=CertificateKind.MANUFACTURER, title="Maker", serial="2", until_ms=None, warning="its end can't be read"
    )
    world.state = replace(STATION, certificates=(own, root, maker))
    return world


def test_certificates_are_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, certified_world(), "certificates") == 0
    assert capsys.readouterr().out == CERTIFICATES
    assert run(tmp_path, certified_world(), "certificates", "--json") == 0
    own, *_ = json.loads(capsys.readouterr().out)
    assert own == {
        "kind": "station",
        "title": "SN1",
        "serial": "AB",
        "until_ms": 1_800_999_999_000,
        "in_use": True,
        "ended": False,
        "early": False,
        "warning": "ends in 12 d",
    }


def test_a_box_without_certificates_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, World(), "certificates") == 0
    assert capsys.readouterr().out == "There are no certificates.\n"


def test_status_tells_of_one_in_use_that_ends_soon(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, certified_world(), "status") == 0
    assert "  certificates    station “SN1” ends in 12 d\n" in capsys.readouterr().out


def test_status_tells_of_one_that_does_not_count_yet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world, warning = certified_world(), "does not count before 2027-02-01, in 17 d"
    own, *rest = world.state.certificates
    world.state = replace(
        STATION, certificates=(replace(own, warning=""), *rest, replace(own, in_use=False, early=True, warning=warning))
    )
    assert run(tmp_path, world, "status") == 0
    assert f"  certificates    station “SN1” {warning}\n" in capsys.readouterr().out
    assert run(tmp_path, world, "certificates") == 0
    assert warning in capsys.readouterr().out


def test_the_security_log_is_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, World(), "security-log") == 0
    assert capsys.readouterr().out == (
        "WHEN                 WHAT                MORE\n"
        "2027-01-15 08:00:00  ResetOrReboot       Hard\n"
        "not dated yet        StartupOfTheDevice\n"
    )
    assert run(tmp_path, World(), "security-log", "--json", "--limit", "1") == 0
    assert [event["info"] for event in json.loads(capsys.readouterr().out)] == ["Hard"]


def test_the_log_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, World(), "log", "-n", "2") == 0
    assert capsys.readouterr().out == (
        "not dated yet        < CALL 41 Reset\n2027-01-15 08:01:00  > RESULT 41 Accepted\n"
    )


ORDERS: list[tuple[tuple[str, ...], events.Request]] = [
    (
        ("set", "HeartbeatInterval", "60"),
        events.VariableWritten("", "OCPPCommCtrlr", "HeartbeatInterval", "60"),
    ),
    (("start", "04A1"), events.StartRequested("", None, Token("04A1"))),
    (("start", "04A1", "--evse", "1"), events.StartRequested("", 1, Token("04A1"))),
    (("stop",), events.StopRequested("", "t2", StopReason.LOCAL)),
    (("unlock", "--evse", "1"), events.UnlockRequested("", 1)),
    (("availability", "inoperative"), events.AvailabilityRequested("", 0, False)),
    (("availability", "operative", "--evse", "1"), events.AvailabilityRequested("", 1, True)),
]


@pytest.mark.parametrize(("argv", "request_"), ORDERS)
def test_orders_reach_the_station_and_success_is_silent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], request_: events.Request
) -> None:
    world = charging_world()
    assert run(tmp_path, world, *argv) == 0
    assert capsys.readouterr() == ("", "")
    assert [replace(seen, ref="") for seen in world.requests] == [request_]


def test_what_is_only_scheduled_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = charging_world()
    world.verdict = Verdict.SCHEDULED
    assert run(tmp_path, world, "availability", "inoperative") == 0
    assert capsys.readouterr().out == "It takes effect when the running charge has ended.\n"


@pytest.mark.parametrize("verdict", [v for v in Verdict if v.value not in ctl.DONE])
def test_a_verdict_that_is_no_success_is_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], verdict: Verdict
) -> None:
    world = World()
    world.verdict = verdict
    assert run(tmp_path, world, "unlock") == 1
    one_sentence(capsys)


def test_vendor_data_brings_the_answer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World()
    world.data = "thank\x1b you"
    assert run(tmp_path, world, "send-data", "V", "M", '{"a":1}') == 0
    assert capsys.readouterr().out == "thank? you\n"
    assert [replace(seen, ref="") for seen in world.requests] == [events.VendorMessageWanted("", "V", "M", '{"a":1}')]


def test_cleared_faults_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = World()
    world.becomes(replace(CHARGING, faults=(TRIPPED, STUCK)))
    assert run(tmp_path, world, "clear-faults") == 0
    assert capsys.readouterr().out == "Cleared RESIDUAL_CURRENT; WELDED stays.\n"


def one_sentence(capsys: pytest.CaptureFixture[str]) -> str:
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("evsectl: ")
    assert err.endswith(".\n")
    assert err.count("\n") == 1
    return err


def test_a_refusal_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, World(), "set", "HeartbeatInterval", "soon") == 1
    assert "a whole number from 1 to 604800" in one_sentence(capsys)


@pytest.mark.parametrize("argv", [("status",), ("sim", "state")])
def test_nobody_there_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, argv: tuple[str, ...]
) -> None:
    monkeypatch.setenv("EVSED_CONTROL", str(tmp_path / "here"))
    monkeypatch.setenv("EVSE_HAL_SOCKET", str(tmp_path / "here"))
    assert ctl.main(argv) == 1
    assert f"Nobody answers at {tmp_path / 'here'}" in one_sentence(capsys)


def test_a_closed_door_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    for argv in (("status",), ("sim", "state")):
        assert ctl.main(argv) == 1
        assert "become a member of its group" in one_sentence(capsys)


@contextmanager
def stranger(path: Path, kind: socket.SocketKind, *said: bytes) -> Iterator[list[bytes]]:
    """Somebody else at that path: hears one message, says these, hangs up."""
    heard: list[bytes] = []

    def answer() -> None:
        peer, _ = server.accept()
        with peer:
            heard.append(peer.recv(65_536))
            for message in said:
                peer.send(message)

    with socket.socket(socket.AF_UNIX, kind) as server:
        server.bind(str(path))
        server.listen()
        thread = threading.Thread(target=answer)
        thread.start()
        yield heard
        thread.join()


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 400 Bad Request\n", b"[]\n", b'{"status":', b"\xff\n"])
def test_a_wrong_answer_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str], said: bytes) -> None:
    with stranger(tmp_path / "s", socket.SOCK_STREAM, said):
        assert ctl.main(["--control-socket", str(tmp_path / "s"), "status"]) == 1
    one_sentence(capsys)


SNAPSHOT = encode(Snapshot(1, 0, 0, "sim", (), TickFigures(0, 0, 0), 0))


def sim(tmp_path: Path, *argv: str, said: tuple[bytes, ...]) -> tuple[int, bytes]:
    with stranger(tmp_path / "hal", socket.SOCK_SEQPACKET, *said) as heard:
        code = ctl.main(["--hal-socket", str(tmp_path / "hal"), "sim", *argv])
    return code, heard[0]


@pytest.mark.parametrize(
    ("argv", "order"),
    [
        (("plug-in", "--cable", "20"), SimOrder(1, ("plug-in", "--cable", "20"))),
        (("plug-in", "--cable", "20", "--evse", "2"), SimOrder(2, ("plug-in", "--cable", "20"))),
        (("--evse", "2", "car", "stop"), SimOrder(2, ("car", "stop"))),
        (("swipe", "04A1B2C3"), SimOrder(1, ("swipe", "04A1B2C3"))),
    ],
)
def test_sim_words_go_to_the_plant_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], order: SimOrder
) -> None:
    code, heard = sim(tmp_path, *argv, said=(SNAPSHOT, encode(SimAnswer(True, "plugged in\x1b[2J\nstate B"))))
    assert (code, decode_request(heard)) == (0, order)
    assert capsys.readouterr().out == "plugged in?[2J\nstate B\n"


def test_what_the_plant_refuses_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = sim(tmp_path, "dance", said=(encode(SimAnswer(False, "The plant knows no 'dance'.")),))
    assert code == 1
    assert "The plant knows no 'dance'." in one_sentence(capsys)


@pytest.mark.parametrize("said", [(), (SNAPSHOT,), (b"\xc1",)])
def test_a_hal_that_gives_no_answer_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], said: tuple[bytes, ...]
) -> None:
    code, _ = sim(tmp_path, "state", said=said)
    assert code == 1
    one_sentence(capsys)


def test_an_order_that_is_too_long_is_not_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(str(tmp_path / "hal"))
        server.listen()
        assert ctl.main(["--hal-socket", str(tmp_path / "hal"), "sim", *("x" for _ in range(9))]) == 1
    assert "can't be sent" in one_sentence(capsys)


def test_an_outlet_that_no_board_has_is_told_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(str(tmp_path / "hal"))
        server.listen()
        assert ctl.main(["--hal-socket", str(tmp_path / "hal"), "sim", "--evse", "9", "plug-in"]) == 1
    assert "outlets are 1 to 8" in one_sentence(capsys)


@pytest.mark.parametrize(
    "argv",
    [
        (),
        ("dance",),
        ("sim",),
        ("status", "--frob"),
        ("log", "-n", "0"),
        ("log", "-n", "x"),
        ("set", "OnlyAName"),
        ("availability", "maybe"),
        ("start",),
    ],
)
def test_wrong_usage_exits_with_2(argv: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        ctl.main(argv)
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("evsectl: ") and said[9].isupper() and said.count("\n") == 1
    assert re.search(r"; 'evsectl[a-z -]* --help' tells what it takes\.\n$", said)


@pytest.mark.parametrize(("older", "told"), [(None, ""), (Older.KEY, ", with the key before the newest")])
def test_status_tells_how_the_central_system_is_dialled(
    older: Older | None, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World()
    world.state = replace(world.state, dials=replace(world.state.dials, older=older))
    assert run(tmp_path, world, "status") == 0
    assert f"with security profile 2{told}\n" in capsys.readouterr().out


@pytest.mark.parametrize(("there", "told"), [(True, "set"), (False, "not set")])
def test_of_a_secret_only_whether_there_is_one(
    there: bool, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World()
    world.state = replace(world.state, dials=Dials(has_key=there))
    assert run(tmp_path, world, "get", "AuthorizationKey") == 0
    assert capsys.readouterr().out == f"({told}; it can't be read)\n"


def test_the_help_of_sim_has_every_word_of_the_plant() -> None:
    words = {word for usage in _USAGE.values() for word in re.findall(r"[\w-]+", usage)}
    assert words <= set(re.findall(r"[\w-]+", ctl.SIM_HELP))


def test_one_long_cell_does_not_push_all_others_away() -> None:
    rows = [("a", "x" * 50, "1"), ("b", "y", "2"), ("c", "z" * 30, "3")]
    assert ctl_text.table(("N", "V", "M"), rows).splitlines() == [
        f"N  {'V':30}  M",
        f"a  {'x' * 50}  1",
        f"b  {'y':30}  2",
        f"c  {'z' * 30}  3",
    ]


def test_every_word_has_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("status", "get", "set", "transactions", "log", "send-data", "start", "stop", "unlock", "clear-faults")
    for argv in (("--help",), *((word, "--help") for word in (*words, "availability", "sim"))):
        with pytest.raises(SystemExit) as ended:
            ctl.main(argv)
        assert ended.value.code == 0
    assert "plug-in [--cable A]" in capsys.readouterr().out


def test_an_early_closed_pipe_is_no_trouble(tmp_path: Path) -> None:
    async def play() -> None:
        path = tmp_path / "control.sock"
        async with serving(World(), path):
            command = f"{sys.executable} -m evsed.ctl get | true; echo ${{PIPESTATUS[0]}}"
            shell = await asyncio.create_subprocess_exec(
                "bash", "-c", command, env={**os.environ, "EVSED_CONTROL": str(path)}, stdout=-1, stderr=-1
            )
            assert await shell.communicate() == (b"0\n", b"")

    asyncio.run(play())


def test_a_full_disk_is_one_sentence(tmp_path: Path) -> None:
    async def play() -> None:
        path = tmp_path / "control.sock"
        async with serving(World(), path):
            with open("/dev/full", "w") as full:
                evsectl = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "evsed.ctl", "--control-socket", str(path), "status", stdout=full, stderr=-1
                )
                _, said = await evsectl.communicate()
        assert (evsectl.returncode, said) == (1, b"evsectl: The output can't be written (No space left on device).\n")

    asyncio.run(play())


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        ctl.main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"evsectl {__version__}\n")


def test_it_starts_without_the_heavy_machinery() -> None:
    heavy = "{'asyncio', 'msgspec', 'dataclasses', 'hal', 'ocpp', 'websockets'}"
    code = f"import sys, evsed.ctl; sys.exit(bool({heavy} & sys.modules.keys()))"
    assert (
        subprocess.run([sys.executable, "-S", "-c", code], cwd=Path(ctl.__file__).parents[1], check=False).returncode
        == 0
    )
