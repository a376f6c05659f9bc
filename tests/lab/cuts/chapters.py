"""Lives of the files beside the journal, on a disk that refuses one of their operations, or all from one on, until it
is mended: a fault that is latched and acknowledged, crashes, wear; certificates; programs.

Whatever is refused: no daemon breaks down, each question gets its answer, what was acknowledged is there after a power
cut, and once the disk is mended all that was refused can be had. Certificates (I12) are those that were accepted, the
program that runs is whole and none that is older than what was proven (I11), a fault stays latched and told (I1).
"""

from __future__ import annotations

import logging
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EIO, ENOSPC, errorcode
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from traceback import extract_tb
from typing import NamedTuple

from evsed import farewell
from evsed.certificates import CertificateStore
from evsed.core.credentials import RootUse
from evsed.core.words import Status
from evsed.installer import ROOTS
from evsed.quarantine import Quarantine
from evsed.slots import Slots
from evsed.store.database import StoreFailed
from evsed.x509 import one
from hal.faults import Name
from hal.wear import Wear
from tests.evsed.ocpp import pki as trust
from tests.evsed.pki import Pki, image, program
from tests.lab.cuts.cutting import MEMORY
from tests.lab.cuts.files import NEED_NO_ROOM, Refusals, refusing
from tests.lab.cuts.recorded import PRESETS, THERE
from tests.lab.cuts.state import tree_of
from tests.scenarios import day
from tests.world.csms import NEW_YEAR_2027
from tests.world.depot import NAME, VERSION, machine_ms
from tests.world.messages import Question, iso
from tests.world.wallbox import Wallbox

RESTART_S, PATIENCE_S = 5.0, 1_800
SPARED = ("image", "hal/trial")  # what the world itself writes
ROOT_USE = "CentralSystemRootCertificate"
OVER = ("Installed", "InstallationFailed", "DownloadFailed")
VERSIONS = ("1.0.0", "1.1.0", "0.9.0")


class Refused(NamedTuple):
    """Operation `at` of a chapter fails, once or with all after it."""

    chapter: str
    at: int
    forever: bool
    code: int

    def __str__(self) -> str:
        return f"{self.chapter} {self.at} {'for ever' if self.forever else 'once'} {errorcode[self.code]}"


class Supervised(Wallbox):
    """Who finds that the disk gives no journal ends with a sentence, and is started again."""

    disk: Refusals
    runs = VERSION

    def start_evsed(self) -> None:
        try:
            super().start_evsed()
            self.runs = self.version()
        except StoreFailed as failed:
            self.note(f"* evsed ends: {failed}")
            self.later(RESTART_S, self.start_evsed)

    def version(self) -> str:
        with self.disk.unheard():
            return super().version()


class Papers:
    """What is made once: roots, a maker, and images of his."""

    def __init__(self, folder: Path) -> None:
        self.roots = [trust.make(folder, name, authority=True, common_name=name) for name in ("one", "two")]
        maker = Pki(folder / "maker")
        self.maker = maker.root.pem
        self.images = {version: image(maker.signer(), program(version)) for version in VERSIONS}
        self.whole = set()
        for version in VERSIONS:
            with tarfile.open(fileobj=BytesIO(program(version))) as archive:
                archive.extractall(folder / version, filter="data")
            self.whole.add(tree_of(folder / version))


