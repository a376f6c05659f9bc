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
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from evsed.core.central_systems import CentralSystem, Secret, Target
from evsed.core.credentials import Held
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
        since_ms, until_ms = 0, None
        if one.certificate is not None:
            from evsed.x509 import NoCertificate, first

            try:
                read = first(Path(one.certificate).read_text("ascii", errors="replace"))
                since_ms, until_ms = read.since_ms, read.until_ms
            except NoCertificate as why:  # openssl has read it
                log.warning("! %s: %s; when it ends is not known", one.certificate, why)
        return CentralSystem(
            url=one.url,
            basis=one.basis,
            key=None if one.key is None else Secret(one.key),
            profile=one.profile,
            secure_url=one.secure_url,
            trusted=one.ca_file in self._beside,
            certified=one.certificate is not None,
            certified_from_ms=since_ms,
            certified_until_ms=until_ms,
        )
