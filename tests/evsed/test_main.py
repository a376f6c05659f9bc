"""The command `evsed`: everything that site.toml says is in the joined station, and each end has its exit code."""

from __future__ import annotations

import asyncio
import base64
import fcntl
import gc
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from evsed import __main__ as evsed
from evsed import farewell
from evsed.clock import SystemClock
from evsed.core import catalogue
from evsed.core.effects import Demand, Persist, Put
from evsed.core.errands import ProgramStarted
from evsed.core.events import Binding, HalUp, LinkUp, ResetKind
from evsed.core.records import Bound, Recovered
from evsed.core.words import Token
from evsed.ocpp.transport import Link
from evsed.site import load
from evsed.store.database import StoreFailed
from evsed.store.journal import Journal
from evsed.supervisor import NoCentral, RestartRequested, Supervisor
from tests.evsed.snapshots import snapshot

LEAST = '[station]\nidentity = "box-1"\n[board]\nname = "sim"\n'
FREE = LEAST + '[access]\nmode = "free"\n'
CENTRAL = LEAST + '[central]\nurl = "ws://127.0.0.1:9"\n'


def paths(folder: Path) -> evsed.Paths:
    return evsed.Paths(folder / "site.toml", folder / "state", str(folder / "hal.sock"), str(folder / "c"), folder)


@contextmanager
def joined(folder: Path, text: str) -> Iterator[Supervisor]:
    """A station that is wired, and does not run."""
    (folder / "site.toml").write_text(text)
    (folder / "site.toml").chmod(0o600)
    journal = Journal(folder / "state")
    try:
        yield evsed.join(load(folder / "site.toml"), paths(folder), journal, SystemClock())
    finally:
        journal.close()


# --- each table of site.toml reaches its place ---------------------------------------------------------------


def test_station(tmp_path: Path) -> None:
    named = CENTRAL.replace("[board]", 'vendor = "V"\nmodel = "M"\nserial = "S"\n[board]')
    with joined(tmp_path, named) as box:
        assert box.status().identity == "box-1"
        assert isinstance(box.central, Link)
        plate = box.central._exchange._lookups.nameplate
        assert (plate.vendor, plate.model, plate.serial) == ("V", "M", "S")
        assert box.central._url == "ws://127.0.0.1:9/box-1"


def test_limits(tmp_path: Path) -> None:
    with joined(tmp_path, FREE + "[limits]\nmax_ma = 11_000\n") as box:
        assert box._station.box.installer_ma == 11_000


def test_meter(tmp_path: Path) -> None:
    with joined(tmp_path, FREE + '[[meter]]\nmodel = "sdm120"\nport = "sim"\nevse = 2\n') as box:
        assert box.metered == {2}


def test_access_free(tmp_path: Path) -> None:
    with joined(tmp_path, FREE + 'free_tag = "GUEST"\n') as box:
        assert box._station.box.access.free_token == Token("GUEST")


def test_access_by_card(tmp_path: Path) -> None:
    with joined(tmp_path, LEAST + '[access]\ntags = ["AA", "BB"]\n') as box:
        assert box._station.box.access.free_token is None
        opinion = box._station.box.opinion(Token("bb"), box.now())
        assert opinion is not None and opinion.accepted


@pytest.mark.parametrize("name", ["HeartbeatInterval = 61", '"OCPPCommCtrlr.HeartbeatInterval" = 61'])
def test_variables(tmp_path: Path, name: str) -> None:
    with joined(tmp_path, f"{FREE}[variables]\n{name}\n") as box:
        assert box._station.box.variables[catalogue.HEARTBEAT_INTERVAL] == 61


def test_the_ping_interval_is_that_of_the_link(tmp_path: Path) -> None:
    with joined(tmp_path, CENTRAL + "[variables]\nWebSocketPingInterval = 44\n") as box:
        assert isinstance(box.central, Link) and box.central._ping_s == 44


def test_the_key(tmp_path: Path) -> None:
    with joined(tmp_path, CENTRAL + 'password = "0123456789abcdef"\n') as box:
        assert isinstance(box.central, Link)
        credentials = base64.b64decode(box.central._headers["Authorization"].removeprefix("Basic "))
        assert credentials == b"box-1:0123456789abcdef"


def test_no_central_system(tmp_path: Path) -> None:
    with joined(tmp_path, FREE) as box:
        assert isinstance(box.central, NoCentral)


