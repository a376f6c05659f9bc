"""A central system as a process of its own, built on the `ocpp` package's server side, so that it is not our parser
that reads our messages.

    python -m tests.peers.package_csms [--port 0] [--transcript FILE] [--accept-tags TAG,TAG] [--scenario NAME]

Its first line is its address; put the station's identity behind it. Then it prints one JSON object a line:

    {"frame": {"at": "2026-01-02T03:04:05.678Z", "dir": "in", "kind": "CALL", "id": "17", "action": "Heartbeat",
               "payload": {}, "breach": null}}       each message, with the package's own verdict; "in" = to us
    {"connected": "CP1"}  {"disconnected": "CP1"}
    {"answer": 3, "result": {…}}  or  {"answer": 3, "error": "NotImplemented: …"}     to the order with that ref
    {"scenario": "evcc", "complaints": []}           when a scenario is through
    {"summary": {…}}                                 asked for, and at the end; see ledger.py

It takes one order a line; the optional ref is given back with the answer:

    {"call": "RemoteStartTransaction", "payload": {"idTag": "A"}, "ref": 3}
    {"next": "BootNotification", "payload": {"status": "Pending", …}}    answer the next such message with this
    {"drop": true}                                   cut the connection
    {"summary": true}

The end of its input ends it. `rpc_server.mjs` speaks the same, without scenarios and summary.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import ocpp.messages
from ocpp.charge_point import camel_to_snake_case, remove_nones, serialize_as_dict, snake_to_camel_case
from ocpp.exceptions import OCPPError
from ocpp.messages import Call, CallError, CallResult
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.peers.habits import HABITS, Habit
from tests.peers.ledger import Frame, Ledger

logging.getLogger("ocpp").setLevel(logging.CRITICAL)  # the lines that we print say the same
ocpp.messages.ASYNC_VALIDATION = False  # its threads would let messages overtake each other
BOOT_INTERVAL_S = 300
CALL_TIMEOUT_S = 30

Payload = dict[str, Any]


def utc_now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Station(ChargePoint):
    """The package's view of one connected station. Every handler answers as a plain central system does."""

    def __init__(self, identity: str, connection: ServerConnection, desk: Desk) -> None:
        super().__init__(identity, connection, response_timeout=CALL_TIMEOUT_S)
        self._desk = desk
        self._asked: dict[tuple[str, str], str] = {}  # (direction of the call, id) → action, until it is answered

    async def route_message(self, raw_msg: str) -> None:
        self._desk.record(self._judge("in", raw_msg))
        await super().route_message(raw_msg)

    async def _send(self, message: str) -> None:
        self._desk.record(self._judge("out", message))
        await super()._send(message)

    def _judge(self, direction: str, raw: str) -> Frame:
        """The frame as the package reads it, with the package's verdict."""
        frame = Frame(utc_now(), direction, "?", None, None, raw)
        try:
            message = ocpp.messages.unpack(raw)
            frame.kind, frame.id = type(message).__name__.upper(), message.unique_id
            if isinstance(message, Call):
                frame.action, frame.payload = message.action, message.payload
                self._asked[direction, message.unique_id] = message.action
            else:
                asked = ("out" if direction == "in" else "in", message.unique_id)
                frame.action = message.action = self._asked.pop(asked, None)
            if isinstance(message, CallError):
                frame.payload = {"code": message.error_code, "description": message.error_description}
            elif isinstance(message, CallResult):
                frame.payload = message.payload
            if frame.action is None:
                frame.breach = "an answer to nothing that was asked"
            elif not isinstance(message, CallError):
                ocpp.messages._validate_payload(message, self._ocpp_version)
        except OCPPError as breach:
            frame.breach = f"{breach.code}: {breach.details.get('cause', breach.description)}"
        return frame

    def _tag_info(self, tag: str) -> Payload:
        known = self._desk.accepted_tags is None or tag in self._desk.accepted_tags
        return {"status": "Accepted" if known else "Invalid"}

    def _answer(self, action: str, plain: Payload) -> object:
        payload = self._desk.scripted(action) or plain
        return getattr(call_result, action)(**camel_to_snake_case(payload))

    @on("Authorize")
    def _authorize(self, id_tag: str) -> object:
        return self._answer("Authorize", {"idTagInfo": self._tag_info(id_tag)})

    @on("BootNotification")
    def _boot(self, **_: object) -> object:
        plain = {"currentTime": utc_now(), "interval": BOOT_INTERVAL_S, "status": "Accepted"}
        return self._answer("BootNotification", plain)

    @on("DataTransfer")
    def _data(self, **_: object) -> object:
        return self._answer("DataTransfer", {"status": "UnknownVendorId"})

    @on("DiagnosticsStatusNotification")
    def _diagnostics(self, **_: object) -> object:
        return self._answer("DiagnosticsStatusNotification", {})

    @on("FirmwareStatusNotification")
    def _firmware(self, **_: object) -> object:
        return self._answer("FirmwareStatusNotification", {})

    @on("LogStatusNotification")
    def _log_status(self, **_: object) -> object:
        return self._answer("LogStatusNotification", {})

    @on("SignedFirmwareStatusNotification")
    def _signed_firmware(self, **_: object) -> object:
        return self._answer("SignedFirmwareStatusNotification", {})

    @on("Heartbeat")
    def _heartbeat(self) -> object:
        return self._answer("Heartbeat", {"currentTime": utc_now()})

    @on("MeterValues")
    def _meter_values(self, **_: object) -> object:
        return self._answer("MeterValues", {})

    @on("SignCertificate")
    def _sign(self, **_: object) -> object:
        return self._answer("SignCertificate", {"status": "Accepted"})

    @on("SecurityEventNotification")
    def _security_event(self, **_: object) -> object:
        return self._answer("SecurityEventNotification", {})

    @on("StartTransaction")
    def _start(self, id_tag: str, **_: object) -> object:
        plain = {"transactionId": self._desk.next_transaction(), "idTagInfo": self._tag_info(id_tag)}
        return self._answer("StartTransaction", plain)

    @on("StatusNotification")
    def _status(self, **_: object) -> object:
        return self._answer("StatusNotification", {})

    @on("StopTransaction")
    def _stop(self, id_tag: str | None = None, **_: object) -> object:
        return self._answer("StopTransaction", {"idTagInfo": self._tag_info(id_tag)} if id_tag else {})

    async def request(self, action: str, payload: Payload) -> Payload:
        """Ask the station; its answer. Raises OCPPError for its refusals and the package's own, TimeoutError."""
        kind = getattr(call, action, None)
        if kind is None:
            raise OCPPError(f"the package knows no {action}")
        answer = await self.call(kind(**camel_to_snake_case(payload)), suppress=False)
        result: Payload = snake_to_camel_case(remove_nones(serialize_as_dict(answer)))
        return result


