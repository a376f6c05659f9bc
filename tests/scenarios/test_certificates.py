"""Certificates when things go otherwise: what is in use, what never comes, what does not connect, what ends soon."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from evsed.core.central_systems import CentralSystem
from evsed.core.credentials import NEVER_MS, Own
from evsed.core.figures import day
from evsed.x509 import one
from tests.evsed.ocpp import pki
from tests.scenarios import test_cert_certificates as cert
from tests.scenarios.conftest import Make
from tests.scenarios.test_cert_certificates import CENTRAL, CPO, MAKER, ask, called, ids, install, send, signed, trigger
from tests.scenarios.test_cert_security import OLD, TLS, change, events
from tests.world.wallbox import Wallbox

root, second, box = cert.root, cert.second, cert.box
CHECKED = {"SecurityCtrlr.AdditionalRootCertificateCheck": "true"}
DAY_S = 86_400


def stamp(days: float) -> str:
    """A date of the machine, by which openssl judges, in the form of a certificate."""
    return datetime.fromtimestamp(time.time() + days * DAY_S, UTC).strftime("%Y%m%d%H%M%SZ")


def id_of(certificate: pki.Certificate) -> str:
    return one(certificate.alone.read_text()).id


def delete(world: Wallbox, certificate: pki.Certificate, algorithm: str = "SHA256") -> str:
    asked = ask(world, "DeleteCertificate", {"certificateHashData": called(certificate, algorithm)})
    status: str = asked.status
    return status


def requests(world: Wallbox) -> int:
    return len(world.csms.all("SignCertificate"))


# --- roots -----------------------------------------------------------------------------------------------------


def test_the_root_in_use_is_not_deleted(box: Wallbox, root: pki.Certificate, second: pki.Certificate) -> None:
    install(box, CENTRAL, second)
    assert delete(box, root) == "Failed"
    box.chain = lambda: (id_of(second),)
    box.drop_line()
    box.advance(5)
    assert delete(box, root) == "Accepted"
    assert delete(box, second) == "Failed"
    assert ids(box, CENTRAL) == [called(second)]


@pytest.mark.parametrize("algorithm", ["SHA256", "SHA384", "SHA512"])
def test_a_root_is_known_by_each_of_its_hashes(box: Wallbox, second: pki.Certificate, algorithm: str) -> None:
    install(box, MAKER, second)
    assert delete(box, second, algorithm) == "Accepted"


def test_a_root_that_must_be_signed_replaces_the_one_before_once_it_worked(
    make: Make, root: pki.Certificate, second: pki.Certificate
) -> None:
    world = make(systems=(cert.CERTIFIED,), presets=CHECKED)
    world.chain = lambda: (id_of(root),)
    world.advance(5)
    assert install(world, CENTRAL, root).status == "Accepted"
    assert install(world, CENTRAL, second).status == "Rejected"  # M05.FR.10
    under = pki.make(world.folder.parent, "under", root, authority=True, common_name="Under")
    assert install(world, CENTRAL, under).status == "Accepted"
    world.drop_line()
    world.advance(5)
    assert len(ids(world, CENTRAL)) == 2, "the server still shows what the old one signed: M05.FR.13"
    world.power_cut()
    world.chain = lambda: (id_of(under), id_of(root))
    world.advance(10)
    (left,) = ids(world, CENTRAL)
    assert int(left["serialNumber"], 16) == one(under.alone.read_text()).serial  # M05.FR.12


def test_the_store_has_an_end(box: Wallbox, root: pki.Certificate, second: pki.Certificate) -> None:
    assert box.evsed is not None
    most = int(change_read(box, "CertificateStoreMaxLength"))
    for n in range(most - 1):
        (box.folder / "manufacturer-roots").mkdir(exist_ok=True)
        (box.folder / "manufacturer-roots" / f"{n}.pem").write_text(second.alone.read_text())
    box.kill_evsed(1)
    box.advance(10)
    held, told = len(ids(box, MAKER)), len(events(box))
    assert install(box, MAKER, root).status == "Rejected"  # M05.FR.03
    assert install(box, CENTRAL, root).status == "Accepted", "it is held already"
    assert len(ids(box, MAKER)) == held and len(events(box)) == told
    assert delete(box, second) == "Accepted"
    assert install(box, MAKER, root).status == "Accepted"


def change_read(world: Wallbox, key: str) -> str:
    asked = ask(world, "GetConfiguration", {"key": [key]})
    assert asked.answer is not None
    (found,) = asked.answer["configurationKey"]
    assert found["readonly"] and change(world, key, found["value"]).status == "Rejected"
    value: str = found["value"]
    return value


def test_rogue_roots_get_an_answer_and_nothing_is_lost(box: Wallbox, root: pki.Certificate) -> None:
    text = root.alone.read_text()
    for wrong in ("", "garbage", text + text + text, text + root.key.read_text(), "ü\ud7ff" * 1_000, text[:300]):
        asked = ask(box, "InstallCertificate", {"certificateType": CENTRAL, "certificate": wrong})
        assert asked.status == "Rejected"
    huge = box.csms.call("InstallCertificate", {"certificateType": CENTRAL, "certificate": "x" * 100_000}, wild=True)
    box.advance(1)
    assert huge.error is not None
    assert ids(box, CENTRAL) == [called(root)]


def test_a_root_opens_the_way_to_tls(make: Make, root: pki.Certificate) -> None:
    world = make(systems=(CentralSystem("ws://csms/ocpp", "written", OLD, 1),))
    world.advance(5)
    assert change(world, "SecurityProfile", 2).status == "Rejected"  # A05.FR.03
    install(world, CENTRAL, root)
    assert change(world, "SecurityProfile", 3).status == "Rejected"  # A05.FR.04
    assert change(world, "SecurityProfile", 2).status == "Accepted"


# --- our own ---------------------------------------------------------------------------------------------------


def test_from_a_password_to_a_certificate(make: Make, root: pki.Certificate) -> None:
    """What the operator's page tells, step by step."""
    world = make(systems=(CentralSystem("wss://csms/ocpp", "written", OLD, 2),))
    world.advance(5)
    refused = ask(world, "ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"})
    assert refused.status == "Rejected", "CpoName is not set"
    assert change(world, "CpoName", CPO).status == "Accepted"
    install(world, CENTRAL, root)
    assert send(world, signed(world, trigger(world), root)).status == "Accepted"
    assert change(world, "SecurityProfile", 3).status == "Accepted"
    world.advance(10)
    assert world.dialled[-1].profile == 3 and world.dialled[-1].key is None and world.dialled[-1].certificate


