"""Images: only what the manufacturer signed is looked into, and only plain files of our own come out of it."""

from __future__ import annotations

import gzip
import io
import tarfile
import time
from pathlib import Path

import pytest

from evsed import room
from evsed.image import HEAD, MAGIC, MANIFEST, MOST_UNPACKED, NoImage, not_older, unpack, version_of
from tests.evsed.pki import EC, RSA, Pki, Signer, image, packed, program

YEARS = 5 * 366 * 86_400_000
BODY = program("1.2.0", **{"evsed/deep/file.py": b"x = 1\n"})


def now() -> int:
    """Certificates are made by the clock of this machine."""
    return round(time.time() * 1_000)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def signer(pki: Pki) -> Signer:
    return pki.signer()


@pytest.fixture
def roots(pki: Pki, tmp_path: Path) -> Path:
    folder = tmp_path / "roots"
    folder.mkdir()
    (folder / "maker.pem").write_text(pki.root.pem)
    return folder


def opened(data: bytes, roots: Path, later: int = 0, oldest: str = "1.0.0") -> Path:
    file, folder = roots.parent / "image", roots.parent / "out"
    file.write_bytes(data)
    folder.mkdir()
    unpack(file, folder, roots, now() + later, oldest)
    return folder


def refused(data: bytes, roots: Path, later: int = 0, oldest: str = "1.0.0") -> str:
    with pytest.raises(NoImage) as why:
        opened(data, roots, later, oldest)
    return str(why.value)


@pytest.mark.parametrize("kind", [EC, RSA], ids=["ecdsa", "rsa-pss"])
def test_a_good_image_is_laid_down(pki: Pki, roots: Path, kind: tuple[str, ...]) -> None:
    folder = opened(image(pki.signer("of-this-kind", kind), BODY), roots)
    assert version_of(folder) == "1.2.0"
    assert (folder / "evsed/deep/file.py").read_bytes() == b"x = 1\n"


def test_each_flipped_byte_is_found(roots: Path, signer: Signer) -> None:
    good = image(signer, BODY)
    for place in (0, 9, 13, HEAD.size + 40, len(good) - len(BODY) - 3, len(good) - len(BODY), len(good) - 1):
        flipped = bytearray(good)
        flipped[place] ^= 1
        folder = roots.parent / f"out{place}"
        folder.mkdir()
        (roots.parent / "image").write_bytes(flipped)
        with pytest.raises(NoImage):
            unpack(roots.parent / "image", folder, roots, now(), "1.0.0")
        assert list(folder.iterdir()) == [], "nothing was unpacked"


@pytest.mark.parametrize("size", [0, 1, HEAD.size, HEAD.size + 10, 400, 600, -1])
def test_a_truncated_image_is_refused(roots: Path, signer: Signer, size: int) -> None:
    refused(image(signer, BODY)[:size], roots)


def test_lengths_that_lie_are_refused(roots: Path, signer: Signer) -> None:
    for lengths in ((0, 0), (2**32 - 1, 1), (1, 2**32 - 1), (16_384, 16_384)):
        (roots.parent / "image").write_bytes(HEAD.pack(MAGIC, *lengths) + BODY)
        with pytest.raises(NoImage):
            unpack(roots.parent / "image", roots, roots, now(), "1.0.0")


def test_strangers_and_forgotten_roots_are_refused(roots: Path, pki: Pki, tmp_path: Path) -> None:
    stranger = Pki(tmp_path / "stranger", "Maker")
    assert "not a valid one" in refused(image(stranger.signer(), BODY), roots)
    (roots / "maker.pem").unlink()
    (roots.parent / "out").rmdir()
    assert "no root certificate" in refused(image(pki.signer("again"), BODY), roots)


def test_a_certificate_counts_only_in_its_time(roots: Path, signer: Signer) -> None:
    assert "not a valid one" in refused(image(signer, BODY), roots, YEARS)
    (roots.parent / "out").rmdir()
    assert "not a valid one" in refused(image(signer, BODY), roots, -YEARS)


