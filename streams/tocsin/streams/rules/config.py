"""The rules' configuration: what the rules of `decide` are told besides the event. Frozen; times in microseconds.

The sections of the rules file are declared here, once: type, bounds, meaning and default of each setting.
`tocsin.streams.rulesfile` reads and checks a file; the defaults hold without one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Struct, field

from tocsin.connectors.catalogue.languages import DEFAULT
from tocsin.connectors.dialects.table import WRITTEN
from tocsin.connectors.redaction import Redaction
from tocsin.connectors.secret_shapes import Kind
from tocsin.connectors.sections import NOT_IN_FILE, Listed, ReadAs, Section, Text
from tocsin.streams.rules.match import Match
from tocsin.streams.rules.policies import DeliveryPolicy, EscalationPolicy, LoopLimits, TimeoutPolicy
from tocsin.streams.rules.values import (
    DAY,
    HOUR,
    MINUTE,
    Clock,
    Days,
    Duration,
    GroupBys,
    Instant,
    MatchInFile,
    Months,
    Name,
    Names,
    Span,
    Texts,
    Zone,
)

NOTIFICATION, CLOUD_EVENTS, IDENTUS = "notification", "cloudevents", "identus"
"""Bodies that are no dialect's documents: our notification, the same as a CloudEvent, an event of Identus' agent."""

NOTIFICATIONS = frozenset({NOTIFICATION, CLOUD_EVENTS})
"""Bodies that can say whatever there is to tell: digests, ends of cases and the like."""

BODIES = (NOTIFICATION, CLOUD_EVENTS, IDENTUS, *WRITTEN)
"""What may be the body of an endpoint, unless it tells a DIDComm agent."""

AUTO = "auto"
"""The body of an endpoint that tells a DIDComm agent: whichever dialect that agent understands."""

BODIES_BY_DIDCOMM = (AUTO, "didcomm-2.0", "aries-1.0", "hipe")
"""What may be its body."""

OTHER_SIDE = "other_side"
"""In a rules file: the peer is whoever is the other side of the connection that a report is about."""

NOT_FOR_PEERS = frozenset({NOTIFICATION, CLOUD_EVENTS, IDENTUS})
"""Bodies that say more than a peer may know."""

DEFAULT_ENDPOINT = "unrouted"
"""The endpoint of the default route when there is no rules file."""


class TimeOfWeek(Section, frozen=True, kw_only=True):
    """One recurring time; an end at or before the start is on the next day."""

    days: Annotated[Days, "The days on which it begins; without them, all."] = ()
    start: Annotated[Clock, "HH:MM."] = field(default=0, name="from")
    end: Annotated[Clock, "HH:MM."] = field(default=1440, name="to")
    months: Annotated[Months, "1 to 12; without it, all."] = ()
    timezone: Annotated[Zone, "IANA name, such as Europe/Zurich."] = "UTC"


class Grouping(Section, frozen=True, kw_only=True):
    """Problems of one route that are equal in `by` are told together."""

    by: Annotated[GroupBys, "What they have in common."]
    wait: Annotated[Duration, "Before the first is told; 0: at once."] = 0
    interval: Annotated[Span, "Before more of the same are told."] = 5 * MINUTE


class Route(Section, frozen=True, kw_only=True):
    """One route. The first that matches wins, unless it says `continue`; its own routes come before itself."""

    name: Annotated[Name, "Shown where a problem says why it went where it went."] = ""
    match: Annotated[MatchInFile, "Without it, everything matches."] = Match()
    endpoints: Annotated[Names, "Who is told; a nested route may leave it to its parent."] = ()
    go_on: Annotated[bool, "Go on with the next route after this one."] = field(default=False, name="continue")
    escalate: Annotated[Name | None, "Escalation policy; none: not even the parent's."] = None
    mute: Annotated[Names, "Mute times in which this route tells nobody."] = ()
    group: Annotated[Grouping | None, "Tell together what belongs together."] = None
    repeat: Annotated[Span | None, "Tell again after so long, until it is acknowledged or resolved."] = None
    routes: Annotated[tuple[Route, ...], Listed(max_length=1000), "Nested routes."] = ()


class Silence(Section, frozen=True, kw_only=True):
    """For a time, what fits is told to nobody."""

    name: Name
    match: MatchInFile
    since: Annotated[Instant, "RFC 3339, such as 2026-12-24T18:00:00Z."] = field(name="from")
    until: Annotated[Instant, "RFC 3339."]
    tenant: Annotated[str | None, NOT_IN_FILE] = None
    """Only this tenant's; None for a silence of the rules file, which says nothing of tenants."""
    by: Annotated[Text, "Who wants it."] = ""
    why: Annotated[Text | None, "The reason, for who wonders later."] = None

    def checked(self) -> Silence:
        """Itself; raises ValueError when it ends before it begins."""
        if self.since >= self.until:
            raise ValueError("a silence ends after it begins")
        return self


