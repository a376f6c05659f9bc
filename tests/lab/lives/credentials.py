"""What a central system does to trust and to the way to itself: roots, keys, security profiles, and what it takes.

The roots are real, made by openssl for each life; TLS itself is proven with real servers in tests/evsed/ocpp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evsed.core.central_systems import CentralSystem, Secret, Target
from tests.evsed.ocpp import pki

if TYPE_CHECKING:
    from tests.lab.lives.life import Life

USES = ("CentralSystemRootCertificate", "ManufacturerRootCertificate")
FIRST_KEY, OTHER_KEY = "the old password", "another password"
OPEN = CentralSystem("ws://csms", "basis")
SECURED = CentralSystem("ws://csms/ocpp", "written", Secret(FIRST_KEY.encode()), 1, trusted=True)


def install_root(life: Life, use: str, number: int) -> None:
    """The same number is the same root."""
    name = f"root-{number}"
    if name not in life.roots:
        life.roots[name] = pki.make(life.workshop, name, authority=True, common_name=name)
    life.ask("InstallCertificate", {"certificateType": use, "certificate": life.roots[name].alone.read_text()})


def list_roots(life: Life, use: str) -> None:
    life.listed = life.ask("GetInstalledCertificateIds", {"certificateType": use})


def delete_root(life: Life) -> None:
    """The last one of the last list, if any was told."""
    told = (life.listed.answer or {}).get("certificateHashData") if life.listed is not None else None
    if told:
        life.ask("DeleteCertificate", {"certificateHashData": told[-1]})


def profile(life: Life, number: int) -> None:
    life.ask("ChangeConfiguration", {"key": "SecurityProfile", "value": str(number)})


def key(life: Life, text: str) -> None:
    life.ask("ChangeConfiguration", {"key": "AuthorizationKey", "value": text})


def takes(life: Life, number: int | None, text: str | None) -> None:
    """Only that profile, only that key; None = any."""

    def admits(target: Target) -> str:
        if number is not None and target.profile != number:
            return "unreachable"
        return "" if text is None or target.key == Secret(text.encode()) else "refused"

    life.world.admits = admits
    life.world.drop_line("another way in")
