"""What people at the box may ask: every word of the control socket against a world, over a real socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from evsed import desk
from evsed.core import events
from evsed.core.catalogue import ALL
from evsed.core.status import HalStatus, LinkStatus
from evsed.core.words import Token, Verdict
from tests.evsed.desk_world import CHARGING, STATION, Peer, World, ask, talk


def test_status_tells_all_and_why(tmp_path: Path) -> None:
    world = World()
    world.becomes(CHARGING)
    told = ask(tmp_path, world, do="status")["status"]
    assert told["identity"] == "box-1"
    assert told["link"]["sentence"] == "Connected for 1 min 1 s."
    assert told["outlets"][0]["why"] == "Charging at 16.0 A, limited by the cable."
    assert told["outlets"][0]["limits"] == [["board", 32_000], ["cable", 16_000]]


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
