"""A network cable between the wallbox and its central system that can be pulled: a TCP relay on loopback."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

CHUNK = 65_536


class Network:
    """Relays to `port` of this machine; `url` is where to connect instead. Use it in a `with` block."""

    def __init__(self, port: int) -> None:
        self._to = ("127.0.0.1", port)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._address = self._listener.getsockname()
        self._listen()

    @property
    def url(self) -> str:
        """Without the identity."""
        return f"ws://{self._address[0]}:{self._address[1]}"

    def __enter__(self) -> Network:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def cut(self) -> None:
        """Pull the cable: what is connected breaks, and nobody answers."""
        with self._lock:
            ends, self._open = [self._listener, *self._open], set()
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def mend(self) -> None:
        """Plug it in again, at the same address."""
        self._listener = socket.create_server(self._address)
        self._listen()

    def _listen(self) -> None:
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        with suppress(OSError):  # the cable was pulled
            while True:
                near, _ = listener.accept()
                self._join(near)

    def _join(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(self._to)
        except OSError:
            near.close()
            return
        with self._lock:
            self._open |= {near, far}
        for source, sink in ((near, far), (far, near)):
            threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(CHUNK):
                sink.sendall(chunk)
        with suppress(OSError):  # one side is over: so is the other
            sink.shutdown(socket.SHUT_RDWR)
