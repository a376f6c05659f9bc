"""Why there is no connection, in one sentence for the person who must do something about it. Never shows a key."""

from __future__ import annotations

import errno
import os
import re
import ssl
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from socket import gaierror

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, NegotiationError
from websockets.http11 import Response

from evsed.core.security_events import SecurityKind
from evsed.ocpp.veils import shown_address

LONGEST_DETAIL = 120

# What connecting may raise; anything else is a bug of ours.
NO_CONNECTION = (OSError, TimeoutError, InvalidHandshake, EOFError)

_STATUSES = {
    401: "it does not accept our credentials (HTTP 401): check identity and key",
    403: "it does not let us in (HTTP 403): check identity and key",
    404: "it does not know this identity or path (HTTP 404): check url and identity, or enter the station there",
    429: "it asks for patience (HTTP 429)",
}


_UNREACHED = {
    errno.ECONNREFUSED: "nobody listens at its address and port: check the url, and whether it runs",
    errno.EHOSTUNREACH: "there is no way to its address: check the network",
    errno.ENETUNREACH: "there is no way to its network: check the network of this box",
    errno.EADDRNOTAVAIL: "its address can't be used from here: check the url",
}


# What OpenSSL says when the other side has only TLS that we refuse: an alert of its, or our own verdict.
_TLS_VERSION = ("UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "WRONG_SSL_VERSION", "UNKNOWN_PROTOCOL")
_TLS_CIPHERS = ("WRONG_CIPHER_RETURNED", "SSLV3_ALERT_HANDSHAKE_FAILURE", "TLSV1_ALERT_INSUFFICIENT_SECURITY")
# Our certificate is not what it wants, or there is none.
_OUR_CERTIFICATE = (
    "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "TLSV1_ALERT_UNKNOWN_CA",
    "TLSV1_ALERT_ACCESS_DENIED",
    "SSLV3_ALERT_BAD_CERTIFICATE",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED",
    "SSLV3_ALERT_CERTIFICATE_REVOKED",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
)
_OF_TLS = {
    **dict.fromkeys(_OUR_CERTIFICATE, SecurityKind.REFUSED_BY_CENTRAL),
    **dict.fromkeys(_TLS_VERSION, SecurityKind.TLS_VERSION),
    **dict.fromkeys(_TLS_CIPHERS, SecurityKind.TLS_CIPHERS),
}


class NoSubprotocol(NegotiationError):
    """The central system opened a WebSocket, but speaks no version that we offered."""


class ChainTooLong(ssl.SSLCertVerificationError):
    """More certificates between its own and the root than anyone has a use for."""

    verify_message = "its chain of certificates is too long"


class HungUpAfterTls(InvalidHandshake):
    """The line ended when TLS stood for us, before a byte came. So does under TLS 1.3 who does not take our certificate
    and resets the line on the heels of its alert, which is lost then: whether it is noted must not hang on a race. But
    others may hang up so too, so that the note says that it may be, and no other key or certificate is tried at once.
    """


def why_not_connected(error: BaseException) -> str:
    """Why an attempt failed."""
    if isinstance(error, InvalidStatus):
        return _refused(error.response)
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {_brief(error.verify_message)}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS with it: {_brief(error.reason or error)}"
    if isinstance(error, gaierror):
        return f"its name can't be resolved: {_brief(error.strerror)}"
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, ConnectionResetError | ConnectionAbortedError):
        return "it hung up before a connection was made: does it speak ws:// where the url says wss://, or the reverse?"
    if isinstance(error, OSError):
        return f"it can't be reached: {_unreached(error)}"
    if isinstance(error, HungUpAfterTls):
        return "it hung up right after TLS was agreed: it may not take the certificate of this box, or want one"
    if isinstance(error, NegotiationError):
        return f"it does not speak our version of OCPP: {_brief(error)}"
    return f"it does not open a WebSocket: {_brief(error)}"


def concerns(error: BaseException) -> tuple[SecurityKind, ...]:
    """What the security log must hear of a failed attempt."""
    if isinstance(error, InvalidStatus):
        refused = error.response.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
        return (SecurityKind.REFUSED_BY_CENTRAL,) if refused else ()
    if isinstance(error, ssl.SSLCertVerificationError):
        return SecurityKind.CENTRAL_CERTIFICATE, SecurityKind.CENTRAL_REFUSED  # A00.FR.309, .413
    if isinstance(error, HungUpAfterTls):
        return (SecurityKind.REFUSED_BY_CENTRAL,)  # A00.FR.407: "terminate the connection"; whitepaper §8
    found = _OF_TLS.get(error.reason or "") if isinstance(error, ssl.SSLError) else None
    return () if found is None else (found,)


def refuses(error: BaseException) -> bool:
    """Whether it is sure that the other side does not take the key or certificate that it was shown."""
    return SecurityKind.REFUSED_BY_CENTRAL in concerns(error) and not isinstance(error, HungUpAfterTls)


def why_closed(error: ConnectionClosed) -> str:
    """Why a connection ended by itself."""
    close = error.rcvd or error.sent
    if close is None:
        return "the connection broke off"
    who = "the central system" if error.rcvd is not None and error.rcvd_then_sent else "evsed"
    return f"{who} closed it: {close.code} {_brief(close.reason)}".rstrip()


def asked_wait_s(error: BaseException) -> float:
    """The Retry-After of an HTTP refusal in seconds, 0 if there is none that can be read."""
    if not isinstance(error, InvalidStatus):
        return 0.0
    headers = error.response.headers
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return (parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("Date", ""))).total_seconds()
    except (ValueError, TypeError):
        return 0.0


def _refused(response: Response) -> str:
    status = response.status_code
    if status in _STATUSES:
        return _STATUSES[status]
    if 300 <= status < 400:
        place = _place(response.headers.get("Location", "nowhere"))
        return f"it redirects to {place} (HTTP {status}), which is not followed: set the new url"
    name = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    return f"it refuses for now (HTTP {status} {_brief(name)})"


def _place(location: str) -> str:
    """Where a redirect leads, without what in it may be a secret."""
    return _brief(shown_address(location) if "//" in location else location.partition("?")[0])


def _unreached(error: OSError) -> str:
    """asyncio puts its own words, with numbers and addresses, where the system's would be; or joins several in one."""
    found = re.search(r"\[Errno (\d+)\]", str(error))
    number = error.errno or (int(found[1]) if found else None)
    if number is None:
        return _brief(error)
    return _UNREACHED.get(number, os.strerror(number).lower())


def _brief(detail: object) -> str:
    text = str(detail)[:LONGEST_DETAIL]
    return text if text.isprintable() else ascii(text)[1:-1]
