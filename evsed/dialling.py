"""What connections are made with: the installer's words, and over them what lies in the store of certificates.

Rules this file upholds:
- The installer's ca_file is put into the store, and from then on the store counts: what the central system deletes is
  trusted no more. A file with a whole collection of roots counts beside the store, and so do the system's own where the
  installer names no file.
- Files may come and go with whom the store and those believe.
- A box that has no certificates does not load what reads them.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from evsed.core.central_systems import CentralSystem, Secret, Target
from evsed.core.credentials import NEVER_MS, Held, Own
from evsed.core.networks import TLS_CERTIFICATE
from evsed.locations import least_nearness
from evsed.ocpp.transport import CentralSettings
from evsed.site import Central, Site
from evsed.transfer import Trust

if TYPE_CHECKING:
    from evsed.certificates import CertificateStore

BUNDLE = "transfer-roots"
SIGNS = ("*-roots", "own-certificates")
"""Where one of these is in the state folder, there are certificates."""

log = logging.getLogger("evsed")


class Dialling:
    """`now_ms` is the wall time, None while it is not known."""

    def __init__(self, site: Site, state: Path, now_ms: Callable[[], int | None]) -> None:
        self._station, self._state, self._now_ms = site.station, state, now_ms
        self._row = () if site.central is None else (site.central, *site.central.fallback)
        self._store: CertificateStore | None = None
        files = [one.ca_file for one in self._row if one.ca_file is not None]
        self._beside = frozenset(files)
        if files or any(found for sign in SIGNS for found in state.glob(sign)):
            try:
                self._beside = self.store().adopt(files)
            except OSError as failed:
                log.error("! ca_file is not put into the store: %s", failed)

    def store(self) -> CertificateStore:
        """The certificates of this box."""
        if self._store is None:
            from evsed.certificates import CertificateStore

            name = self._station.serial or self._station.identity  # A00.FR.405
            self._store = CertificateStore(self._state, name, self._now_ms)
        return self._store

    def held(self) -> Held:
        """What is in the store."""
        return Held() if self._store is None else self._store.held()

    def systems(self) -> tuple[CentralSystem, ...]:
        """As the core knows them."""
        return tuple(self._system(one) for one in self._row)

    def settings(self, target: Target) -> CentralSettings:
        """How the link dials a target."""
        key = None if target.key is None else target.key.value
        system = self._row[target.number]
        certificate = system.certificate if target.profile == TLS_CERTIFICATE else None
        if target.certificate:
            certificate = str(self.store().own(target.certificate))
        beside = system.ca_file if system.ca_file in self._beside else None
        stored = system.ca_file is not None and beside is None
        return CentralSettings(
            target.url, self._station.identity, key, beside, certificate, self._roots(), only_roots=stored
        )

    def trust(self) -> Trust:
        """Of transfers: a file may lie as near as the central system does."""
        if not self._row:
            return Trust()
        beside = [Path(file).read_text("ascii", errors="replace") for file in sorted(self._beside)]
        roots = "\n".join([self._roots(), *beside]).strip()
        if not roots:
            return Trust(None, least_nearness(self._row[0].url))
        bundle = self._state / BUNDLE
        half = bundle.with_suffix(".new")  # another transfer may be reading the one before
        half.write_text(roots + "\n")
        half.replace(bundle)
        return Trust(str(bundle), least_nearness(self._row[0].url))

    def _roots(self) -> str:
        return "" if self._store is None else self._store.trusted()

    def _system(self, one: Central) -> CentralSystem:
        return CentralSystem(
            url=one.url,
            basis=one.basis,
            key=None if one.key is None else Secret(one.key),
            profile=one.profile,
            secure_url=one.secure_url,
            trusted=one.ca_file in self._beside,
            own=None if one.certificate is None else _brought(Path(one.certificate)),
        )


def _brought(path: Path) -> Own:
    """The certificate that the installer brought; TLS has taken it, so that there is one."""
    from evsed.x509 import NoCertificate, first

    try:
        read = first(path.read_text("ascii", errors="replace"))
    except NoCertificate as why:
        told = _told_by_openssl(path)
        if told.until_ms == NEVER_MS:
            log.warning("! %s: %s; when it ends is not known", path, why)
        return told
    return Own("", read.title, read.since_ms, read.until_ms, f"{read.serial:X}")


def _told_by_openssl(path: Path) -> Own:
    """Of one in a form that we don't read: openssl reads more of them."""
    from evsed.openssl import NoOpenssl, openssl

    try:
        said = openssl("x509", "-in", str(path), "-noout", "-startdate", "-enddate", "-serial") or ""
        told = dict(line.split("=", 1) for line in said.splitlines())
        since_s, until_s = (ssl.cert_time_to_seconds(told[word]) for word in ("notBefore", "notAfter"))
    except (NoOpenssl, KeyError, ValueError):
        return Own("", path.name, 0, NEVER_MS)
    return Own("", path.name, since_s * 1_000, until_s * 1_000, told.get("serial", "").lstrip("0"))
