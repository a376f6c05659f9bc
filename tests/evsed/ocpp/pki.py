"""Certificates made on the fly with the program openssl: a root, and what it signs, right or wrong."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path

_serials = count(0x1000)
NOW, PAST, FUTURE = (
    ("20200101000000Z", "20490101000000Z"),
    ("20200101000000Z", "20200201000000Z"),
    (
        "20480101000000Z",
        "20490101000000Z",
    ),
)


def openssl(*arguments: str) -> bytes:
    env = {"PATH": os.environ["PATH"], "OPENSSL_CONF": os.devnull}
    return subprocess.run(("openssl", *arguments), check=True, capture_output=True, env=env).stdout


@dataclass(frozen=True)
class Certificate:
    """`path` holds the certificate, those above it but for the root, and the key."""

    folder: Path
    name: str
    issuer: Certificate | None = None

    @cached_property
    def key(self) -> Path:
        return self.folder / f"{self.name}.key"

    @cached_property
    def alone(self) -> Path:
        return self.folder / f"{self.name}.crt"

    @cached_property
    def path(self) -> Path:
        path = self.folder / f"{self.name}.pem"
        chain, above = [self.alone], self.issuer
        while above is not None and above.issuer is not None:
            chain.append(above.alone)
            above = above.issuer
        path.write_text("".join(part.read_text() for part in (*chain, self.key)))
        return path


def make(
    folder: Path,
    name: str,
    issuer: Certificate | None = None,
    *,
    authority: bool = False,
    dates: tuple[str, str] = NOW,
    common_name: str = "localhost",
    organization: str = "A CPO",
    rsa: int | None = None,
) -> Certificate:
    """A certificate; without an issuer it signs itself."""
    made = Certificate(folder, name, issuer)
    kind = ("RSA", "-pkeyopt", f"rsa_keygen_bits:{rsa}") if rsa else ("EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    openssl("genpkey", "-algorithm", *kind, "-out", str(made.key))
    request = folder / f"{name}.csr"
    openssl("req", "-new", "-key", str(made.key), "-subj", f"/O={organization}/CN={common_name}", "-out", str(request))
    sign(made, request, authority=authority, dates=dates, common_name=common_name)
    return made


def sign(made: Certificate, request: Path, *, authority: bool, dates: tuple[str, str], common_name: str) -> None:
    """What `openssl ca` does, with any dates, and without the files that it keeps."""
    folder, issuer = made.folder, made.issuer or made
    book = folder / f"{made.name}.ca"
    book.mkdir()
    (book / "index").touch()
    (book / "serial").write_text(f"{next(_serials):X}\n")
    alternative = "" if authority else f"subjectAltName=DNS:{common_name}\n"
    (book / "conf").write_text(
        f"[ca]\ndefault_ca=d\n[d]\ndatabase={book}/index\nserial={book}/serial\nnew_certs_dir={book}\n"
        "default_md=sha256\npolicy=p\nunique_subject=no\nx509_extensions=x\n"
        "[p]\norganizationName=optional\ncommonName=supplied\n"
        f"[x]\nbasicConstraints=critical,CA:{'TRUE' if authority else 'FALSE'}\n"
        f"subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n{alternative}"
    )
    by = ("-selfsign",) if made.issuer is None else ("-cert", str(issuer.alone))
    openssl(
        *("ca", "-batch", "-notext", "-config", str(book / "conf"), "-keyfile", str(issuer.key), *by),
        *("-startdate", dates[0], "-enddate", dates[1], "-in", str(request), "-out", str(made.alone)),
    )