def test_what_the_journal_knows_is_taken_up(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state")
    journal.commit(Persist((Put(Bound(Binding("ocpp1.6", "tx", "42"))),)))
    journal.close()
    with joined(tmp_path, CENTRAL) as box:
        assert isinstance(box.central, Link)
        assert box.central._exchange._lookups.bindings.value("tx") == "42"


def test_hal_and_link_speak_to_the_inbox(tmp_path: Path) -> None:
    with joined(tmp_path, CENTRAL) as box:
        assert isinstance(box.central, Link)
        box.hal.view.take(snapshot())
        assert box.inbox._events[0] == ProgramStarted(False)
        assert isinstance(box.inbox._events[1], HalUp)
        box.central._deliver(LinkUp())
        assert box.inbox._events[-1] == LinkUp()
        box.demand(Demand(1, 0, False, False))
        assert box.hal._demands == {1: Demand(1, 0, False, False)}
        assert box.hal._decides == box.decides and box.hal._note == box.note


# --- exit codes ----------------------------------------------------------------------------------------------


def run(folder: Path, text: str, *more: str, mode: int = 0o600) -> int:
    """The whole command, where it ends by itself."""
    (folder / "site.toml").write_text(text)
    (folder / "site.toml").chmod(mode)
    places = ("--site", "site.toml", "--state", "state", "--hal-socket", "hal.sock", "--control-socket", "control.sock")
    return evsed.main([*(word if word.startswith("--") else str(folder / word) for word in places), *more])


def test_a_site_that_is_wrong_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, "[station]\n") == evsed.UNUSABLE == 2
    assert "station.identity is missing" in capsys.readouterr().err


def test_a_state_folder_that_another_evsed_uses_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "state").mkdir()
    folder = os.open(tmp_path / "state", os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    assert run(tmp_path, FREE) == 2
    assert "is in use by another evsed" in capsys.readouterr().err
    os.close(folder)


class FullDisk(Journal):
    """A journal whose last writing finds no room."""

    def close(self) -> None:
        super().close()
        raise StoreFailed("The journal can't be written: No space left on device.")


class BrokenDisk(Journal):
    """A journal that can't be read just now."""

    def load(self) -> Recovered:
        raise StoreFailed("The journal can't be read: Input/output error.")


def test_a_disk_that_is_full_at_the_end_does_not_hide_why_we_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def reset(supervisor: Supervisor, listening: socket.socket) -> None:
        listening.close()
        async with asyncio.TaskGroup():
            raise RestartRequested(ResetKind.SOFT)

    monkeypatch.setattr(evsed, "Journal", FullDisk)
    monkeypatch.setattr(evsed, "_work", reset)
    try:
        assert run(tmp_path, FREE) == 10
    finally:
        gc.unfreeze()
    assert "No space left on device. What was gathered since the last writing is lost." in caplog.text


def test_a_disk_that_fails_at_the_start_is_1_so_that_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(evsed, "Journal", BrokenDisk)
    assert run(tmp_path, FREE) == 1
    assert capsys.readouterr().err.endswith("The journal can't be read: Input/output error.\n")


def test_a_control_socket_that_can_t_be_opened_is_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "control.sock").write_text("")
    assert run(tmp_path, FREE) == 2
    assert "is not a socket" in capsys.readouterr().err


def test_a_worry_is_in_the_log_of_a_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "control.sock").write_text("")  # so that the start goes no further
    text = CENTRAL.replace("[central]", '[central]\npassword = "s3cret"')
    assert run(tmp_path, text) == 2
    assert caplog.records == []
    assert run(tmp_path, text, mode=0o644) == 2
    (worry,) = (record.getMessage() for record in caplog.records)
    assert worry.startswith("! ") and "chmod 640" in worry and "s3cret" not in worry


def outcome(folder: Path, *errors: BaseException) -> int:
    async def story() -> int:
        async def work() -> None:
            if errors:
                raise BaseExceptionGroup("tasks", errors)

        task = asyncio.create_task(work())
        await asyncio.wait({task})
        return evsed._outcome(task, paths(folder))

    return asyncio.run(story())


@pytest.mark.parametrize(("kind", "code", "file"), [(ResetKind.SOFT, 10, False), (ResetKind.HARD, 11, True)])
def test_a_reset_has_a_code_and_a_hard_one_leaves_a_file(
    tmp_path: Path, kind: ResetKind, code: int, file: bool
) -> None:
    assert outcome(tmp_path, RestartRequested(kind)) == code
    assert (tmp_path / "hard-reset").exists() is file


def test_a_runtime_folder_that_is_gone_hides_no_reset(tmp_path: Path) -> None:
    assert outcome(tmp_path / "gone", RestartRequested(ResetKind.HARD)) == 11


