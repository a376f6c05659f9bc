"""The control socket: every word of its protocol against a world, over a real socket."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evsed import control, desk
from evsed.control import CannotListen, may_talk
from evsed.core import events
from evsed.core.catalogue import ALL
from evsed.core.status import HalStatus, LinkStatus
from evsed.core.words import Token, Verdict
from tests.evsed.desk_world import CHARGING, IDLE, STATION, World, serving

Talk = Callable[["Peer"], Awaitable[None]]


class Peer:
    """Somebody at the socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def says(self, line: bytes) -> None:
        self._writer.write(line)

    async def hears(self) -> dict[str, Any] | None:
        line = await self._reader.readline()
        heard: dict[str, Any] | None = json.loads(line) if line else None
        return heard

    async def asks(self, **question: object) -> dict[str, Any]:
        self.says(json.dumps(question).encode() + b"\n")
        heard = await self.hears()
        assert heard is not None
        return heard

    def close(self) -> None:
        self._writer.close()


async def peer_at(path: Path) -> Peer:
    return Peer(*await asyncio.open_unix_connection(str(path)))


def talk(tmp_path: Path, world: World, script: Talk) -> None:
    async def play() -> None:
        path = tmp_path / "control.sock"
        async with serving(world, path):
            peer = await peer_at(path)
            await script(peer)
            peer.close()

    asyncio.run(play())


def ask(tmp_path: Path, world: World, **question: object) -> dict[str, Any]:
    heard: dict[str, Any] = {}

    async def script(peer: Peer) -> None:
        heard.update(await peer.asks(**question))

    talk(tmp_path, world, script)
    return heard


def test_status_tells_all_and_why(tmp_path: Path) -> None:
    world = World()
    world.becomes(CHARGING)
    told = ask(tmp_path, world, do="status")["status"]
    assert told["identity"] == "box-1"
    assert told["link"]["sentence"] == "Connected for 1 min 1 s."
    assert told["outlets"][0]["why"] == "Charging at 16.0 A, limited by the cable."
    assert told["outlets"][0]["limits"] == [["board", 32_000], ["cable", 16_000]]


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


@pytest.mark.parametrize("name", ["HeartbeatInterval", "heartbeatinterval", "OCPPCommCtrlr.HeartbeatInterval"])
def test_a_variable_is_read_by_either_name(tmp_path: Path, name: str) -> None:
    (variable,) = ask(tmp_path, World(), do="get", names=[name])["variables"]
    assert (variable["name"], variable["path"], variable["value"], variable["unit"], variable["writable"]) == (
        "HeartbeatInterval",
        "OCPPCommCtrlr.HeartbeatInterval",
        "300",
        "s",
        True,
    )


def test_no_names_means_all(tmp_path: Path) -> None:
    assert len(ask(tmp_path, World(), do="get")["variables"]) == len(ALL)


def test_variables_come_in_the_order_asked_for(tmp_path: Path) -> None:
    names = ["WebSocketPingInterval", "HeartbeatInterval"]
    assert [v["name"] for v in ask(tmp_path, World(), do="get", names=names)["variables"]] == names


def test_a_written_variable_is_another_one_afterwards(tmp_path: Path) -> None:
    async def script(peer: Peer) -> None:
        assert await peer.asks(do="set", name="HeartbeatInterval", value="60") == {"verdict": "Accepted"}
        assert (await peer.asks(do="get", names=["HeartbeatInterval"]))["variables"][0]["value"] == "60"

    talk(tmp_path, World(), script)


REFUSALS: list[tuple[dict[str, object], str]] = [
    ({"do": "get", "names": ["Nonsense"]}, "There is no variable 'Nonsense'; 'evsectl get' lists all."),
    ({"do": "set", "name": "NumberOfConnectors", "value": "2"}, "NumberOfConnectors can only be read."),
    (
        {"do": "set", "name": "HeartbeatInterval", "value": "soon"},
        "HeartbeatInterval takes a whole number from 1 to 604800 s, not 'soon'.",
    ),
    ({"do": "availability", "evse": 3, "operative": True}, "There is no outlet 3; this box has 1."),
    ({"do": "clear-faults", "evse": 3}, "There is no outlet 3; this box has 1."),
    ({"do": "start", "evse": 3, "tag": "T"}, "There is no outlet 3; this box has 1."),
    ({"do": "unlock", "evse": 3}, "There is no outlet 3; this box has 1."),
    ({"do": "stop", "evse": 1}, "No charge is running at outlet 1."),
]


