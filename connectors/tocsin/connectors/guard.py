"""Which addresses we may connect to on behalf of a stranger (SSRF): only public ones (docs/reliability.md#webhooks).

`PublicResolver` refuses a name as a whole when one of its addresses is not public. `dial_public` is a socket factory:
it sees the very address that is about to be connected, so a name that answers differently the next time gains nothing.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver

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


class PublicResolver(AbstractResolver):
    """Resolves names as `resolver` does. An answer that holds one forbidden address is refused whole: who mixes them
    tries which one is taken."""

    def __init__(self, resolver: AbstractResolver | None = None) -> None:
        self._resolver = resolver or DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host. Raises AddressRefused, or the OSError of the resolver."""
        answer = await self._resolver.resolve(host, port, family)
        if not all(is_public(each["host"]) for each in answer):
            raise AddressRefused("the name has an address that is not public")
        return answer

    async def close(self) -> None:
        """Close the resolver."""
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
