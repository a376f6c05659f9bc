"""Both foreign servers against a scripted station: they answer, they ask, and they find each breach."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from tests.peers.central import HERE, CentralSystem, Refused
from tests.peers.ledger import Frame, Ledger

NPM = pytest.param(
    CentralSystem.of_npm,
    id="npm",
    marks=pytest.mark.skipif(
        shutil.which("node") is None or not (HERE / "node_modules").is_dir(), reason="node or its packages are missing"
    ),
)
PACKAGE = pytest.param(CentralSystem.of_package, id="package")


@pytest.fixture(scope="module", params=[PACKAGE, NPM])
def running(request: pytest.FixtureRequest) -> Iterator[CentralSystem]:
    with request.param() as central:
        yield central


@pytest.fixture
def central(running: CentralSystem) -> CentralSystem:
    """A running server with an empty book."""
    running.wait("the end of the last station", lambda: running.stations == [])
    running.ledger = Ledger()
    return running


class Station:
    """A station of a few lines: says what it is told to say."""

    def __init__(self, central: CentralSystem) -> None:
        self._central = central
        self._connecting = connect(f"{central.url}/CP1", subprotocols=[Subprotocol("ocpp1.6")])
        self._asked = ThreadPoolExecutor(1)

    def __enter__(self) -> Station:
        self._socket = self._connecting.__enter__()
        self._central.wait("the connection", lambda: "CP1" in self._central.stations)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connecting.__exit__(kind, error, trace)
        self._asked.shutdown()

    def say_raw(self, text: str) -> None:
        self._socket.send(text)

    def say(self, *frame: object) -> Any:
        """Send a call; the frame that answers it."""
        self.say_raw(json.dumps(frame))
        return json.loads(self._socket.recv(timeout=10))

    def answers(self, *answer: object, to: str, **payload: object) -> Future[dict[str, Any]]:
        """Let the central system ask, and answer: what it makes of that."""
        result = self._asked.submit(self._central.ask, to, **payload)
        call = json.loads(self._socket.recv(timeout=10))
        assert call[2:] == [to, payload]
        self.say_raw(json.dumps([answer[0], call[1], *answer[1:]]))
        return result


START = {"connectorId": 1, "idTag": "A", "meterStart": 1_000, "timestamp": "2026-01-02T03:04:05Z"}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


def test_a_charge_is_answered_and_booked(central: CentralSystem) -> None:
    with Station(central) as station:
        boot = station.say(2, "1", "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
        assert boot[:2] == [3, "1"] and boot[2]["status"] == "Accepted"
        station.say(2, "2", "StatusNotification", STATUS)
        tx = station.say(2, "3", "StartTransaction", START)[2]["transactionId"]
        stop = {
            "transactionId": tx,
            "meterStop": 3_500,
            "timestamp": "2026-01-02T04:04:05Z",
            "reason": "EVDisconnected",
        }
        station.say(2, "4", "StopTransaction", stop)
    central.wait("the answer", lambda: central.ledger.counts["StopTransaction", "CALLRESULT", "out"] == 1)
    summary = central.ledger.summary()
    assert summary["breaches"] == []
    assert summary["statuses"] == {"1": ["Available"]}
    [charge] = summary["transactions"]
    assert (charge["id"], charge["kwh"], charge["reason"]) == (tx, 2.5, "EVDisconnected")


def test_a_request_is_asked_answered_and_refused(central: CentralSystem) -> None:
    with Station(central) as station:
        accepted = station.answers(3, {"status": "Accepted"}, to="Reset", type="Soft")
        assert accepted.result() == {"status": "Accepted"}
        with pytest.raises(Refused, match="NotImplemented"):
            station.answers(4, "NotImplemented", "", {}, to="ClearCache").result()
    assert central.ledger.breaches == []


@pytest.mark.parametrize(
    "payload",
    [
        {**STATUS, "status": "Bored"},
        {**STATUS, "colour": "red"},
        {"connectorId": 1, "status": "Available"},
        {**STATUS, "info": "x" * 51},
        {**STATUS, "connectorId": "1"},
    ],
    ids=["enum", "additional", "missing", "too long", "wrong type"],
)
def test_a_breach_of_the_station_is_found(central: CentralSystem, payload: object) -> None:
    with Station(central) as station:
        assert station.say(2, "1", "StatusNotification", payload)[0] == 4
    assert len(central.ledger.breaches) == 1


def test_a_breach_in_an_answer_is_found(central: CentralSystem) -> None:
    with Station(central) as station, pytest.raises(Refused):
        station.answers(3, {"status": "Perhaps"}, to="Reset", type="Soft").result()
    assert len(central.ledger.breaches) == 1


def test_an_answer_can_be_scripted_once(central: CentralSystem) -> None:
    with Station(central) as station:
        central.script("Authorize", idTagInfo={"status": "Blocked"})
        said = [station.say(2, id_, "Authorize", {"idTag": "A"})[2]["idTagInfo"]["status"] for id_ in ("1", "2")]
        assert said == ["Blocked", "Accepted"]


def test_the_connection_can_be_cut(central: CentralSystem) -> None:
    with Station(central):
        central.drop()
        central.wait("the end", lambda: central.stations == [])


def test_only_accepted_tags_are_accepted() -> None:
    with CentralSystem.of_package("--accept-tags", "A,B") as central, Station(central) as station:
        said = [station.say(2, tag, "Authorize", {"idTag": tag})[2]["idTagInfo"]["status"] for tag in "ABC"]
    assert said == ["Accepted", "Accepted", "Invalid"]


def test_the_transcript_holds_every_line(tmp_path: Path) -> None:
    transcript = tmp_path / "transcript"
    with CentralSystem.of_package("--transcript", str(transcript)) as central:
        with Station(central) as station:
            station.say(2, "1", "Heartbeat", {})
        central.wait("the end", lambda: central.stations == [])
    assert [json.loads(line) for line in transcript.read_text().splitlines()] == central.lines
    assert [next(iter(line)) for line in central.lines] == ["connected", "frame", "frame", "disconnected", "summary"]


def test_a_frame_that_kills_the_packages_loop_is_a_breach() -> None:
    with CentralSystem.of_package() as central:
        with Station(central) as station:
            station.say_raw('[2,"1",["Reset"],{}]')
            central.wait("the end", lambda: central.stations == [])
        central.close()
        assert any("died" in line for line in central.lines[-1]["summary"]["breaches"])


def test_the_book_counts_a_repeated_message_once() -> None:
    ledger = Ledger()
    for _ in range(2):
        ledger.note(Frame("t", "in", "CALL", "7", "StartTransaction", START))
        ledger.note(Frame("t", "out", "CALLRESULT", "7", "StartTransaction", {"transactionId": 4}))
    assert ledger.repeats == 1
    assert [(charge.id, charge.start_wh) for charge in ledger.charges] == [(4, 1_000)]


def test_the_book_misses_a_start() -> None:
    ledger = Ledger()
    stop = {"transactionId": 9, "meterStop": 1, "timestamp": "2026-01-02T03:04:05Z"}
    ledger.note(Frame("t", "in", "CALL", "7", "StopTransaction", stop))
    assert ledger.breaches == ["StopTransaction of a transaction never started: 9"]
