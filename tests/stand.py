"""A whole wallbox on this machine: evse-hal on the simulated board and evsed, as processes, kept as systemd would.

    with Wallbox(central="ws://127.0.0.1:9000") as box:
        box.sim("plug-in")
        box.sim("swipe", "04A1B2C3")
        box.wait("the charge", lambda status: status["outlets"][0]["closed"])
        box.evsed.kill()                    # it comes back by itself

Rules this file upholds:
- Nothing waits by the clock: a daemon is ready when it says READY=1, and all else when a status says so.
- A daemon that ends is started again, one that feeds its watchdog no more is aborted; exit code 2 (unusable
  configuration) is final. evsed's 11 restarts both, as a reboot would.
- What must outlive a restart is in the state folder; sockets and logs are in a short-lived one of their own, since the
  path of a Unix socket has at most 107 bytes.
- Processes are ended by their own handle. They do not get the Ctrl-C of the terminal. Where we are killed, an
  undertaker ends them.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.hands import PATIENCE_S, Hands, StandFailed
from tests.undertaker import Undertaker

RESTART_S = 0.5  # RestartSec of the units
WATCHDOG_S = {"evse-hal": 2.0, "evsed": 10.0}  # WatchdogSec of the units
UNUSABLE, HARD_RESET = 2, 11


@dataclass(slots=True)
class Daemon:
    """One process and what the manager knows of it."""

    name: str
    command: list[str]
    env: dict[str, str]
    folder: Path
    restarts: int = 0
    beats: int = 0
    codes: list[int] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None
    ready: bool = False
    down_for_good: bool = False
    due_s: float | None = None  # when it is to be started again, or has been silent for too long

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> str:
        """All that it has written to stderr, over all restarts."""
        path = self.folder / f"{self.name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def signal(self, number: int) -> None:
        """To the running process, if any."""
        if self.process is not None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL: no farewell; it is started again."""
        self.signal(signal.SIGKILL)


