"""How central systems end a connection, on the wire: each is survived, told in one sentence, and dialled again."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from websockets.asyncio.server import Server, ServerConnection
from websockets.exceptions import ConnectionClosed

from evsed.core.effects import Reply, Send
from evsed.core.events import Delivered, FromCentral, LinkDown, LinkUp
from evsed.core.reports import HeartbeatDue
from evsed.core.words import Verdict
from tests.evsed.ocpp.test_transport import Station, central, play, url_of

SAID = {
    1000: "bye",
    1001: "going away",
    1002: "",
    1003: "text only",
    1007: "not utf-8",
    1008: "unknown identity",
    1009: "too big",
    1011: "worker died",
    1012: "service restart",
    1013: "try again later",
    1014: "bad gateway",
    3000: "unauthorized",
    4001: "replaced by another session",
}


@pytest.mark.parametrize("code", SAID)
def test_a_close_in_the_middle_of_a_call_is_no_failed_call(code: int) -> None:
    """The report that was open is not undelivered: its turn comes again over the next connection."""
    closed: list[int] = []

    async def handler(connection: ServerConnection) -> None:
        if closed:
            return await central(connection)
        await connection.recv()
        closed.append(code)
        await connection.close(code, SAID[code])

    async def script(server: Server) -> None:
        station = Station(url_of(server), tries=2)
        assert await station.next() == LinkUp()
        station.link.send(Send("item-1", HeartbeatDue(), 5_000))
        why = f"the central system closed it: {code} {SAID[code]}".rstrip()
        assert await station.next() == LinkDown(why)
        assert await station.next() == LinkUp()
        assert station.waits == [2]
        assert station.lines[1].endswith(f"{why}; next try in 2 s")
        station.link.send(Send("item-1", HeartbeatDue(), 5_000))
        assert isinstance(await station.next(), Delivered)
        await station.ends()

    play(script, handler)


@pytest.mark.parametrize("politely", [True, False])
def test_who_is_not_known_is_dropped_right_after_the_handshake_until_it_is_known(politely: bool) -> None:
    """As some do, instead of an HTTP 404. Each try waits longer; the first that lasts is one like any other."""
    drops = 4
    dropped: list[int] = []

    async def handler(connection: ServerConnection) -> None:
        if len(dropped) == drops:
            return await central(connection)
        dropped.append(1)
        if politely:
            await connection.close(1008, "unknown charge point")
        else:
            connection.transport.abort()  # no close frame

    async def script(server: Server) -> None:
        station = Station(url_of(server), tries=drops + 1)
        for _ in range(drops):
            assert await station.next() == LinkUp()
            assert isinstance(await station.next(), LinkDown)
        assert await station.next() == LinkUp()
        assert station.waits == [2, 4, 8, 16]
        station.link.send(Send("item-1", HeartbeatDue(), 5_000))
        assert isinstance(await station.next(), Delivered)
        await station.ends()

    play(script, handler)


def test_a_question_whose_connection_is_gone_is_answered_over_no_other() -> None:
    """A central system may give the same id to another question next time."""
    heard: list[str] = []

    async def handler(connection: ServerConnection) -> None:
        await connection.send('[2,"1","ClearCache",{}]')
        if len(heard) == 0:
            heard.append("closed")
            return await connection.close(1012, "service restart")
        with suppress(ConnectionClosed):
            async for frame in connection:
                heard.append(str(frame))

    async def script(server: Server) -> None:
        station = Station(url_of(server), tries=2)
        asked: list[FromCentral] = []
        while len(asked) < 2:
            event = await station.next()
            asked += [event] if isinstance(event, FromCentral) else []
        for event in asked:
            station.link.reply(Reply(event.request.ref, Verdict.ACCEPTED))
        async with asyncio.timeout(5):
            while len(heard) < 2:
                await asyncio.sleep(0)
        await station.ends()
        assert heard == ["closed", '[3,"1",{"status":"Accepted"}]']

    play(script, handler)
