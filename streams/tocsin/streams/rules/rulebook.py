"""The rules as the pure code uses them: frozen, checked, without line numbers. `tocsin.streams.rulesfile` builds it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

from tocsin.streams.rules.policies import (
    EscalationPolicy,
    GroupBy,
    Grouping,
    LoopLimits,
    TenantRules,
    TimeOfWeek,
    TimeoutPolicy,
)

NOTIFICATION = "notification"
"""The body of an endpoint that takes no dialect's documents."""

DEFAULT_ENDPOINT = "unrouted"
"""The endpoint of the default route when there is no rules file."""


class Match(Struct, frozen=True, kw_only=True):
    """What a route asks of a problem: every list that is not empty must have one entry that fits."""

    codes: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    trusts: tuple[str, ...] = ()
    record_types: tuple[str, ...] = ()
    connections: tuple[str, ...] = ()
    expr: str = ""
    """A CEL expression over the problem; `rules.routing.expression` evaluates it."""

    @property
    def everything(self) -> bool:
        """Whether every problem fits."""
        return self == Match()


class Route(Struct, frozen=True, kw_only=True):
    """One node of the routing tree; `go_on` is `continue` of the file; `endpoints` are its own or its parent's."""

    name: str
    match: Match = Match()
    endpoints: tuple[str, ...]
    go_on: bool = False
    routes: tuple[Route, ...] = ()
    escalate: str | None = None
    mute: tuple[str, ...] = ()
    group: Grouping | None = None
    repeat: int | None = None
    """Tell again after so long (microseconds), while the case is neither acknowledged nor resolved."""


class Silence(Struct, frozen=True, kw_only=True):
    """What fits all of `match` is told to nobody from `since` until `until` (microseconds, UTC)."""

    name: str
    match: Match
    since: int
    until: int
    tenant: str | None = None
    """Only this tenant's; None for a silence of the rules file that says nothing of tenants."""
    by: str = ""
    why: str | None = None


class Inhibition(Struct, frozen=True, kw_only=True):
    """While a case that fits `source` is open (at most `lasting`), problems that fit `target` and are equal in all of
    `equal` are told to nobody."""

    name: str
    source: Match
    target: Match
    equal: tuple[GroupBy, ...]
    lasting: int


class Endpoint(Struct, frozen=True, kw_only=True):
    """One destination. `secrets` sign, the first one is the newest; they never show in repr or logs."""

    name: str
    sink: Literal["webhook", "memory"]
    url: str | None = None
    secrets: tuple[str, ...] = ()
    allow_private: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    audience: Literal["owner", "peer", "operator"] = "owner"
    body: str = NOTIFICATION
    """What is sent: our notification, or the problem in a dialect that can be written (didcomm-2.0, aries-1.0, ...)."""

    @property
    def reads_notifications(self) -> bool:
        """Whether it can be told of digests, ends of cases and the like."""
        return self.body == NOTIFICATION and self.audience != "peer"

    def __repr__(self) -> str:
        names = [name for name, _ in self.headers]
        return (
            f"Endpoint(name={self.name!r}, sink={self.sink!r}, secrets=<{len(self.secrets)} hidden>, "
            f"allow_private={self.allow_private}, headers={names})"
        )

    __str__ = __repr__

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [("name", self.name), ("sink", self.sink)]


class RuleBook(Struct, frozen=True, kw_only=True):
    """All rules of one file. Every endpoint that a route names is in `endpoints`, and so is `default_endpoint`."""

    endpoints: Mapping[str, Endpoint]
    default_endpoint: str
    routes: tuple[Route, ...] = ()
    escalations: Mapping[str, EscalationPolicy] = {}
    silences: tuple[Silence, ...] = ()
    inhibit: tuple[Inhibition, ...] = ()
    mute_times: Mapping[str, tuple[TimeOfWeek, ...]] = {}
    limits: LoopLimits = LoopLimits()
    timeouts: tuple[TimeoutPolicy, ...] = (TimeoutPolicy(),)
    tenants: Mapping[str, TenantRules] = {}

    def notification_readers(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of these endpoints that can be told anything but a single problem: a peer knows no such thing, and
        neither does a dialect. An endpoint that is not there (any more) gets what it was promised."""
        found = ((name, self.endpoints.get(name)) for name in names)
        return tuple(name for name, one in found if one is None or one.reads_notifications)

    def limits_of(self, tenant: str) -> LoopLimits:
        """The loop limits that hold for a tenant."""
        own = self.tenants.get(tenant)
        return self.limits if own is None else own.limits

    def timeouts_of(self, tenant: str) -> tuple[TimeoutPolicy, ...]:
        """The time-out policies that hold for a tenant."""
        own = self.tenants.get(tenant)
        return self.timeouts if own is None else own.timeouts


def default_rulebook() -> RuleBook:
    """The rules without a file: no routes, and everything goes unrouted to a memory endpoint named `unrouted`."""
    endpoint = Endpoint(name=DEFAULT_ENDPOINT, sink="memory")
    return RuleBook(endpoints={DEFAULT_ENDPOINT: endpoint}, default_endpoint=DEFAULT_ENDPOINT)
