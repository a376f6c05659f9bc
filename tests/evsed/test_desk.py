"""What people at the box may ask: every word of the control socket against a world, over a real socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from evsed import desk
from evsed.core import events
from evsed.core.catalogue import ALL
from evsed.core.security_events import SecurityEntry, SecurityKind
from evsed.core.status import HalStatus, LinkStatus, OutletStatus
from evsed.core.words import Registration, Stamp, StopReason, Token, Verdict
from tests.evsed.desk_world import CHARGING, IDLE, STATION, STUCK, TRIPPED, WARNING, Peer, World, ask, talk


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
    (
        {"do": "get", "names": ["HeartbeatIntervall"]},
        "There is no variable 'HeartbeatIntervall'; did you mean HeartbeatInterval?",
    ),
    ({"do": "get", "names": ["Foo"]}, "There is no variable 'Foo'; 'evsectl get' lists them."),
    ({"do": "set", "name": "NumberOfConnectors", "value": "2"}, "NumberOfConnectors can only be read."),
    (
        {"do": "set", "name": "HeartbeatInterval", "value": "soon"},
        "HeartbeatInterval takes a whole number from 1 to 604800 s, not 'soon'.",
    ),
    ({"do": "availability", "evse": 3, "operative": True}, "There is no outlet 3; this box has 1."),
    ({"do": "clear-faults", "evse": 3}, "There is no outlet 3; this box has 1."),
    ({"do": "start", "evse": 3, "tag": "T"}, "There is no outlet 3; this box has 1."),
    ({"do": "unlock", "evse": 3}, "There is no outlet 3; this box has 1."),
    (
        {"do": "meter-replaced", "evse": 1},
        "The register of outlet 1 has not fallen, so it counts on as it is.",
    ),
]


@pytest.mark.parametrize(("question", "sentence"), REFUSALS)
def test_what_can_not_be_done_is_refused_in_one_sentence(
    tmp_path: Path, question: dict[str, object], sentence: str
) -> None:
    world = World()
    assert ask(tmp_path, world, **question) == {"error": sentence}
    assert world.requests == []


def test_a_rejected_key_is_told_what_it_must_be(tmp_path: Path) -> None:
    world = World()
    world.verdict = Verdict.REJECTED
    told = ask(tmp_path, world, do="set", name="AuthorizationKey", value="x")
    assert told["error"].startswith(
        "AuthorizationKey is rejected. The key of security profiles 1 and 2, 16 to 20 bytes"
    )


def test_in_mid_charge_no_meter_is_replaced(tmp_path: Path) -> None:
    world = World()
    world.becomes(replace(CHARGING, fell=(1_234, 0)))
    told = ask(tmp_path, world, do="meter-replaced", evse=1)
    assert told == {"error": "A charge is running at outlet 1; end it first, then say so again."}
    assert world.requests == []


@pytest.mark.parametrize(
    ("question", "request_"),
    [
        ({"do": "availability", "evse": 0, "operative": False}, events.AvailabilityRequested("", 0, False)),
        ({"do": "availability", "evse": 1, "operative": True}, events.AvailabilityRequested("", 1, True)),
        ({"do": "stop", "evse": 1}, events.StopRequested("", "t2", StopReason.LOCAL)),
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


@pytest.mark.parametrize("evse", [None, 1])
def test_a_start_is_an_event_of_the_core(tmp_path: Path, evse: int | None) -> None:
    world = World()
    assert ask(tmp_path, world, do="start", tag="T1", evse=evse) == {"verdict": "Accepted"}
    assert [replace(seen, ref="") for seen in world.requests] == [events.StartRequested("", evse, Token("T1"))]


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
    assert told == {"error": "There was no answer within 0 s; 'evsectl log' may say why."}


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
        "unassigned_wh": 350,
    }


def test_a_running_charge_shows_what_the_meter_says_now(tmp_path: Path) -> None:
    world = World()
    for energy_wh, session_wh in ((10_000_321, 3_535), (None, 3_214)):
        world.becomes(replace(CHARGING, energy_wh=energy_wh))
        running, ended = ask(tmp_path, world, do="transactions")["transactions"]
        assert (running["energy_wh"], ended["energy_wh"]) == (session_wh, 150)


def test_transactions_are_limited(tmp_path: Path) -> None:
    assert len(ask(tmp_path, World(), do="transactions", limit=1)["transactions"]) == 1


def test_the_log_is_told(tmp_path: Path) -> None:
    told = ask(tmp_path, World(), do="log", lines=2)
    assert told == {
        "lines": [
            {"at_ms": None, "text": "< CALL 41 Reset"},
            {"at_ms": 1_800_000_060_000, "text": "> RESULT 41 Accepted"},
        ]
    }


def test_security_events_are_called_as_on_the_wire(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = SecurityEntry("1", SecurityKind.REFUSED_BY_CENTRAL, Stamp("b", 1, None), "")
    monkeypatch.setattr("tests.evsed.desk_world.SECURITY_LOG", (refused,))
    (event,) = ask(tmp_path, World(), do="security-log")["events"]
    assert event["kind"] == "FailedToAuthenticateAtCentralSystem"


def test_a_vendor_message_brings_the_answer_of_the_central_system(tmp_path: Path) -> None:
    world = World()
    world.data = "thanks"
    told = ask(tmp_path, world, do="send-data", vendor="V", data="{}")
    assert told == {"verdict": "Accepted", "data": "thanks"}
    assert [replace(seen, ref="") for seen in world.requests] == [events.VendorMessageWanted("", "V", None, "{}")]


@pytest.mark.parametrize(
    ("verdict", "data", "sentence"),
    [
        (Verdict.UNKNOWN_VENDOR, None, "The central system does not know this vendor."),
        (Verdict.UNKNOWN_MESSAGE, None, "The central system knows this vendor, but not this message."),
        (Verdict.REJECTED, "too late", "The central system rejected the message: too late."),
        (Verdict.NO_ANSWER, None, "The central system did not answer, so the message may not have arrived."),
    ],
)
def test_a_vendor_message_that_is_not_taken_says_why(
    tmp_path: Path, verdict: Verdict, data: str | None, sentence: str
) -> None:
    world = World()
    world.verdict, world.data = verdict, data
    assert ask(tmp_path, world, do="send-data", vendor="V") == {"error": sentence}


def test_without_a_central_system_that_listens_no_vendor_message_is_taken(tmp_path: Path) -> None:
    world = World()
    for station, sentence in (
        (replace(STATION, link=LinkStatus()), "No central system is configured"),
        (replace(STATION, link=LinkStatus(configured=True)), "The message is not sent: the central system can't"),
        (replace(STATION, registration=Registration.PENDING), "The message is not sent: the central system can't"),
    ):
        world.state = station
        assert ask(tmp_path, world, do="send-data", vendor="V")["error"].startswith(sentence)
    assert world.requests == []


def test_latched_faults_are_cleared_and_told(tmp_path: Path) -> None:
    world = World()
    world.becomes(replace(CHARGING, faults=(TRIPPED, WARNING, STUCK)))
    told = ask(tmp_path, world, do="clear-faults", evse=1)
    assert told == {"cleared": ["RESIDUAL_CURRENT"], "left": ["WELDED"]}
    assert world.cleared == [1]


def test_a_fault_that_stays_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "CLEAR_S", 0)
    world = World()
    world.becomes(replace(CHARGING, faults=(STUCK,)))
    told = ask(tmp_path, world, do="clear-faults", evse=1)["error"]
    assert told.startswith("WELDED stays, since its cause is still there or this does not clear it; switch the supply")


def test_where_nothing_is_latched_nothing_is_cleared(tmp_path: Path) -> None:
    world = World()
    world.becomes(replace(CHARGING, faults=(WARNING,)))
    assert ask(tmp_path, world, do="clear-faults", evse=1)["error"] == (
        "No fault waits to be cleared at outlet 1; SHORT_C ends by itself once its cause has gone."
    )
    world.becomes(CHARGING)
    assert ask(tmp_path, world, do="clear-faults", evse=1)["error"] == "No fault waits to be cleared at outlet 1."
    assert world.cleared == []


@pytest.mark.parametrize("word", ["clear-faults", "unlock"])
def test_without_hal_nothing_is_cleared_nor_unlocked(tmp_path: Path, word: str) -> None:
    world = World()
    world.state = replace(STATION, hal=HalStatus(up=False), outlets=(replace(CHARGING, faults=(STUCK,)),))
    assert "evse-hal does not answer" in ask(tmp_path, world, do=word, evse=1)["error"]
    assert (world.cleared, world.requests) == ([], [])


@pytest.mark.parametrize(
    ("outlet", "sentence"),
    [
        (CHARGING, "A charge runs at outlet 1 already; end it first with 'evsectl stop --evse 1'."),
        (
            replace(IDLE, authorizing=True),
            "Another card waits at outlet 1 already; 'evsectl stop --evse 1' lets it go.",
        ),
        (replace(IDLE, waiting_for_cable=True), "Another card waits at outlet 1 already; 'evsectl stop --evse 1' lets"),
        (replace(IDLE, operative=False), "The outlet is out of service; put it back with"),
    ],
)
def test_a_refused_start_says_why(tmp_path: Path, outlet: OutletStatus, sentence: str) -> None:
    world = World()
    world.becomes(outlet)
    world.verdict = Verdict.REJECTED
    assert ask(tmp_path, world, do="start", tag="T1")["error"].startswith(sentence)


def test_a_start_before_the_board_is_known_says_so(tmp_path: Path) -> None:
    world = World()
    world.becomes()
    world.verdict = Verdict.REJECTED
    assert ask(tmp_path, world, do="start", tag="T1") == {
        "error": "No outlet is known yet, since evse-hal has not answered."
    }


def test_stop_lets_a_waiting_card_go(tmp_path: Path) -> None:
    world = World()
    world.becomes(replace(IDLE, waiting_for_cable=True))
    assert ask(tmp_path, world, do="stop", evse=1) == {"verdict": "Accepted"}
    assert [replace(seen, ref="") for seen in world.requests] == [events.CancelRequested("", 1)]


def test_stop_without_charge_or_card_is_refused(tmp_path: Path) -> None:
    world = World()
    world.verdict = Verdict.REJECTED
    assert ask(tmp_path, world, do="stop", evse=1) == {
        "error": "No charge is running at outlet 1, and no card waits there."
    }


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b'{"do":"start","tag":""}', "start: tag must be text of 1 to 20 characters, not ''."),
        (b'{"do":"log","lines":99999}', "log: lines must be a whole number from 1 to 1000, not 99999."),
        (b'{"do":"start"}', "start: tag is missing: it must be text of 1 to 20 characters."),
        (b'{"do":"start","tagg":"x"}', "start: tagg is not known; did you mean tag?"),
        (
            b'{"do":"availability","evse":1,"operative":"yes"}',
            "availability: operative must be true or false, not 'yes'.",
        ),
        (b'{"do":"stats"}', "There is no request 'stats'; did you mean status?"),
        (b'{"do":7}', 'A request is a JSON object with a word in "do".'),
        (b"[]", 'A request is a JSON object with a word in "do".'),
        (b"{", "This is no JSON: Input data was truncated."),
    ],
)
def test_a_wrong_request_is_refused_in_our_words(tmp_path: Path, line: bytes, sentence: str) -> None:
    async def script(peer: Peer) -> None:
        peer.says(line + b"\n")
        assert await peer.hears() == {"error": sentence}

    talk(tmp_path, World(), script)
