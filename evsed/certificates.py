"""The certificates of this box on its disk: roots that it trusts, its own with their keys, and the key that waits.

    STATE/central-roots       for connections to central systems and for what they sign; `adopted` says what of it
                              came from the installer's ca_file
    STATE/manufacturer-roots  for programs; the maker or the installer may lay files there
    STATE/own-certificates    NAME.pem is a certificate, those above it, and its key; `request` is the key that waits

Rules this file upholds:
- A file appears whole or not at all, and is synced before anyone is told of it (I12): a cut leaves old or new.
- A key is made here, in one child that tells it to us alone, and lies in files that nobody else can read (A02.FR.05).
- Nothing is kept that was not looked at: dates, strength, who signed it, and whose it is (A02.FR.06, M05.FR.06).
- What can't be read is left alone, named in the log, and trusted by nobody.
"""

from __future__ import annotations

import base64
import logging
import os
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from evsed.core.credentials import (
    CertificateErrand,
    Held,
    InstallRoot,
    MakeKey,
    Own,
    RemoveRoots,
    Root,
    RootUse,
    TakeSigned,
)
from evsed.core.errands import ErrandDone, Outcome
from evsed.openssl import NoOpenssl, openssl
from evsed.x509 import (
    COMMON_NAME,
    ORGANIZATION,
    Certificate,
    NoCertificate,
    certificates,
    first,
    named,
    one,
    requested_key,
    unbase64,
)

FOLDERS = {RootUse.CENTRAL: "central-roots", RootUse.MANUFACTURER: "manufacturer-roots"}
OWN, REQUEST, ADOPTED = "own-certificates", "request", "adopted"
MOST_ADOPTED = 10
MOST_OWN = 3
MOST_CHAIN = 10
LARGEST = 1_048_576
ISSUER_KEY = "Issuer-Key: "
STRONG = ("-auth_level", "2")  # 112 bits: A00.FR.501 to 503
ALONE = ("-no-CApath", "-no-CAstore", "-partial_chain")

log = logging.getLogger("evsed")


class Unfit(Exception):
    """This certificate is not what it should be; the text says why."""


class NoRoom(Exception):
    """There are as many as may be; the text says so."""


class NotNow(Exception):
    """It can't be judged at present; the text says why."""


class Adopted(msgspec.Struct, frozen=True):
    """What the installer's files held when they were last put in."""

    ids: list[str]
    files: str


