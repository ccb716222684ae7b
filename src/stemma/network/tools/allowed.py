"""Which URLs may be asked, and which machines a name may stand for."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import unquote

import httpx2

from stemma.core.errors import InvalidInput

_PORTS = {"http": 80, "https": 443}
_NAT64 = IPv6Network("64:ff9b::/96")
_METADATA = IPv4Address("168.63.129.16")  # a cloud's own platform, on a public address


@dataclass(frozen=True, slots=True)
class Prefix:
    """A scheme, a host, a port, and the path that everything allowed lies at or under."""

    scheme: str
    host: str
    port: int
    path: str

    def covers(self, other: "Prefix") -> bool:
        """Whether `other` lies at or under this. ``/v1`` covers ``/v1`` and ``/v1/x``, not ``/v10``."""
        under = self.path if self.path.endswith("/") else f"{self.path}/"
        same = (self.scheme, self.host, self.port) == (other.scheme, other.host, other.port)
        return same and (other.path == self.path or other.path.startswith(under))

    @property
    def names_machine(self) -> bool:
        """Whether the host is written as an address, or this very machine: nobody else decides what it stands for."""
        return self.host == "localhost" or as_address(self.host) is not None


class AllowList:
    """URL prefixes, compared by their parts after parsing, never as texts.

    A URL is refused when two readers could take it for two places: with a user or password in it, a backslash, a
    control character, dots or a slash in the path behind a percent sign or a semicolon. Hosts must be the very ones
    listed.

    >>> allowed = AllowList(["https://api.example.com/v1/"])
    >>> allowed.prefix_of("https://api.example.com/v1/items?page=2").host
    'api.example.com'
    >>> allowed.prefix_of("https://api.example.com/v1/../admin")
    Traceback (most recent call last):
    ...
    stemma.core.errors.InvalidInput: 'https://api.example.com/v1/../admin' is not under https://api.example.com/v1/
    """

    def __init__(self, prefixes: Sequence[str]) -> None:
        """Raises InvalidInput for a prefix that is no URL, or that could not cover what it seems to."""
        if not prefixes:
            raise InvalidInput(
                "the list of allowed URLs is empty, so nothing could be asked; list one, such as https://api.example.com/v1/"
            )
        for prefix in prefixes:
            if "?" in prefix or "#" in prefix or "*" in prefix:
                raise InvalidInput(
                    f"allowed URL {prefix!r} must end with a path: '?', '#' and '*' have no meaning in it"
                )
        self._written = tuple(prefixes)
        self._prefixes = tuple(_parts(prefix) for prefix in prefixes)

    def prefix_of(self, url: str) -> Prefix:
        """The prefix that covers `url`. Raises InvalidInput, whose message lists what is allowed."""
        parts = _parts(url)
        for prefix in self._prefixes:
            if prefix.covers(parts):
                return prefix
        raise InvalidInput(f"{url!r} is not under {' or '.join(self._written)}")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether the address is one of the open internet, as IANA's registries have it, even inside an IPv6 one.

    >>> is_public(ip_address("93.184.216.34")), is_public(ip_address("::ffff:10.0.0.1"))
    (True, False)
    """
    if isinstance(address, IPv6Address):
        if address in _NAT64:  # how a network without IPv4 reaches every host that has nothing else
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        inner = address.ipv4_mapped or address.sixtofour
        if inner is not None and not is_public(inner):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved and address != _METADATA


def as_address(host: str) -> IPv4Address | IPv6Address | None:
    """The address that `host` is, None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _parts(url: str) -> Prefix:
    if "\\" in url or re.search(r"[\x00-\x20\x7f]", url):
        raise InvalidInput(
            f"{url!r} is not used: it has a space, a control character or a backslash; percent-encode it"
        )
    try:
        parsed = httpx2.URL(url)
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise InvalidInput(f"{url!r} is not a URL: {error}") from error
    if parsed.scheme not in _PORTS or not parsed.raw_host:
        raise InvalidInput(f"{url!r} is not a URL that begins with http:// or https:// and a host")
    if re.match(r"[^:]*:/*[^/?#]*@", url):
        raise InvalidInput(f"{url!r} is not used: it has a user or a password in front of the host")
    path = unquote(parsed.raw_path.partition(b"?")[0].decode())
    if _is_ambiguous(path):
        raise InvalidInput(
            f"{url!r} is not used: its path can be read in two ways; write it without '..' and encoded dots or slashes"
        )
    if re.search(r"%2f|%5c", parsed.raw_path.partition(b"?")[0].decode(), re.IGNORECASE):
        raise InvalidInput(f"{url!r} is not used: its path has an encoded slash")
    host = parsed.raw_host.decode("ascii").lower()
    return Prefix(parsed.scheme, host, parsed.port or _PORTS[parsed.scheme], path or "/")


def _is_ambiguous(path: str) -> bool:
    """Whether some server may read another place into the path: it is still encoded after decoding once, or climbs."""
    if re.search(r"%[0-9a-f]{2}", path, re.IGNORECASE) or re.search(r"[\x00-\x1f\x7f\\]", path):
        return True
    return any(segment.partition(";")[0] in (".", "..") for segment in path.split("/"))