class Manager:
    """The part of systemd: starts daemons, hears READY=1 and WATCHDOG=1, starts again what ended."""

    def __init__(self, folder: Path, restart_s: float, watched: bool) -> None:
        self._folder, self._restart_s, self._watched = folder, restart_s, watched
        self._undertaker = Undertaker(folder)
        self._selector = selectors.DefaultSelector()
        self._daemons: list[Daemon] = []
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._ending = False
        self.news = threading.Condition(threading.RLock())
        self._thread = threading.Thread(target=self._run, name="manager", daemon=True)
        self._thread.start()

    def start(self, daemon: Daemon) -> None:
        """Start it and wait until it is ready. Raises StandFailed."""
        heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        heard.setblocking(False)
        heard.bind(daemon.env["NOTIFY_SOCKET"])
        with self.news:
            self._daemons.append(daemon)
            self._selector.register(heard, selectors.EVENT_READ, daemon)
            self._spawn(daemon)
        self.wait(f"{daemon.name} ready", lambda: daemon.ready or daemon.down_for_good)
        if not daemon.ready:
            raise StandFailed(f"{daemon.name} does not start: {daemon.log.strip()}")

    def wait(self, what: str, holds: Callable[[], bool], timeout_s: float = PATIENCE_S) -> None:
        """Return as soon as it holds; looked at whenever a daemon ends, starts or says something."""
        with self.news:
            if not self.news.wait_for(holds, timeout_s):
                raise StandFailed(f"{what} did not come within {timeout_s:g} s{self.tails()}")

    def tails(self, lines: int = 15) -> str:
        """The last lines of each log."""
        logs = ((daemon.name, daemon.log.splitlines()[-lines:]) for daemon in self._daemons)
        return "".join(f"\n--- {name} ---\n" + "\n".join(log) for name, log in logs)

    def end(self, at_once: bool) -> None:
        """Ask all to end, the last started first, and wait for it."""
        with self.news:
            if self._ending:
                return
            self._ending = True
        for daemon in reversed(self._daemons):
            if daemon.process is None:
                continue
            daemon.signal(signal.SIGTERM)
            if at_once:  # a second one tells evse-hal not to wait for the car
                daemon.signal(signal.SIGTERM)
            with suppress(StandFailed):
                self.wait("the end", partial(_ended, daemon), timeout_s=10)
            daemon.kill()
        self.wait("the end of all", lambda: all(map(_ended, self._daemons)))
        self._wake_up()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()
        os.close(self._wake)
        self._undertaker.close()

    # --- its thread ----------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not (self._ending and all(map(_ended, self._daemons))):
            events = self._selector.select(self._until_next())
            with self.news:
                for key, _ in events:
                    self._hear(key)
                for daemon in self._daemons:
                    self._look_after(daemon)
                self.news.notify_all()

    def _until_next(self) -> float | None:
        with self.news:
            due = [daemon.due_s for daemon in self._daemons if daemon.due_s is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _hear(self, key: selectors.SelectorKey) -> None:
        if key.data is None:
            os.eventfd_read(self._wake)
        elif isinstance(key.fileobj, socket.socket):
            for line in key.fileobj.recv(4_096).decode().splitlines():
                key.data.ready |= line == "READY=1"
                key.data.beats += line == "WATCHDOG=1"
            self._be_patient(key.data)
        else:
            self._selector.unregister(key.fileobj)
            os.close(key.fd)
            self._ended(key.data)

    def _look_after(self, daemon: Daemon) -> None:
        if daemon.due_s is None or time.monotonic() < daemon.due_s:
            return
        if daemon.process is None:
            daemon.restarts += 1
            self._spawn(daemon)
        else:  # silent for too long
            daemon.due_s = None
            daemon.signal(signal.SIGABRT)
            daemon.signal(signal.SIGCONT)  # as systemd does: one that stands still would never take the first

    def _spawn(self, daemon: Daemon) -> None:
        with (self._folder / f"{daemon.name}.log").open("ab") as log:
            daemon.process = subprocess.Popen(
                daemon.command, env=daemon.env, stdin=subprocess.DEVNULL, stderr=log, start_new_session=True
            )
        daemon.due_s = None
        self._undertaker.watch(daemon.pid)
        self._selector.register(os.pidfd_open(daemon.pid), selectors.EVENT_READ, daemon)
        self._wake_up()

    def _be_patient(self, daemon: Daemon) -> None:
        if self._watched and daemon.ready and daemon.process is not None:
            daemon.due_s = time.monotonic() + WATCHDOG_S[daemon.name]

    def _ended(self, daemon: Daemon) -> None:
        assert daemon.process is not None
        code = daemon.process.wait()
        daemon.codes.append(code)
        daemon.process, daemon.ready, daemon.due_s = None, False, None
        daemon.down_for_good = code == UNUSABLE
        if self._ending or daemon.down_for_good:
            return
        daemon.due_s = time.monotonic() + self._restart_s
        if code == HARD_RESET:
            for other in self._daemons:
                if other is not daemon:
                    other.signal(signal.SIGTERM)

    def _wake_up(self) -> None:
        os.eventfd_write(self._wake, 1)


def _ended(daemon: Daemon) -> bool:
    return daemon.process is None


class Wallbox(Hands):
    """Both daemons, running, from `with` to its end. Raises StandFailed where they do not start.

    `central` is the address without the identity; None = a box on its own. `more` is TOML to be put behind the
    tables that are written here. A `state` folder with a site.toml keeps that one; `evses` is None for a real board.
    """

    def __init__(
        self,
        central: str | None = None,
        identity: str = "EVSE1",
        *,
        state: Path | None = None,
        evses: int | None = 1,
        more: str = "",
        restart_s: float = RESTART_S,
        watched: bool = True,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="evse-"))
        self.state = (state or self.folder / "state").resolve()
        self.state.mkdir(parents=True, exist_ok=True)
        self.site = self.state / "site.toml"
        if not self.site.exists():
            self.site.write_text(site_toml(central, identity, more))
            self.site.chmod(0o600)
        self.env = {
            "EVSE_SITE": str(self.site),
            "EVSE_EVSES": "" if evses is None else str(evses),
            "EVSE_HAL_SOCKET": str(self.folder / "hal.sock"),
            "EVSE_HAL_STATE": str(self.state / "hal"),
            "EVSED_STATE": str(self.state / "evsed"),
            "EVSED_CONTROL": str(self.folder / "control.sock"),
        }
        self._manager = Manager(self.folder, restart_s, watched)
        self.hal = self._daemon("evse-hal", "hal")
        self.evsed = self._daemon("evsed", "evsed")

    def __enter__(self) -> Self:
        try:
            for daemon in (self.hal, self.evsed):
                self._manager.start(daemon)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self, at_once: bool = True) -> None:
        """End both and remove the folder; not `at_once`, a charging car gets its 6 s. A given state folder stays."""
        self._manager.end(at_once)

    def tails(self) -> str:
        """The last lines of both logs, for the report of a failure."""
        return self._manager.tails()

    # --- what its people's tools need -------------------------------------------------------------------------

    def wait_ready(self, daemon: Daemon, restarts: int = 0, timeout_s: float = PATIENCE_S) -> None:
        """Until it is ready and has been started again so many times. Raises StandFailed."""
        self._manager.wait(
            f"{daemon.name} after {restarts} restarts",
            lambda: daemon.ready and daemon.restarts >= restarts,
            timeout_s,
        )

    def wait_evsed(self, timeout_s: float) -> None:
        """Until evsed is ready. Raises StandFailed."""
        self.wait_ready(self.evsed, timeout_s=timeout_s)

    # --- its parts -----------------------------------------------------------------------------------------

    def _daemon(self, name: str, module: str) -> Daemon:
        notify = {
            "NOTIFY_SOCKET": str(self.folder / f"{name}.notify"),
            "WATCHDOG_USEC": str(int(WATCHDOG_S[name] * 1_000_000)),
        }
        return Daemon(name, [sys.executable, "-m", module], os.environ | self.env | notify, self.folder)


def site_toml(central: str | None, identity: str, more: str = "") -> str:
    """A site.toml for the simulated board: one car park, cards decided by the central system or, without one, free."""
    tables: Iterable[str] = (
        f"[station]\nidentity = {json.dumps(identity)}\n",
        f"[central]\nurl = {json.dumps(central)}\n" if central is not None else '[access]\nmode = "free"\n',
        '[board]\nname = "sim"\n',
        more,
    )
    return "\n".join(table for table in tables if table)
