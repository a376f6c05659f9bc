"""The cable that can be pulled."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

import pytest

from tests.demo.network import Network


@pytest.fixture
def echo() -> Iterator[int]:
    """The port of a server that says everything back."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk(peer: socket.socket) -> None:
        with peer, suppress(OSError):
            while said := peer.recv(1_024):
                peer.sendall(said)

    def listen() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=talk, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=listen, daemon=True).start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def dial(network: Network) -> socket.socket:
    return socket.create_connection(("127.0.0.1", urlsplit(network.url).port or 0), timeout=5)


def says_back(line: socket.socket) -> bool:
    line.sendall(b"hello")
    return line.recv(5) == b"hello"


def test_it_relays_both_ways_and_many_at_once(echo: int) -> None:
    with Network(echo) as network, dial(network) as one, dial(network) as two:
        assert says_back(one) and says_back(two) and says_back(one)


def test_a_pulled_cable_breaks_what_runs_and_answers_nobody(echo: int) -> None:
    with Network(echo) as network, dial(network) as line:
        assert says_back(line)
        network.cut()
        assert line.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            dial(network)


def test_plugged_in_again_it_answers_at_the_same_address(echo: int) -> None:
    with Network(echo) as network:
        url = network.url
        network.cut()
        network.mend()
        assert network.url == url
        with dial(network) as line:
            assert says_back(line)


def test_without_anyone_behind_it_hangs_up() -> None:
    with Network(1) as network, dial(network) as line:
        assert line.recv(1) == b""
