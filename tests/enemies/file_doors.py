"""Doors at which files come in: what people write, what a card wears out, and what somebody made."""

from __future__ import annotations

import gzip
import io
import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import IO

from evsed import image, proof, site
from evsed.certificates import ADOPTED, FOLDERS, OWN, REQUEST, CertificateStore
from evsed.core.credentials import RootUse
from evsed.image import NoImage
from evsed.openssl import openssl
from evsed.proof import NotProven, check_signature, unbase64
from evsed.quarantine import Quarantine
from evsed.site import SiteError
from evsed.slots import FLOOR, LINK, NAMES, TRIAL, Slots
from evsed.store.database import StoreFailed, StoreRefused
from evsed.store.journal import Journal
from evsed.x509 import NoCertificate, certificate, certificates, requested_key
from hal.boards import HERE as BOARDS
from hal.boards import check_parts, load
from hal.contract import Installation, objection
from hal.drivers.meter_model import ModelError, parse_model
from hal.faults import Name
from hal.latches import FILE, LatchFile
from hal.settings import SettingsError, as_struct, read_toml
from tests.enemies.hunt import Door
from tests.evsed.pki import Pki, Signer, packed, program
from tests.evsed.pki import image as image_by
from tests.evsed.store.worlds import a_day

SITE = b"""[station]
identity = "EVSE1"
serial = "S1"
[central]
url = "wss://csms.example/ocpp"
security_profile = 2
password = "0123456789abcdef"
[[central.fallback]]
url = "ws://other.example/"
[board]
name = "sim"
[limits]
max_ma = 16_000
fallback_ma = 6_000
[voltage]
trip_s = 3
[[meter]]
model = "sdm630"
port = "/dev/ttyUSB0"
evse = 1
[access]
tags = ["04A1B2C3"]
[variables]
HeartbeatInterval = 300
"SampledDataCtrlr.TxUpdatedInterval" = "60"
"""
WORDS = (
    b"\xef\xbb\xbf",
    b"[[a",
    b"a.b.c.d = 1\n",
    b"'''",
    b"inf",
    b"1979-05-27",
    b"[]",
    b"{}",
    b'"',
    b"[" * 3_000,
    b"\r\n",
)


class Notary:
    """The program `openssl`, asked once about each content: a child costs as much as a hundred other inputs."""

    def __init__(self) -> None:
        self._said: dict[tuple[bytes, ...], str | None] = {}

    def __call__(self, *arguments: str, given: IO[bytes] | bytes = b"") -> str | None:
        asked = given if isinstance(given, bytes) else self._rest(given)
        key = (asked, *(_content(argument) for argument in arguments))
        if key not in self._said:
            self._said[key] = openssl(*arguments, given=given)
        return self._said[key]

    def _rest(self, file: IO[bytes]) -> bytes:
        begin = file.tell()
        rest = file.read()
        file.seek(begin)
        return rest


def _content(argument: str) -> bytes:
    path = Path(argument)
    return path.read_bytes() if path.is_absolute() and path.is_file() else argument.encode()


@contextmanager
def swapped(module: ModuleType, **names: object) -> Iterator[None]:
    """These names mean something else there for a while."""
    before = {name: getattr(module, name) for name in names}
    vars(module).update(names)
    try:
        yield
    finally:
        vars(module).update(before)