@pytest.mark.parametrize(("question", "sentence"), REFUSALS)
def test_what_can_not_be_done_is_refused_in_one_sentence(
    tmp_path: Path, question: dict[str, object], sentence: str
) -> None:
    world = World()
    assert ask(tmp_path, world, **question) == {"error": sentence}
    assert world.requests == []


@pytest.mark.parametrize(
    ("question", "request_"),
    [
        ({"do": "availability", "evse": 0, "operative": False}, events.AvailabilityRequested("", 0, False)),
        ({"do": "availability", "evse": 1, "operative": True}, events.AvailabilityRequested("", 1, True)),
        ({"do": "start", "tag": "T1"}, events.StartRequested("", None, Token("T1"))),
        ({"do": "start", "tag": "T1", "evse": 1}, events.StartRequested("", 1, Token("T1"))),
        ({"do": "stop", "evse": 1}, events.StopRequested("", "t2")),
        ({"do": "unlock", "evse": 1}, events.UnlockRequested("", 1)),
    ],
)
def test_what_changes_something_is_an_event_of_the_core(
    tmp_path: Path, question: dict[str, object], request_: Any
) -> None:
    world = World()
    world.becomes(CHARGING)
    world.verdict = Verdict.SCHEDULED
    assert ask(tmp_path, world, **question) == {"verdict": "Scheduled"}
    assert [replace(seen, ref="") for seen in world.requests] == [request_]


def test_each_request_has_a_name_of_its_own(tmp_path: Path) -> None:
    world = World()

    async def script(peer: Peer) -> None:
        await peer.asks(do="unlock", evse=1)
        await peer.asks(do="unlock", evse=1)

    talk(tmp_path, world, script)
    assert len({request.ref for request in world.requests}) == 2


def test_a_silent_station_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "ANSWER_S", 0)
    world = World()
    world.silent = True
    told = ask(tmp_path, world, do="unlock", evse=1)
    assert told == {"error": "The station did not answer within 0 s; its log may say why."}


def test_transactions_show_energy_and_masked_cards(tmp_path: Path) -> None:
    running, ended = ask(tmp_path, World(), do="transactions")["transactions"]
    assert (running["running"], running["energy_wh"], running["started_ms"]) == (True, 3_214, None)
    assert ended == {
        "id": "t1",
        "evse": 1,
        "card": "…B2C3",
        "started_ms": 1_800_000_000_000,
        "ended_ms": 1_800_000_060_000,
        "running": False,
        "start_wh": 9_000_000,
        "end_wh": 9_000_150,
        "energy_wh": 150,
        "reason": "Local",
    }


def test_transactions_are_limited(tmp_path: Path) -> None:
    assert len(ask(tmp_path, World(), do="transactions", limit=1)["transactions"]) == 1


def test_the_log_is_told(tmp_path: Path) -> None:
    told = ask(tmp_path, World(), do="log", lines=2)
    assert told == {"lines": ["< CALL 41 Reset", "> RESULT 41 Accepted"]}


def test_a_vendor_message_is_queued(tmp_path: Path) -> None:
    world = World()
    assert ask(tmp_path, world, do="send-data", vendor="V", data="{}") == {"done": True}
    assert world.told == [events.VendorMessageWanted("V", None, "{}")]


def test_without_a_central_system_no_vendor_message_is_taken(tmp_path: Path) -> None:
    world = World()
    world.state = replace(STATION, link=LinkStatus())
    assert "No central system" in ask(tmp_path, world, do="send-data", vendor="V")["error"]
    assert world.told == []


def test_faults_are_cleared_where_hal_answers(tmp_path: Path) -> None:
    world = World()
    assert ask(tmp_path, world, do="clear-faults", evse=1) == {"done": True}
    world.state = replace(STATION, hal=HalStatus(up=False))
    assert "evse-hal does not answer" in ask(tmp_path, world, do="clear-faults", evse=1)["error"]
    assert world.cleared == [1]


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