class Chapter:
    """One life; `live` while the disk fails, `mended` once it is well again."""

    def __init__(self, folder: Path, papers: Papers, disk: Refusals) -> None:
        self.folder, self.papers, self.disk = folder, papers, disk
        state = folder / "state"
        (state / ROOTS).mkdir(parents=True)
        (state / ROOTS / "maker.pem").write_text(papers.maker)
        Supervised.disk = disk
        self.box = Supervised(state, presets=PRESETS, leaps=True)
        self.start_wh = self.box.register()
        self.box.advance(5)

    def live(self) -> None:
        raise NotImplementedError

    def mended(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """A guest comes, and the books are right."""
        day.conclude(self.box)
        day.charge(self.box, 5)
        day.rest(self.box)
        self.box.close()
        day.books(self.box, self.start_wh)

    def ask(self, action: str, payload: dict[str, object], seconds: float = 10) -> Question:
        """Whoever asks hears something."""
        asked = self.box.csms.call(action, payload)
        self.box.advance(seconds)
        assert asked.answer is not None or asked.error is not None, f"{action} was not answered"
        return asked


class Faults(Chapter):
    """I1: latched is latched. What breaks evsed is blamed, whatever the disk says; wear is counted on."""

    def live(self) -> None:
        self._latch()
        state = self.box.folder
        for _ in range(2):
            with suppress(RuntimeError), Quarantine(state).in_hand("a row"):
                raise RuntimeError
        farewell.note(self.box.runtime, "signal")
        self.wear = Wear((1,), state / "hal")
        self.wear.of(1).look(True, 0)
        self.wear.flush(wholly=True)
        if self.disk.gone:
            self.box.kill_evsed(restart_s=0.5)
        else:
            self.box.power_cut(5)
        self.box.becomes(lambda: day.light(self.box) is Status.FAULTED, 20)  # or the disk gives no journal
        self._acknowledge()

    def mended(self) -> None:
        box = self.box
        box.advance(10)
        box.power_cut(5)
        box.advance(15)
        assert _latched(box) == set(), "what a person acknowledged came back"
        self.wear.flush(wholly=True)
        assert Wear((1,), box.folder / "hal").of(1).closings == 1
        Quarantine(box.folder).forget()
        self._latch()
        box.power_cut(5)
        box.advance(15)
        self._acknowledge()

    def _latch(self) -> None:
        box = self.box
        box.fault("residual")
        box.advance(2)
        box.clear("residual")
        box.advance(10)
        box.until(lambda: day.light(box) is Status.FAULTED)
        box.until(lambda: box.csms.last("StatusNotification").status == "Faulted")

    def _acknowledge(self) -> None:
        box = self.box
        known = _latched(box) & {Name.RESIDUAL_CURRENT, Name.MEMORY_DAMAGED}  # the latter where it could not be read
        assert known, "hal forgot a latched fault"
        assert box.tick is not None
        box.tick.acknowledge(1)
        box.advance(5)
        assert _latched(box) == set()


def _latched(box: Wallbox) -> set[str]:
    return {fault.name for fault in box.outlet().faults if fault.latched}


class Certificates(Chapter):
    """I12: what was accepted is there, what was deleted is not; what failed may be either."""

    def __init__(self, folder: Path, papers: Papers, disk: Refusals) -> None:
        super().__init__(folder, papers, disk)
        self.there: set[str] = set()
        self.unsure: set[str] = set()
        self.own = 0

    def live(self) -> None:
        for root in self.papers.roots:
            self._install(root)
        self._sign("first")
        self._delete(self.papers.roots[1])
        self._sign("second")

    def mended(self) -> None:
        self._judge()
        self.unsure.clear()
        for root in self.papers.roots:
            assert self._install(root) == "Accepted"
        assert self._sign("third") == "Accepted"
        assert self._delete(self.papers.roots[1]) == "Accepted"
        self._judge()

    def _judge(self) -> None:
        self.box.power_cut(5)
        self.box.advance(15)
        held = CertificateStore(self.box.folder, NAME, machine_ms).held()
        roots = {root.id for root in held.roots if root.use is RootUse.CENTRAL}
        assert self.there - self.unsure <= roots <= self.there | self.unsure, (
            "other roots than those that were accepted"
        )
        assert len(held.own) >= self.own, f"{len(held.own)} certificates of our own, {self.own} were accepted"

    def _install(self, root: trust.Certificate) -> str:
        asked = self.ask("InstallCertificate", {"certificateType": ROOT_USE, "certificate": root.alone.read_text()})
        (self.there if asked.status == "Accepted" else self.unsure).add(_id(root))
        return str(asked.status)

    def _delete(self, root: trust.Certificate) -> str:
        listed = self.ask("GetInstalledCertificateIds", {"certificateType": ROOT_USE})
        assert listed.answer is not None
        hashes, serial = listed.answer.get("certificateHashData", []), f"{one(root.alone.read_text()).serial:X}"
        named = [each for each in hashes if each["serialNumber"] == serial]
        if not named:
            return "NotFound"
        asked = self.ask("DeleteCertificate", {"certificateHashData": named[0]})
        self.there.discard(_id(root))
        if asked.status != "Accepted":
            self.unsure.add(_id(root))
        return str(asked.status)

    def _sign(self, name: str) -> str:
        box, folder = self.box, self.folder / name
        asked_before = len(box.csms.all("SignCertificate"))
        self.ask("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}, 20)
        if len(box.csms.all("SignCertificate")) == asked_before:
            return "nothing was asked"
        folder.mkdir()
        (folder / "csr").write_text(box.csms.all("SignCertificate")[-1].csr)
        made = trust.Certificate(folder, "own", self.papers.roots[0])
        trust.sign(made, folder / "csr", authority=False, dates=trust.NOW, common_name=NAME)
        asked = self.ask("CertificateSigned", {"certificateChain": made.alone.read_text()})
        self.own += asked.status == "Accepted"
        return str(asked.status)


def _id(root: trust.Certificate) -> str:
    return one(root.alone.read_text()).id


class Programs(Chapter):
    """I11: each order ends; what runs is whole, and none that is older than what was told as installed."""

    def live(self) -> None:
        self._update("1.0.0")

    def mended(self) -> None:
        self.box.until(self._ended, within=PATIENCE_S)
        self._look()
        assert self._update("1.1.0") == "Installed"
        assert (self.box.runs, Slots(self.box.folder).floor()) == ("1.1.0", "1.1.0")
        assert self._update("0.9.0") == "InstallationFailed"
        self.box.power_cut(5)
        self.box.advance(15)
        self._look()
        assert self.box.runs == "1.1.0"

    def _update(self, version: str) -> str:
        """How it ended; "" while it goes on."""
        box, self._before, self._asked = self.box, len(self._told()), version
        box.depot.files[THERE] = self.papers.images[version]
        self.ask("UpdateFirmware", {"location": THERE, "retrieveDate": iso(NEW_YEAR_2027 + box.ms)})
        box.becomes(self._ended, PATIENCE_S if self.disk.fails_at is None else 60)
        self._look()
        return self._told()[-1] if self._ended() else ""

    def _told(self) -> list[str]:
        return [message.status for message in self.box.csms.all("FirmwareStatusNotification")]

    def _ended(self) -> bool:
        return self._told()[-1:] in ([each] for each in OVER) and len(self._told()) > self._before

    def _look(self) -> None:
        with self.disk.unheard():
            current = Slots(self.box.folder).current()
            assert current is None or tree_of(current) in self.papers.whole, "the program that runs is not whole"
        if self._ended():
            told, runs = self._told()[-1], self.box.runs
            lost = self.disk.code == EIO and runs == self._asked  # who can't read of his trial takes it for failed
            assert lost or (told == "Installed") is (runs == self._asked), (
                f"{runs} runs, {self._asked} is told as {told}"
            )


CHAPTERS: dict[str, Callable[[Path, Papers, Refusals], Chapter]] = {
    "faults": Faults,
    "certificates": Certificates,
    "programs": Programs,
}


def refused(papers: Papers) -> list[Refused]:
    """Each operation of each chapter, once and for ever; a disk that is full refuses no reading."""
    found = []
    for chapter in CHAPTERS:
        for at, (kind, _) in enumerate(asked(chapter, papers)):
            codes = (EIO,) if kind in NEED_NO_ROOM else (ENOSPC, EIO)
            found += [Refused(chapter, at, forever, code) for forever in (False, True) for code in codes]
    return found


def asked(chapter: str, papers: Papers) -> list[tuple[str, str]]:
    """The operations of a chapter in which all goes well, up to where the disk would be mended."""
    with _begun(chapter, papers) as life:
        life.live()
        return list(life.disk.asked)


def lived(papers: Papers, world: Refused) -> list[str]:
    """What was wrong in it."""
    logging.disable(logging.CRITICAL)
    try:
        with _begun(world.chapter, papers) as life:
            life.disk.fails_at, life.disk.forever, life.disk.code = world.at, world.forever, world.code
            life.live()
            life.disk.heal()
            life.mended()
            life.close()
    except Exception as wrong:
        asked = extract_tb(wrong.__traceback__)[-1].line
        return [f"{world}: {type(wrong).__name__}: {str(wrong)[:400]}, at: {asked}"]
    return []


@contextmanager
def _begun(chapter: str, papers: Papers) -> Iterator[Chapter]:
    with TemporaryDirectory(prefix="evsed-cuts-", dir=MEMORY) as folder, refusing(Path(folder) / "state") as disk:
        disk.spared = SPARED
        life = CHAPTERS[chapter](Path(folder), papers, disk)
        disk.asked.clear()
        yield life