class Subscription(Struct, frozen=True, kw_only=True):
    """What one endpoint that was made while the bus runs wants to hear of its tenant, whatever the routes say."""

    name: str
    tenant: str
    match: Match


class Inhibition(Section, frozen=True, kw_only=True):
    """While a case that fits `source` is open, problems that fit `target` and are equal in `equal` are told to
    nobody."""

    name: Annotated[Name, "Shown where a problem says what inhibited it."] = ""
    source: Annotated[MatchInFile, "What inhibits."]
    target: Annotated[MatchInFile, "What is inhibited."]
    equal: Annotated[GroupBys, "What both must have in common; a value that neither has does not count."]
    lasting: Annotated[Span, "At most so long after the last source."] = field(default=HOUR, name="for")


class RedactionSection(Section, frozen=True, kw_only=True):
    """What is taken out of events before they are written: whatever is plainly a secret, but for what is kept."""

    keep: Annotated[tuple[Kind, ...], Listed(str), "Kinds of secrets that stay as they came."] = ()
    members: Annotated[Texts, "Names of further members whose values are secret."] = ()


RedactionInFile = Annotated[
    Redaction, ReadAs(RedactionSection, lambda section: Redaction(keep=section.keep, members=section.members))
]
"""A redaction as a rules file writes it."""


class TenantRules(Struct, frozen=True, kw_only=True):
    """What holds for one tenant instead of the file's own."""

    limits: LoopLimits
    timeouts: tuple[TimeoutPolicy, ...]
    language: tuple[str, ...] = ()
    redaction: Redaction = Redaction()
    wallet: str | None = None
    """What an Identus agent calls this tenant's wallet."""


class Recipient(Struct, frozen=True, kw_only=True):
    """Whom an endpoint tells by DIDComm: the agent with this DID (or key), the other side of this connection, or, where
    neither is said, the other side of the connection that a report is about."""

    did: str | None = None
    connection: str | None = None
    ends_connections: bool = False
    """Whether a report may be sent as `connection/1.0/problem-report`, which ends the connection, if it came so."""

    @property
    def is_other_side(self) -> bool:
        """Whether it is another agent for each report."""
        return self.did is None and self.connection is None


