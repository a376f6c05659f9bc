"""The connection against real TLS servers with certificates made on the fly: what is refused, what the security log
hears of it, and that a good server is taken again afterwards.

A handshake that must fail is done with a plain socket, since asyncio's server hangs up before its alert has left.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from websockets.asyncio.server import serve

from evsed.core.central_systems import DialFailed, Target
from evsed.core.credentials import InstallRoot, RemoveRoots, RootUse
from evsed.core.errands import Outcome
from evsed.core.events import LinkUp
from evsed.core.security_events import SecurityKind, SecurityNoticed
from evsed.dialling import Dialling
from evsed.site import load
from tests.evsed.ocpp import pki
from tests.evsed.ocpp.test_transport import OCPP16, Station, central, url_of

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on this machine")
UNTRUSTED = {SecurityKind.CENTRAL_CERTIFICATE, SecurityKind.CENTRAL_REFUSED}
OLD_SUITES = "ALL:@SECLEVEL=0"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """One root that is trusted, another that is not, and what they sign."""
    folder = tmp_path_factory.mktemp("pki")
    root = pki.make(folder, "root", authority=True, common_name="Root")
    other = pki.make(folder, "other", authority=True, common_name="Other")
    above = root
    for n in range(20):
        above = pki.make(folder, f"between{n}", above, authority=True, common_name=f"Between {n}")
    return SimpleNamespace(
        root=root,
        other=other,
        good=pki.make(folder, "good", root),
        rsa=pki.make(folder, "rsa", root, rsa=2048),
        expired=pki.make(folder, "expired", root, dates=pki.PAST),
        early=pki.make(folder, "early", root, dates=pki.FUTURE),
        misnamed=pki.make(folder, "misnamed", root, common_name="other.example"),
        foreign=pki.make(folder, "foreign", other),
        small=pki.make(folder, "small", root, rsa=1024),
        chained=pki.make(folder, "chained", above),
        station=pki.make(folder, "station", root, common_name="SN1"),
        stranger=pki.make(folder, "stranger", other, common_name="SN1"),
        old=pki.make(folder, "old", root, common_name="SN1", dates=pki.PAST),
    )


def server_side(certificate: pki.Certificate, suites: str | None = None, clients: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if suites is not None:
        context.set_ciphers(suites)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate.path)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    return context


@contextmanager
def refusing(context: ssl.SSLContext) -> Iterator[str]:
    """A server with which no handshake comes about; its address."""
    listening = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        peer, _ = listening.accept()
        with peer:
            with suppress(OSError):
                context.wrap_socket(peer.dup(), server_side=True)  # what fails closes its socket, and resets ours
            with suppress(OSError):
                while peer.recv(4_096):  # until the other side has read why, and hangs up
                    pass

    thread = threading.Thread(target=run)
    thread.start()
    yield f"wss://localhost:{listening.getsockname()[1]}"
    thread.join()
    listening.close()


async def learns(station: Station) -> tuple[set[SecurityKind], DialFailed]:
    """What the core hears of one failed attempt."""
    kinds = set()
    while isinstance(event := await station.next(), SecurityNoticed):
        kinds.add(event.kind)
    assert isinstance(event, DialFailed)
    return kinds, event


async def recovers(station: Station, made: SimpleNamespace) -> None:
    """With a good server in its place the station is back."""
    await station.ends()
    async with serve(central, "127.0.0.1", 0, ssl=server_side(made.good), subprotocols=OCPP16) as good:
        again = Station(url_of(good, "wss", "localhost"), ca_file=str(made.root.alone))
        assert isinstance(await again.next(), LinkUp)
        await again.ends()


@pytest.mark.parametrize("name", ["expired", "early", "misnamed", "foreign", "small", "chained"])
def test_a_certificate_that_is_not_good_is_refused(made: SimpleNamespace, name: str) -> None:
    async def run() -> None:
        context = server_side(getattr(made, name), suites=OLD_SUITES if name == "small" else None)
        async with serve(central, "127.0.0.1", 0, ssl=context, subprotocols=OCPP16) as server:
            station = Station(url_of(server, "wss", "localhost"), ca_file=str(made.root.alone))
            assert await learns(station) == (UNTRUSTED, DialFailed(refused=False))
            await station.gave_up()
            assert station.link.status().error.startswith("its certificate is not trusted")
            await recovers(station, made)

    asyncio.run(run())


def test_a_root_that_was_deleted_counts_no_more(made: SimpleNamespace, tmp_path: Path) -> None:
    """From ca_file into the store, out of it as DeleteCertificate does, and in again as InstallCertificate does."""
    site = tmp_path / "site.toml"

    async def run() -> None:
        async with serve(central, "127.0.0.1", 0, ssl=server_side(made.good), subprotocols=OCPP16) as server:
            url = url_of(server, "wss", "localhost")
            box = '[station]\nidentity = "CP"\n[board]\nname = "sim"\n[limits]\nmax_ma = 16000\n'
            named = f'[central]\nurl = "{url}"\nca_file = "{made.root.alone}"\n'
            site.write_text(box + named)
            dialling = Dialling(load(site), tmp_path, lambda: round(time.time() * 1_000))
            station = Station(url, ca_file=str(made.root.alone), tries=3)
            station.link.connect_to(dialling.settings(Target(0, url, 2)), hang_up=False)
            assert isinstance(up := await station.next(), LinkUp)
            (root,) = dialling.held().roots
            assert root.id in up.chain, "by this the core knows that it is in use"
            assert dialling.store().perform(RemoveRoots("job", (root.id,))).outcome is Outcome.DONE
            station.link.connect_to(dialling.settings(Target(0, url, 2)), hang_up=True)
            await station.next()
            assert (await learns(station))[0] == UNTRUSTED
            pem = made.root.alone.read_text()
            assert dialling.store().perform(InstallRoot("job", RootUse.CENTRAL, pem)).outcome is Outcome.DONE
            station.link.connect_to(dialling.settings(Target(0, url, 2)), hang_up=False)
            assert isinstance(await station.next(), LinkUp)
            await station.ends()

    asyncio.run(run())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tls_1_1_is_refused(made: SimpleNamespace) -> None:
    context = server_side(made.rsa, suites=OLD_SUITES)
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    check_refused(made, context, SecurityKind.TLS_VERSION)


@pytest.mark.parametrize("suite", ["AES128-SHA", "ECDHE-RSA-AES128-SHA256", "AES256-SHA256"])
def test_a_weak_suite_is_refused(made: SimpleNamespace, suite: str) -> None:
    check_refused(made, server_side(made.rsa, suites=suite), SecurityKind.TLS_CIPHERS)


def check_refused(made: SimpleNamespace, context: ssl.SSLContext, kind: SecurityKind) -> None:
    async def run() -> None:
        with refusing(context) as url:
            station = Station(url, ca_file=str(made.root.alone))
            assert (await learns(station))[0] == {kind}
            await station.ends()
        await recovers(station, made)

    asyncio.run(run())


# A00.FR.318: either pair is enough; both are there.
@pytest.mark.parametrize(
    ("name", "suite"),
    [
        ("good", "ECDHE-ECDSA-AES128-GCM-SHA256"),
        ("good", "ECDHE-ECDSA-AES256-GCM-SHA384"),
        ("rsa", "AES128-GCM-SHA256"),
        ("rsa", "AES256-GCM-SHA384"),
    ],
)
def test_the_required_suites_are_spoken(made: SimpleNamespace, name: str, suite: str) -> None:
    async def run() -> None:
        context = server_side(getattr(made, name), suites=suite)
        async with serve(central, "127.0.0.1", 0, ssl=context, subprotocols=OCPP16) as server:
            station = Station(url_of(server, "wss", "localhost"), ca_file=str(made.root.alone))
            assert isinstance(await station.next(), LinkUp)
            await station.ends()

    asyncio.run(run())


def test_the_station_shows_its_certificate(made: SimpleNamespace) -> None:
    async def run() -> None:
        context = server_side(made.good, clients=made.root.alone)
        async with serve(central, "127.0.0.1", 0, ssl=context, subprotocols=OCPP16) as server:
            own = str(made.station.path)
            station = Station(url_of(server, "wss", "localhost"), ca_file=str(made.root.alone), certificate=own)
            assert isinstance(await station.next(), LinkUp)
            await station.ends()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("suites", "own"),
    [("ECDHE+AESGCM", "stranger"), ("ECDHE+AESGCM", "old"), (None, "stranger"), (None, "old"), (None, None)],
)
def test_a_wrong_certificate_of_the_station_is_told(made: SimpleNamespace, suites: str | None, own: str | None) -> None:
    """Under TLS 1.2 the refusal comes within the handshake, under TLS 1.3 after it."""

    async def run() -> None:
        with refusing(server_side(made.good, suites=suites, clients=made.root.alone)) as url:
            certificate = None if own is None else str(getattr(made, own).path)
            station = Station(url, ca_file=str(made.root.alone), certificate=certificate)
            kinds, failed = await learns(station)
            assert kinds == {SecurityKind.REFUSED_BY_CENTRAL} and failed.refused
            await station.ends()
        await recovers(station, made)

    asyncio.run(run())


@pytest.mark.parametrize("reset", [True, False], ids=["reset", "ended"])
def test_who_hangs_up_right_after_tls_is_told_as_that(made: SimpleNamespace, reset: bool) -> None:
    """Its alert, if there was one, is lost with the line: it is noted as that would have been, and changes nothing."""
    listening = socket.create_server(("127.0.0.1", 0))

    def run_server() -> None:
        peer, _ = listening.accept()
        with suppress(OSError), server_side(made.good).wrap_socket(peer, server_side=True) as line:
            if reset:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def run() -> None:
        own = str(made.station.path)
        url = f"wss://localhost:{listening.getsockname()[1]}"
        station = Station(url, ca_file=str(made.root.alone), certificate=own)
        assert await learns(station) == ({SecurityKind.REFUSED_BY_CENTRAL}, DialFailed(refused=False))
        await station.gave_up()
        assert station.link.status().error.startswith("it hung up right after TLS was agreed")
        await station.ends()

    thread = threading.Thread(target=run_server)
    thread.start()
    with listening:
        asyncio.run(run())
    thread.join()
