"""Who made this file: certificates and signatures, judged by the program `openssl` as a child.

Rules this file upholds:
- A signing certificate is signed by one of the manufacturer's roots itself, with nothing between (L01, remarks), is
  valid now, and has a key worth 112 bits (A00.FR.501 to 503).
- A signature covers the whole file: RSA-PSS or ECDSA over SHA-256 (L01.FR.04). RSA of the older kind is refused.
"""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

from evsed.openssl import NoOpenssl, openssl

LARGEST_PEM = 1_000_000
BEGIN_KEY, END_KEY = "-----BEGIN PUBLIC KEY-----", "-----END PUBLIC KEY-----"
EC_KEY = bytes.fromhex("06072a8648ce3d0201")
RSA_KEY = bytes.fromhex("06092a864886f70d0101")
PSS = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_mgf1_md:sha256")
SIGNED_BY = {EC_KEY: (), RSA_KEY: PSS}


class NotProven(Exception):
    """The file, or the certificate, is not what it should be; the text says why."""


def check_certificate(pem: str, roots: Path, wall_ms: int) -> None:
    """Is this certificate one with which the manufacturer signs now? Blocks. Raises NotProven."""
    known = list(_roots(roots))
    if not known:
        raise NotProven(f"no root certificate of the manufacturer is in {roots}")
    if not pem.isascii() or pem.count("-----BEGIN") != 1:
        raise NotProven("the signing certificate is not one certificate in PEM form")
    with TemporaryDirectory(prefix="evsed-") as folder:
        bundle, leaf = Path(folder) / "roots", Path(folder) / "leaf"
        bundle.write_text("\n".join(known))
        leaf.write_text(pem)
        trusted = ("-CAfile", str(bundle), "-no-CApath", "-no-CAstore")
        strict = ("-x509_strict", "-auth_level", "2", "-attime", str(wall_ms // 1_000))
        if _asked("verify", *trusted, *strict, "--", str(leaf)) is None:
            raise NotProven("the signing certificate is not a valid one of the manufacturer")


def check_signature(file: IO[bytes], pem: str, signature: bytes) -> None:
    """Was the file, from here to its end, signed with that certificate? Blocks. Raises NotProven."""
    with TemporaryDirectory(prefix="evsed-") as folder:
        leaf, key, sealed = (Path(folder) / name for name in ("leaf", "key", "signature"))
        leaf.write_text(pem)
        sealed.write_bytes(signature)
        said = _asked("x509", "-in", str(leaf), "-noout", "-pubkey")
        key.write_text(said or "")
        options = SIGNED_BY.get(_kind(said or ""))
        if options is None:
            raise NotProven("the key of the signing certificate is neither RSA nor ECDSA")
        verify = ("-verify", str(key), "-signature", str(sealed), *options)
        os.lseek(file.fileno(), file.tell(), os.SEEK_SET)
        if _asked("dgst", "-sha256", *verify, given=file) is None:
            raise NotProven("the signature does not fit the file")


def unbase64(text: str) -> bytes:
    """The bytes of a signature as it is sent. Raises NotProven."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise NotProven("the signature is not base64") from None


def _roots(folder: Path) -> Iterable[str]:
    for path in sorted(folder.glob("*.pem")):
        if path.stat().st_size <= LARGEST_PEM:
            yield path.read_text("ascii", errors="replace")


def _asked(*arguments: str, given: IO[bytes] | bytes = b"") -> str | None:
    try:
        return openssl(*arguments, given=given)
    except NoOpenssl as missing:
        raise NotProven(str(missing)) from None


def _kind(key: str) -> bytes:
    """Which kind of key this is, by the object identifier in its first bytes."""
    body = key.partition(BEGIN_KEY)[2].partition(END_KEY)[0]
    head = base64.b64decode("".join(body.split()))[:32]
    return next((kind for kind in SIGNED_BY if kind in head), b"")
