"""What is known of an endpoint: as rules and workers have it (a port), and as the store has what became of attempts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct

from tocsin.connectors.store.queries.endpoints import Lately
from tocsin.streams.ask.links import Links
from tocsin.streams.rules.notification import timestamp

OF_FILE, RUNNING, GONE = "rules file", "running", "gone"
"""Where an endpoint comes from: the file, somebody who made it while the bus runs, or neither any more."""


class EndpointFacts(Struct, frozen=True, kw_only=True):
    """An endpoint without anything secret: `to` is at most the origin of its URL. `state` is enabled, failing,
    unverified, disabled, removed, or unknown when it could not be read; times are RFC 3339. What is said of all that
    wait for it, whosever they are, is left out for who sees one tenant alone."""

    name: str
    origin: str
    sink: str | None = None
    to: str | None = None
    audience: str | None = None
    body: str | None = None
    state: str = "unknown"
    since: str | None = None
    breaker: str | None = None
    held_by: str | None = None
    throttled_until: str | None = None
    parked: int | None = None
    failures: int | None = None
    last_error: str | None = None
    peers_held_back: int | None = None


class PeerHeld(Struct, frozen=True, kw_only=True):
    """What an endpoint holds back from one of the peers that it tells."""

    endpoint: str
    breaker: str
    held_by: str | None
    failures: int


class Standings(Struct, frozen=True, kw_only=True):
    """The endpoints that a tenant may see, and notes about what could not be known."""

    endpoints: list[EndpointFacts]
    notes: list[str] = []


class StandingPort(Protocol):
    """Where endpoints and how they stand are known; rules, settings and rows of workers in a running bus."""

    async def every(self, tenant: str, *, everything: bool, told: Sequence[str]) -> Standings:
        """Those that a tenant may see: of the rules file what its problems may be sent to and has `told` of them
        lately, of those made while running its own; with `everything` all of the file, and what is no tenant's."""
        ...

    async def of_peer(self, peer: str, tenant: str, *, everything: bool) -> list[PeerHeld] | None:
        """What is held back from a peer, by the endpoints that a tenant may see; None when that cannot be known
        now."""
        ...


def document_of(one: EndpointFacts, lately: Lately | None, links: Links, *, everything: bool) -> dict[str, Any]:
    """An endpoint for JSON, with what may be done about it."""
    known = ((name, getattr(one, name)) for name in one.__struct_fields__)  # times are texts already
    found = {name: value for name, value in known if value is not None} | _lately(lately)
    base = ("subscriptions", one.name) if one.origin == RUNNING else ("endpoints", one.name)
    around = {"self": links.to("endpoints", one.name)}
    if one.origin == RUNNING or (everything and one.origin == OF_FILE):
        around |= {name: links.to(*base, name) for name in ("enable", "disable")}
    if one.origin == RUNNING:
        around |= {"test": links.to(*base, "test"), "subscription": links.to(*base)}
    return found | {"links": around}


def _lately(lately: Lately | None) -> dict[str, Any]:
    """What became of attempts: each member is there, also where nothing is known, so that it can be sorted by."""
    lately = lately or Lately()
    return {
        "attempts": lately.count,
        "delivered": lately.delivered,
        "under_way": lately.under_way,
        "success_share": None if not lately.ended else round(lately.delivered / lately.ended, 4),
        "last_success_at": lately.last_success_at and timestamp(lately.last_success_at),
        "last_failure_at": lately.last_failure_at and timestamp(lately.last_failure_at),
        "last_failure": lately.last_failure,
    }