def test_a_bug_is_a_crash(tmp_path: Path) -> None:
    with pytest.raises(BaseExceptionGroup):
        outcome(tmp_path, RuntimeError("a bug"))
    with pytest.raises(BaseExceptionGroup):
        outcome(tmp_path, RestartRequested(ResetKind.SOFT), RuntimeError("a bug"))


# --- options -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "variable", "place"),
    [
        ("--site", "EVSE_SITE", lambda paths: str(paths.site)),
        ("--state", "EVSED_STATE", lambda paths: str(paths.state)),
        ("--hal-socket", "EVSE_HAL_SOCKET", lambda paths: paths.hal_socket),
        ("--control-socket", "EVSED_CONTROL", lambda paths: paths.control_socket),
    ],
)
def test_each_place_can_be_set_by_option_and_by_environment(
    monkeypatch: pytest.MonkeyPatch, option: str, variable: str, place: Callable[[evsed.Paths], str]
) -> None:
    monkeypatch.setenv(variable, "/by/environment")
    assert place(evsed._paths(evsed._options([]))) == "/by/environment"
    assert place(evsed._paths(evsed._options([option, "/by/option"]))) == "/by/option"


def check(site: Path, text: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    site.write_text(text)
    site.chmod(0o640)
    code = evsed.main(["--check", str(site)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_check_says_so_without_starting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = tmp_path / "site.toml"
    assert check(site, FREE, capsys) == (0, f"{site} is valid.\n", "")
    code, said, why = check(site, FREE + "[colour]\n", capsys)
    assert (code, said) == (2, "") and "colour is not known" in why
    assert sorted(tmp_path.iterdir()) == [site]


def test_check_also_asks_evse_hal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = tmp_path / "site.toml"
    code, said, why = check(site, FREE.replace('"sim"', '"of-my-dreams"'), capsys)
    assert (code, said) == (2, "") and why.startswith("evse-hal: ") and "of-my-dreams" in why
    code, said, why = check(site, FREE + '[[meter]]\nmodel = "abacus"\nport = "sim"\n', capsys)
    assert (code, said) == (2, "") and "abacus" in why


def test_a_check_runs_nothing_that_lies_in_the_folder_where_it_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hal.py").write_text("import sys; sys.exit('foreign')")
    monkeypatch.chdir(tmp_path)
    assert check(tmp_path / "site.toml", FREE, capsys)[1].endswith("site.toml is valid.\n")


def test_without_evse_hal_a_check_says_what_it_could_not_look_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evsed.sys, "executable", "/bin/false")
    code, said, why = check(tmp_path / "site.toml", FREE, capsys)
    assert (code, why) == (0, "") and "board and meters are not checked" in said


def test_a_password_that_everybody_can_read_is_a_worry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = tmp_path / "site.toml"
    text = CENTRAL.replace("[central]", '[central]\npassword = "s3cret"')
    assert check(site, text, capsys)[2] == ""
    site.chmod(0o644)
    assert evsed.main(["--check", str(site)]) == 0
    why = capsys.readouterr().err
    assert "chmod 640" in why and "s3cret" not in why


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--log-level", "foo"], "foo is not one of DEBUG, INFO"), (["--frob"], "unrecognized arguments: --frob")],
)
def test_a_wrong_option_is_one_sentence(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        evsed.main(words)
    assert ended.value.code == 2
    why = capsys.readouterr().err
    assert said in why and why.count("\n") == 1


def test_a_wrong_log_level_of_the_environment_is_one_sentence_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVSED_LOG_LEVEL", "loud")
    with pytest.raises(SystemExit):
        evsed.main([])
    assert "nor may EVSED_LOG_LEVEL be" in capsys.readouterr().err


# --- a whole life --------------------------------------------------------------------------------------------


def test_systemd_hears_when_it_is_ready_that_it_lives_and_that_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "20000")

        def stop_after_some_beats() -> None:
            try:
                while heard.count(b"WATCHDOG=1") < 5:
                    heard.append(systemd.recv(100))
            finally:  # also if it falls silent
                os.kill(os.getpid(), signal.SIGTERM)

        manager = threading.Thread(target=stop_after_some_beats)
        manager.start()
        try:
            assert run(tmp_path, FREE) == 0
            assert farewell.greet(tmp_path) == "", "this end is meant"
        finally:
            gc.unfreeze()
            manager.join()
        systemd.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                heard.append(systemd.recv(100))
    ends = heard.index(b"STOPPING=1")
    assert heard[0] == b"READY=1" and set(heard[1:ends]) == {b"WATCHDOG=1"} and ends > 5
    assert set(heard[ends + 1 :]) <= {b"WATCHDOG=1"}  # while the disk is at work, also for the last time
    assert not (tmp_path / "control.sock").exists()
