"""What a certificate says, read from its bytes: names, dates, key, and the hashes by which OCPP calls it.

Rules this file upholds:
- It reads; whether a signature is right is openssl's to say.
- What is not a certificate, however it is broken, is NoCertificate: never another exception, never a guess.
- No text with a private key in it is taken, wherever it came from.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from msgspec import Struct

from evsed.core.credentials import HashData

SEQUENCE, BITS, OCTETS, BOOLEAN = 0x30, 0x03, 0x04, 0x01
UTC_TIME, VERSION, EXTENSIONS = 0x17, 0xA0, 0xA3
COMMON_NAME, ORGANIZATION = bytes.fromhex("550403"), bytes.fromhex("55040a")
BASIC_CONSTRAINTS = bytes.fromhex("551d13")
BMP_TEXT, LATIN_TEXT = 0x1E, 0x14
LONGEST_SERIAL = 20  # bytes; RFC 5280 4.1.2.2
HASHES = {"SHA256": hashlib.sha256, "SHA384": hashlib.sha384, "SHA512": hashlib.sha512}
BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----([A-Za-z0-9+/=\s]*)-----END \1-----")
Tlv = tuple[int, bytes, bytes]
"""Tag, content, and all of it with its head."""


class NoCertificate(ValueError):
    """These bytes are no certificate; the text says why."""


class Certificate(Struct, frozen=True):
    """One of them. Names are DER, `key` is the whole public key and `key_bits` the inside of its bit string."""

    der: bytes
    serial: int
    issuer: bytes
    subject: bytes
    since_ms: int
    until_ms: int
    key: bytes
    key_bits: bytes
    authority: bool

    @property
    def id(self) -> str:
        """By which we call it: SHA-256 of the whole."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def pem(self) -> str:
        """As text."""
        lines = base64.encodebytes(self.der).decode().replace("\n", "")
        body = "\n".join(lines[at : at + 64] for at in range(0, len(lines), 64))
        return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"

    @property
    def title(self) -> str:
        """For people: its common name, else its organization."""
        return named(self.subject, COMMON_NAME) or named(self.subject, ORGANIZATION) or "without a name"

    def hashes(self, issuer_key_bits: bytes) -> tuple[HashData, ...]:
        """As OCPP calls it, one for each algorithm (whitepaper §6.1: RFC 6960)."""
        return tuple(
            HashData(name, digest(self.issuer).hexdigest(), digest(issuer_key_bits).hexdigest(), f"{self.serial:X}")
            for name, digest in HASHES.items()
        )


def certificates(text: str) -> tuple[Certificate, ...]:
    """All that a PEM text holds, in its order, each once. Raises NoCertificate."""
    found: dict[bytes, Certificate] = {}
    if "PRIVATE KEY" in text:
        raise NoCertificate("there is a private key in it, which nobody may send")
    for label, body in BLOCK.findall(text):
        if label not in ("CERTIFICATE", "X509 CERTIFICATE"):
            raise NoCertificate(f"there is a {label.lower()} in it")
        read = certificate(unbase64(body))
        found[read.der] = read
    if not found or text.count("-----BEGIN ") != len(BLOCK.findall(text)):
        raise NoCertificate("it is not a certificate in PEM form")
    return tuple(found.values())


def one(text: str) -> Certificate:
    """The only one of a PEM text. Raises NoCertificate."""
    if text.count("-----BEGIN ") > 1:
        raise NoCertificate("there is more in it than one certificate")
    return certificates(text)[0]


def first(text: str) -> Certificate:
    """The first of a PEM text that may hold anything beside it, such as the key. Raises NoCertificate."""
    for label, body in BLOCK.findall(text):
        if label == "CERTIFICATE":
            return certificate(unbase64(body))
    raise NoCertificate("there is no certificate in it")


def certificate(der: bytes) -> Certificate:
    """From its bytes. Raises NoCertificate."""
    try:
        return _certificate(der)
    except (IndexError, ValueError, OverflowError) as broken:
        raise NoCertificate(f"it is not a certificate: {broken}") from None


