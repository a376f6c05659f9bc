"""Both ends of the cable, over a pair of sockets."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from tests.torture.cable import Cable, file_door, unix_door


class Line:
    """`near` has the doors of nobody, `far` those of the folder."""

    def __init__(self, folder: Path) -> None:
        self.ends = socket.socketpair()
        self.folder = folder
        doors = {
            "packets": unix_door(str(folder / "packets"), socket.SOCK_SEQPACKET),
            "file": file_door(str(folder / "file")),
        }
        self.near = Cable(self.ends[0].fileno(), {}, odd=False)
        self.far = Cable(self.ends[1].fileno(), doors, odd=True)
        self.threads = [Thread(target=self._near), Thread(target=self.far.run)]
        self.far.greet()
        for thread in self.threads:
            thread.start()
        self.near.ready.wait()

    def _near(self) -> None:
        self.near.hear_greeting()
        self.near.run()

    def dial(self, door: str, kind: socket.SocketKind) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, kind)
        listener.bind(str(self.folder / f"near-{door}"))
        listener.listen()
        self.near.listen(door, listener)
        end = unix_door(str(self.folder / f"near-{door}"), kind)()
        end.settimeout(10)
        return end

    def cut(self) -> None:
        for end in self.ends:
            end.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    line = Line(tmp_path)
    yield line
    line.cut()
    for end in line.ends:
        end.close()


def test_datagrams_stay_datagrams_both_ways(line: Line, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(str(tmp_path / "packets"))
        server.listen()
        with line.dial("packets", socket.SOCK_SEQPACKET) as near:
            far, _ = server.accept()
            sent = [b"one", b"x" * 60_000, b"two"]
            for datagram in sent:
                near.send(datagram)
            assert [far.recv(100_000) for _ in sent] == sent
            far.send(b"back")
            assert near.recv(100) == b"back"
            far.close()
            assert near.recv(100) == b""


def test_a_door_that_nobody_opens_ends_that_connection_only(line: Line, tmp_path: Path) -> None:
    with line.dial("packets", socket.SOCK_SEQPACKET) as near:
        assert near.recv(100) == b""
    (tmp_path / "file").write_text("what it holds")
    with line.dial("file", socket.SOCK_STREAM) as near:
        assert near.recv(100) == b"what it holds"
        assert near.recv(100) == b""


def test_the_end_of_the_line_is_the_end_of_all(line: Line, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.bind(str(tmp_path / "packets"))
        server.listen()
        with line.dial("packets", socket.SOCK_SEQPACKET) as near:
            far, _ = server.accept()
            line.cut()
            assert near.recv(100) == far.recv(100) == b""
            far.close()
        with pytest.raises(OSError, match="refused"):
            unix_door(str(tmp_path / "near-packets"), socket.SOCK_SEQPACKET)()
