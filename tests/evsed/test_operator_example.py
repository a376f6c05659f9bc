"""The `[central]` of the operator's page, in each of the security profiles that its comments tell of: read by evsed as
it stands there, but for address and paths, and then dialled.
"""

from __future__ import annotations

import asyncio
import base64
import shutil
import ssl
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from websockets.asyncio.server import ServerConnection, serve

from evsed.core.events import LinkUp
from evsed.core.networks import Networks
from evsed.dialling import Dialling
from evsed.site import load
from tests.evsed.ocpp import pki
from tests.evsed.ocpp.test_transport import OCPP16, Station, central, url_of

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not on this machine")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "operator.md"
BOX = '[station]\nidentity = "CP7"\n[board]\nname = "sim"\n'
KEY = bytes.fromhex("00112233445566778899aabbccddeeff")
LINES = {1: ("url", "password"), 2: ("url", "password", "ca_file"), 3: ("url", "ca_file", "certificate_file")}
"""What the comments say is written in each profile."""


def example() -> dict[str, str]:
    """Each line of the example, by its key."""
    block = PAGE.read_text().partition("    [central]\n")[2].partition("\n\n")[0]
    lines = [line.strip().removeprefix("# ") for line in block.splitlines()]
    return {line.partition(" =")[0]: line for line in lines}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    folder = tmp_path_factory.mktemp("pki")
    root = pki.make(folder, "root", authority=True, common_name="Root")
    station = pki.make(folder, "station", root, common_name="CP7")
    station.path.chmod(0o600)  # as the page says
    return SimpleNamespace(root=root, server=pki.make(folder, "server", root), station=station)


def written(profile: int, url: str, made: SimpleNamespace) -> str:
    """What a person writes who follows the page."""
    theirs = {
        "wss://central.test:8443/ocpp": url,
        "/home/me/root.pem": str(made.root.alone),
        "/home/me/cp7.pem": str(made.station.path),
    }
    text = BOX + "[central]\n" + "\n".join(example()[key] for key in LINES[profile]) + "\n"
    for shown, own in theirs.items():
        text = text.replace(f'"{shown}"', f'"{own}"')
    assert "/home/me" not in text and "central.test" not in text
    return text


def test_the_example_has_no_line_that_no_profile_needs() -> None:
    assert set(example()) == {key for keys in LINES.values() for key in keys}


@pytest.mark.parametrize("profile", LINES)
def test_a_box_connects_as_the_page_says(made: SimpleNamespace, tmp_path: Path, profile: int) -> None:
    seen: list[tuple[str | None, bool]] = []
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(made.server.path)
    tls.load_verify_locations(made.root.alone)
    tls.verify_mode = ssl.CERT_OPTIONAL

    async def meet(line: ServerConnection) -> None:
        encrypted = line.transport.get_extra_info("ssl_object")
        assert line.request is not None
        seen.append((line.request.headers.get("Authorization"), bool(encrypted and encrypted.getpeercert())))
        assert line.request.path == "/ocpp/CP7"
        await central(line)

    async def run() -> None:
        context, scheme = (tls, "wss") if profile > 1 else (None, "ws")
        async with serve(meet, "127.0.0.1", 0, ssl=context, subprotocols=OCPP16) as server:
            url, site = url_of(server, scheme, "localhost"), tmp_path / "site.toml"
            site.write_text(written(profile, url, made))
            site.chmod(0o600)
            dialling = Dialling(load(site), tmp_path, lambda: round(time.time() * 1_000))
            target = Networks(dialling.systems(), (), ()).target()
            assert target is not None and target.profile == profile
            station = Station(url)
            station.link.connect_to(dialling.settings(target), hang_up=False)
            assert isinstance(await station.next(), LinkUp)
            await station.ends()

    asyncio.run(run())
    basic = f"Basic {base64.b64encode(b'CP7:' + KEY).decode()}"
    assert seen == [(basic if profile < 3 else None, profile == 3)]