def requested_key(pem: str) -> bytes:
    """The public key that a signing request is for. Raises NoCertificate."""
    try:
        ((_, body),) = BLOCK.findall(pem)
        request = _parts(_only(unbase64(body), SEQUENCE))
        return _parts(request[0][1])[2][2]
    except (IndexError, ValueError) as broken:
        raise NoCertificate(f"it is not a signing request: {broken}") from None


def named(name: bytes, kind: bytes) -> str:
    """The value of a kind in a DER name, "" if it is not there. Raises NoCertificate."""
    try:
        for _, group, _ in _parts(_only(name, SEQUENCE)):
            for _, pair, _ in _parts(group):
                (_, found, _), (tag, value, _) = _parts(pair)[:2]
                if found == kind:
                    return value.decode({BMP_TEXT: "utf-16-be", LATIN_TEXT: "latin-1"}.get(tag, "utf-8"))
    except (IndexError, ValueError) as broken:
        raise NoCertificate(f"its name can't be read: {broken}") from None
    return ""


def unbase64(body: str) -> bytes:
    """The bytes of a PEM block. Raises NoCertificate."""
    try:
        return base64.b64decode("".join(body.split()), validate=True)
    except binascii.Error:
        raise NoCertificate("its text is not base64") from None


# --- DER -----------------------------------------------------------------------------------------------------


def _certificate(der: bytes) -> Certificate:
    whole = _parts(_only(der, SEQUENCE))
    signed = _parts(_want(whole[0], SEQUENCE))
    if signed[0][0] == VERSION:
        signed = signed[1:]
    (_, digits, _), _, (_, _, issuer), (_, dates, _), (_, _, subject), (_, info, key), *more = signed
    serial = int.from_bytes(digits, "big")
    if serial >> 8 * LONGEST_SERIAL:
        raise NoCertificate("its serial number is too long")
    since, until = (_moment(*time[:2]) for time in _parts(dates))
    bits = _want(_parts(info)[1], BITS)
    extensions = next((content for tag, content, _ in more if tag == EXTENSIONS), b"")
    for name in (issuer, subject):
        named(name, COMMON_NAME)
    return Certificate(
        der=der,
        serial=serial,
        issuer=issuer,
        subject=subject,
        since_ms=since,
        until_ms=until,
        key=key,
        key_bits=bits[1:],  # the first byte counts the bits that are not used
        authority=_is_authority(extensions),
    )


def _is_authority(extensions: bytes) -> bool:
    """Whether it may sign others (RFC 5280 4.2.1.9)."""
    for _, extension, _ in _parts(_only(extensions, SEQUENCE)) if extensions else ():
        fields = _parts(extension)
        if fields[0][1] == BASIC_CONSTRAINTS:
            says = _parts(_only(_want(fields[-1], OCTETS), SEQUENCE))
            return bool(says) and says[0][0] == BOOLEAN and says[0][1] != b"\0"
    return False


def _moment(tag: int, text: bytes) -> int:
    """In ms since 1970 (RFC 5280 4.1.2.5: always in UTC, with seconds)."""
    digits = text.decode("ascii")
    if tag == UTC_TIME:
        digits = ("19" if digits >= "50" else "20") + digits
    return round(datetime.strptime(digits, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp() * 1_000)


def _only(der: bytes, tag: int) -> bytes:
    (part,) = _parts(der)
    return _want(part, tag)


def _want(part: Tlv, tag: int) -> bytes:
    if part[0] != tag:
        raise NoCertificate(f"there is a {part[0]:#x} where a {tag:#x} must be")
    return part[1]


def _parts(der: bytes) -> list[Tlv]:
    return list(_walk(der))


def _walk(der: bytes) -> Iterator[Tlv]:
    at = 0
    while at < len(der):
        begin, tag, length = at, der[at], der[at + 1]
        at += 2
        if length & 0x80:
            count = length & 0x7F
            if not 0 < count <= 4:
                raise NoCertificate("it has a length that is none")
            length = int.from_bytes(der[at : at + count], "big")
            at += count
        if at + length > len(der):
            raise NoCertificate("it ends too early")
        yield tag, der[at : at + length], der[begin : at + length]
        at += length
