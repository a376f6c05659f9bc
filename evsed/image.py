"""A firmware image of evsed: who made it, and the files of a program.

    EVSEFW1 LF · length of certificate · length of signature · certificate (PEM) · signature · files (tar, gzip)

The signature covers the files. Rules this file upholds:
- Nothing is unpacked, nor looked into, before the signature is proven to be the manufacturer's.
- Then only plain files and folders are, below the folder they are for, and no more than fits beside the reserve.
- The first file is `manifest.json`: {"product": "evsed", "version": "1.2.3"}.
"""

from __future__ import annotations

import json
import re
import shutil
import struct
import tarfile
from errno import ENOSPC
from pathlib import Path, PurePosixPath
from typing import IO, Any

from evsed.proof import NotProven, check_certificate, check_signature
from evsed.room import FULL, room

PRODUCT = "evsed"
HEAD = struct.Struct(">8sII")
MAGIC = b"EVSEFW1\n"
MOST_PROOF = 16_384
MOST_FILES = 10_000
MOST_UNPACKED = 256 * 1024 * 1024
MANIFEST = "manifest.json"
LARGEST_MANIFEST = 4_096
VERSION = re.compile(r"\d{1,9}(\.\d{1,9}){0,3}")


class NoImage(Exception):
    """This image is not for us, or not what it claims to be; the text says why."""


def unpack(image: Path, folder: Path, roots: Path, wall_ms: int, oldest: str) -> None:
    """Prove the image and lay its files into an empty folder. Blocks. Raises NoImage, OSError."""
    with image.open("rb", buffering=0) as file:  # its place in the file is that of openssl too
        try:
            _prove(file, roots, wall_ms)
        except NotProven as why:
            raise NoImage(str(why)) from None
        lay_down(file, folder, oldest)


def lay_down(file: IO[bytes], folder: Path, oldest: str) -> None:
    """Lay the files of a proven image into an empty folder. Blocks. Raises NoImage, OSError."""
    try:
        with tarfile.open(fileobj=file, mode="r|gz") as archive:
            _lay_down(archive, folder, oldest)
    except (tarfile.TarError, EOFError) as why:
        raise NoImage(str(why) or "the files of the image are damaged") from None


def version_of(folder: Path) -> str:
    """The version of a program that was laid down. Raises OSError, NoImage."""
    return _read_manifest((folder / MANIFEST).read_bytes())


def not_older(version: str, oldest: str) -> bool:
    """Whether it may follow on the other one."""
    return _numbers(version) >= _numbers(oldest)


def _prove(file: IO[bytes], roots: Path, wall_ms: int) -> None:
    """Leaves the file where its own files begin."""
    head = file.read(HEAD.size)
    magic, certificate, signature = HEAD.unpack(head) if len(head) == HEAD.size else (b"", 0, 0)
    if magic != MAGIC or max(certificate, signature) > MOST_PROOF:
        raise NoImage("this is no firmware of evsed")
    pem, sealed = file.read(certificate).decode("ascii", errors="replace"), file.read(signature)
    begin = file.tell()
    check_certificate(pem, roots, wall_ms)
    check_signature(file, pem, sealed)
    file.seek(begin)


def _lay_down(archive: tarfile.TarFile, folder: Path, oldest: str) -> None:
    files = size = 0
    for member in archive:
        files, size = files + 1, size + member.size
        if files > MOST_FILES or size > MOST_UNPACKED:
            raise NoImage("the image has more in it than fits")
        if member.size > room(folder):
            raise OSError(ENOSPC, FULL)
        name = PurePosixPath(member.name)
        if name.is_absolute() or ".." in name.parts or not (member.isreg() or member.isdir()):
            raise NoImage("the image has files that are no plain files of its own")
        if (files == 1) != (member.name == MANIFEST):
            raise NoImage("the image does not begin with what it is")
        target = folder / name
        if member.isdir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        content = archive.extractfile(member)
        assert content is not None
        if files == 1:
            _judge(member.size, content, target, oldest)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                shutil.copyfileobj(content, file)
    if not files:
        raise NoImage("the image is empty")


def _judge(size: int, content: IO[bytes], target: Path, oldest: str) -> None:
    text = content.read(LARGEST_MANIFEST) if size <= LARGEST_MANIFEST else b""
    version = _read_manifest(text)
    if not not_older(version, oldest):
        raise NoImage(f"the image has version {version}, and {oldest} was here before")
    target.write_bytes(text)


def _read_manifest(text: bytes) -> str:
    try:
        manifest: Any = json.loads(text)
        product, version = manifest["product"], manifest["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise NoImage("the image does not say what it is") from None
    if product != PRODUCT:
        raise NoImage("the image is for another product")
    if not isinstance(version, str) or VERSION.fullmatch(version) is None:
        raise NoImage("the image has no version")
    return version


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(number) for number in version.split(".")]
    while numbers and numbers[-1] == 0:  # 1.2 and 1.2.0 are the same
        numbers.pop()
    return tuple(numbers)
