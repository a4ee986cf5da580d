"""Events of the compacted topic `settings` (key: setting id): what every process reads whole. The last one stands;
`removed` ends a setting before its tombstone."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field

from tocsin.schemas.events.base import EventBase


class MatchOperator(StrEnum):
    """How a matcher compares; a matcher with `unknown` matches nothing."""

    EQUAL = "equal"
    NOT_EQUAL = "not_equal"
    PREFIX = "prefix"
    MATCHES = "matches"
    NOT_MATCHES = "not_matches"
    UNKNOWN = "unknown"


class Matcher(Struct, frozen=True, kw_only=True):
    """One condition on a field of the problem; `prefix` compares code tokens, `matches` is a linear-time regex."""

    field: str
    operator: MatchOperator
    value: str


class TenantSet(EventBase, frozen=True, kw_only=True):
    """A tenant's own settings. `quota` is events a second; `dedupe_window` microseconds; `shards` is reserved:
    a tenant has one partition."""

    display_name: str | None = None
    quota: int | None = None
    shards: int = 1
    dedupe_window: int | None = None
    default_endpoints: list[str] = field(default_factory=list)
    language: str | None = None
    by: str
    removed: bool = False


class SubscriptionSet(EventBase, frozen=True, kw_only=True):
    """A subscription made while the bus runs: an endpoint of one tenant and what it wants.

    It replaces the event that `cause` names, and holds only if that one held; without `cause` it holds only if there
    was none. `endpoint` is its name, `subscription` the id of its first event. `config` is JSON text of what rules
    must know of the endpoint (audience, body, language), `match` that of what it wants, as a rules file writes it;
    `sealed` has the settings of the sink, encrypted. `secrets`, `codes` and `filter` are of version 1, and not used.
    """

    subscription: str
    endpoint: str
    sink: str
    config: str = "{}"
    secrets: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    filter: str | None = None
    enabled: bool = True
    by: str
    removed: bool = False
    match: str = "{}"
    sealed: str | None = None
    created_at: int | None = None


class SilenceSet(EventBase, frozen=True, kw_only=True):
    """A silence: what all `matchers` match tells nobody from `starts_at` until `ends_at` (microseconds, UTC)."""

    silence: str
    matchers: list[Matcher]
    starts_at: int
    ends_at: int
    by: str
    why: str | None = None
    removed: bool = False


class OverrideSet(EventBase, frozen=True, kw_only=True):
    """One value of the rules or settings, changed while running; `value` is JSON text, `until` microseconds (UTC)."""

    override: str
    setting: str
    value: str
    until: int | None = None
    by: str
    why: str | None = None
    removed: bool = False


class KeySet(EventBase, frozen=True, kw_only=True):
    """An API key of the gateway, by its digest (SHA-256, hexadecimal); never the key itself. Its tenant is `*` for one
    that may name any tenant. `rate` is documents a second at one gateway; `scopes` that a reader does not know give
    nothing."""

    key: str
    name: str
    digest: str
    scopes: list[str]
    created_at: int
    expires_at: int | None = None
    rate: int | None = None
    by: str
    removed: bool = False


class KeyUsed(EventBase, frozen=True, kw_only=True):
    """An API key was used at `occurred_at`; written now and then, not for each use. It is a setting of its own: it
    cannot bring back a key that was revoked meanwhile."""

    key: str
    address: str | None = None


class SchemaInUse(EventBase, frozen=True, kw_only=True):
    """A process is about to write with this schema: published before its first write, so older ones can read it."""

    schema_id: int
    subject: str
    schema: str
    process: str