def test_a_request_that_nothing_comes_of_is_sent_again_slower_and_not_for_ever(box: Wallbox) -> None:
    change(box, "CertSigningWaitMinimum", 100)
    first = trigger(box)
    for seconds, sent in ((95, 1), (10, 2), (190, 2), (20, 3), (5_000, 3)):
        box.advance(seconds)
        assert requests(box) == sent
    assert box.csms.last("SignCertificate").csr == first, "a late certificate fits"


def test_a_request_whose_answer_was_lost_goes_over_the_next_line(box: Wallbox) -> None:
    box.csms.silent_on("SignCertificate")
    request = trigger(box)
    box.csms.behaves()
    box.drop_line()
    box.advance(5)
    assert requests(box) == 2 and box.csms.last("SignCertificate").csr == request


def test_after_a_wrong_certificate_or_a_refusal_nothing_is_asked_again(box: Wallbox, second: pki.Certificate) -> None:
    change(box, "CertSigningWaitMinimum", 100)
    assert send(box, signed(box, trigger(box), second)).status == "Rejected"
    box.csms.answers_next("SignCertificate", {"status": "Rejected"})
    trigger(box)
    box.advance(2_000)
    assert requests(box) == 2


def test_a_certificate_that_comes_after_a_power_cut_is_taken(box: Wallbox, root: pki.Certificate) -> None:
    chain = signed(box, trigger(box), root)
    box.power_cut()
    box.advance(10)
    assert send(box, chain).status == "Accepted"
    box.advance(10)
    shown = box.dialled[-1].certificate
    box.power_cut()
    box.advance(10)
    assert shown and box.dialled[-1].certificate == shown


def test_one_that_nobody_asked_for_is_refused(box: Wallbox, root: pki.Certificate) -> None:
    assert send(box, root.alone.read_text()).status == "Rejected"
    box.until(lambda: "InvalidChargePointCertificate" in events(box))


def test_each_refused_certificate_is_an_event_of_its_own(box: Wallbox, root: pki.Certificate) -> None:
    for times in (1, 2, 3):  # A02.FR.07
        assert send(box, root.alone.read_text()).status == "Rejected"
        box.advance(5)
        assert events(box).count("InvalidChargePointCertificate") == times


