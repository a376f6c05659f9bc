"""Certificates as the station knows them: roots that it trusts, its own, and what may be asked and done about them.

The files are the shell's: the core knows what each is called and how long it counts, and sees no key. What takes
openssl or the disk is an errand; its end says what is held from then on.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

Ref = str
MOST_CHAIN = 10_000
"""Characters of a chain, by the whitepaper (§7.3)."""
NEVER_MS = 1 << 62
"""The end of a certificate whose end can't be read."""


class RootUse(StrEnum):
    """What a root is trusted for: connections to central systems and our own certificate, or the maker's programs."""

    CENTRAL = "central"
    MANUFACTURER = "manufacturer"


class HashData(Struct, frozen=True):
    """How OCPP calls a certificate: hexadecimal digits, of the serial number without leading zeros."""

    algorithm: str
    issuer_name: str
    issuer_key: str
    serial: str

    def means(self, other: HashData) -> bool:
        """Whether both call the same one; case makes no difference (whitepaper §6.1)."""
        return self._folded() == other._folded()

    def _folded(self) -> tuple[str, ...]:
        texts = (self.algorithm, self.issuer_name, self.issuer_key, self.serial.lstrip("0"))
        return tuple(text.casefold() for text in texts)


class Root(Struct, frozen=True):
    """A certificate that is trusted. `id` is its fingerprint, `hashes` are one for each algorithm."""

    use: RootUse
    id: str
    title: str
    until_ms: int
    hashes: tuple[HashData, ...]
    since_ms: int = 0


class Own(Struct, frozen=True):
    """A certificate of the station, with its key, under this name; the installer's has none. Serial: hexadecimal."""

    name: str
    title: str
    since_ms: int
    until_ms: int
    serial: str = ""


class Held(Struct, frozen=True):
    """All that lies on the disk: roots with the newest last, and the request whose certificate has not come yet."""

    roots: tuple[Root, ...] = ()
    own: tuple[Own, ...] = ()
    request: str | None = None


# --- requests ------------------------------------------------------------------------------------------------


class RootSent(Struct, frozen=True):
    """Trust this from now on. Reply: Verdict."""

    ref: Ref
    use: RootUse
    pem: str


class RootUnwanted(Struct, frozen=True):
    """Trust it no more. Reply: Verdict."""

    ref: Ref
    called: HashData


class RootsAsked(Struct, frozen=True):
    """Which are there of this use? Reply: RootsReply."""

    ref: Ref
    use: RootUse


class RootsReply(Struct, frozen=True):
    """They are called so."""

    called: tuple[HashData, ...]


class ChainSent(Struct, frozen=True):
    """The certificate that we asked for, and those above it. Reply: Verdict."""

    ref: Ref
    pem: str


CertificateRequest = RootSent | RootUnwanted | RootsAsked | ChainSent


# --- reports and events --------------------------------------------------------------------------------------


class SigningAsked(Struct, frozen=True):
    """Report: the central system shall have this signed."""

    request: str


class SigningAnswer(Struct, frozen=True):
    """Answer to SigningAsked: whether it will try."""

    accepted: bool


# --- errands -------------------------------------------------------------------------------------------------


class InstallRoot(Struct, frozen=True):
    """Look at it and keep it. `signed_by`: the root that must have signed it, if one must. Without `room` only one that
    is held already is taken; every other one is HOPELESS.
    """

    job: str
    use: RootUse
    pem: str
    signed_by: str | None = None
    room: bool = True


class RemoveRoots(Struct, frozen=True):
    """Forget those with these ids, of whatever use."""

    job: str
    ids: tuple[str, ...]


class MakeKey(Struct, frozen=True):
    """Make a key pair and the request that goes with it, for a station of this organization."""

    job: str
    organization: str


class TakeSigned(Struct, frozen=True):
    """Look at a chain and keep it with our key. Those of our own that are named in `keep` are not let go for it."""

    job: str
    pem: str
    organization: str
    keep: tuple[str, ...]


CertificateErrand = InstallRoot | RemoveRoots | MakeKey | TakeSigned
