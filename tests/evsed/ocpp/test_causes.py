"""Every way of having no connection has its sentence."""

from __future__ import annotations

import ssl
from socket import gaierror

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidMessage, InvalidStatus, NegotiationError
from websockets.frames import Close
from websockets.http11 import Response

from evsed.core.security_events import SecurityKind
from evsed.ocpp.causes import (
    NO_CONNECTION,
    HungUpAfterTls,
    asked_wait_s,
    concerns,
    refuses,
    why_closed,
    why_not_connected,
)


def status(code: int, **headers: str) -> InvalidStatus:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return InvalidStatus(Response(code, "", Headers(named), b"body"))


def untrusted() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (status(401), "it does not accept our credentials (HTTP 401): check identity and key"),
        (status(403), "it does not let us in (HTTP 403): check identity and key"),
        (status(429), "it asks for patience (HTTP 429)"),
        (status(503), "it refuses for now (HTTP 503 Service Unavailable)"),
        (status(599), "it refuses for now (HTTP 599 )"),
        (
            status(302, Location="ws://evil.example/x"),
            "it redirects to ws://evil.example/x (HTTP 302), which is not followed: set the new url",
        ),
        (
            status(302, Location="wss://box:canary@other.example/x?token=canary"),
            "it redirects to wss://other.example/x (HTTP 302), which is not followed: set the new url",
        ),
        (
            status(307, Location="/login?token=canary"),
            "it redirects to /login (HTTP 307), which is not followed: set the new url",
        ),
        (untrusted(), "its certificate is not trusted: self-signed certificate"),
        (gaierror(-2, "Name or service not known"), "its name can't be resolved: Name or service not known"),
        (
            ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 9)"),
            "it can't be reached: nobody listens at its address and port",
        ),
        (
            OSError("Multiple exceptions: [Errno 111] Connect call failed ('::1', 9), [Errno 101] Connect call failed"),
            "it can't be reached: nobody listens at its address and port",
        ),
        (OSError(113, "x"), "it can't be reached: there is no way to its address"),
        (OSError(5, "x"), "it can't be reached: input/output error"),
        (OSError("sunspots"), "it can't be reached: sunspots"),
        (ConnectionResetError(), "it hung up before a connection was made"),
        (TimeoutError(), "it does not answer"),
        (NegotiationError("unsupported subprotocol: ocpp9"), "it does not speak our version of OCPP"),
        (InvalidMessage("did not receive a valid HTTP response"), "it does not open a WebSocket"),
        (HungUpAfterTls(), "it hung up right after TLS was agreed"),
        (EOFError("stream ends"), "it does not open a WebSocket: stream ends"),
    ],
)
def test_sentences(error: Exception, sentence: str) -> None:
    assert isinstance(error, NO_CONNECTION)
    assert why_not_connected(error).startswith(sentence)


def test_what_a_peer_says_is_shown_harmlessly_and_cut() -> None:
    told = why_not_connected(InvalidMessage("\x1b[31m\u202e" + "y" * 999))
    assert told.isprintable() and len(told) < 250


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0),
        ({"Retry_After": "120"}, 120),
        ({"Retry_After": " 7 "}, 7),
        ({"Retry_After": "9" * 400}, 999_999_999),
        ({"Retry_After": "-3"}, 0),
        ({"Retry_After": "soon"}, 0),
        ({"Retry_After": "Fri, 01 Jan 2027 00:02:00 GMT", "Date": "Fri, 01 Jan 2027 00:00:00 GMT"}, 120),
        ({"Retry_After": "Fri, 01 Jan 2027 00:02:00 GMT"}, 0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float) -> None:
    assert asked_wait_s(status(503, **headers)) == seconds


@pytest.mark.parametrize(
    ("code", "concern"), [(401, True), (403, True), (404, False), (429, False), (503, False), (302, False)]
)
def test_a_refusal_of_our_credentials_concerns_the_security_log(code: int, concern: bool) -> None:
    assert concerns(status(code)) == ((SecurityKind.REFUSED_BY_CENTRAL,) if concern else ())


def test_who_hangs_up_right_after_tls_concerns_it_and_is_sure_of_no_refusal() -> None:
    assert concerns(HungUpAfterTls()) == (SecurityKind.REFUSED_BY_CENTRAL,)
    assert "may not take" in why_not_connected(HungUpAfterTls())
    assert [refuses(error) for error in (HungUpAfterTls(), status(401), status(404))] == [False, True, False]


def test_a_lost_network_does_not() -> None:
    assert concerns(TimeoutError()) == concerns(OSError()) == ()


def test_other_errors_ask_for_no_wait() -> None:
    assert asked_wait_s(TimeoutError()) == 0


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ConnectionClosedError(None, None), "the connection broke off"),
        (
            ConnectionClosedError(Close(1012, "restart"), Close(1012, ""), True),
            "the central system closed it: 1012 restart",
        ),
        (ConnectionClosedError(None, Close(1009, "too big"), None), "evsed closed it: 1009 too big"),
    ],
)
def test_why_a_connection_ended(error: ConnectionClosedError, sentence: str) -> None:
    assert why_closed(error) == sentence
