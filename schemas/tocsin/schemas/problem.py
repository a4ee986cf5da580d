"""The canonical problem: one shape for every dialect (docs/requirements.md#b2). The .avsc documents each field."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct, field

CLAIMED = "claimed"
"""The `trust` of a problem whose sender nothing proves, although who passed it on is known: it changes nothing that is
known of its thread."""


class Severity(StrEnum):
    """How bad it is; `unknown` when the dialect does not say (HIPE 0035 rule 5, DIDComm v2 sorter e/w)."""

    ERROR = "error"
    WARNING = "warning"
    UNKNOWN = "unknown"


class RetryParty(StrEnum):
    """Who is expected to try again (RFC 0035 `who_retries`); `unknown` when nothing was said."""

    REPORTER = "reporter"
    RECIPIENT = "recipient"
    BOTH = "both"
    NONE = "none"
    UNKNOWN = "unknown"


RETRIES_LEFT = "retries_left"
"""The item of a problem whose reporter tries again by itself: how often it still will."""

MAX_RETRIES = "e.p.req.max-retries-exceeded"
"""The code of a failure after which nobody tries again."""


class Violation(Struct, frozen=True, kw_only=True):
    """One rule of the dialect that the document breaks; `pointer` is an RFC 6901 pointer into the original."""

    rule: str
    pointer: str = ""


class Item(Struct, frozen=True, kw_only=True):
    """One problem item (RFC 0035 `problem_items`, RFC 9457 extension, DIDComm v2 argument); `value` is text."""

    key: str | None = None
    value: str


class Http(Struct, frozen=True, kw_only=True):
    """The members of an RFC 9457 problem document, as they came."""

    type: str | None = None
    title: str | None = None
    status: int | None = None
    detail: str | None = None
    instance: str | None = None


class Source(Struct, frozen=True, kw_only=True):
    """Where a problem comes from, as far as its publisher says: the service and what it was working on. `side` is `own`
    or `peer`: where the problem stood; `trust` is the connection's."""

    service: str | None = None
    wallet: str | None = None
    connection: str | None = None
    protocol: str | None = None
    sender: str | None = None
    recipients: list[str] = field(default_factory=list)
    record_type: str | None = None
    record_id: str | None = None
    job: str | None = None
    trust: str | None = None
    side: str | None = None


class Problem(Struct, frozen=True, kw_only=True, dict=True):
    """One problem in canonical form. `noticed_at` is in microseconds since the epoch (UTC); values of `extensions`
    are JSON text; `code` is verbatim and `code_key` the part that is compared.

    It carries the bytes from which it was read (`dict=True`, see `compiled`), so nothing changes its lists in place."""

    dialect: str
    conformant: bool = True
    violations: list[Violation] = field(default_factory=list)
    code: str
    code_key: str = ""
    category: str | None = None
    severity: Severity = Severity.UNKNOWN
    scope: str | None = None
    impact: str | None = None
    message_id: str | None = None
    message_type: str | None = None
    thread_id: str | None = None
    thread_id_derived: bool = False
    parent_thread_id: str | None = None
    ack: list[str] = field(default_factory=list)
    context_ids: list[str] = field(default_factory=list)
    text_template: str | None = None
    args: list[str] = field(default_factory=list)
    text: str | None = None
    localized: dict[str, str] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    who_retries: str | None = None
    retry_party: RetryParty = RetryParty.UNKNOWN
    fix_hint: dict[str, str] = field(default_factory=dict)
    where_party: str | None = None
    where_place: str | None = None
    noticed_at: int | None = None
    time_source: str | None = None
    tracking_uri: str | None = None
    escalation_uri: str | None = None
    http: Http | None = None
    request_completed: bool | None = None
    outcome_ok: bool | None = None
    source: Source = field(default_factory=Source)
    request_id: str | None = None
    message_sha256: str | None = None
    extensions: dict[str, str] = field(default_factory=dict)
