"""How endpoints stand, by the rows of `deliver`, whoever made the endpoint: for `tocsin endpoint list` and the
gateway."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec
from msgspec import Struct

from tocsin.connectors.outcomes import Reason
from tocsin.connectors.printable import clipped, printable
from tocsin.connectors.publish.headers import rfc3339
from tocsin.streams.rules.config import Endpoint
from tocsin.streams.rules.delivery.gate import held_by
from tocsin.streams.rules.delivery.health import standing_of
from tocsin.streams.rules.state import EndpointRow, PeerEndpointRow

ENDPOINT_ROWS = ("endpoint", "peer_endpoint")
"""The kinds of rows by which they stand."""


class Standing(Struct, frozen=True, kw_only=True):
    """How an endpoint stands, since when, what holds deliveries back from it and how many are parked, and how often and
    how it failed since an attempt went well; its rate as its settings have it."""

    endpoint: str
    origin: str = "gone"
    """`rules file`, `running` (made while the bus runs), or `gone`: neither has it any more."""
    tenant: str | None = None
    """Whose it is, if it was made while the bus runs."""
    state: str = "enabled"
    since: str | None = None
    breaker: str = "closed"
    held_by: str | None = None
    throttled_until: str | None = None
    parked: int = 0
    rate: str | None = None
    failures: int = 0
    last_error: str | None = None
    peers_held_back: int = 0
    """From how many of the peers whom it tells breaker, throttle or rate keep something; `parked` has what waits for
    them, too."""


def standings_of(
    endpoints: Mapping[str, Endpoint],
    rows: Collection[EndpointRow],
    now: int,
    made: Mapping[str, tuple[str, Endpoint | None]] | None = None,
) -> list[Standing]:
    """How these endpoints of the rules file, those `made` while running (name -> tenant, endpoint), and those that
    have a row, stand at a time (microseconds)."""
    known, made = {row.endpoint: row for row in rows if not isinstance(row, PeerEndpointRow)}, made or {}
    of_peers: dict[str, list[EndpointRow]] = {}
    for row in rows:
        if isinstance(row, PeerEndpointRow):
            of_peers.setdefault(row.endpoint, []).append(row)
    found = []
    for name in sorted({*endpoints, *known, *of_peers, *made}):
        tenant, running = made.get(name, (None, None))
        standing = _standing(name, endpoints.get(name, running), known.get(name), now)
        origin = "rules file" if name in endpoints else "running" if name in made else "gone"
        peers = of_peers.get(name, ())
        standing = msgspec.structs.replace(
            standing, origin=origin, tenant=tenant, parked=standing.parked + sum(peer.waiting for peer in peers),
            peers_held_back=sum(held_by(peer, now) is not None for peer in peers),
        )  # fmt: skip
        found.append(standing)
    return found


def _standing(name: str, endpoint: Endpoint | None, row: EndpointRow | None, now: int) -> Standing:
    rate = None if endpoint is None or endpoint.delivery.rate is None else str(endpoint.delivery.rate)
    if row is None:
        return Standing(endpoint=name, rate=rate)
    state = standing_of(row)
    since = row.failing_since if state in ("failing", "enabled") else row.since
    return Standing(
        endpoint=name, state=state, since=None if since is None else rfc3339(since), parked=row.waiting,
        failures=row.failures, last_error=row.last_error or None, rate=rate, held_by=held_by(row, now),
        breaker=row.breaker.replace("_", "-"),
        throttled_until=rfc3339(row.throttled_until) if row.throttled_until > now else None,
    )  # fmt: skip


def line_of_standing(standing: Standing) -> str:
    """The line for a person."""
    words = [clipped(standing.endpoint, 80), standing.state]
    words += [f"(of {standing.tenant}, made while running)"] if standing.origin == "running" else []
    words += ["(there is none any more)"] if standing.origin == "gone" and standing.state == "removed" else []
    words += [f"since {standing.since[:19]}Z"] if standing.since and standing.state != "enabled" else []
    words += [f"breaker {standing.breaker}"] if standing.breaker != "closed" else []
    words += [f"throttled until {standing.throttled_until[:19]}Z"] if standing.throttled_until else []
    words += [f"{standing.parked} parked"] if standing.parked else []
    held = standing.peers_held_back
    words += [f"{held} {'peer' if held == 1 else 'peers'} held back"] if held else []
    words += [f"{standing.failures} failures"] if standing.failures else []
    words += [f"last error {clipped(standing.last_error, 100)}"] if standing.last_error else []
    words += [f"rate {standing.rate}"] if standing.rate else []
    if standing.state == "failing" and (standing.last_error or "").startswith(Reason.UNVERIFIED):
        words.append(f"(its receiver has not agreed to be told; tocsin endpoint test {clipped(standing.endpoint, 80)})")
    if standing.state in ("disabled", "removed") and standing.origin != "gone":
        words.append(f"(tocsin endpoint enable {clipped(standing.endpoint, 80)} --by YOU)")
    return printable(" ".join(words))