def test_nobody_stands_between_root_and_signer(roots: Path, pki: Pki) -> None:
    between = pki.signer("between", extensions="basicConstraints=critical,CA:TRUE;keyUsage=critical,keyCertSign")
    below = pki.signer("below", by=between)
    refused(image(below, BODY), roots)


def test_a_weak_key_is_refused(roots: Path, pki: Pki) -> None:
    refused(image(pki.signer("weak", ("-newkey", "rsa:1024")), BODY), roots)


def test_rsa_of_the_older_kind_is_refused(roots: Path, pki: Pki) -> None:
    signer = pki.signer("older", RSA)
    pem, sealed = signer.pem.encode(), signer.sign(BODY, padding=())
    assert "does not fit" in refused(HEAD.pack(MAGIC, len(pem), len(sealed)) + pem + sealed + BODY, roots)


NOT_FOR_US: dict[str, tuple[bytes, str]] = {
    "another product": (program(product="toaster"), "another product"),
    "older": (program("0.9.9"), "was here before"),
    "no version": (program("1.2; rm -rf"), "no version"),
    "no manifest": (packed({"evsed/x": b""}), "does not begin"),
    "manifest of another kind": (packed({MANIFEST: b"[]"}), "does not say"),
    "manifest too long": (packed({MANIFEST: b"x" * 5_000}), "does not say"),
    "nothing": (packed({}), "empty"),
    "no archive": (b"no archive at all", ""),
    "outside": (program(**{"../escaped": b"x"}), "plain files"),
    "absolute": (program(**{"/etc/escaped": b"x"}), "plain files"),
    "outside by a detour": (program(**{"evsed/../../escaped": b"x"}), "plain files"),
}


@pytest.mark.parametrize("what", NOT_FOR_US)
def test_what_is_signed_but_not_for_us_is_refused(roots: Path, signer: Signer, what: str) -> None:
    body, why = NOT_FOR_US[what]
    assert why in refused(image(signer, body), roots)
    assert not (roots.parent / "escaped").exists()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(roots: Path, signer: Signer, kind: bytes) -> None:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        manifest = b'{"product": "evsed", "version": "1.2.0"}'
        first = tarfile.TarInfo(MANIFEST)
        first.size = len(manifest)
        archive.addfile(first, io.BytesIO(manifest))
        link = tarfile.TarInfo("evsed/link")
        link.type, link.linkname = kind, "/etc/passwd"
        archive.addfile(link)
    assert "plain files" in refused(image(signer, whole.getvalue()), roots)


def test_a_bomb_is_refused_before_it_is_laid_down(roots: Path, signer: Signer) -> None:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        manifest = b'{"product": "evsed", "version": "1.2.0"}'
        first = tarfile.TarInfo(MANIFEST)
        first.size = len(manifest)
        archive.addfile(first, io.BytesIO(manifest))
    bomb = tarfile.TarInfo("zeros")
    bomb.size = MOST_UNPACKED + 1
    plain = gzip.decompress(whole.getvalue())[:1024] + bomb.tobuf()
    assert "more in it than fits" in refused(image(signer, gzip.compress(plain)), roots)


@pytest.mark.parametrize(
    ("version", "oldest", "may"),
    [
        ("1.0.0", "1.0.0", True),
        ("1.0", "1.0.0", True),
        ("1.10.0", "1.9.9", True),
        ("1.9.9", "1.10", False),
        ("2", "10", False),
    ],
)
def test_versions_are_compared_as_numbers(version: str, oldest: str, may: bool) -> None:
    assert not_older(version, oldest) is may


def test_files_that_do_not_fit_beside_the_reserve_are_no_bad_image(
    roots: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "RESERVE", 1 << 62)
    with pytest.raises(OSError, match="the disk has no room for it"):
        opened(image(signer, BODY), roots)


def test_a_manifest_that_is_nothing_but_brackets_is_none(roots: Path, signer: Signer) -> None:
    with pytest.raises(NoImage, match="does not say what it is"):
        opened(image(signer, packed({MANIFEST: b"[" * 4_000})), roots)
