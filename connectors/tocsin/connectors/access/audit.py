"""What is told of access on the topic `audit`, and how often: each command, and uses counted together.

A use for each request would be as much as all else together. So one event stands for all uses of a credential for one
scope from one network with one outcome within a while; a command, and whatever else changes something, has events of
its own: one before it is carried out, which Kafka must have first, and one that says how it ended.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from tocsin.schemas.events import AccessAudited, AuditOutcome, CredentialKind

MAX_COUNTED = 1000
"""How many different uses are counted at a time; those beyond are counted as one, whoever they are."""
KEPT_BITS = {4: 24, 6: 48}
"""How much of an address is kept: whose network it is, and not whose device."""


class Audit(Protocol):
    """Where access is written down; the topic `audit` in a running bus."""

    async def write(self, event: AccessAudited) -> None:
        """Store it; returns only once Kafka has it. Raises a PublishFailed."""
        ...

    def count(self, event: AccessAudited) -> None:
        """Count a use, to be written with others like it."""
        ...

    def soon(self, event: AccessAudited) -> None:
        """Store it by and by: how something ended of which `write` has told that it was asked for."""
        ...


def network_of(address: str | None, kept: bool = False) -> str | None:
    """An address as it is written down: its network, or the whole of it if that is `kept`. None for what is none."""
    try:
        found = ip_address(address or "")
    except ValueError:
        return None
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if kept or found.is_loopback:
        return str(found)
    return str(ip_network(f"{found}/{KEPT_BITS[found.version]}", strict=False))


class _Use(Struct, frozen=True):
    tenant: str
    action: str
    credential: CredentialKind
    who: str | None
    key: str | None
    address: str | None
    outcome: AuditOutcome
    reason: str | None


class AuditBook:
    """Uses that were counted and not yet written."""

    def __init__(self) -> None:
        self._counted: dict[_Use, AccessAudited] = {}

    def count(self, event: AccessAudited) -> None:
        """Count one; the last of its kind lends its time and id."""
        use = _use_of(event)
        if use not in self._counted and len(self._counted) >= MAX_COUNTED:
            event = replace(event, tenant="*", who=None, key=None, address=None, target=None, request_id=None)
            use = _use_of(event)
        before = self._counted.get(use)
        self._counted[use] = replace(event, count=event.count + (0 if before is None else before.count))

    def take(self) -> list[AccessAudited]:
        """What was counted; from now on it is counted anew."""
        taken, self._counted = list(self._counted.values()), {}
        return taken


def _use_of(event: AccessAudited) -> _Use:
    return _Use(
        event.tenant, event.action, event.credential, event.who, event.key, event.address, event.outcome, event.reason
    )
