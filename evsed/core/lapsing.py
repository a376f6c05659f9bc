"""The certificates of the box as a person sees them, and which of them have ended or soon will, or do not count yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evsed.core.credentials import NEVER_MS, Own, Root, RootUse
from evsed.core.figures import day, duration
from evsed.core.networks import TLS_CERTIFICATE
from evsed.core.status import CertificateKind, CertificateNote, StationStatus
from evsed.core.words import Now

if TYPE_CHECKING:
    from evsed.core.station import Station

SOON_MS = 30 * 86_400_000
KINDS = {RootUse.CENTRAL: CertificateKind.CENTRAL, RootUse.MANUFACTURER: CertificateKind.MANUFACTURER}


def certificate_notes(station: Station, now: Now) -> tuple[CertificateNote, ...]:
    """All of them: the station's own first, with the newest on top."""
    networks, certificates, target = station.networks, station.certificates, station.networks.target()
    shown = target.certificate if target is not None and target.profile == TLS_CERTIFICATE else None
    own = (_note(CertificateKind.OWN, one, one.serial, one.name == shown, now) for one in networks.known_certificates())
    roots = (
        _note(KINDS[one.use], one, one.hashes[0].serial, certificates.relies_on(one), now)
        for one in certificates.held.roots
    )
    return (*own, *roots)


def _note(kind: CertificateKind, one: Own | Root, serial: str, in_use: bool, now: Now) -> CertificateNote:
    early = now.wall_ms is not None and one.since_ms > now.wall_ms
    return CertificateNote(
        kind=kind,
        title=one.title,
        serial=serial,
        until_ms=None if one.until_ms == NEVER_MS else one.until_ms,
        in_use=in_use,
        ended=now.wall_ms is not None and one.until_ms <= now.wall_ms,
        early=early,
        warning=_begin(one.since_ms, now.wall_ms) if early else _warning(one.until_ms, now.wall_ms),
    )


def _begin(since_ms: int, now_ms: int | None) -> str:
    assert now_ms is not None
    return f"does not count before {day(since_ms)}, in {duration((since_ms - now_ms) // 1_000)}"


def _warning(until_ms: int, now_ms: int | None) -> str:
    """What is to be said of its end, "" if nothing."""
    if until_ms == NEVER_MS:
        return "its end can't be read"
    if now_ms is None or until_ms - now_ms > SOON_MS:
        return ""
    if until_ms <= now_ms:
        return f"ended {duration((now_ms - until_ms) // 1_000)} ago"
    return f"ends in {duration((until_ms - now_ms) // 1_000)}"


def hindrances(station: StationStatus) -> tuple[str, ...]:
    """What keeps the box from connecting, for a sentence: a certificate of its own that it must show and that has ended
    or does not count yet, and such roots where the last attempt failed for want of trust.
    """
    if not station.link.configured or station.link.connected:
        return ()
    distrusted = CertificateKind.CENTRAL if station.link.distrusted else None
    useless = (note for note in station.certificates if note.ended or note.early)
    blamed = (note for note in useless if note.in_use or note.kind is distrusted)
    return tuple(HINDRANCES[note.kind].format(title=note.title, warning=note.warning) for note in blamed)


HINDRANCES = {
    CertificateKind.OWN: "the certificate of this box “{title}” {warning}, so bring another one as certificate_file",
    CertificateKind.CENTRAL: "the root certificate “{title}” {warning}, so put the present one into ca_file",
}
