"""Which certificates have ended or soon will, and what is said of those that keep the box from connecting."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from evsed.core.box import Access
from evsed.core.central_systems import CentralSystem
from evsed.core.credentials import NEVER_MS, HashData, Held, Own, Root, RootUse
from evsed.core.events import LinkUp
from evsed.core.lapsing import SOON_MS, certificate_notes, hindrances
from evsed.core.records import Recovered
from evsed.core.station import Station
from evsed.core.status import CertificateKind, CertificateNote, LinkStatus, StationStatus
from evsed.core.why import link_sentence
from evsed.core.words import Now
from evsed.ocpp.v16.dialect import DIALECT

NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000
NOW = Now("b", 1_000, NOW_MS)
HASHES = (HashData("SHA256", "aa", "bb", "1F"),)
ROOTS = (
    Root(RootUse.CENTRAL, "r1", "Old root", NOW_MS - 3 * DAY_MS, HASHES),
    Root(RootUse.CENTRAL, "r2", "New root", NOW_MS + 400 * DAY_MS, HASHES),
    Root(RootUse.MANUFACTURER, "r3", "Maker", NOW_MS + 5 * DAY_MS, HASHES),
)
OWN = Own("own1", "SN1", NOW_MS - DAY_MS, NOW_MS + 12 * DAY_MS, "AB")
BROUGHT = Own("", "SN1 of the installer", 0, NEVER_MS, "7")


def station(profile: int = 3, own: tuple[Own, ...] = (OWN,), now: Now = NOW) -> Station:
    made = Station(
        Recovered(),
        now,
        rules=DIALECT.rules,
        access=Access(None, ()),
        installer_ma=16_000,
        new_id=lambda: "id",
        presets={},
        systems=(CentralSystem("wss://csms", "basis", profile=profile, own=BROUGHT),),
        held=Held(ROOTS, own),
    )
    made.handle(LinkUp(("leaf", "r2")), now)
    return made


def test_each_is_told_with_its_end_and_whether_it_is_in_use() -> None:
    own, brought, old, new, maker = certificate_notes(station(), NOW)
    assert (own.kind, own.title, own.serial, own.until_ms) == (CertificateKind.OWN, "SN1", "AB", OWN.until_ms)
    assert [note.warning for note in (own, brought)] == ["ends in 12 d", "its end can't be read"]
    assert (brought.until_ms, brought.ended) == (None, False)
    assert [note.warning for note in (old, new, maker)] == ["ended 3 d ago", "", "ends in 5 d"]
    assert [note.in_use for note in (own, brought, old, new, maker)] == [True, False, False, True, False]
    assert [note.ended for note in (own, brought, old, new, maker)] == [False, False, True, False, False]


def test_with_a_password_none_of_its_own_is_in_use() -> None:
    assert not any(note.in_use for note in certificate_notes(station(2), NOW) if note.kind is CertificateKind.OWN)


def test_without_a_time_nothing_has_ended() -> None:
    unknown = Now("b", 1_000, None)
    notes = certificate_notes(station(now=unknown), unknown)
    assert not any(note.ended for note in notes)
    assert [note.warning for note in notes if note.title == "Old root"] == [""]


@pytest.mark.parametrize(
    ("left_ms", "warning"),
    [(SOON_MS + 1, ""), (SOON_MS, "ends in 30 d"), (1_000, "ends in 1 s"), (0, "ended 0 s ago")],
)
def test_a_month_before_its_end_it_is_said(left_ms: int, warning: str) -> None:
    note, *_ = certificate_notes(station(own=(replace(OWN, until_ms=NOW_MS + left_ms),)), NOW)
    assert (note.warning, note.ended) == (warning, left_ms == 0)


@pytest.mark.parametrize(("since_ms", "early"), [(NOW_MS + 86_400_000, True), (NOW_MS, False)])
def test_one_that_counts_later_is_named(since_ms: int, early: bool) -> None:
    later = replace(OWN, name="own2", since_ms=since_ms)
    root = replace(ROOTS[1], since_ms=since_ms)
    made = station(own=(OWN, later))
    made.certificates.held = Held((root,))
    notes = certificate_notes(made, NOW)
    told = [note.warning for note in notes if note.early]
    assert told == ["does not count before 2027-01-16, in 1 d"] * 2 * early
    unknown = Now("b", 1_000, None)
    assert not any(note.early for note in certificate_notes(made, unknown))


def test_one_that_counts_later_and_must_be_shown_is_blamed_while_there_is_no_connection() -> None:
    made = station(own=())
    made.networks.has(Held((), (replace(OWN, since_ms=NOW_MS + DAY_MS, until_ms=NOW_MS + 90 * DAY_MS),)))
    note = replace(certificate_notes(made, NOW)[0], in_use=True)
    assert hindrances(replace(OFFLINE, certificates=(note,))) == (
        "the certificate of this box “SN1” does not count before 2027-01-16, in 1 d, so bring another one as "
        "certificate_file",
    )


ENDED = CertificateNote(
    kind=CertificateKind.OWN, title="SN1.", serial="A", until_ms=1, in_use=True, ended=True, warning="ended 3 d ago"
)
ROOT = replace(ENDED, kind=CertificateKind.CENTRAL, title="Old root", in_use=False)
OFFLINE = StationStatus(
    identity="box", version="1", link=LinkStatus(configured=True, error="no TLS with it"), certificates=(ENDED, ROOT)
)


def test_what_keeps_the_box_from_connecting_is_named() -> None:
    assert link_sentence(OFFLINE) == (
        "Offline for 0 s: no TLS with it; the certificate of this box “SN1.” ended 3 d ago, so bring another one as "
        "certificate_file."
    )
    distrusted = replace(OFFLINE, link=replace(OFFLINE.link, distrusted=True))
    (_, root) = hindrances(distrusted)
    assert root == "the root certificate “Old root” ended 3 d ago, so put the present one into ca_file"
    assert root in link_sentence(distrusted)


def test_what_is_not_needed_is_not_blamed() -> None:
    spare = replace(OFFLINE, certificates=(replace(ENDED, in_use=False), replace(ENDED, ended=False), ROOT))
    assert hindrances(spare) == ()
    assert hindrances(replace(OFFLINE, link=replace(OFFLINE.link, connected=True))) == ()
