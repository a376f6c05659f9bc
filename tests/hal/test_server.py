"""The socket: who may speak, what is dropped, and that nobody can hold up the tick."""

from __future__ import annotations

import os
import resource
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from hal.alone import claim
from hal.contract import (
    MAX_DATAGRAM,
    ClearFaults,
    Lease,
    SimAnswer,
    SimOrder,
    Snapshot,
    Update,
    decode_update,
    encode,
)
from hal.server import MOST_PEERS, WELCOME_AGAIN_MS, Server
from hal.settings import SettingsError
from tests.hal.box import START_MS, Box


class House:
    """A server over a box; the test is the tick, the main thread and the peers in turn."""

    def __init__(self, folder: Path) -> None:
        self.box = Box()
        self.path = folder / "hal.sock"
        self.server = Server(str(self.path), (), lambda: self.box.now_ms)
        self.box.tick._publish = self.server.publish
        self.peers: list[socket.socket] = []

    def listen(self) -> None:
        """Let the main thread deal with all that was said."""
        for _ in range(10):
            self.server.turn(self.box.tick, 0)

    def peer(self) -> socket.socket:
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        peer.settimeout(5)
        peer.connect(str(self.path))
        self.peers.append(peer)
        self.listen()
        return peer

    def heard(self, peer: socket.socket, datagram: bytes) -> None:
        peer.send(datagram)
        self.listen()

    def close(self) -> None:
        self.server.close()
        for peer in self.peers:
            peer.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


def test_a_newcomer_before_the_first_snapshot_waits_for_it(house: House) -> None:
    peer = house.peer()
    house.box.run(1_000)
    assert isinstance(received(peer), Snapshot)


def received(peer: socket.socket) -> Update:
    return decode_update(peer.recv(MAX_DATAGRAM))


def test_a_newcomer_hears_the_last_snapshot_at_once(house: House) -> None:
    house.box.run(1_000)
    first = received(house.peer())
    assert isinstance(first, Snapshot) and first.board == "sim" and first.started_ms == START_MS


def test_a_lease_reaches_the_tick(house: House) -> None:
    peer = house.peer()
    house.box.board.order(1, ("plug-in",))
    house.heard(peer, encode(Lease(1, 16_000, True, True, house.box.now_ms + 3_000)))
    house.box.run(100)
    assert house.box.tick.snapshot(house.box.now_ms).outlets[0].offered_ma == 16_000


def test_faults_are_acknowledged(house: House) -> None:
    peer = house.peer()
    residual = house.box.plant.bays[1].residual
    residual.trip()
    house.box.run(100)
    residual.trip(on=False)
    house.box.run(100)
    house.heard(peer, encode(ClearFaults(1)))
    house.box.run(100)
    assert house.box.tick.snapshot(house.box.now_ms).outlets[0].faults == ()


def test_an_order_is_answered_to_who_gave_it_and_to_nobody_else(house: House) -> None:
    asker, other = house.peer(), house.peer()
    house.heard(asker, encode(SimOrder(1, ("plug-in",))))
    house.heard(asker, encode(SimOrder(1, ("sing",))))
    house.heard(asker, encode(SimOrder(7, ("plug-in",))))
    house.box.run(2_000)
    answers = [update for update in drained(asker) if isinstance(update, SimAnswer)]
    assert [answer.ok for answer in answers] == [False, True, False]
    assert "no outlet 7" in answers[0].text and "plugged in" in answers[1].text and "sing" in answers[2].text
    assert not any(isinstance(update, SimAnswer) for update in drained(other))


def drained(peer: socket.socket) -> list[Update]:
    peer.setblocking(False)
    updates = []
    try:
        while True:
            updates.append(received(peer))
    except BlockingIOError:
        return updates


@pytest.mark.parametrize(
    "junk",
    [
        *[b"junk", b"\x00", b"\xc1" * 10, b"x" * (MAX_DATAGRAM + 1), b"\x91" * MAX_DATAGRAM],
        *[encode(SimAnswer(True, "")), encode(ClearFaults(8)), encode(Lease(8, 0, False, False, 0))],
        *[encode(Lease(1, 99_999, True, True, 0)), encode(Lease(1, 6_000, True, True, -1))],
    ],
)
def test_what_is_no_message_for_us_is_counted_and_the_peer_stays(house: House, junk: bytes) -> None:
    peer = house.peer()
    house.heard(peer, junk)
    assert house.box.tick.dropped_datagrams == 1
    house.heard(peer, encode(SimOrder(1, ("state",))))
    house.box.run(2_000)
    assert any(isinstance(update, SimAnswer) for update in drained(peer))