class Endpoint(Struct, frozen=True, kw_only=True):
    """One destination. `sink` is the kind of its sink and `settings` the sink's Config, which may hold secrets: it
    shows in no repr and no log."""

    name: str
    sink: str
    settings: Struct | None = None
    audience: Literal["owner", "peer", "operator"] = "owner"
    body: str = NOTIFICATION
    """What is sent, of `BODIES`: our notification, or the problem in a dialect (didcomm-2.0, aries-1.0, ...)."""
    language: tuple[str, ...] = ()
    """In which its notifications explain a problem, the best first; else the tenant's count; else none is explained,
    unless its readers are people."""
    explained: bool = False
    """Its readers are people, to whom everything is explained: in English, where no language is said."""

    recipient: Recipient | None = None
    """Whom it tells, if it does so by DIDComm."""

    delivery: DeliveryPolicy = DeliveryPolicy()
    """When it is tried again, how fast and in which order it is delivered to, when it is left alone."""

    @property
    def reads_notifications(self) -> bool:
        """Whether it can be told of digests, ends of cases and the like."""
        return self.body in NOTIFICATIONS and self.audience != "peer"

    def __repr__(self) -> str:
        return f"Endpoint(name={self.name!r}, sink={self.sink!r}, audience={self.audience!r}, body={self.body!r})"

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
    redaction: Redaction = Redaction()
    proxy: Struct | None = None
    """Of webhooks that name none (a `egress.proxy.Proxy`); those of the file have it already."""
    by_didcomm: frozenset[str] = frozenset()
    """The endpoints that tell by DIDComm: found, not given."""

    def __post_init__(self) -> None:
        found = frozenset(name for name, one in self.endpoints.items() if one.recipient is not None)
        msgspec.structs.force_setattr(self, "by_didcomm", found)

    def notification_readers(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of these endpoints that can be told anything but a single problem: a peer knows no such thing, and
        neither does a dialect. An endpoint that is not there (any more) gets what it was promised."""
        found = ((name, self.endpoints.get(name)) for name in names)
        return tuple(name for name, one in found if one is None or one.reads_notifications)

    def limits_of(self, tenant: str) -> LoopLimits:
        """The loop limits that hold for a tenant."""
        return self.limits if (own := self.tenants.get(tenant)) is None else own.limits

    def languages_of(self, endpoint: str, tenant: str) -> tuple[str, ...]:
        """The languages in which an endpoint is told of a tenant's problems: its own, else the tenant's."""
        own, owner = self.endpoints.get(endpoint), self.tenants.get(tenant)
        said = (own.language if own is not None else ()) or (owner.language if owner is not None else ())
        return said or ((DEFAULT,) if own is not None and own.explained else ())

    def redaction_of(self, tenant: str) -> Redaction:
        """What is taken out of a tenant's events."""
        own = self.tenants.get(tenant)
        return self.redaction if own is None else own.redaction

    def wallet_of(self, tenant: str) -> str | None:
        """What an Identus agent calls the wallet of a tenant, where the file says so."""
        own = self.tenants.get(tenant)
        return None if own is None else own.wallet

    def timeouts_of(self, tenant: str) -> tuple[TimeoutPolicy, ...]:
        """The time-out policies that hold for a tenant."""
        return self.timeouts if (own := self.tenants.get(tenant)) is None else own.timeouts


def default_rulebook() -> RuleBook:
    """The rules without a file: no routes, and everything goes unrouted to the endpoint `unrouted`, which prints it."""
    endpoint = Endpoint(name=DEFAULT_ENDPOINT, sink="log")
    return RuleBook(endpoints={DEFAULT_ENDPOINT: endpoint}, default_endpoint=DEFAULT_ENDPOINT)


class DecideConfig(Struct, frozen=True, kw_only=True):
    """Times in microseconds."""

    book: RuleBook
    silences: tuple[Silence, ...] = ()
    """Those that were made while running (topic `settings`), besides those of the rule book."""
    subscriptions: tuple[Subscription, ...] = ()
    """Those that were made while running (topic `settings`); their endpoints are among those of the rule book."""
    public_url: str | None = None
    """Address of the gateway, for the links in notifications."""
    dedupe_window: int = HOUR
    """For how long the same event id is a repeat, and another body under it is noticed as a conflict. Of the first and
    the last report of a case it is a repeat for as long as the case is remembered."""
    thread_ttl: int = 7 * DAY
    """A thread, a reference or a connection is forgotten when nothing was heard of it for this long (at most twice as
    long)."""
    case_ttl: int = 30 * DAY
    """The same for a case."""
    kept_ttl: int = DAY
    """For how long a command waits for what it is about, and how long a report that was told is found by its id."""
    bodies: int = 1_000_000
    """Bytes that all bodies about one problem may have together; the engine bounds the output of one event."""
