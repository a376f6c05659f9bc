"""site.toml: what the installer decided for this box, read once at start.

Rules this file upholds:
- Everything is checked before anything starts; one sentence names file, place, reason and what is allowed.
- Nothing is accepted and then ignored: an unknown key is an error, and so is one that the others make useless.
- Tables that evse-hal obeys have the types of `hal.contract.Installation`; evsed checks them too.
- A secret is never shown: not in a sentence, not in the repr of a Site.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec

from evsed.core import catalogue
from evsed.site_file import LISTER, Wrong, content, convert, near, tables
from hal.contract import Installation, objection

LARGEST_SECRET = 4_096
LARGEST_CA = 1_048_576
TEXT_KEY = range(1, 65)  # characters; OCPP 2.0.1 errata allow 64
HEX_KEY = range(16, 21)  # bytes; OCPP 1.6 security whitepaper, AuthorizationKey
STRANGERS_READ = 0o004
STRANGERS = 0o037  # a secret is written by its owner, and read by its owner and its group at most

Tag = Annotated[str, msgspec.Meta(min_length=1, max_length=20)]  # OCPP 1.6 idToken


class SiteError(ValueError):
    """site.toml can't be obeyed; the text is a sentence."""


class Station(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[station]`: who this box is. `identity` is its name at the central system."""

    identity: Annotated[str, msgspec.Meta(min_length=1, max_length=48)]
    vendor: Annotated[str, msgspec.Meta(min_length=1, max_length=20)] = "evsed"
    model: Annotated[str, msgspec.Meta(min_length=1, max_length=20)] = "Raspberry Pi"
    serial: Annotated[str, msgspec.Meta(min_length=1, max_length=25)] | None = None


class AccessTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[access]` as it is written."""

    mode: Literal["authorized", "free"] = "authorized"
    free_tag: Tag | None = None
    tags: tuple[Tag, ...] = ()


class FallbackTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[central.fallback]]` as it is written: a central system that is dialled when those before it do not answer."""

    url: str
    secure_url: str | None = None
    security_profile: Annotated[int, msgspec.Meta(ge=0, le=3)] | None = None
    password: str | None = None
    password_file: str | None = None
    ca_file: str | None = None
    certificate_file: str | None = None


class CentralTable(FallbackTable, frozen=True, forbid_unknown_fields=True):
    """`[central]` as it is written."""

    fallback: tuple[FallbackTable, ...] = ()


class Tables(Installation, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file as it is written."""

    station: Station
    central: CentralTable | None = None
    access: AccessTable = AccessTable()
    variables: dict[str, Any] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may charge. In mode "free" everyone, reported as `free_tag`; `tags` are accepted by the box itself."""

    mode: Literal["authorized", "free"]
    free_tag: str
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Central:
    """A central system. `key` are the bytes of the Basic auth password; `ca_file` None = the system's own.

    `basis` changes with every word of the table; `fallback` are those to be tried after it.
    """

    url: str
    key: bytes | None = field(default=None, repr=False)
    ca_file: str | None = None
    certificate: str | None = None
    secure_url: str | None = None
    profile: int = 0
    basis: str = ""
    fallback: tuple[Central, ...] = ()


class Site(Installation, frozen=True, kw_only=True):
    """All of site.toml, checked. `central` None = a box on its own; `presets` are texts by "Component.Name"."""

    station: Station
    access: Access
    central: Central | None
    presets: Mapping[str, str]


def load(path: Path) -> Site:
    """What the installer decided. Raises SiteError."""
    try:
        return _site(convert(tables(path), Tables), path.parent)
    except Wrong as wrong:
        raise SiteError(f"{path}{wrong}") from None


def worries(path: Path) -> Iterator[str]:
    """What is allowed and yet unwise in a file that can be loaded, a sentence each."""
    central = tables(path).get("central", {})
    written = any("password" in one for one in (central, *central.get("fallback", ())))
    if written and os.stat(path).st_mode & STRANGERS_READ:
        yield f"{path} holds a password that every user of this machine can read: chmod 640, or central.password_file."


def _site(table: Tables, folder: Path) -> Site:
    _check_station(table.station)
    _check_installation(table)
    return Site(
        board=table.board,
        limits=table.limits,
        voltage=table.voltage,
        retry=table.retry,
        meter=table.meter,
        station=table.station,
        access=_access(table.access, alone=table.central is None),
        central=None if table.central is None else _central(table.central, folder),
        presets=_presets(table.variables),
    )


def _check_station(station: Station) -> None:
    for name in ("identity", "vendor", "model", "serial"):
        text = getattr(station, name)
        if text is not None and (not text.isprintable() or text != text.strip()):
            raise Wrong(f": station.{name} must be printable and must not begin or end with a space.")
    # OCPP-J 1.6 §6.2.2: identity and password are one text with a colon between.
    if ":" in station.identity:
        raise Wrong(": station.identity must not contain a colon.")


def _check_installation(table: Installation) -> None:
    if (wrong := objection(table)) is not None:
        raise Wrong(f": {wrong}")


def _access(table: AccessTable, alone: bool) -> Access:
    folded = [tag.casefold() for tag in table.tags]
    for number, tag in enumerate(folded):
        if tag in folded[:number]:
            raise Wrong(f": access.tags[{number + 1}] is there twice; case makes no difference.")
    if table.mode == "free" and table.tags:
        raise Wrong(': access.tags mean nothing with mode = "free"; take them out, or use mode = "authorized".')
    if table.mode == "authorized" and table.free_tag is not None:
        raise Wrong(': access.free_tag means nothing with mode = "authorized"; take it out, or use mode = "free".')
    if table.mode == "authorized" and alone and not table.tags:
        raise Wrong(': nobody could ever charge: give [central], access.tags, or access.mode = "free".')
    return Access(table.mode, table.free_tag or "FREE", table.tags)


# --- the central system --------------------------------------------------------------------------------------


def _central(table: CentralTable, folder: Path) -> Central:
    fallback = tuple(_one(other, folder, f"central.fallback[{n}]") for n, other in enumerate(table.fallback, 1))
    return replace(_one(table, folder, "central"), fallback=fallback)


def _one(table: FallbackTable, folder: Path, name: str) -> Central:
    """One central system; `name` is that of its table in the sentences."""
    secure = _check_url(table.url, f"{name}.url")
    if table.secure_url is not None and not _check_url(table.secure_url, f"{name}.secure_url"):
        raise Wrong(f": {name}.secure_url must be wss://; it is what security profiles 2 and 3 dial.")
    if table.ca_file is not None and not secure and table.secure_url is None:
        raise Wrong(f": {name}.ca_file means nothing without TLS; take it out, or use wss:// in {name}.url.")
    key = _key(table, folder, name)
    ca = None if table.ca_file is None else _ca(folder / table.ca_file, name)
    own = None if table.certificate_file is None else _certificate(folder / table.certificate_file, name)
    profile = _profile(table, secure, key, name)
    basis = sha256(repr((table.url, table.secure_url, key, ca, own, profile)).encode()).hexdigest()[:16]
    return Central(table.url, key, ca, own, table.secure_url, profile, basis)


def _profile(table: FallbackTable, secure: bool, key: bytes | None, name: str) -> int:
    """The security profile that is written, or that follows from address, password and certificate."""
    written = table.security_profile
    if written is None and key is None:
        return 3 if secure and table.certificate_file is not None else 0
    if written is None:
        return 2 if secure else 1  # a certificate beside a password waits for the profile to rise
    if written in (1, 2) and key is None:
        raise Wrong(f": {name}.security_profile = {written} needs {name}.password_file or {name}.password.")
    if written == 0 and key is not None:
        raise Wrong(f": {name}.security_profile = 0 has no password; take one of them out.")
    if written == 3 and table.certificate_file is None:
        raise Wrong(f": {name}.security_profile = 3 needs {name}.certificate_file.")
    if written == 1 and secure:
        raise Wrong(f": {name}.security_profile = 1 is without TLS; use ws:// in {name}.url, or profile 2.")
    if written >= 2 and not secure and table.secure_url is None:
        raise Wrong(f": {name}.security_profile = {written} needs TLS; use wss:// in {name}.url.")
    return written


def _check_url(url: str, name: str) -> bool:
    """Whether it is a secure one. The sentences don't repeat it: it may contain a password."""
    try:
        parts = urlsplit(url)
        host = None if parts.port == 0 else parts.hostname
    except ValueError:
        host = None
    if "@" in url:
        raise Wrong(f": {name} must not contain a user or a password; use password_file.")
    if not host or parts.scheme not in ("ws", "wss") or parts.fragment or not url.isprintable() or " " in url:
        raise Wrong(f": {name} must be ws://HOST[:PORT][/PATH] or the same with wss://; the identity is added.")
    return parts.scheme == "wss"


def _key(table: FallbackTable, folder: Path, name: str) -> bytes | None:
    if table.password is not None and table.password_file is not None:
        raise Wrong(f": {name}.password and {name}.password_file are both there; one of them must go.")
    if table.password_file is not None:
        path = folder / table.password_file
        subject = f": {name}.password_file {path}"
        raw = content(path, LARGEST_SECRET, subject)
        _check_mode(path, subject)
        try:
            return _secret(raw.decode().rstrip("\r\n"), subject)
        except UnicodeDecodeError:
            raise Wrong(f"{subject} is not UTF-8.") from None
    return None if table.password is None else _secret(table.password, f": {name}.password")


def _secret(text: str, subject: str) -> bytes:
    """The bytes of a key: text as it is, or 1.6's own form, the hexadecimal digits of the bytes."""
    digits = text.removeprefix("hex:")
    if digits != text:
        if len(digits) % 2 or len(digits) // 2 not in HEX_KEY or set(digits) - set("0123456789abcdefABCDEF"):
            raise Wrong(f"{subject} must have 32 to 40 hexadecimal digits after hex:, two for each byte.")
        return bytes.fromhex(digits)
    if len(text) not in TEXT_KEY or not text.isprintable():
        raise Wrong(f"{subject} must be 1 to 64 printable characters, or hex: and 32 to 40 hexadecimal digits.")
    return text.encode()


def _certificate(path: Path, name: str) -> str:
    subject = f": {name}.certificate_file {path}"
    content(path, LARGEST_CA, subject)
    _check_mode(path, subject)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(path, password="")
    except (OSError, ValueError):
        raise Wrong(f"{subject} must hold the station's certificate and its key, without a pass phrase.") from None
    return str(path)


def _check_mode(path: Path, subject: str) -> None:
    mode = os.stat(path).st_mode & 0o777
    if mode & STRANGERS:
        raise Wrong(f"{subject} has mode {mode:04o}: others could read or change it; chmod 600 (or 640) is needed.")


def _ca(path: Path, name: str) -> str:
    subject = f": {name}.ca_file {path}"
    content(path, LARGEST_CA, subject)
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError):
        raise Wrong(f"{subject} holds no certificate in PEM form, or a damaged one; get it anew.") from None
    return str(path)


# --- variables -----------------------------------------------------------------------------------------------


def _presets(table: dict[str, Any]) -> dict[str, str]:
    presets: dict[str, str] = {}
    for key, value in _flat(table):
        variable = catalogue.by_key16(key) or catalogue.by_path(key)
        if variable is None:
            names = [name for known in catalogue.ALL for name in (known.key16, known.path) if name]
            raise Wrong(f": variables.{key:.60} is not known{near(key, names, LISTER)}")
        if not (variable.writable or variable.installers):
            raise Wrong(f": variables.{key} can't be preset: it says what this box is.")
        if variable.where:
            raise Wrong(f": variables.{key} can't be preset here; write {variable.where} instead.")
        if variable.path in presets:
            raise Wrong(f": variables.{key} is preset twice; it is {variable.key16} and {variable.path}.")
        text = _value_text(value)
        if text is None:
            raise Wrong(f": variables.{key} takes {variable.limits_text()}.")
        if (refusal := variable.check(text)) is not None:
            raise Wrong(f": variables.{key}: {refusal}")
        presets[variable.path] = text
    return presets


def _flat(table: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Component.Name is a table in a table to TOML, unless it is quoted."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{name}", inner) for name, inner in value.items())
        else:
            yield key, value


def _value_text(value: object) -> str | None:
    """A TOML value as OCPP writes it; None if it has no such form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        items = [item for item in value if isinstance(item, str) and "," not in item]
        return ",".join(items) if len(items) == len(value) else None
    return value if isinstance(value, str) else None
