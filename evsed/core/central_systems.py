"""The central systems of a station, and how it may connect to each: values only."""

from __future__ import annotations

from msgspec import Struct

from evsed.core.credentials import Own


class Secret(Struct, frozen=True):
    """Bytes that no log, sentence or repr shows."""

    value: bytes

    def __repr__(self) -> str:
        """Nothing of it."""
        return "Secret(…)"


class CentralSystem(Struct, frozen=True):
    """One central system as the installer wrote it. `basis` is another one after every change of what he wrote.

    `profile` is the security profile: 0 = as the url says and without a key, 1 = key, 2 = TLS and key, 3 = TLS and the
    station's certificate. `secure_url` is dialled with profiles 2 and 3, if it isn't simply wss:// for ws://.
    `trusted`: the installer gave root certificates for it that count beside those of the store; `own`: and this
    certificate of the station.
    """

    url: str
    basis: str
    key: Secret | None = None
    profile: int = 0
    secure_url: str | None = None
    trusted: bool = False
    own: Own | None = None


class Agreed(Struct, frozen=True):
    """Record: what a central system changed of that. It counts until the installer writes another `basis`.

    `keys` are tried in their order; `old_key` is what worked before they came, `old_profile` likewise: both are None
    as soon as the new ones have worked.
    """

    basis: str
    profile: int
    keys: tuple[Secret, ...]
    old_key: Secret | None = None
    old_profile: int | None = None

    @property
    def key(self) -> str:
        """Its basis."""
        return self.basis


class LastGood(Struct, frozen=True):
    """Record: the central system that took us last, and which certificate of ours; there is one such record."""

    basis: str
    certificate: str = ""

    @property
    def key(self) -> str:
        """Always the same."""
        return "last-good"


class Target(Struct, frozen=True):
    """Where to dial and with what. `number` counts the installer's central systems from 0; `key` None = no header.
    `certificate` is the name of ours that profile 3 shows, "" = the one that the installer gave.
    """

    number: int
    url: str
    profile: int
    key: Secret | None = None
    certificate: str = ""


class SecretWritten(Struct, frozen=True):
    """Request: set a write-only variable. Reply: Verdict."""

    ref: str
    component: str
    name: str
    secret: Secret


class DialFailed(Struct, frozen=True):
    """Event: an attempt to connect failed. `refused`: the other side did not take our key."""

    refused: bool


class ConnectTo(Struct, frozen=True):
    """Effect: dial this from now on; with `hang_up` at once, else when the present connection has ended."""

    target: Target
    hang_up: bool
