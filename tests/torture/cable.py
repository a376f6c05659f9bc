"""One serial line between two machines that carries many connections: each frame opens one, brings bytes, or ends one.

    python -m tests.torture.cable TTY PORT      the end in the guest, whose evsed dials PORT of its own machine

Rules this file upholds:
- What one `recv` got is one frame, so that datagrams stay datagrams.
- A door that nobody opens is the end of that connection only; the end of the line is the end of all.
- The guest greets when its end is ready; before that the line may lose what is sent.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import tty
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import count
from threading import Event, Lock, Thread

GREETING = b"cable\n"
CHUNK = 1 << 17
PATIENCE_S = 5.0
_OPEN, _BYTES, _END = range(3)
_HEAD = struct.Struct(">BII")  # what, connection, length

Door = Callable[[], socket.socket]


class Cable:
    """One end. `doors` is where the other end may connect to; `odd` tells whose connections have odd numbers."""

    def __init__(self, fd: int, doors: Mapping[str, Door], odd: bool) -> None:
        self._fd, self._doors = fd, doors
        self._numbers = count(int(odd), 2)
        self._ends: dict[int, socket.socket] = {}
        self._listeners: list[socket.socket] = []
        self._writing = Lock()
        self.ready = Event()

    def listen(self, door: str, listener: socket.socket) -> None:
        """Whoever connects here comes to that door of the other end."""
        self._listeners.append(listener)
        Thread(target=self._accept, args=(door, listener), daemon=True).start()

    def greet(self) -> None:
        """Tell the other end that from now on nothing is lost."""
        self._write(GREETING)
        self.ready.set()

    def hear_greeting(self) -> None:
        """Wait for it. Raises EOFError."""
        heard = b""
        while not heard.endswith(GREETING):
            heard += self._read(1)
        self.ready.set()

    def run(self) -> None:
        """Carry, until the line ends."""
        with suppress(EOFError, OSError):
            while True:
                what, number, length = _HEAD.unpack(self._read(_HEAD.size))
                self._take(what, number, self._read(length))
        self.close()

    def close(self) -> None:
        """End all connections; nobody is let in any more."""
        for listener in self._listeners:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for number in list(self._ends):
            self._hang_up(number)

    # --- connections -----------------------------------------------------------------------------------------

    def _accept(self, door: str, listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                end, _ = listener.accept()
                if not self.ready.is_set():
                    end.close()
                    continue
                number = next(self._numbers)
                self._ends[number] = end  # before the other end can answer
                self._send(_OPEN, number, door.encode())
                self._carry(number, end)

    def _take(self, what: int, number: int, content: bytes) -> None:
        if what == _OPEN:
            try:
                end = self._doors[content.decode()]()
            except OSError:
                self._send(_END, number)
            else:
                self._ends[number] = end
                self._carry(number, end)
        elif what == _END:
            self._hang_up(number)
        elif number in self._ends:
            try:
                self._ends[number].sendall(content)
            except OSError:
                self._hang_up(number)

    def _carry(self, number: int, end: socket.socket) -> None:
        Thread(target=self._pump, args=(number, end), daemon=True).start()

    def _pump(self, number: int, end: socket.socket) -> None:
        with suppress(OSError):
            while content := end.recv(CHUNK):
                self._send(_BYTES, number, content)
        with suppress(OSError):
            self._send(_END, number)
        self._hang_up(number)
        end.close()

    def _hang_up(self, number: int) -> None:
        """Its pump wakes by it, and closes it."""
        end = self._ends.pop(number, None)
        if end is not None:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    # --- the line --------------------------------------------------------------------------------------------

    def _send(self, what: int, number: int, content: bytes = b"") -> None:
        self._write(_HEAD.pack(what, number, len(content)) + content)

    def _write(self, content: bytes) -> None:
        with self._writing:
            while content:
                content = content[os.write(self._fd, content) :]

    def _read(self, length: int) -> bytes:
        found = b""
        while len(found) < length:
            piece = os.read(self._fd, length - len(found))
            if not piece:
                raise EOFError
            found += piece
        return found


def unix_door(path: str, kind: socket.SocketKind) -> Door:
    """Whoever listens at that path."""

    def connect() -> socket.socket:
        end = socket.socket(socket.AF_UNIX, kind)
        try:
            end.connect(path)
        except OSError:
            end.close()
            raise
        return end

    return connect


def tcp_door(port: int) -> Door:
    """Whoever listens at that port of this machine."""
    return lambda: socket.create_connection(("127.0.0.1", port), PATIENCE_S)


def file_door(path: str) -> Door:
    """What a file holds now."""

    def read() -> socket.socket:
        far, near = socket.socketpair()
        with open(path, "rb") as file:
            content = file.read()[-CHUNK:]
        Thread(target=_pour, args=(near, content), daemon=True).start()
        return far

    return read


def _pour(sink: socket.socket, content: bytes) -> None:
    with sink, suppress(OSError):
        sink.sendall(content)


def main(path: str, port: str) -> None:
    """The end in the guest."""
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)
    doors = {
        "hal": unix_door("/run/evse-hal/hal.sock", socket.SOCK_SEQPACKET),
        "evsed": unix_door("/run/evsed/control.sock", socket.SOCK_STREAM),
        "log": file_door("/run/evse.log"),
    }
    cable = Cable(fd, doors, odd=True)
    cable.listen("central", socket.create_server(("127.0.0.1", int(port))))
    cable.greet()
    cable.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
