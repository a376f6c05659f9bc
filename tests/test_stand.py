"""The manager of the stand: daemons of a few lines come back as systemd would bring them back."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import stand
from tests.hands import StandFailed
from tests.stand import Daemon, Manager

PREAMBLE = """
import os, signal, socket, sys
def tell(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.sendto(text.encode(), os.environ["NOTIFY_SOCKET"])
"""
LIVES = "print('I live', file=sys.stderr, flush=True); tell('READY=1'); signal.pause()"

Make = Callable[..., Daemon]


@pytest.fixture
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    running = Manager(tmp_path_factory.mktemp("m"), restart_s=0.0, watched=True)
    yield running
    running.end(at_once=True)


@pytest.fixture
def make(manager: Manager) -> Make:
    folder = Path(manager._folder)

    def make(script: str, name: str = "evsed") -> Daemon:
        env = os.environ | {"NOTIFY_SOCKET": str(folder / f"{name}.notify")}
        return Daemon(name, [sys.executable, "-c", PREAMBLE + script], env, folder)

    return make


def test_a_killed_daemon_comes_back(manager: Manager, make: Make) -> None:
    daemon = make(LIVES)
    manager.start(daemon)
    first = daemon.pid
    daemon.kill()
    manager.wait("the next one", lambda: daemon.restarts == 1 and daemon.ready)
    assert daemon.pid != first
    assert daemon.codes == [-signal.SIGKILL]
    assert daemon.log.count("I live") == 2


def test_an_unusable_configuration_is_final_and_told(manager: Manager, make: Make) -> None:
    with pytest.raises(StandFailed, match=r"does not start: site\.toml is bad"):
        manager.start(make("print('site.toml is bad', file=sys.stderr); sys.exit(2)"))


def test_a_hard_reset_restarts_both(manager: Manager, make: Make) -> None:
    hal = make(LIVES, "evse-hal")
    manager.start(hal)
    evsed = make("signal.signal(signal.SIGUSR1, lambda *_: sys.exit(11)); tell('READY=1'); signal.pause()")
    manager.start(evsed)
    evsed.signal(signal.SIGUSR1)
    manager.wait("both anew", lambda: all(daemon.restarts == 1 and daemon.ready for daemon in (hal, evsed)))
    assert evsed.codes == [11]
    assert hal.codes == [-signal.SIGTERM]


def test_a_daemon_that_feeds_its_watchdog_no_more_is_aborted(
    manager: Manager, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(stand.WATCHDOG_S, "evsed", 0.05)
    daemon = make("tell('READY=1\\nWATCHDOG=1'); signal.pause()")
    manager.start(daemon)
    manager.wait("the bite", lambda: daemon.codes[:1] == [-signal.SIGABRT])
    assert daemon.beats >= 1


def test_all_are_ended(manager: Manager, make: Make) -> None:
    daemons = [make(LIVES, name) for name in ("evse-hal", "evsed")]
    for daemon in daemons:
        manager.start(daemon)
    manager.end(at_once=False)
    assert [daemon.codes for daemon in daemons] == [[-signal.SIGTERM], [-signal.SIGTERM]]
