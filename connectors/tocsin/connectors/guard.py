"""Which addresses we may connect to on behalf of a stranger (SSRF): only public ones (docs/reliability.md#webhooks).

`why_not_public` refuses a URL's host as it is written, before anybody is asked. `PublicResolver` refuses a name as a
whole when one of its addresses is not public. `dial_public` is a socket factory: it sees the very address that is about
to be connected, so a name that answers differently the next time gains nothing.
"""

from __future__ import annotations

import re
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from tocsin.connectors.resolver import SystemResolver

REFUSED_IPV4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
    )
)  # fmt: skip
"""Never connected to: private, link-local, loopback, documentation, multicast, reserved (includes broadcast)."""
ALLOWED_IPV6 = IPv6Network("2000::/3")
"""All else of IPv6 is refused: mapped and translated IPv4, unique local, link-local, multicast."""
REFUSED_IPV6 = tuple(IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
"""Refused inside the allowed part: Teredo and other protocol assignments, documentation, 6to4."""


PRIVATE_NAMES = ("localhost", "local", "internal", "home.arpa", "onion")
"""Domains that are never of the public Internet (RFC 6761, 6762, 7686, 8375; `internal` by ICANN)."""
MAX_ADDRESSES = 16
"""How many addresses of a name are tried, of those that it has: all are looked at."""

_NAME = re.compile(r"(?=.{1,253}\Z)(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?\.)*[A-Za-z0-9_-]{1,63}\.?")
_DECIMAL = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}")
_NUMBER = re.compile(r"(?:0[xX][0-9A-Fa-f]*|[0-9]+)\.?\Z")


class AddressRefused(OSError):
    """The address is not public. An OSError, so that the connector takes it for a failed connection."""


def is_public(address: str) -> bool:
    """Whether an IP address in text form, as a resolver gives it, may be connected to; what is no address may not."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return not any(parsed in network for network in REFUSED_IPV4)
    return _is_public_ipv6(parsed)


def _is_public_ipv6(address: IPv6Address) -> bool:
    if address.scope_id is not None:
        return False
    return address in ALLOWED_IPV6 and not any(address in network for network in REFUSED_IPV6)


def why_not_public(host: str) -> str | None:
    """Why a host, as it stands in a URL (IDNA already encoded), cannot be on the public Internet; None when it is a
    public address in its usual form, or a name of which a resolver must say more. What a resolver may take for an
    address (a last label that is a number, in any base) is refused unless it is the four decimal numbers of one."""
    if ":" in host:
        return None if is_public(host) else "the address is not public"
    labels = host.removesuffix(".").rsplit(".", 1)
    if _NUMBER.match(labels[-1]):
        if is_public(host):
            return None
        return "the address is not public" if _DECIMAL.fullmatch(host) else "it is an address in an unusual form"
    if not _NAME.fullmatch(host):
        return "it is no name that DNS could have"
    name = f".{host.removesuffix('.').lower()}"
    return next((f"names in {one} are private" for one in PRIVATE_NAMES if name.endswith(f".{one}")), None)


class PublicResolver(AbstractResolver):
    """Resolves names as `resolver` does. An answer that holds one forbidden address is refused whole: who mixes them
    tries which one is taken."""

    def __init__(self, resolver: AbstractResolver | None = None) -> None:
        """`resolver` stays the caller's, who closes it."""
        self._resolver, self._own = resolver or SystemResolver(), resolver is None

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """At most MAX_ADDRESSES of a host, all of which are public. Raises AddressRefused, or the OSError of the
        resolver."""
        answer = await self._resolver.resolve(host, port, family)
        if not all(is_public(each["host"]) for each in answer):
            raise AddressRefused("the name has an address that is not public")
        return answer[:MAX_ADDRESSES]

    async def close(self) -> None:
        """Close the default resolver."""
        if self._own:
            await self._resolver.close()


def dial_public(target: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
    """A socket for an address that `getaddrinfo` gave. Raises AddressRefused if it is not public."""
    family, kind, protocol, _, address = target
    if family not in (socket.AF_INET, socket.AF_INET6) or not is_public(str(address[0])):
        raise AddressRefused("the address is not public")
    return socket.socket(family, kind, protocol)


def dial_any(target: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
    """A socket for any address: for endpoints that the operator has marked `allow_private`."""
    family, kind, protocol, _, _ = target
    return socket.socket(family, kind, protocol)
