"""The link against a real WebSocket server on loopback. Waits are asked of the test, which counts them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from evsed.core.central_systems import DialFailed
from evsed.core.effects import LinkSettings, Reply, Send
from evsed.core.events import Delivered, Event, FromCentral, LinkDown, LinkUp, Undelivered
from evsed.core.reports import HeartbeatDue, VendorMessage
from evsed.core.security_events import SecurityKind, SecurityNoticed
from evsed.core.words import Verdict
from evsed.ocpp.exchange import Exchange
from evsed.ocpp.frames import LONGEST_FRAME
from evsed.ocpp.pace import AT_ONCE, LEAST
from evsed.ocpp.transport import LONGEST_READ, CentralSettings, Link, endpoint
from evsed.ocpp.v16.dialect import DIALECT
from tests.evsed.ocpp.world import NAMEPLATE
from tests.world.csms import Csms

CERTS = Path(__file__).parent / "certs"
KEY = bytes(range(12, 32))
OCPP16 = [Subprotocol("ocpp1.6")]
PATIENCE_S = 5


class Station:
    """A link whose events are waited for one by one. Every wait is over at once, until `tries` of them were asked."""

    def __init__(self, url: str, *, tries: int = 1, identity: str = "CP 1/ü", key: bytes | None = None, **more: object):
        self.lines: list[str] = []
        self.waits: list[float] = []
        self.inbox: asyncio.Queue[Event] = asyncio.Queue()
        self._tries = tries
        loop = asyncio.get_running_loop()
        self.exchange = Exchange(DIALECT, NAMEPLATE, lambda stamp: stamp.wall_ms)
        self.link = Link(
            CentralSettings(url, identity, key, more.pop("ca_file", None), more.pop("certificate", None)),  # type: ignore[arg-type]
            self.exchange,
            lambda: int(loop.time() * 1_000),
            self.inbox.put_nowait,
            log=self.lines.append,
            chance=lambda: 1.0,
            sleep=self._sleep,
            **({"ping_s": 0} | more),  # type: ignore[arg-type]
        )
        self.waited = asyncio.Event()
        self.running = asyncio.create_task(self.link.run())

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        if len(self.waits) >= self._tries:
            self.waited.set()
            await asyncio.Event().wait()

    async def next(self) -> Event:
        async with asyncio.timeout(PATIENCE_S):
            return await self.inbox.get()

    async def gave_up(self) -> None:
        """All tries were used."""
        async with asyncio.timeout(PATIENCE_S):
            await self.waited.wait()

    async def ends(self) -> None:
        await self.link.close()
        async with asyncio.timeout(PATIENCE_S):
            await self.running


Handler = Callable[[ServerConnection], Awaitable[None]]


def url_of(server: Server, scheme: str = "ws", host: str = "127.0.0.1") -> str:
    return f"{scheme}://{host}:{next(iter(server.sockets)).getsockname()[1]}/ocpp"


async def central(connection: ServerConnection) -> None:
    """Answers as a good one."""
    csms = Csms()
    csms.registered = True
    with suppress(ConnectionClosed):
        async for frame in connection:
            assert isinstance(frame, str)
            csms.receive(frame)
            for answer in csms.take():
                await connection.send(answer)


def play(script: Callable[[Server], Awaitable[None]], handler: Handler = central, **options: object) -> None:
    """Run `script` with a server at hand."""

    async def run() -> None:
        options.setdefault("subprotocols", OCPP16)
        async with serve(handler, "127.0.0.1", 0, ping_interval=None, close_timeout=0.1, **options) as server:  # type: ignore[arg-type]
            await script(server)

    asyncio.run(run())


def test_a_report_goes_out_and_its_answer_comes_back() -> None:
    seen: list[Request] = []

    def note(connection: ServerConnection, request: Request) -> None:
        seen.append(request)

    async def script(server: Server) -> None:
        station = Station(url_of(server), key=KEY)
        assert await station.next() == LinkUp()
        station.link.send(Send("item-1", HeartbeatDue(), 5_000))
        assert isinstance(await station.next(), Delivered)
        assert station.link.status().connected and station.link.status().error == ""
        assert station.link.status().counters == {}
        station.link.refuse("central-7", "nobody asked")
        assert station.link.status().counters == {"requests that failed": 1}
        await station.ends()
        assert await station.next() == LinkDown("evsed closed it")
        assert not any("AQID" in line or "DA0OD" in line for line in station.lines)

    play(script, process_request=note)
    (request,) = seen
    assert request.path == "/ocpp/CP%201%2F%C3%BC"
    # identity, colon, and the bytes of the key
    assert request.headers["Authorization"] == "Basic Q1AgMS/DvDoMDQ4PEBESExQVFhcYGRobHB0eHw=="
    assert "Sec-WebSocket-Extensions" not in request.headers


def test_a_process_that_ends_says_goodbye_and_waits_for_nobody() -> None:
    closed: list[int | None] = []
    over = asyncio.Event()

    async def hears(connection: ServerConnection) -> None:
        await connection.wait_closed()
        closed.append(connection.close_code)
        over.set()

    async def script(server: Server) -> None:
        station = Station(url_of(server))
        assert await station.next() == LinkUp()
        station.running.cancel()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait({station.running})
            await over.wait()

    play(script, hears)
    assert closed == [1001]


def test_requests_are_answered_in_order() -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def handler(connection: ServerConnection) -> None:
        for n in range(3):
            await connection.send(f'[2,"{n}","ClearCache",{{}}]')
        with suppress(ConnectionClosed):
            async for frame in connection:
                heard.put_nowait(str(frame))

    async def script(server: Server) -> None:
        station = Station(url_of(server))
        await station.next()
        for verdict in (Verdict.ACCEPTED, Verdict.REJECTED, Verdict.ACCEPTED):
            event = await station.next()
            assert isinstance(event, FromCentral)
            station.link.reply(Reply(event.request.ref, verdict))
        assert [(await heard.get())[:7] for _ in range(3)] == ['[3,"0",', '[3,"1",', '[3,"2",']
        await station.ends()

    play(script, handler)


def test_an_answer_that_does_not_come_is_given_up_in_time() -> None:
    async def silent(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async def script(server: Server) -> None:
        station = Station(url_of(server))
        await station.next()
        station.link.send(Send("item-1", HeartbeatDue(), 30))
        assert await station.next() == Undelivered("item-1", None, "no answer in time")
        station.link.send(Send("item-2", HeartbeatDue(), 30))
        assert await station.next() == Undelivered("item-2", None, "no answer in time")
        await station.ends()

    play(script, silent)


def test_a_server_that_accepts_and_closes_is_redialled_ever_more_slowly() -> None:
    async def closes(connection: ServerConnection) -> None:
        await connection.close(1008, "who are you?")

    async def script(server: Server) -> None:
        station = Station(url_of(server), tries=6)
        await station.gave_up()
        assert station.waits == [2, 4, 8, 16, 32, 60]
        status = station.link.status()
        assert status.next_try_s in (59, 60) and not status.connected
        assert status.error == "the central system closed it: 1008 who are you?"
        events = [station.inbox.get_nowait() for _ in range(12)]
        assert events == [LinkUp(), LinkDown("the central system closed it: 1008 who are you?")] * 6
        await station.ends()

    play(script, closes)


@pytest.mark.parametrize(
    ("code", "headers", "wait", "word"),
    [
        (401, {}, 2, "credentials"),
        (403, {}, 2, "HTTP 403"),
        (404, {}, 2, "identity"),
        (429, {"Retry-After": "77"}, 77, "patience"),
        (503, {"Retry-After": "86400"}, 600, "Service Unavailable"),
        (302, {"Location": "ws://127.0.0.1:1/"}, 2, "redirects to ws://127.0.0.1:1/"),
        (200, {}, 2, "HTTP 200"),
    ],
)
def test_http_refusals_are_tried_again(code: int, headers: dict[str, str], wait: float, word: str) -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        return Response(
            code, HTTPStatus(code).phrase, Headers({"Connection": "close", "Content-Length": "0", **headers})
        )

    async def script(server: Server) -> None:
        station = Station(url_of(server), tries=3)
        await station.gave_up()
        assert station.waits == [wait, max(wait, 4), max(wait, 8)]
        assert word in station.link.status().error
        assert len(station.lines) == 2  # the 1st and the 2nd time; then the 4th
        await station.ends()

    play(script, process_request=refuse)


@pytest.mark.parametrize("spoken", [None, "ocpp2.0.1"])
def test_without_our_subprotocol_there_is_no_connection(spoken: str | None) -> None:
    async def script(server: Server) -> None:
        station = Station(url_of(server))
        await station.gave_up()
        assert "does not speak our version of OCPP" in station.link.status().error
        assert await station.next() == DialFailed(refused=False)
        assert station.inbox.empty()
        await station.ends()

    def select(connection: ServerConnection, offered: object) -> Subprotocol | None:
        return Subprotocol(spoken) if spoken else None

    play(script, select_subprotocol=select)


def test_nobody_there() -> None:
    async def run() -> None:
        station = Station("ws://127.0.0.1:1/ocpp")
        await station.gave_up()
        assert "can't be reached" in station.link.status().error
        await station.ends()

    asyncio.run(run())


@pytest.mark.parametrize("says", [b"", b"220 smtp.example ESMTP\r\n", b"HTTP/1.1 101 OK\r\n\r\n", b"\x00" * 5000])
def test_somebody_else_there(says: bytes) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(says)
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(other, "127.0.0.1", 0)
        async with server:
            station = Station(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            await station.gave_up()
            assert station.link.status().error
            await station.ends()

    asyncio.run(run())


def test_a_ping_without_a_pong_ends_the_connection() -> None:
    async def deaf(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await connection.wait_closed()

    async def script(server: Server) -> None:
        station = Station(url_of(server), tries=2, ping_s=30, pong_s=0.05)
        assert await station.next() == LinkUp()
        assert await station.next() == LinkDown("no answer to a ping within 0.05 s")
        assert station.waits[0] == 30
        await station.ends()

    play(script, deaf)


def test_another_target_is_dialled_at_once_and_with_its_own_key() -> None:
    seen: list[str | None] = []

    def note(connection: ServerConnection, request: Request) -> None:
        seen.append(request.headers.get("Authorization"))

    async def script(server: Server) -> None:
        station = Station(url_of(server), key=KEY)
        await station.next()
        station.link.connect_to(CentralSettings(url_of(server), "CP", b"another"), hang_up=False)
        assert len(seen) == 1  # the present connection stays
        station.link.connect_to(CentralSettings(url_of(server), "CP", b"a third"), hang_up=True)
        assert await station.next() == LinkDown("evsed closed it")
        assert await station.next() == LinkUp()
        assert station.waits == []
        await station.ends()

    play(script, process_request=note)
    assert seen == ["Basic Q1AgMS/DvDoMDQ4PEBESExQVFhcYGRobHB0eHw==", "Basic Q1A6YSB0aGlyZA=="]


def test_changes_of_how_we_connect_are_no_failures() -> None:
    """Else a key that is refused after some others would keep the station away for a minute."""

    def judge(connection: ServerConnection, request: Request) -> Response | None:
        refused = request.headers.get("Authorization") == "Basic Q1A6bGFzdA=="
        return connection.respond(HTTPStatus.UNAUTHORIZED, "no") if refused else None

    async def script(server: Server) -> None:
        station = Station(url_of(server), key=KEY)
        assert await station.next() == LinkUp()
        for key in (b"second", b"third", b"last"):
            station.link.connect_to(CentralSettings(url_of(server), "CP", key), hang_up=True)
            assert await station.next() == LinkDown("evsed closed it")
            if key != b"last":
                assert await station.next() == LinkUp()
        await station.gave_up()
        assert station.waits == [2.0]
        await station.ends()

    play(script, process_request=judge)


def test_a_refused_key_is_told_and_concerns_the_security_log() -> None:
    def refuse(connection: ServerConnection, request: Request) -> Response:
        return connection.respond(HTTPStatus.UNAUTHORIZED, "no")

    async def script(server: Server) -> None:
        station = Station(url_of(server), key=KEY)
        event = await station.next()
        assert isinstance(event, SecurityNoticed) and event.kind is SecurityKind.REFUSED_BY_CENTRAL
        assert await station.next() == DialFailed(refused=True)
        await station.ends()

    play(script, process_request=refuse)


def test_the_ping_interval_changes_at_once() -> None:
    async def script(server: Server) -> None:
        station = Station(url_of(server), tries=1, ping_s=0)
        await station.next()
        assert station.waits == []
        station.link.settings(LinkSettings(ping_s=7))
        await station.gave_up()
        assert station.waits == [7]
        station.link.settings(LinkSettings(ping_s=9))
        while station.waits != [7, 9]:
            await asyncio.sleep(0)
        await station.ends()

    play(script)


def test_a_peer_that_does_not_read_is_hung_up_on() -> None:
    async def deaf(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await connection.wait_closed()

    async def script(server: Server) -> None:
        station = Station(url_of(server))
        await station.next()
        for n in range(400):
            station.link.send(Send(f"item-{n}", VendorMessage("org.example", data="x" * 60_000), 60_000))
            await asyncio.sleep(0)
        assert await station.next() == LinkDown("the central system does not take what is sent to it")
        await station.ends()

    play(script, deaf)


def test_a_flood_is_left_in_the_socket() -> None:
    sent = AT_ONCE // LEAST + 500

    async def handler(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            for _ in range(sent):
                await connection.send("[]")
            await connection.wait_closed()

    async def script(server: Server) -> None:
        station = Station(url_of(server))
        await station.gave_up()
        assert station.exchange.counters["malformed frames"] < sent
        await station.ends()

    play(script, handler)


def test_long_and_binary_messages_are_dropped_and_longer_ones_end_the_connection() -> None:
    async def handler(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await connection.send("x" * (LONGEST_FRAME + 1))
            await connection.send(b'[2,"a","ClearCache",{}]')
            await connection.send("[" * 100_000)
            await connection.send('[2,"a","ClearCache",{}]')
            await connection.recv()
            await connection.send("x" * (LONGEST_READ + 1))
            await connection.wait_closed()

    async def script(server: Server) -> None:
        station = Station(url_of(server))
        await station.next()
        concerns = [await station.next() for _ in range(3)]
        assert {event.kind for event in concerns if isinstance(event, SecurityNoticed)} == {"InvalidMessages"}
        event = await station.next()
        assert isinstance(event, FromCentral)
        assert station.exchange.counters["malformed frames"] == 3
        station.link.reply(Reply(event.request.ref, Verdict.ACCEPTED))
        event = await station.next()
        assert isinstance(event, LinkDown) and "1009" in event.why
        await station.ends()

    play(script, handler)


def test_text_that_is_no_utf8_ends_the_connection_and_it_is_dialled_again() -> None:
    async def handler(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await connection.send(b"\xff\xfe", text=True)
            await connection.wait_closed()

    async def script(server: Server) -> None:
        station = Station(url_of(server), tries=2)
        assert [type(await station.next()) for _ in range(4)] == [LinkUp, LinkDown, LinkUp, LinkDown]
        await station.ends()

    play(script, handler)


def server_side(name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTS / name)
    return context


def test_tls_with_our_own_ca() -> None:
    async def script(server: Server) -> None:
        station = Station(url_of(server, "wss", "localhost"), ca_file=str(CERTS / "ca.pem"))
        assert isinstance(await station.next(), LinkUp)
        station.link.send(Send("item-1", HeartbeatDue(), 5_000))
        assert isinstance(await station.next(), Delivered)
        await station.ends()

    play(script, ssl=server_side("localhost.pem"))


@pytest.mark.parametrize(
    ("certificate", "ca_file"), [("localhost.pem", None), ("other.example.pem", str(CERTS / "ca.pem"))]
)
def test_a_certificate_must_be_trusted_and_name_the_host(certificate: str, ca_file: str | None) -> None:
    async def script(server: Server) -> None:
        station = Station(url_of(server, "wss", "localhost"), ca_file=ca_file)
        await station.gave_up()
        assert station.link.status().error.startswith("its certificate is not trusted")
        await station.ends()

    play(script, ssl=server_side(certificate))


def test_tls_where_there_is_none() -> None:
    async def script(server: Server) -> None:
        station = Station(url_of(server, "wss"), ca_file=str(CERTS / "ca.pem"))
        await station.gave_up()
        assert "hung up" in station.link.status().error
        await station.ends()

    play(script)


def test_tls_is_at_least_1_2() -> None:
    async def run() -> None:
        station = Station("wss://localhost:1/", ca_file=str(CERTS / "ca.pem"))
        context = station.link._tls
        assert context is not None and context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.check_hostname and context.verify_mode is ssl.CERT_REQUIRED
        await station.ends()

    asyncio.run(run())


def test_a_link_without_a_connection_drops_what_it_is_given() -> None:
    async def run() -> None:
        station = Station("ws://127.0.0.1:1/")
        station.link.send(Send("x", HeartbeatDue(), 1))
        station.link.reply(Reply("x", Verdict.ACCEPTED))
        station.link.settings(LinkSettings(3))
        await station.ends()
        assert station.inbox.empty()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("url", "identity", "address"),
    [
        ("ws://host", "CP1", "ws://host/CP1"),
        ("ws://host:8887/", "CP1", "ws://host:8887/CP1"),
        ("wss://host/a/b/", "CP/1?#", "wss://host/a/b/CP%2F1%3F%23"),
        ("ws://host/a?token=t", "CP1", "ws://host/a/CP1?token=t"),
        ("ws://[::1]:80/a", "CP1", "ws://[::1]:80/a/CP1"),
    ],
)
def test_the_address_that_is_dialled(url: str, identity: str, address: str) -> None:
    assert endpoint(CentralSettings(url, identity)) == address


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        (CentralSettings("http://host", "CP1"), "ws://"),
        (CentralSettings("host:8887", "CP1"), "ws://"),
        (CentralSettings("ws://", "CP1"), "ws://"),
        (CentralSettings("ws://host:99999", "CP1"), "ws://"),
        (CentralSettings("ws://me:secret@host", "CP1"), "credentials"),
        (CentralSettings("ws://host", ""), "identity"),
        (CentralSettings("ws://host", "a:b", b"k"), "identity"),
    ],
)
def test_a_wrong_address_is_one_sentence(settings: CentralSettings, word: str) -> None:
    with pytest.raises(ValueError, match=word) as caught:
        endpoint(settings)
    assert "secret" not in str(caught.value)


def test_a_missing_ca_file_is_one_sentence() -> None:
    async def run() -> None:
        with pytest.raises(ValueError, match="ca_file '/nowhere' can't be used: No such file"):
            Station("wss://localhost", ca_file="/nowhere")

    asyncio.run(run())


def test_the_key_is_not_shown() -> None:
    assert "key" not in repr(CentralSettings("ws://host", "CP1", b"key"))