def test_a_new_one_that_is_not_taken_gives_way_to_the_one_before(box: Wallbox, root: pki.Certificate) -> None:
    assert send(box, signed(box, trigger(box), root)).status == "Accepted"
    box.advance(10)
    good = box.dialled[-1].certificate
    for why in ("refused", "broken off"):  # the latter is all that some say
        box.admits = lambda target, why=why: "" if target.certificate == good else why  # type: ignore[misc]
        assert send(box, signed(box, trigger(box), root)).status == "Accepted"
        box.advance(60)
        assert box.dialled[-1].certificate == good and box.csms.call("ClearCache") is not None
        box.power_cut()
        box.advance(60)
        assert box.dialled[-1].certificate == good


def test_the_log_names_the_certificate_that_is_shown_when_it_changes(box: Wallbox, root: pki.Certificate) -> None:
    assert said(box, "= this box shows ") == ["the certificate “brought by the installer”, until 2096-10-02"]
    box.drop_line()
    box.advance(10)
    chain = signed(box, trigger(box), root)
    assert send(box, chain).status == "Accepted"
    box.advance(10)
    new = one(chain)
    named = f"the certificate “SN1”, serial …{f'{new.serial:X}'[-8:]}, until {day(new.until_ms)}"
    assert said(box, "= this box shows ")[1:] == [named]
    box.admits = lambda target: "" if target.certificate == "" else "refused"
    box.drop_line()
    box.advance(600)
    (fell_back,) = said(box, "! there is no connection with ")
    assert fell_back == f"{named}: this box shows the certificate “brought by the installer”, until 2096-10-02 again"
    assert len(said(box, "= this box shows ")) == 3
    box.admits = lambda target: "refused"
    box.drop_line()
    box.advance(3_600)
    assert len(said(box, "! there is no connection with ")) == 2, "not each time that another one is tried"


def said(world: Wallbox, begin: str) -> list[str]:
    return [line.partition(begin)[2] for line in world.lines if begin in line]


def test_the_key_is_in_no_log_and_no_message(box: Wallbox, root: pki.Certificate) -> None:
    assert send(box, signed(box, trigger(box), root)).status == "Accepted"
    (path,) = (box.folder / "own-certificates").glob("*.pem")
    secret = path.read_text().rpartition("PRIVATE KEY-----\n")[0].splitlines()[-3]
    assert len(secret) > 20
    assert not any(secret in line for line in box.lines)
    assert not any(secret in str(message.payload) for message in box.csms.received)


def test_ours_is_renewed_before_it_ends(make: Make, root: pki.Certificate, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a third of its life is left: ten minutes from now. The world is days ahead of the machine, by which
    certificates are made.
    """
    world = make(systems=(TLS,), presets={"SecurityCtrlr.OrganizationName": CPO})
    world.advance(5)
    install(world, CENTRAL, root)
    lived = (wall_ms(world) / 1_000 - time.time()) / DAY_S + 1
    monkeypatch.setattr(pki, "NOW", (stamp(-1), stamp(lived - 1 + lived / 2 + 900 / DAY_S)))
    assert send(world, signed(world, trigger(world), root)).status == "Accepted"
    change(world, "SecurityProfile", 3)
    world.advance(500)
    assert requests(world) == 1
    world.advance(200)
    assert requests(world) == 2
    monkeypatch.setattr(pki, "NOW", (stamp(-0.5), stamp(lived + 400)))
    assert send(world, signed(world, world.csms.last("SignCertificate").csr, root)).status == "Accepted"
    world.advance(600)
    assert requests(world) == 2


def test_one_whose_end_can_not_be_read_does_not_keep_ours_from_being_renewed(
    make: Make, root: pki.Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    unread = replace(cert.CERTIFIED, own=Own("", "in a form of its own", 0, NEVER_MS))
    world = make(systems=(unread,), presets={"SecurityCtrlr.OrganizationName": CPO})
    world.advance(30)
    assert requests(world) == 1
    install(world, CENTRAL, root)
    lived = (wall_ms(world) / 1_000 - time.time()) / DAY_S
    monkeypatch.setattr(pki, "NOW", (stamp(-0.5), stamp(lived + 400)))
    assert send(world, signed(world, world.csms.last("SignCertificate").csr, root)).status == "Accepted"
    world.advance(600)
    assert requests(world) == 1


def wall_ms(world: Wallbox) -> int:
    assert world.evsed is not None
    now = world.evsed.now()
    assert now.wall_ms is not None
    return now.wall_ms