class Desk:
    """What is told and asked: the printed lines, the scripted answers, the connected station."""

    def __init__(self, accepted_tags: frozenset[str] | None, transcript: TextIO | None) -> None:
        self.accepted_tags = accepted_tags
        self.ledger = Ledger()
        self.station: Station | None = None
        self._transcript = transcript
        self._scripts: dict[str, list[Payload]] = {}
        self._transaction = int(datetime.now(UTC).timestamp()) % 1_000_000 * 100
        self._waiting: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []

    def say(self, **line: object) -> None:
        text = json.dumps(line, default=float)
        _tell(text)
        if self._transcript:
            print(text, file=self._transcript, flush=True)

    def record(self, frame: Frame) -> None:
        self.ledger.note(frame)
        self.say(frame=frame.as_dict())
        self._wake()

    def connected(self, station: Station) -> None:
        self.station = station
        self.say(connected=station.id)
        self._wake()

    def disconnected(self, station: Station) -> None:
        if self.station is station:
            self.station = None
        self.say(disconnected=station.id)

    def scripted(self, action: str) -> Payload | None:
        waiting = self._scripts.get(action)
        return waiting.pop(0) if waiting else None

    def next_transaction(self) -> int:
        self._transaction += 1
        return self._transaction

    # What a habit needs (habits.Central).

    @property
    def is_connected(self) -> bool:
        return self.station is not None

    def seen(self, action: str) -> int:
        return self.ledger.counts[action, "CALL", "in"]

    async def until(self, holds: Callable[[], bool], timeout_s: float) -> bool:
        """Whether it holds within the time; looked at after each frame and each new connection."""
        if not holds():
            waiting = (holds, asyncio.get_running_loop().create_future())
            self._waiting.append(waiting)
            with suppress(TimeoutError):
                await asyncio.wait_for(waiting[1], timeout_s)
            self._waiting.remove(waiting)
        return holds()

    def _wake(self) -> None:
        for holds, woken in self._waiting:
            if not woken.done() and holds():
                woken.set_result(None)

    async def ask(self, action: str, **payload: object) -> Payload:
        if self.station is None:
            raise OCPPError("no station is connected")
        return await self.station.request(action, payload)

    # What the input asks.

    async def obey(self, order: Payload) -> None:
        try:
            self.say(answer=order.get("ref"), result=await self._do(order))
        except OCPPError as refused:
            self.say(answer=order.get("ref"), error=f"{refused.code or 'Error'}: {refused.description}")
        except (TimeoutError, TypeError, ConnectionClosed) as failed:
            self.say(answer=order.get("ref"), error=f"{type(failed).__name__}: {failed}")

    async def _do(self, order: Payload) -> Payload:
        if "call" in order:
            return await self.ask(order["call"], **order.get("payload", {}))
        if "next" in order:
            self._scripts.setdefault(order["next"], []).append(order["payload"])
        elif "drop" in order and self.station is not None:
            self.station._connection.transport.abort()
        elif "summary" in order:
            self.say(summary=self.ledger.summary())
        else:
            raise OCPPError("this order is not known, or no station is connected")
        return {}


