"""Doors behind a real socket of this machine: what a central system answers to the handshake, and the raw bytes of a
WebSocket that it then sends.

Rules this file upholds:
- The real link dials, once for each input; the peer says its bytes and hangs up.
- Whatever they were, the link comes to wait for its next try: with one LinkDown for each LinkUp, and with few words.
"""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Callable
from hashlib import sha1
from struct import pack

from evsed.core.events import Event, LinkDown, LinkUp
from evsed.ocpp.backoff import FIRST_S, LONGEST_ASKED_S
from evsed.ocpp.exchange import Exchange
from evsed.ocpp.transport import LONGEST_READ, CentralSettings, Link
from evsed.ocpp.v16.dialect import DIALECT
from tests.enemies.hunt import Door
from tests.enemies.wire_doors import FRAMES, WORDS
from tests.evsed.ocpp.world import NAMEPLATE

PATIENCE_S = 20
KEY = b"0123456789abcdef"
LONGEST_LINE = 700
MOST_LINES = 40
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3
GOOD = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: ACCEPT\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
)
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def frame(opcode: int, payload: bytes = b"", *, first: int = 0x80, mask: bytes = b"", length: bytes = b"") -> bytes:
    """RFC 6455 §5.2; `length` is written instead of the true one."""
    size = len(payload)
    true = bytes((size,)) if size < 126 else pack(">BH", 126, size) if size < 1 << 16 else pack(">BQ", 127, size)
    length = length or true
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)) if mask else payload
    return bytes((first | opcode, length[0] | (0x80 if mask else 0))) + length[1:] + mask + masked


CALL = FRAMES[5].encode()
SAID = (
    frame(TEXT, CALL),
    frame(TEXT, CALL[:9], first=0) + frame(PING, b"in between") + frame(0, CALL[9:]),
    frame(TEXT, CALL, mask=b"mask"),
    frame(BINARY, CALL),
    frame(TEXT, b"[2,\xff\xfe\xed\xa0\x80]"),
    frame(TEXT, CALL, first=0xC0) + frame(TEXT, CALL, first=0x90),
    frame(0, CALL) + frame(TEXT, CALL[:9], first=0) + frame(TEXT, CALL),
    frame(3, CALL) + frame(11, CALL),
    frame(PING, b"p" * 126) + frame(PING, b"", first=0),
    frame(PING, b"flood") * 300 + frame(PONG),
    frame(TEXT, b"x" * 70_000) + frame(TEXT, CALL),
    frame(TEXT, b"x" * (LONGEST_READ + 1)),
    frame(TEXT, CALL, length=b"\x7f" + b"\x7f" + b"\xff" * 7) + frame(TEXT, CALL, length=b"\x7f" + b"\xff" * 8),
    frame(TEXT, b"", first=0) * 300,
    frame(CLOSE, pack(">H", 1000) + b"bye") + frame(TEXT, CALL),
    frame(CLOSE, b"\x03"),
    frame(CLOSE, pack(">H", 1005)) + frame(CLOSE, pack(">H", 65_535)),
    frame(CLOSE, pack(">H", 4_000) + b"\xff" * 123),
    b"",
)
ANSWERS = (
    GOOD,
    GOOD.replace(b"ocpp1.6", b"ocpp2.0.1"),
    GOOD.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"),
    GOOD.replace(b"ACCEPT", b"AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 3\r\n\r\nno!",
    b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 503 Later\r\nRetry-After: 99999999999999999999\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
    GOOD.replace(b"\r\n\r\n", b"\r\n" + b"X: y\r\n" * 300 + b"\r\n"),
    GOOD.replace(b"\r\n\r\n", b"\r\nX: " + b"y" * 9_000 + b"\r\n\r\n"),
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"",
)


class Peer:
    """A listener that is no WebSocket server, and a link that dials it; started when the door is first used. Where it
    is `secure` (a file of authorities) the link speaks TLS, and hears the bytes as the answer to its first words.
    """

    def __init__(self, reply: Callable[[bytes], bytes], secure: str | None = None) -> None:
        self._reply, self._given = reply, b""
        self._secure, self._plain = secure, False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._url = ""

    def enter(self, given: bytes) -> None:
        """One connection on which this is said."""
        self._given = given
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._loop.run_until_complete(self._listen())
        self._loop.run_until_complete(self._visit())

    async def _listen(self) -> None:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        self._url = f"{'ws' if self._secure is None else 'wss'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self._secure is not None:
                await self._answer_hello(reader, writer)
                return
            asked = await reader.readuntil(b"\r\n\r\n")
            found = re.search(rb"(?i)sec-websocket-key: (\S+)", asked)
            assert found is not None
            accept = base64.b64encode(sha1(found[1] + GUID, usedforsecurity=False).digest())
            writer.write(self._reply(self._given).replace(b"ACCEPT", accept))
            writer.write_eof()
            await reader.read()
        except OSError:
            pass  # it did not stay for all of it
        finally:
            writer.close()

    async def _answer_hello(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.read(4_096)
        writer.write(self._given)
        writer.write_eof()
        asked += await reader.read()
        self._plain |= b"Authorization" in asked

    async def _visit(self) -> None:
        events: list[Event] = []
        lines: list[str] = []
        waits = asyncio.Event()

        async def sleep(seconds: float) -> None:
            assert FIRST_S / 2 <= seconds <= LONGEST_ASKED_S, f"it dials again after {seconds} s"
            waits.set()
            await asyncio.Event().wait()

        link = Link(
            CentralSettings(self._url, "BOX", KEY, self._secure),
            Exchange(DIALECT, NAMEPLATE, lambda stamp: stamp.wall_ms),
            lambda: 1_000,
            events.append,
            log=lines.append,
            chance=lambda: 1.0,
            ping_s=0,
            sleep=sleep,
        )
        running, waiting = asyncio.ensure_future(link.run()), asyncio.ensure_future(waits.wait())
        await asyncio.wait({running, waiting}, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
        ended, came = running.done(), waiting.done()
        await link.close()
        waiting.cancel()
        await asyncio.wait({running}, timeout=PATIENCE_S)
        running.result()
        assert came and not ended, "the link neither waits nor ends"
        ends = [type(event) for event in events if isinstance(event, LinkUp | LinkDown)]
        assert ends in ([], [LinkUp, LinkDown] if self._secure is None else []), ends
        assert not self._plain, "the key went to a stranger"
        assert len(lines) <= MOST_LINES and max(map(len, lines)) <= LONGEST_LINE, "many words"


SOCKET_DOORS = (
    Door("handshake", ANSWERS, Peer(lambda given: given).enter, (), (b"\r\n", b"\r\n\r\n", b": ", b"\0", b"ACCEPT")),
    Door(
        "web socket",
        SAID,
        Peer(lambda given: GOOD + given).enter,
        (),
        (*WORDS, *(bytes((first | opcode,)) for first in (0, 0x80, 0xF0) for opcode in range(16)), b"\x7e", b"\x7f"),
    ),
)