class FileDoors:
    """They share a folder, and certificates that were made for them."""

    def __init__(self, folder: Path) -> None:
        logging.disable(logging.CRITICAL)
        self._folder = folder
        self._pki = Pki(folder / "pki")
        self._notary = Notary()
        self._wall_ms = time.time_ns() // 1_000_000

    def doors(self) -> tuple[Door, ...]:
        """All of them."""
        return (*self._of_people(), *self._of_the_disk(), *self._of_makers())

    def _of_people(self) -> tuple[Door, ...]:
        boards = tuple(path.read_bytes() for path in sorted(BOARDS.glob("*.toml")))
        models = tuple(path.read_bytes() for path in sorted((BOARDS.parent / "drivers" / "meters").glob("*.toml")))
        return (
            Door("site.toml", (SITE,), self._site, (SiteError,), WORDS),
            Door("site.toml for hal", (SITE,), self._site_of_hal, (SettingsError,), WORDS),
            Door("board files", boards, self._board, (SettingsError,), WORDS),
            Door("meter tables", models, lambda given: parse_model(given, "x"), (ModelError,), WORDS),
        )

    def _of_the_disk(self) -> tuple[Door, ...]:
        trial, marker = b'{"slot":"a","before":null,"starts":1}', b'{"ids":["a"],"files":"x"}'
        root, noted = self._pki.root.pem.encode(), b"Issuer-Key: AAAA\n" + self._pki.signer().pem.encode()
        own = self._pki.signer("own").pem.encode() + self._pki.signer("own").key.read_bytes()
        nested = (b"[" * 3_000, b"{", b"null", b"1e999", b'"', b"[]")
        latches = LatchFile(self._fresh("latches"), (1, 2), wake=lambda: None)
        latches.keep(1, (Name.WELDED,))
        latches.flush()
        return (
            Door("latched faults", ((self._folder / "latches" / FILE).read_bytes(),), self._latches),
            Door("crashes", (b'{"ab":2}',), self._crashes, (), nested),
            Door("program on trial", (trial, b'{"version":"1.2"}'), self._slots, (OSError,), nested),
            Door(
                "kept roots", (root, noted), self._held(FOLDERS[RootUse.CENTRAL], "0001-x.pem"), (), (b"Issuer-Key: ",)
            ),
            Door("adopted roots", (marker,), self._adopted(root), (), nested),
            Door("own certificates", (own,), self._held(OWN, "x.pem")),
            Door("waiting key", (b"-----BEGIN CERTIFICATE REQUEST-----\n",), self._held(OWN, REQUEST)),
            Door("journal", (self._journal_image(),), self._journal, (StoreFailed, StoreRefused)),
        )

    def _of_makers(self) -> tuple[Door, ...]:
        pem = self._pki.root.pem.encode()
        der = certificates(self._pki.root.pem)[0].der
        tags = (
            b"\x30\x80",
            b"\x30\x84\xff\xff\xff\xff",
            b"\xa3\0",
            b"\x17\x0d991231235959Z",
            b"\x03\x01\0",
            b"\x1e\x01\xd8",
        )
        files = program("1.2.3", **{"evsed/a.py": b"pass"})
        maker = self._pki.signer("maker")
        self._files, self._image, self._sealed = files, image_by(maker, files), maker.sign(files)
        _, pem_size, size = image.HEAD.unpack_from(self._image)
        self._sealed_image = self._image[image.HEAD.size + pem_size :][:size]
        self._maker, parts = maker.pem, (image.MAGIC, b"-----BEGIN", b"\0\0\0\x48", b"\0\1\0\0", b"\x1f\x8b\x08")
        (self._fresh("roots") / "root.pem").write_text(self._pki.root.pem)
        return (
            Door("PEM", (pem, pem * 3), lambda given: certificates(given.decode(errors="replace")), (NoCertificate,)),
            Door("DER", (der,), certificate, (NoCertificate,), tags),
            Door("requests", (pem,), lambda given: requested_key(given.decode(errors="replace")), (NoCertificate,)),
            Door("base64", (b"AAAA",), lambda given: unbase64(given.decode(errors="replace")), (NotProven,)),
            Door("image heads", (self._image,), self._framed, (NoImage, OSError), parts),
            Door("images", (self._image,), self._unpacked, (NoImage, OSError), parts, dear=3),
            Door("signatures", (self._sealed,), self._signed(maker, files), (NotProven,), tags, dear=3),
            Door(
                "manifest",
                (b'{"product":"evsed","version":"1.2.3"}',),
                self._program,
                (NoImage, OSError),
                (b"[" * 3_000,),
            ),
            Door(
                "files of a program",
                (gzip.decompress(files),),
                self._archive,
                (NoImage, OSError),
                (b"../", b"/etc/", b"2", b"path="),
            ),
        )

    # --- what takes them -------------------------------------------------------------------------------------

    def _file(self, name: str, given: bytes) -> Path:
        path = self._folder / name
        path.write_bytes(given)
        path.chmod(0o600)
        return path

    def _fresh(self, name: str) -> Path:
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _site(self, given: bytes) -> None:
        site.load(self._file("site.toml", given))

    def _site_of_hal(self, given: bytes) -> None:
        path = self._file("site.toml", given)
        found = as_struct(path, read_toml(path), Installation, only=("board", "limits", "voltage", "meter"))
        objection(found)

    def _board(self, given: bytes) -> None:
        check_parts(load(str(self._file("board.toml", given))))

    def _latches(self, given: bytes) -> None:
        path = self._fresh("latches") / FILE
        path.write_bytes(given)
        latches = LatchFile(path.parent, (1, 2), wake=lambda: None)
        for evse in (1, 2):
            latches.keep(evse, latches.recall(evse))
        latches.flush()
        assert not latches.failed, latches.failed

    def _crashes(self, given: bytes) -> None:
        (self._fresh("quarantine") / "crashes.json").write_bytes(given)
        quarantine = Quarantine(self._folder / "quarantine")
        quarantine.holds("x")
        quarantine.forget()

    def _slots(self, given: bytes) -> None:
        slots = Slots(self._folder / "program")
        slots.folder.mkdir(parents=True, exist_ok=True)
        for name in (TRIAL, FLOOR):
            (slots.folder / name).write_bytes(given)
        if slots.current() is None:
            (slots.folder / LINK).symlink_to(NAMES[0])
        slots.floor()
        slots.count()
        slots.roll_back()

    def _held(self, folder: str, name: str) -> Callable[[bytes], None]:
        state = self._fresh(f"state of {folder} {name}")

        def enter(given: bytes) -> None:
            (state / folder).mkdir(exist_ok=True)
            (state / folder / name).write_bytes(given)
            store = CertificateStore(state, "EVSE1", lambda: 1)
            store.held()
            store.trusted()

        return enter

    def _adopted(self, root: bytes) -> Callable[[bytes], None]:
        state, file = self._fresh("state of adopted"), self._file("ca.pem", root)
        folder = state / FOLDERS[RootUse.CENTRAL]

        def enter(given: bytes) -> None:
            folder.mkdir(exist_ok=True)
            (folder / ADOPTED).write_bytes(given)
            store = CertificateStore(state, "EVSE1", lambda: 1)
            store.adopt([str(file)])
            assert len(store.held().roots) == 1, "the installer's root is not there"

        return enter

    def _journal_image(self) -> bytes:
        journal = Journal(self._folder / "a day")
        for persist in a_day():
            journal.commit(persist)
        journal.close()
        return (self._folder / "a day" / "journal.db").read_bytes()

    def _journal(self, given: bytes) -> None:
        folder = self._fresh("journal")
        for path in folder.iterdir():
            path.unlink()
        (folder / "journal.db").write_bytes(given)
        journal = Journal(folder)
        try:
            journal.load()
        finally:
            journal.close()

    def _unpacked(self, given: bytes) -> None:
        """A whole image with its certificate and its signature: what is taken is what the maker made."""
        folder = self._fresh("unpacked")
        shutil.rmtree(folder)
        folder.mkdir()
        with swapped(proof, openssl=self._notary):
            image.unpack(self._file("image", given), folder, self._folder / "roots", self._wall_ms, "0.1")
        assert given.endswith(self._files), "other files than those of the maker"

    def _framed(self, given: bytes) -> None:
        """The same without a child: somebody who knows the maker's words by heart stands in for openssl."""

        def certified(pem: str, roots: Path, wall_ms: int) -> None:
            if pem != self._maker:
                raise NotProven("another certificate")

        def sealed(file: IO[bytes], pem: str, signature: bytes) -> None:
            if (signature, file.read()) != (self._sealed_image, self._files):
                raise NotProven("another signature")

        with swapped(image, check_certificate=certified, check_signature=sealed):
            self._unpacked(given)

    def _signed(self, maker: Signer, data: bytes) -> Callable[[bytes], None]:
        def enter(given: bytes) -> None:
            with swapped(proof, openssl=self._notary), self._file("signed", data).open("rb", buffering=0) as file:
                check_signature(file, maker.pem, given)
            # openssl reads no more of it than the longest signature of that key has; what is behind is nobody's.
            assert given.startswith(self._sealed), "two signatures of one file"

        return enter

    def _program(self, given: bytes) -> None:
        self._archive(gzip.decompress(packed({image.MANIFEST: given})))

    def _archive(self, given: bytes) -> None:
        """As behind a good signature, so that no key is needed."""
        outside = self._fresh("outside")
        folder = outside / f"program-{len(list(outside.iterdir()))}"
        folder.mkdir()
        try:
            image.lay_down(io.BytesIO(gzip.compress(given, 1)), folder, "0.1")
        finally:
            assert [path for path in outside.iterdir() if not path.name.startswith("program-")] == [], "it broke out"
