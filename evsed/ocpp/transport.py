"""The WebSocket to the central system: dial, talk, notice that it is gone, wait, dial again. For ever.

Rules this file upholds:
- Nothing here blocks the caller: `send` and `reply` never wait for the peer.
- TLS is at least 1.2, with the host's name checked; proxies, compression and redirects are not used.
- A WebSocket whose peer agreed on no subprotocol of ours is no connection.
- The key is in one header, and nowhere else: no log, no error, no repr.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake
from websockets.typing import Subprotocol

from evsed.core.central_systems import DialFailed
from evsed.core.effects import LinkSettings, Reply, Send
from evsed.core.events import Event, Ref
from evsed.core.security_events import SecurityKind, SecurityNoticed
from evsed.core.status import LinkStatus
from evsed.ocpp.backoff import Backoff
from evsed.ocpp.causes import (
    NO_CONNECTION,
    ChainTooLong,
    HungUpAfterTls,
    NoSubprotocol,
    asked_wait_s,
    concerns,
    refuses,
    why_not_connected,
)
from evsed.ocpp.conversation import Conversation, Sleep, rest
from evsed.ocpp.exchange import Exchange
from evsed.ocpp.frames import LONGEST_FRAME

# A00.FR.318 and .422: both pairs of suites, and the better ones of their kind; those of TLS 1.3 are all good.
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:AES128-GCM-SHA256:AES256-GCM-SHA384"
LONGEST_CHAIN = 10
OPEN_S = 20
CLOSE_S = 2
PONG_S = 20.0
PING_S = 30
# A longer message ends the connection; one between LONGEST_FRAME and this is only counted and dropped.
LONGEST_READ = 4 * LONGEST_FRAME

# At debug level websockets logs the headers of the handshake, and one of them is the key.
_quiet = logging.getLogger("evsed.websocket")
_quiet.setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class CentralSettings:
    """Where the central system is and who we are to it.

    Trusted are the certificates in `roots` (PEM), and beside them those of `ca_file` or, if there is none and unless
    `only_roots`, those that the system trusts. `certificate` is a file with ours, those above it, and its key.
    """

    url: str
    identity: str
    key: bytes | None = field(default=None, repr=False)
    ca_file: str | None = None
    certificate: str | None = None
    roots: str = ""
    only_roots: bool = False


def endpoint(settings: CentralSettings) -> str:
    """The address that is dialled (OCPP-J 1.6 §3.1.1). Raises ValueError with a sentence."""
    parts = urlsplit(settings.url)
    if parts.username is not None or parts.password is not None:
        raise ValueError("url must not contain credentials: give the key as key")
    if parts.scheme not in ("ws", "wss") or not parts.hostname or not _port_is_one(settings.url):
        raise ValueError(f"url {settings.url!r} must be ws://HOST[:PORT][/PATH] or the same with wss://")
    if not settings.identity or (settings.key is not None and ":" in settings.identity):
        raise ValueError("identity must not be empty, nor contain a colon when there is a key")
    path = f"{parts.path.rstrip('/')}/{quote(settings.identity, safe='')}"
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


class Link:
    """The connection of one station: `run` keeps it up, `deliver` takes what it brings, `log` one line a fact.

    `chance` gives numbers from 0 to 1 that spread the retries. Raises ValueError with a sentence.
    """

    def __init__(
        self,
        settings: CentralSettings,
        exchange: Exchange,
        clock_ms: Callable[[], int],
        deliver: Callable[[Event], None],
        *,
        log: Callable[[str], None],
        chance: Callable[[], float],
        ping_s: int = PING_S,
        pong_s: float = PONG_S,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._take(settings)
        self._exchange = exchange
        self._clock_ms = clock_ms
        self._deliver = deliver
        self._log = log
        self._backoff = Backoff(chance)
        self._ping_s, self._pong_s = ping_s, pong_s
        self._sleep = sleep
        self._open: Conversation | None = None
        self._since_ms = clock_ms()
        self._next_try_ms: int | None = None
        self._error = ""
        self._distrusted = False
        self._repeats = 0
        self._closing = self._anew = False
        self._farewell: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()

    async def run(self) -> None:
        """Until `close`."""
        while not self._closing:
            self._next_try_ms = None
            connected_ms, asked_s = 0, 0.0
            try:
                connection = await self._dial()
            except NO_CONNECTION as error:
                why, asked_s = why_not_connected(error), asked_wait_s(error)
                found = concerns(error)
                self._distrusted = SecurityKind.CENTRAL_CERTIFICATE in found
                for kind in found:
                    self._deliver(SecurityNoticed(kind, why))
                self._deliver(DialFailed(refuses(error)))
            else:
                why = await self._talk(connection)
                connected_ms = self._clock_ms() - self._since_ms
                self._since_ms = self._clock_ms()
            await self._wait(why, connected_ms, asked_s)

    def send(self, effect: Send) -> None:
        """Send a report over the open connection."""
        if self._open is not None:
            self._open.emit(self._exchange.send(effect, self._clock_ms()))

    def reply(self, effect: Reply) -> None:
        """Answer a request over the connection that brought it."""
        if self._open is not None:
            self._open.emit(self._exchange.reply(effect))

    def refuse(self, ref: Ref, text: str) -> None:
        """Answer a request with an error, over the connection that brought it."""
        if self._open is not None:
            self._open.emit(self._exchange.refuse(ref, text))

    def settings(self, effect: LinkSettings) -> None:
        """Obey at once."""
        self._ping_s = effect.ping_s
        if self._open is not None:
            self._open.ping_every(effect.ping_s)

    def connect_to(self, settings: CentralSettings, *, hang_up: bool) -> None:
        """Dial this from now on; with `hang_up` at once. Raises ValueError with a sentence."""
        self._take(settings)
        if hang_up and self._open is not None:
            self._anew = True
            self._farewell = asyncio.ensure_future(self._open.close())

    def status(self) -> LinkStatus:
        """How the link stands."""
        now_ms = self._clock_ms()
        silent_ms = self._exchange.silent_ms(now_ms) if self._open is not None else None
        return LinkStatus(
            configured=True,
            connected=self._open is not None,
            for_s=(now_ms - self._since_ms) // 1_000,
            silent_s=None if silent_ms is None else silent_ms // 1_000,
            next_try_s=None if self._next_try_ms is None else max(0, self._next_try_ms - now_ms) // 1_000,
            error=self._error,
            url=_shown(self._url),
            distrusted=self._distrusted,
            counters=dict(self._exchange.counters),
        )

    async def close(self) -> None:
        """Say goodbye and end `run`."""
        self._closing = True
        self._woken.set()
        if self._open is not None:
            await self._open.close()

    def _take(self, settings: CentralSettings) -> None:
        self._url = endpoint(settings)
        self._headers = _credentials(settings)
        self._tls = _tls(settings) if self._url.startswith("wss:") else None

    async def _dial(self) -> ClientConnection:
        offered = self._exchange.dialect.subprotocol
        connection = await _Dial(
            self._url,
            create_connection=_Connection,
            subprotocols=[Subprotocol(offered)],
            compression=None,
            proxy=None,
            additional_headers=self._headers,
            user_agent_header="evsed",
            open_timeout=OPEN_S,
            close_timeout=CLOSE_S,
            ping_interval=None,
            max_size=LONGEST_READ,
            logger=_quiet,
            ssl=self._tls,
        )
        if len(_chain(connection)) > LONGEST_CHAIN:
            connection.transport.abort()
            raise ChainTooLong
        if connection.subprotocol != offered:  # OCPP-J 1.6 §3.2: that is how it says no
            connection.transport.abort()
            raise NoSubprotocol(f"it does not agree to {offered}")
        return connection

    async def _talk(self, connection: ClientConnection) -> str:
        self._since_ms = self._clock_ms()
        self._error, self._distrusted, self._repeats = "", False, 0
        self._log(f"= connected to {_shown(self._url)}")
        self._open = Conversation(
            connection,
            self._exchange,
            self._clock_ms,
            self._deliver,
            sleep=self._sleep,
            ping_s=self._ping_s,
            pong_s=self._pong_s,
        )
        try:
            await self._open.run(tuple(sha256(one).hexdigest() for one in _chain(connection)))
            return self._open.why
        finally:
            self._open = None

    async def _wait(self, why: str, connected_ms: int, asked_s: float) -> None:
        if self._closing:
            return
        if self._anew:  # we ended it ourselves, to come back otherwise: that is no failure, however short it was
            self._anew = False
            self._backoff.anew()
            return
        seconds = self._backoff.wait_s(connected_ms, asked_s)
        self._repeats = self._repeats + 1 if why == self._error else 1
        self._error = why
        if self._repeats & (self._repeats - 1) == 0:  # the 1st, 2nd, 4th, 8th … time
            times = f" ({self._repeats} times)" if self._repeats > 1 else ""
            self._log(f"! no connection to {_shown(self._url)}: {why}{times}; next try in {seconds:.0f} s")
        self._next_try_ms = self._clock_ms() + int(seconds * 1_000)
        await rest(self._sleep, seconds, self._woken.wait())


class _Dial(connect):
    """Follows no redirect: whoever answers could send us anywhere."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """A redirect is an error like any other."""
        return exc


class _Connection(ClientConnection):
    """Under TLS 1.3 the other side judges our certificate when the handshake is over for us: its alert comes with the
    first bytes that are read, and is the reason why no WebSocket was opened.
    """

    _alert: ssl.SSLError | None = None
    _lost = False

    _silent = True

    def data_received(self, data: bytes) -> None:
        """It said something."""
        self._silent = False
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """The line is gone."""
        self._alert, self._lost = exc if isinstance(exc, ssl.SSLError) else None, True
        super().connection_lost(exc)

    async def handshake(self, *args: Any, **kwargs: Any) -> None:
        """Open the WebSocket. Raises what ended it."""
        try:
            await super().handshake(*args, **kwargs)
        except InvalidHandshake:
            if self._alert is not None:
                raise self._alert from None
            if self._lost and self._silent and self.transport.get_extra_info("ssl_object") is not None:
                raise HungUpAfterTls from None
            raise


def _credentials(settings: CentralSettings) -> dict[str, str]:
    """HTTP Basic (OCPP-J 1.6 §6.2.2): the identity, and the bytes of the key."""
    if settings.key is None:
        return {}
    pair = settings.identity.encode() + b":" + settings.key
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


def _tls(settings: CentralSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # it checks chain and name
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a root that another one signed is enough: M05.FR.12
    try:
        if settings.ca_file is not None:
            context.load_verify_locations(settings.ca_file)
        elif not settings.only_roots:
            context.load_default_certs()
    except OSError as error:
        raise ValueError(f"ca_file {settings.ca_file!r} can't be used: {error.strerror or error}") from None
    if settings.roots:
        context.load_verify_locations(cadata=settings.roots)
    if settings.certificate is not None:
        try:
            context.load_cert_chain(settings.certificate, password="")
        except OSError as error:
            name = settings.certificate
            raise ValueError(f"certificate_file {name!r} can't be used: {error.strerror or error}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    return context


def _chain(connection: ClientConnection) -> tuple[bytes, ...]:
    """The certificates that led to what is trusted, which is the last one, in DER; none without TLS."""
    tls = connection.transport.get_extra_info("ssl_object")
    if tls is None:
        return ()
    if hasattr(tls, "get_verified_chain"):  # public from Python 3.13 on
        return tuple(tls.get_verified_chain())
    return tuple(ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in tls._sslobj.get_verified_chain())


def _port_is_one(url: str) -> bool:
    try:
        return urlsplit(url).port != 0
    except ValueError:
        return False


def _shown(url: str) -> str:
    """Without its query, which may hold a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"