def test_an_empty_datagram_is_a_farewell_and_others_stay(house: House) -> None:
    peer, other = house.peer(), house.peer()
    drained(other)
    house.heard(peer, b"")
    peer.setblocking(False)
    while peer.recv(MAX_DATAGRAM):  # what was said before; then the end, not silence
        pass
    house.server.publish(house.box.tick.snapshot(house.box.now_ms))
    assert len(drained(other)) == 1


def test_a_peer_that_never_listens_holds_up_nobody(house: House) -> None:
    deaf, other = house.peer(), house.peer()
    snapshot = house.box.tick.snapshot(house.box.now_ms)
    for _ in range(5_000):
        house.server.publish(snapshot)
        assert len(drained(other)) == 1
    assert len(drained(deaf)) < 5_000


def test_a_peer_that_left_is_forgotten(house: House) -> None:
    for _ in range(3 * MOST_PEERS):
        peer = house.peer()
        assert len(house.server._peers) == 1
        peer.close()
        house.listen()
    assert house.server._peers == ()


def test_peers_are_bounded_in_number(house: House) -> None:
    for _ in range(MOST_PEERS):
        house.peer()
    assert house.peer().recv(10) == b""
    assert len(house.server._peers) == MOST_PEERS


def test_a_newcomer_for_whom_no_descriptor_is_left_waits_and_does_not_keep_us_busy(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.box.run(1_000)
    peer, (soft, hard) = (
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET),
        resource.getrlimit(resource.RLIMIT_NOFILE),
    )
    peer.settimeout(5)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        peer.connect(str(house.path))
        house.listen()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(caplog.records) == 1
    house.box.run(WELCOME_AGAIN_MS)
    house.listen()
    assert isinstance(received(peer), Snapshot)
    peer.close()


def test_serving_ends_when_it_is_told_to_from_anywhere(house: House) -> None:
    wakes: list[float | None] = [None, 0]

    def besides() -> float | None:
        if len(wakes) == 1:
            house.server.stop()
        return wakes.pop()

    house.server.serve(house.box.tick, besides)
    assert wakes == []


def test_a_stranger_is_turned_away(house: House) -> None:
    house.server._uids = {12_345}
    assert house.peer().recv(10) == b""


def test_the_socket_is_for_its_owner_and_group_and_goes_with_the_server(tmp_path: Path) -> None:
    house = House(tmp_path)
    assert stat.S_IMODE(house.path.stat().st_mode) == 0o660
    house.close()
    assert not house.path.exists()


def test_a_socket_that_a_dead_process_left_is_replaced(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    left.bind(str(tmp_path / "hal.sock"))
    left.close()
    house = House(tmp_path)
    house.heard(house.peer(), encode(ClearFaults(1)))
    house.close()


def test_a_socket_that_somebody_uses_is_an_error(house: House) -> None:
    with pytest.raises(SettingsError, match="another evse-hal uses it"):
        Server(str(house.path), (), lambda: 0)
    assert house.path.exists()


def test_a_socket_that_a_stranger_answers_at_is_an_error(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as stranger:
        stranger.bind(str(tmp_path / "hal.sock"))
        stranger.listen()
        with pytest.raises(SettingsError, match="another evse-hal uses it"):
            Server(str(tmp_path / "hal.sock"), (), lambda: 0)
    assert (tmp_path / "hal.sock").exists()


def test_of_two_at_one_stale_socket_in_the_same_instant_the_second_is_refused(tmp_path: Path) -> None:
    """The first has looked and not yet bound; were the second to look too, it would remove the socket of the first."""
    path = tmp_path / "hal.sock"
    left = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    left.bind(str(path))
    left.close()
    first = claim(tmp_path / "hal.sock.lock")
    assert first is not None
    with pytest.raises(SettingsError, match="another evse-hal uses it"):
        Server(str(path), (), lambda: 0)
    assert path.exists()
    os.close(first)
    Server(str(path), (), lambda: 0).close()


def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "hal.sock"
    path.write_text("mine")
    with pytest.raises(SettingsError, match="is no socket"):
        Server(str(path), (), lambda: 0)
    assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["nowhere/hal.sock", "x" * 200, "x" * 300, "a\0b"])
def test_a_place_where_no_socket_can_be_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="name another with --socket"):
        Server(str(tmp_path / name), (), lambda: 0)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a_process_of_another_user_is_turned_away(house: House) -> None:
    house.path.chmod(0o666)
    for folder in (house.path.parent, *house.path.parent.parents[:-2]):
        folder.chmod(0o755)
    child = os.fork()
    if child == 0:
        os.setuid(65_534)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as peer:
            peer.settimeout(5)
            peer.connect(str(house.path))
            os._exit(0 if peer.recv(10) == b"" else 1)
    house.server.turn(house.box.tick, 5)
    assert os.waitpid(child, 0)[1] == 0