class CertificateStore:
    """All of one state folder. `common_name` is the station's in its certificates, `now_ms` is the wall time, None
    while it is not known. Everything blocks.
    """

    def __init__(self, state: Path, common_name: str, now_ms: Callable[[], int | None]) -> None:
        self._state, self._own = state, state / OWN
        self._common_name, self._now_ms = common_name, now_ms
        for half in state.glob("*/*.new"):
            with suppress(OSError):  # nobody reads it, and it is written anew
                half.unlink()
        # Each takes exactly the errand that it is entered under.
        self._doers: dict[type, Callable[[Any], None]] = {
            InstallRoot: self._install,
            RemoveRoots: self._remove,
            MakeKey: self._make_key,
            TakeSigned: self._take,
        }

    def perform(self, errand: CertificateErrand) -> ErrandDone:
        """Do what it says, and say how it ended."""
        try:
            self._doers[type(errand)](errand)
        except (NoCertificate, Unfit) as why:
            return ErrandDone(errand.job, Outcome.INVALID, str(why), self.held())
        except NoRoom as why:
            return ErrandDone(errand.job, Outcome.HOPELESS, str(why), self.held())
        except (NotNow, NoOpenssl, OSError) as why:
            return ErrandDone(errand.job, Outcome.FAILED, str(why), self.held())
        return ErrandDone(errand.job, Outcome.DONE, "", self.held())

    def held(self) -> Held:
        """What is there now."""
        roots = tuple(
            Root(use, read.id, read.title, read.until_ms, read.hashes(issuer), read.since_ms)
            for use in RootUse
            for _, read, issuer in self._roots(use)
        )
        own = (
            Own(path.stem, read.title, read.since_ms, read.until_ms, f"{read.serial:X}")
            for path in self._files(OWN)
            if (read := _own(path)) is not None
        )
        return Held(roots, tuple(own), self._request())

    def trusted(self) -> str:
        """The roots of central systems, as one PEM text."""
        return "".join(read.pem for _, read, _ in self._roots(RootUse.CENTRAL))

    def own(self, name: str) -> Path:
        """The file of a certificate of ours."""
        return self._own / f"{name}.pem"

    def adopt(self, files: Iterable[str]) -> frozenset[str]:
        """Put in what the installer's files hold, and take out what they held before; once for each change of them.

        Returns those that are no roots of somebody but a whole collection: they count beside the store.
        """
        marker = self._folder(RootUse.CENTRAL) / ADOPTED
        held, before = _adopted(marker)
        found, beside, seen = {}, set(), sha256()
        for file in sorted(set(files)):
            text = Path(file).read_text("ascii", errors="replace")
            seen.update(text.encode())
            try:
                roots = certificates(text)
            except NoCertificate:  # openssl may read more of it than we do
                roots = ()
            if 0 < len(roots) <= MOST_ADOPTED:
                found.update({read.id: read for read in roots})
            else:
                beside.add(file)
        if before != seen.hexdigest():
            self._drop(held - set(found), (RootUse.CENTRAL,))
            for read in found.values():
                self._add(RootUse.CENTRAL, read, b"")
            _keep(marker, msgspec.json.encode(Adopted(sorted(found), seen.hexdigest())).decode())
        return frozenset(beside)

    # --- roots -----------------------------------------------------------------------------------------------

    def _install(self, errand: InstallRoot) -> None:
        new, known = one(errand.pem), {read.id: read for _, read, _ in self._roots(errand.use)}
        if new.id in known:
            return
        if not errand.room:
            raise NoRoom("there is no room for more")
        if not new.authority:
            raise Unfit("it is not the certificate of an authority")
        above = known.values() if errand.signed_by is None else [known[errand.signed_by]]
        if errand.signed_by is None and new.issuer == new.subject:
            above = [new]
        signer = next((read for read in above if read.subject == new.issuer), None)
        if signer is None:
            raise Unfit("it is signed by none of those that it could be signed by")
        if not self._verifies(new, (signer,), (), self._time(), "-check_ss_sig"):
            raise Unfit("its dates, its key or its signature are not good")
        self._add(errand.use, new, signer.key_bits if signer is not new else b"")

    def _add(self, use: RootUse, new: Certificate, issuer: bytes) -> None:
        """A line before it keeps the key that signed it, if that is another one: the signer may go."""
        folder = self._folder(use)
        if any(read.id == new.id for _, read, _ in self._roots(use)):
            return
        numbers = [int(path.name[:4]) for path in folder.glob("[0-9][0-9][0-9][0-9]-*.pem")]
        note = f"{ISSUER_KEY}{base64.b64encode(issuer).decode()}\n" if issuer else ""
        _keep(folder / f"{max(numbers, default=0) + 1:04d}-{new.id[:16]}.pem", note + new.pem)

    def _remove(self, errand: RemoveRoots) -> None:
        self._drop(set(errand.ids), tuple(RootUse))

    def _drop(self, ids: set[str], uses: Iterable[RootUse]) -> None:
        """Of a file with several, the others stay. Raises OSError, also where they may be in what can't be read."""
        for use in uses:
            inside = {path: _inside(path) for path in self._files(FOLDERS[use])}
            for path, roots in inside.items():
                left = [read for read in roots if read.id not in ids]
                if left and len(left) < len(roots):
                    _keep(path, "".join(read.pem for read in left))
                elif roots and not left:
                    path.unlink()
                    _sync(path.parent)

    def _roots(self, use: RootUse) -> list[tuple[Path, Certificate, bytes]]:
        """Each with its file and the key that signed it; those whose signer nobody knows can't be named, nor count."""
        every = [(path, read) for path in self._files(FOLDERS[use]) for read in _readable(path)]
        keys = {read.subject: read.key_bits for _, read in every}
        whole = []
        for path, read in every:
            issuer = read.key_bits if read.issuer == read.subject else _noted(path) or keys.get(read.issuer)
            if issuer is None:
                log.warning("! %s: who signed it is not known, so it does not count", path)
            else:
                whole.append((path, read, issuer))
        return whole

    # --- our own ---------------------------------------------------------------------------------------------

    def _make_key(self, errand: MakeKey) -> None:
        """A02.FR.02, A02.FR.13: a pair on the curve P-256; the organization is the operator's."""
        key = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
        subject = f"/O={_escaped(errand.organization)}/CN={_escaped(self._common_name)}"
        asks = ("req", "-new", "-utf8", "-sha256", "-key", "/dev/stdin", "-subj", subject)
        request = openssl(*asks, given=key.encode()) if key is not None else None
        if key is None or request is None:
            raise NotNow("openssl makes no key")
        _keep(self._made(OWN) / REQUEST, request + key)

    def _request(self) -> str | None:
        path, text = self._own / REQUEST, ""
        try:
            text = path.read_text("ascii", errors="replace") if path.exists() else ""
        except OSError as why:
            log.warning("! %s can't be used: %s", path, why)
        request, end, _ = text.partition("-----END CERTIFICATE REQUEST-----\n")
        if not end or not request.isascii():
            if text:
                log.warning("! %s can't be used: it is damaged", path)
            return None
        return request + end

    def _take(self, errand: TakeSigned) -> None:
        request, now_ms = self._request(), self._time()
        if request is None:
            raise Unfit("nobody asked for it")
        chain = certificates(errand.pem)
        ours = requested_key(request)
        leaf = next((read for read in chain if read.key == ours), None)
        if leaf is None:
            raise Unfit("it is not for our key")
        if len(chain) > MOST_CHAIN:
            raise Unfit("there are too many above it")
        if leaf.authority or not leaf.serial:
            raise Unfit("it is that of an authority, or has no serial number")
        for kind, ours_is in ((ORGANIZATION, errand.organization), (COMMON_NAME, self._common_name)):
            if named(leaf.subject, kind) != ours_is:
                raise Unfit("it names another organization or another station")
        roots = [read for _, read, _ in self._roots(RootUse.CENTRAL)]
        above = [read for read in chain if read is not leaf]
        at_ms = max(now_ms, leaf.since_ms)  # it may count from later on: A02.FR.08
        if not self._verifies(leaf, roots, above, at_ms, "-purpose", "sslclient"):
            raise Unfit("its dates, its key or its signature are not good, or none of the operator's roots leads to it")
        self._keep_own(leaf, above, errand.keep)

    def _keep_own(self, leaf: Certificate, above: Iterable[Certificate], keep: Iterable[str]) -> None:
        """The newest few stay, and those that are needed; a key goes with its certificate."""
        waiting = self._own / REQUEST
        key = waiting.read_text()[len(self._request() or "") :]
        _keep(self.own(leaf.id[:16]), "".join(read.pem for read in (leaf, *above)) + key)
        waiting.unlink()
        _sync(self._own)
        newest = sorted(self.held().own, key=lambda own: own.since_ms, reverse=True)
        for old in newest[MOST_OWN:]:
            if old.name not in keep:
                self.own(old.name).unlink()

    # --- small -----------------------------------------------------------------------------------------------

    def _verifies(
        self, leaf: Certificate, roots: Iterable[Certificate], above: Iterable[Certificate], at_ms: int, *more: str
    ) -> bool:
        """Whether openssl finds a way from it to one of the roots."""
        with TemporaryDirectory(prefix="evsed-") as folder:
            files = [Path(folder) / name for name in ("roots", "above", "leaf")]
            for file, some in zip(files, (roots, above, (leaf,)), strict=True):
                file.write_text("".join(read.pem for read in some))
            told = ("-CAfile", str(files[0]), *(("-untrusted", str(files[1])) if files[1].stat().st_size else ()))
            when = ("-attime", str(at_ms // 1_000))
            return openssl("verify", *told, *ALONE, *STRONG, *when, *more, "--", str(files[2])) is not None

    def _time(self) -> int:
        now_ms = self._now_ms()
        if now_ms is None:
            raise NotNow("no time is known to judge the certificate by")
        return now_ms

    def _folder(self, use: RootUse) -> Path:
        return self._made(FOLDERS[use])

    def _made(self, name: str) -> Path:
        folder = self._state / name
        if not folder.exists():
            folder.mkdir(mode=0o700)
            _sync(self._state)
        return folder

    def _files(self, folder: str) -> Iterator[Path]:
        return iter(sorted((self._state / folder).glob("*.pem")))


def _readable(path: Path) -> tuple[Certificate, ...]:
    try:
        return _inside(path)
    except OSError as why:
        log.warning("! %s can't be used: %s", path, why)
        return ()


def _inside(path: Path) -> tuple[Certificate, ...]:
    """All in the file, none if it is damaged. Raises OSError."""
    try:
        return certificates(path.read_text("ascii", errors="replace")) if path.stat().st_size <= LARGEST else ()
    except NoCertificate as why:
        log.warning("! %s can't be used: %s", path, why)
        return ()


def _own(path: Path) -> Certificate | None:
    """The first in the file, if it goes with the key there."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(path, password="")
        return first(path.read_text("ascii", errors="replace"))
    except (NoCertificate, OSError) as why:
        log.warning("! %s can't be used: %s", path, why)
        return None


def _noted(path: Path) -> bytes | None:
    """The key in the line before a certificate; None where there is none that can be read."""
    with suppress(NoCertificate, OSError):
        head, _, _ = path.read_text("ascii", errors="replace").partition("-----BEGIN")
        return unbase64(head.removeprefix(ISSUER_KEY)) if head.startswith(ISSUER_KEY) else None
    return None


def _adopted(marker: Path) -> tuple[set[str], str]:
    """Which roots the installer's files held, and which files those were. A mark that can't be read counts as none:
    what the files hold is then put in anew.
    """
    with suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
        mark = msgspec.json.decode(marker.read_bytes(), type=Adopted)
        return set(mark.ids), mark.files
    return set(), ""


def _escaped(text: str) -> str:
    """For a name on the command line of openssl."""
    return "".join(f"\\{sign}" if sign in "\\/+=" else sign for sign in text)


def _keep(path: Path, text: str) -> None:
    """Whole or not at all, and for us alone. Raises OSError."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
    _sync(path.parent)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
