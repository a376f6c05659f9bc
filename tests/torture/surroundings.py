"""What stands around the two daemons: a TLS line to the central system that hangs or breaks, and a meter on an adapter
that can be pulled out.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from evsed.hal_link import HalClient, HalSilent
from hal.drivers.meter_model import load_model
from hal.sim.battery import PJ_PER_WH
from hal.sim.grid import NOMINAL_MV
from hal.sim.meter import START_WH, Flow, SimMeter
from hal.sim.pty_line import PtyLine
from hal.sim.rtu_slave import RtuSlave
from tests.evsed.pki import Pki
from tests.peers.central import CentralSystem

CHUNK = 65_536
MODEL = "sdm630"
_STATE = re.compile(r"draws ([\d.]+)/([\d.]+)/([\d.]+) A;.*register (\d+) Wh")


class Clock:
    """The wall clock of evsed, by libfaketime; what counts durations is left alone. evse-hal looks at no wall clock,
    and its way of sleeping is one that libfaketime does not bear.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self._library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
        self.step(0)

    @property
    def env(self) -> dict[str, str]:
        """What the daemons are started with; nothing where the library is not installed."""
        if self._library is None:
            return {}
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_NO_CACHE": "1",
        }

    def step(self, seconds: int) -> None:
        """So far beside the truth, from now on."""
        beside = self._file.with_suffix(".new")
        beside.write_text(f"{seconds:+d}\n")
        beside.replace(self._file)

    @staticmethod
    def tidy() -> None:
        """Take away what the library leaves in memory of each process that is killed."""
        for left in Path("/dev/shm").glob("*faketime_s?m_*"):
            if not Path("/proc", left.name.rpartition("_")[2]).exists():
                with suppress(OSError):
                    left.unlink()


class TlsLine:
    """Ends TLS and hands on to a plain server of this machine. While it hangs, nothing comes through."""

    def __init__(self, port: int, certificate: Path, key: Path) -> None:
        self._to = ("127.0.0.1", port)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._moves = threading.Event()
        self._moves.set()
        self._ends: set[socket.socket] = set()
        self.url = f"wss://127.0.0.1:{self._listener.getsockname()[1]}"
        Thread(target=self._accept, daemon=True).start()

    def hang(self, on: bool) -> None:
        """Half-open: the connection is there, and nothing comes through."""
        (self._moves.clear if on else self._moves.set)()

    def cut(self) -> None:
        """Break what is connected."""
        ends, self._ends = self._ends, set()
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """The end of it."""
        self._moves.set()
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                Thread(target=self._join, args=(self._listener.accept()[0],), daemon=True).start()

    def _join(self, plain: socket.socket) -> None:
        with suppress(OSError), self._context.wrap_socket(plain, server_side=True) as near:
            far = socket.create_connection(self._to)
            self._ends |= {near, far}
            back = Thread(target=self._pump, args=(far, near), daemon=True)
            back.start()
            self._pump(near, far)
            back.join()
            far.close()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(CHUNK):
                self._moves.wait()
                sink.sendall(chunk)
        for end in (sink, source):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Beyond:
    """The central system of one rig, behind a TLS line, and what a station must be told to find it."""

    def __init__(self, folder: Path) -> None:
        pki = Pki(folder / "pki")
        server = pki.server()
        self.root = Path(pki.root.certificate)
        self.central = CentralSystem.of_package()
        self.line = TlsLine(urlsplit(self.central.url).port or 0, server.certificate, server.key)

    def site(self, identity: str, ca_file: Path | str, meter_port: Path | str) -> str:
        """site.toml of a simulated board with a meter of its own, for links and messages that come back soon."""
        return (
            f'[station]\nidentity = "{identity}"\n[central]\nurl = "{self.line.url}"\nca_file = "{ca_file}"\n'
            f'[board]\nname = "sim"\n[[meter]]\nmodel = "{MODEL}"\nport = "{meter_port}"\n'
            "[variables]\nWebSocketPingInterval = 2\nTransactionMessageRetryInterval = 2\n"
        )

    def close(self) -> None:
        """The end of both."""
        self.line.close()
        self.central.close()


class MeterAdapter:
    """A real Modbus slave on a pseudo-terminal with the register of the simulated plant; `port` is a link to it."""

    def __init__(self, folder: Path) -> None:
        self.port = folder / "meter"
        self.hal_socket = ""
        self._flow = Flow(START_WH * PJ_PER_WH, (NOMINAL_MV,) * 3, (0, 0, 0))
        self._line: PtyLine | None = None
        self.plug()

    def plug(self) -> None:
        """The adapter is there, under another name of the kernel, as after a reset of the bus."""
        slave = RtuSlave(SimMeter(self._measure), load_model(MODEL), 1)
        self._line = PtyLine(slave.hear)
        Thread(target=self._line.serve, daemon=True).start()
        beside = self.port.with_name("meter.new")
        beside.symlink_to(self._line.path)
        beside.replace(self.port)

    def unplug(self) -> None:
        """The adapter is pulled out: its port hangs up and is gone."""
        if self._line is not None:
            self._line.stop()
            self._line = None
        self.port.unlink(missing_ok=True)

    def _measure(self) -> Flow:
        """What flows in the plant; what flowed last, while nobody can tell."""
        with suppress(HalSilent), HalClient(self.hal_socket) as hal:
            found = _STATE.search(hal.sim(1, ("state",)).text)
            if found is not None:
                l1, l2, l3 = (round(float(found[n]) * 1_000) for n in (1, 2, 3))
                self._flow = Flow(int(found[4]) * PJ_PER_WH, (NOMINAL_MV,) * 3, (l1, l2, l3))
        return self._flow
