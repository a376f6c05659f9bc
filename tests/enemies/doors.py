"""All doors, and what attacks each kind of enemy that the security analysis names.

Rules this file upholds:
- Each surface at which bytes come in has a door; a class of attacks has doors, walks of the rogue central system, or
  tests that hold it, and `test_doors.py` finds each of them. Where there is nothing to attack, the row says why.
"""

from __future__ import annotations

from pathlib import Path

from tests.enemies.certificate_doors import certificate_doors
from tests.enemies.control_door import control_doors
from tests.enemies.controller_door import CONTROLLER_DOOR
from tests.enemies.file_doors import FileDoors
from tests.enemies.hal_door import HAL_DOOR
from tests.enemies.hunt import Door
from tests.enemies.pilot_door import PARTS_DOOR, PILOT_DOOR
from tests.enemies.socket_doors import SOCKET_DOORS
from tests.enemies.wire_doors import WIRE_DOORS


def all_doors(folder: Path) -> list[Door]:
    """Those behind files keep them in that folder."""
    return [
        *(PILOT_DOOR, PARTS_DOOR, HAL_DOOR, CONTROLLER_DOOR),
        *WIRE_DOORS,
        *SOCKET_DOORS,
        *control_doors(folder),
        *FileDoors(folder).doors(),
        *certificate_doors(folder / "certificates"),
    ]


SURFACES: dict[str, tuple[str, ...]] = {
    "WebSocket frames, handshake, redirects": ("handshake", "web socket"),
    "OCPP envelope": ("frames", "link"),
    "OCPP payload": ("link", "dates", "rogue.py", "evsed/ocpp/test_fuzz.py"),
    "OCPP sequence": ("rogue.py", "hardship", "scenarios"),
    "Modbus RTU": ("modbus", "registers", "controller", "hal/drivers/test_street.py"),
    "pilot, proximity": ("pilot", "parts"),
    "relay, auxiliary contact, lock, temperature": ("parts", "w1", "hal/test_contacts.py", "hal/test_heat.py"),
    "card readers": ("cards", "keyboard", "card chip"),
    "files of people, options": (
        "site.toml",
        "site.toml for hal",
        "board files",
        "meter tables",
        "hal/test_options.py",
    ),
    "firmware packages": ("image heads", "images", "signatures", "manifest", "files of a program", "program on trial"),
    "journal and small files at the start": ("journal", "latched faults", "crashes", "kept roots", "adopted roots"),
    "certificates and keys": ("PEM", "DER", "requests", "signed chains", "roots over OCPP", "TLS", "own certificates"),
    "local sockets": ("socket", "hal socket", "control socket", "evsectl"),
    "web page, MQTT, datagrams over IP": (),  # there are none yet
}
CLASSES: dict[str, tuple[str, ...]] = {
    "words of messages in a shell": ("locations", "evsed/test_transfer.py", "test_architecture.py"),
    "oversized, nested, malformed": ("frames", "link", "web socket", "control socket", "socket", "site.toml"),
    "a receive loop that one message kills": ("link", "web socket", "hal socket", "control socket"),
    "impersonation of the central system": ("TLS", "evsed/ocpp/test_tls.py", "evsed/ocpp/test_transport.py"),
    "two under one name": ("matrix/central.py",),
    "replayed, late, repeated answers": ("link", "rogue.py", "hardship"),
    "malicious central system": ("rogue.py", "harms.py"),
    "mass switching": ("evsed/ocpp/test_backoff.py",),  # no random delay of charges: nobody asked for one yet
    "unsigned, older, foreign firmware": ("images", "image heads", "signatures", "base64", "evsed/test_image.py"),
    "addresses of files": ("locations", "addresses", "evsed/test_locations.py", "evsed/test_transfer.py"),
    "secrets in logs": ("control socket", "harms.py", "evsed/ocpp/test_veils.py"),
    "shared or hard-coded credentials": (),  # there are none: the installer writes them
    "local page": (),  # there is none yet
    "debug ports": (),  # a matter of the system's image
    "internal sockets": ("socket", "hal socket", "control socket", "hal/test_server.py", "evsed/test_control.py"),
    "boot order, privileges": ("systemd",),
    "races": ("matrix", "scenarios", "control socket"),
    "guessed and cloned cards": ("cards", "evsed/core/test_authorization.py"),
    "the plug as an input": ("pilot", "parts"),
    "lying meters and controllers": ("registers", "modbus", "controller", "matrix"),
    "too much current, too much heat": ("parts", "hal/test_metered.py", "hal/test_heat.py"),
    "secrets on the disk": ("waiting key", "evsed/test_certificates.py"),
    "floods of logs and queues": ("harms.py", "evsed/ocpp/test_pace.py"),
    "supply chain": ("checkout",),
    "time": ("dates", "rogue.py", "evsed/test_clock.py"),
}
