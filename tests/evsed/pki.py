"""Keys and certificates made on the fly by openssl, and images signed with them."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from evsed.image import HEAD, MAGIC, MANIFEST

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA = ("-newkey", "rsa:2048")
PSS = ("-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest")
CA = "basicConstraints=critical,CA:TRUE;keyUsage=critical,keyCertSign,cRLSign"
IDENTIFIERS = ("subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid")


def openssl(*arguments: object) -> None:
    subprocess.run(("openssl", *map(str, arguments)), check=True, capture_output=True)


@dataclass(frozen=True)
class Signer:
    """A key and its certificate."""

    key: Path
    certificate: Path
    rsa: bool = False

    @property
    def pem(self) -> str:
        return self.certificate.read_text()

    def sign(self, data: bytes, *, padding: tuple[str, ...] = PSS) -> bytes:
        file = self.key.with_suffix(".data")
        file.write_bytes(data)
        sealed = self.key.with_suffix(".sig")
        options = padding if self.rsa else ()
        openssl("dgst", "-sha256", "-sign", self.key, *options, "-out", sealed, file)
        return sealed.read_bytes()


class Pki:
    """One root and those whom it signs; `folder` holds all of it."""

    def __init__(self, folder: Path, name: str = "Maker") -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.root = self._made("root", None, EC, 3_650, CA)

    def signer(
        self,
        name: str = "signer",
        kind: tuple[str, ...] = EC,
        days: int = 365,
        extensions: str = "keyUsage=critical,digitalSignature",
        by: Signer | None = None,
    ) -> Signer:
        return self._made(name, by or self.root, kind, days, extensions)

    def server(self, name: str = "server", host: str = "IP:127.0.0.1") -> Signer:
        return self.signer(name, extensions=f"subjectAltName={host}")

    def _made(self, name: str, by: Signer | None, kind: tuple[str, ...], days: int, extensions: str) -> Signer:
        key, certificate = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        issuer = ("-CA", by.certificate, "-CAkey", by.key) if by is not None else ()
        openssl(
            *("req", "-x509", "-nodes", *kind, "-keyout", key, "-out", certificate, "-days", days),
            *("-subj", f"/O={self.name}/CN={name}", "-config", "/dev/null", *issuer),
            *(word for extension in (*IDENTIFIERS, *extensions.split(";")) for word in ("-addext", extension)),
        )
        return Signer(key, certificate, "rsa" in kind[1])


def program(version: str = "1.0.0", product: str = "evsed", **files: bytes) -> bytes:
    """The files of an image."""
    manifest = json.dumps({"product": product, "version": version}).encode()
    return packed({MANIFEST: manifest, "evsed/__init__.py": f'__version__ = "{version}"\n'.encode()} | files)


def packed(files: dict[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return whole.getvalue()


def image(signer: Signer, body: bytes | None = None) -> bytes:
    """A firmware image as its maker makes it."""
    body = program() if body is None else body
    pem, sealed = signer.pem.encode(), signer.sign(body)
    return HEAD.pack(MAGIC, len(pem), len(sealed)) + pem + sealed + body
