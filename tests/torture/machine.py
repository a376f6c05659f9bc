"""A machine of its own for the wallbox, whose power can be cut: a User-Mode Linux with the real units and a real disk.

Rules this file upholds:
- What outlives a cut lies outside of it: the card (a file with an ext4, written by the guest's block device), the
  meter with its register, the central system. What the guest had not yet handed to its disk is lost, as on a Pi.
- It has no network: one serial line carries all connections, another one is the meter's.
- Nobody lends a hand at a boot: fsck, mount, systemd and the units do.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

from evsed.ctl_link import Control, Trouble
from evsed.hal_link import HalClient, HalSilent
from tests.hands import Hands, StandFailed
from tests.lab import guest
from tests.torture.cable import CHUNK, Cable, tcp_door, unix_door
from tests.undertaker import Undertaker

MEMORY = "mem=256M"
CARD_MIB = 64
BOOT_S = 90.0


class Machine(Hands):
    """`files` are laid into /etc/evse of its card; `meter` is the meter's port on this machine, /dev/ttyS1 of that one.

    The guest's own `port` of 127.0.0.1 is that of this machine. Raises StandFailed where it does not boot.
    """

    def __init__(self, linux: Path, files: dict[str, str], meter: Path, port: int) -> None:
        self._linux, self._meter, self._port = linux, meter, port
        self._stack = ExitStack()
        self.folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="evse-machine-")))
        self._undertaker = Undertaker(self.folder)
        self._stack.callback(self._undertaker.close)
        self._card, self._console = self.folder / "card.img", self.folder / "console"
        _make_card(self._card, self.folder / "laid", files)
        self.env = {
            "EVSE_HAL_SOCKET": str(self.folder / "hal.sock"),
            "EVSED_CONTROL": str(self.folder / "evsed.sock"),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._cable: Cable | None = None
        self._carrier: Thread | None = None

    def boot(self) -> None:
        """Give it power and wait until both daemons answer. Raises StandFailed."""
        own = self.folder / "uml"
        own.mkdir(exist_ok=True)
        near, far = socket.socketpair()
        meter = os.open(self._meter, os.O_RDWR | os.O_NOCTTY)
        lines = [f"ssl0=fd:{far.fileno()}", f"ssl1=fd:{meter}", f"ubd0={self._card}", f"evse_port={self._port}"]
        command = guest.command_line(self._linux, str(own), "tests/torture/boot", MEMORY, *lines)
        with self._console.open("ab") as console:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                pass_fds=(far.fileno(), meter),
                start_new_session=True,
            )
        self._undertaker.watch(self._process.pid)
        far.close()
        os.close(meter)
        self._connect(near)
        self._wait_for_both()

    def cut(self) -> None:
        """Take its power: nothing of it is there any more."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._process = None
        if self._carrier is not None:
            self._carrier.join()
        for path in self.env.values():
            Path(path).unlink(missing_ok=True)

    def close(self) -> None:
        """The end of it."""
        self.cut()
        self._stack.close()

    @property
    def log(self) -> str:
        """What both daemons have written since the boot, and before them the machine."""
        console = self._console.read_text(errors="replace")[-2_000:]
        with suppress(OSError), unix_door(str(self.folder / "log.sock"), socket.SOCK_STREAM)() as end:
            while piece := end.recv(CHUNK):
                console += piece.decode(errors="replace")
        return console

    def tails(self) -> str:
        """The last lines of it."""
        return "\n" + "\n".join(self.log.splitlines()[-40:])

    def wait_evsed(self, timeout_s: float) -> None:
        """Until it answers. Raises StandFailed."""
        until_s = time.monotonic() + timeout_s
        while time.monotonic() < until_s:
            with suppress(Trouble), Control(self.env["EVSED_CONTROL"]) as evsed:
                evsed.ask("status")
                return
            time.sleep(0.05)
        raise StandFailed(f"evsed did not answer within {timeout_s:g} s{self.tails()}")

    # --- its parts -------------------------------------------------------------------------------------------

    def _connect(self, near: socket.socket) -> None:
        self._cable = cable = Cable(near.fileno(), {"central": tcp_door(self._port)}, odd=False)
        kinds = {"hal": socket.SOCK_SEQPACKET, "evsed": socket.SOCK_STREAM, "log": socket.SOCK_STREAM}
        for door, kind in kinds.items():
            path = self.folder / f"{door}.sock"
            path.unlink(missing_ok=True)
            listener = socket.socket(socket.AF_UNIX, kind)
            listener.bind(str(path))
            listener.listen()
            cable.listen(door, listener)
        self._carrier = Thread(target=_carry, args=(cable, near), daemon=True)
        self._carrier.start()

    def _wait_for_both(self) -> None:
        assert self._cable is not None and self._process is not None
        until_s = time.monotonic() + BOOT_S
        while not self._cable.ready.wait(0.05):
            if self._process.poll() is not None or time.monotonic() > until_s:
                raise StandFailed(f"the guest does not boot{self.tails()}")
        while time.monotonic() < until_s:
            with suppress(HalSilent), HalClient(self.env["EVSE_HAL_SOCKET"]) as hal:
                hal.snapshot()
                return self.wait_evsed(until_s - time.monotonic())
            time.sleep(0.05)
        raise StandFailed(f"evse-hal did not answer within {BOOT_S:g} s{self.tails()}")


def _carry(cable: Cable, near: socket.socket) -> None:
    with near:
        with suppress(EOFError, OSError):
            cable.hear_greeting()
        cable.run()


def _make_card(card: Path, laid: Path, files: dict[str, str]) -> None:
    """An ext4 with /etc/evse. Raises StandFailed."""
    (laid / "etc").mkdir(parents=True)
    for name, text in files.items():
        (laid / "etc" / name).write_text(text)
        (laid / "etc" / name).chmod(0o640)
    command = [shutil.which("mke2fs") or "/usr/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-d", str(laid), str(card)]
    made = subprocess.run([*command, f"{CARD_MIB}M"], capture_output=True, text=True, check=False)
    if made.returncode:
        raise StandFailed(f"the card could not be made: {made.stderr.strip()}")
