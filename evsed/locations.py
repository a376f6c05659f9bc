"""Where files may come from and go to: addresses that a central system gives, read with distrust.

Rules this file upholds:
- Only http, https, ftp and ftps. Nothing that could be read as an option, a header or a second address gets through.
- Never this box itself or its link-local neighbours, unless the central system is there too. A public server may not
  lead on to a private network, nor a secure one to an insecure one.
- A password in an address is never shown: `shown` has scheme and host only.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from enum import IntEnum
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from msgspec import Struct

PORTS = {"http": 80, "https": 443, "ftp": 21, "ftps": 990}
SECURE = ("https", "ftps")
EXPLICIT_TLS_PORT = 21
HOST = re.compile(r"[0-9A-Za-z._-]+|[0-9A-Fa-f:.]+")
MOST_ADDRESSES = 8


class LocationRefused(Exception):
    """An address that is not used; the text says why and shows no password."""


class Nearness(IntEnum):
    """How near a computer is: what is near may be reached by those who are as near."""

    PUBLIC = 0
    PRIVATE = 1
    HERE = 2


class Location(Struct, frozen=True):
    """One file on one server. `url` may hold a password."""

    scheme: str
    host: str
    port: int
    url: str

    @property
    def shown(self) -> str:
        """For people."""
        return f"{self.scheme}://{self.host}"

    @property
    def is_ftp(self) -> bool:
        """Whether the server speaks FTP, which can go on with half a file in both directions."""
        return self.scheme.startswith("ftp")


def location(text: str) -> Location:
    """Read an address. Raises LocationRefused."""
    if not text.isascii() or not text.isprintable() or " " in text or not unquote(text).isprintable():
        raise LocationRefused("the location has characters that no address has")
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise LocationRefused("the location is no address") from None
    if parts.scheme not in PORTS:
        raise LocationRefused(f"the location is not {', '.join(PORTS)}")
    if not host or HOST.fullmatch(host) is None or host.startswith("-"):
        raise LocationRefused("the location names no host")
    url = urlunsplit(parts._replace(fragment=""))
    return Location(parts.scheme, host, PORTS[parts.scheme] if port is None else port, url)


def within(folder: Location, name: str) -> Location:
    """A file of that name in a folder. A web address with a query names its object already, as signed ones do, unless
    its path ends as that of a folder.
    """
    parts = urlsplit(folder.url)
    if parts.query and not folder.is_ftp and parts.path.rpartition("/")[2]:
        return folder
    return location(urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}")))


def led_to(before: Location, target: str) -> Location:
    """Where a server sends us on to. Raises LocationRefused."""
    try:
        joined = urljoin(before.url, target)
    except ValueError:
        raise LocationRefused("the location is no address") from None
    after = location(joined)
    if before.scheme in SECURE and after.scheme not in SECURE:
        raise LocationRefused("a secure server leads to an insecure one")
    if before.is_ftp or after.is_ftp:
        raise LocationRefused("a server leads to one of another kind")
    return after


def reachable(addresses: Sequence[str], most: Nearness) -> list[str]:
    """Those of a host's addresses that are not too near. Raises LocationRefused if none is left."""
    allowed = [address for address in addresses if nearness(address) <= most][:MOST_ADDRESSES]
    if not allowed:
        raise LocationRefused("the location is a computer that must not be reached from here")
    return allowed


def nearness(address: str) -> Nearness:
    """Of an IP address."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if ip.is_loopback or ip.is_link_local or ip.is_unspecified or ip.is_multicast or ip.is_reserved:
        return Nearness.HERE
    return Nearness.PRIVATE if ip.is_private else Nearness.PUBLIC


def secrets_of(text: str) -> list[str]:
    """What an address holds that nobody else may see, in every spelling; all of it, where it is no address."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return [text, unquote(text)]
    userinfo = parts.netloc.rpartition("@")[0]
    words = [userinfo, *userinfo.split(":"), parts.query]
    return [word for text in words for word in (text, unquote(text)) if word]


def least_nearness(central: str) -> Nearness:
    """How near files may lie at least, where this is the address of the central system: on a box or a bench with a
    central system of its own, in this very computer.
    """
    host = urlsplit(central).hostname or ""
    try:
        return max(Nearness.PRIVATE, nearness(host))
    except ValueError:
        return Nearness.HERE if host == "localhost" else Nearness.PRIVATE