async def run(args: argparse.Namespace, transcript: TextIO | None) -> None:
    desk = Desk(None if args.accept_tags is None else frozenset(args.accept_tags.split(",")), transcript)
    habit = HABITS[args.scenario] if args.scenario else None
    to_drop = 1 if habit and habit.drops_first else 0

    async def serve_one(connection: ServerConnection) -> None:
        nonlocal to_drop
        if to_drop:
            to_drop -= 1
            return connection.transport.abort()
        assert connection.request is not None
        await _converse(Station(connection.request.path.rsplit("/", 1)[-1], connection, desk), desk)

    async with serve(serve_one, "127.0.0.1", args.port, subprotocols=[Subprotocol("ocpp1.6")]) as server:
        host, port = next(iter(server.sockets)).getsockname()[:2]
        _tell(f"ws://{host}:{port}")
        tasks = {asyncio.create_task(_go_through(args.scenario, habit, desk))} if habit else set()
        async for line in _lines_of_stdin():
            task = asyncio.create_task(desk.obey(json.loads(line)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        for task in tasks:
            task.cancel()
        desk.say(summary=desk.ledger.summary())


async def _converse(station: Station, desk: Desk) -> None:
    desk.connected(station)
    try:
        await station.start()
    except ConnectionClosed:
        pass
    except Exception as broken:  # a frame that the package cannot survive is the worst breach of all
        desk.ledger.breaches.append(f"the package's receive loop died: {broken!r}")
    desk.disconnected(station)


async def _go_through(name: str, habit: Habit, desk: Desk) -> None:
    desk.say(scenario=name, complaints=await habit.walk(desk))


def _tell(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # whoever drives us is gone
        os._exit(1)


async def _lines_of_stdin() -> AsyncIterator[bytes]:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        if line.strip():
            yield line


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.peers.package_csms", description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=0, help="of 127.0.0.1; 0 = a free one")
    parser.add_argument("--transcript", type=Path, metavar="FILE", help="also write the lines there")
    parser.add_argument("--accept-tags", metavar="TAG,TAG", help="all others are Invalid (default: all are accepted)")
    parser.add_argument("--scenario", choices=sorted(HABITS), help="behave as this central system does on connect")
    args = parser.parse_args()
    with suppress(KeyboardInterrupt):
        if args.transcript is None:
            asyncio.run(run(args, None))
        else:
            with args.transcript.open("w") as transcript:
                asyncio.run(run(args, transcript))
    return 0


if __name__ == "__main__":
    sys.exit(main())
