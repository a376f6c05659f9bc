"""The control socket: who may talk, how much, how long; nonsense, silence, floods."""

from __future__ import annotations

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from evsed import control
from evsed.control import CannotListen, may_talk
from tests.evsed.desk_world import IDLE, Peer, World, ask, peer_at, talk


def test_watch_tells_each_change(tmp_path: Path) -> None:
    world = World()

    async def script(peer: Peer) -> None:
        assert (await peer.asks(do="watch"))["status"]["outlets"][0]["why"] == "No car is plugged in."
        world.becomes(replace(IDLE, plugged=True))
        heard = await peer.hears()
        assert heard is not None
        assert heard["status"]["outlets"][0]["why"] == "Show a card to start the charge."

    talk(tmp_path, world, script)


def test_watch_tells_without_a_change_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "WATCH_S", 0)

    async def script(peer: Peer) -> None:
        assert await peer.asks(do="watch") == await peer.hears() == await peer.hears()

    talk(tmp_path, World(), script)


MALFORMED = [
    b"\n",
    b"{}\n",
    b"[]\n",
    b"null\n",
    b"hello\n",
    b'{"do":"dance"}\n',
    b'{"do":7}\n',
    b'{"do":"status","extra":1}\n',
    b'{"do":"log","lines":0}\n',
    b'{"do":"log","lines":1e9}\n',
    b'{"do":"log","lines":true}\n',
    b'{"do":"start","evse":1,"tag":""}\n',
    b'{"do":"start","evse":1,"tag":"123456789012345678901"}\n',
    b'{"do":"availability","evse":-1,"operative":true}\n',
    b'{"do":"set","name":"HeartbeatInterval","value":60}\n',
    b'{"do":"set","name":"\\ud800","value":"1"}\n',
    b'{"do":"get","names":["' + b'","'.join([b"HeartbeatInterval"] * 100) + b'"]}\n',
    b"[" * 10_000 + b"\n",
    b"\xff\xfe\x00\n",
]


@pytest.mark.parametrize("line", MALFORMED, ids=lambda line: repr(line[:40]))
def test_nonsense_is_answered_and_the_line_stays_open(tmp_path: Path, line: bytes) -> None:
    async def script(peer: Peer) -> None:
        peer.says(line)
        heard = await peer.hears()
        assert heard is not None
        assert list(heard) == ["error"]
        assert "\n" not in heard["error"] and heard["error"].endswith(".")
        assert "status" in await peer.asks(do="status")

    talk(tmp_path, World(), script)


def test_an_endless_line_ends_the_connection(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        peer.says(b"x" * (control.MAX_LINE * 3))
        assert await peer.hears() == {"error": "A request has at most 16384 bytes."}
        assert await peer.hears() is None

    talk(tmp_path, World(), script)


def test_a_peer_that_leaves_in_mid_sentence_disturbs_nobody(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        rude = await peer_at(tmp_path / "control.sock")
        rude.says(b'{"do":"watch"}\n{"do":')
        await rude.hears()
        rude.close()
        assert "status" in await peer.asks(do="status")

    talk(tmp_path, World(), script)


def test_a_silent_peer_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "IDLE_S", 0)

    async def script(peer: Peer) -> None:
        assert await peer.hears() is None

    talk(tmp_path, World(), script)


def test_a_peer_that_does_not_read_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "READ_S", 0)
    world = World()

    async def script(peer: Peer) -> None:
        deaf = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        deaf.connect(str(tmp_path / "control.sock"))
        deaf.setblocking(False)
        question = b'{"do":"get"}\n' * 100
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            while True:  # its answers fill every buffer, then it is cut off
                with suppress(BlockingIOError):
                    deaf.send(question)
                assert "status" in await peer.asks(do="status")
        deaf.close()

    talk(tmp_path, world, script)


def test_clients_are_bounded_and_a_place_becomes_free_again(tmp_path: Path) -> None:
    async def script(first: Peer) -> None:
        path = tmp_path / "control.sock"
        others = [await peer_at(path) for _ in range(control.MAX_CLIENTS - 1)]
        for other in others:
            assert "status" in await other.asks(do="status")
        late = await peer_at(path)
        assert await late.hears() == {"error": "16 programs are connected already; end one of them."}
        others[0].close()
        heard: dict[str, Any] = {}
        while "status" not in heard:  # until the server has seen the first one go
            late.close()
            late = await peer_at(path)
            heard = await late.asks(do="status")
        for peer in (*others, late):
            peer.close()

    talk(tmp_path, World(), script)


@pytest.mark.parametrize(
    ("uid", "groups", "welcome"),
    [(0, (0,), True), (1000, (1000,), True), (1001, (1001, 500), True), (1001, (1001,), False), (65534, (), False)],
)
def test_who_may_talk(uid: int, groups: tuple[int, ...], welcome: bool) -> None:
    assert may_talk(uid, groups, own_uid=1000, own_group=500) is welcome


def test_an_unwelcome_peer_hears_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "may_talk", lambda *_: False)

    async def script(peer: Peer) -> None:
        assert await peer.hears() == {
            "error": "Only root, the user of evsed and members of the socket's group may ask."
        }
        assert await peer.hears() is None

    talk(tmp_path, World(), script)


def test_the_socket_is_for_owner_and_group_only_and_goes_with_evsed(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"

    async def script(peer: Peer) -> None:
        await peer.asks(do="status")
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o660

    talk(tmp_path, World(), script)
    assert not path.exists()


def test_a_dead_socket_is_replaced(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    left.bind(str(tmp_path / "control.sock"))
    left.close()
    assert "status" in ask(tmp_path, World(), do="status")


def refusal_of(path: Path) -> str:
    with pytest.raises(CannotListen) as refused:
        control.listen(str(path))
    return str(refused.value)


def test_a_living_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(str(path))
        other.listen()
        assert refusal_of(path).startswith(f"Another evsed listens at {path};")
        assert path.is_socket()


def test_a_foreign_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.write_text("precious")
    assert "is not a socket" in refusal_of(path)
    assert path.read_text() == "precious"


@pytest.mark.parametrize("name", ["missing/control.sock", "x" * 200])
def test_a_path_that_can_not_be_is_told(tmp_path: Path, name: str) -> None:
    said = refusal_of(tmp_path / name)
    assert said.startswith("The control socket ")
    assert said.endswith("choose another path with --control-socket or EVSED_CONTROL.")


def test_a_broken_station_ends_the_server_and_is_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    monkeypatch.setattr(world, "log_lines", lambda _: 1 // 0)

    async def script(peer: Peer) -> None:
        peer.says(b'{"do":"log"}\n')
        assert await peer.hears() is None

    with pytest.raises(ExceptionGroup) as broken:
        talk(tmp_path, world, script)
    assert broken.group_contains(ZeroDivisionError)
