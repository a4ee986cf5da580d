"""Events of the topics `deliveries` and `attempts` (key: endpoint)."""

from __future__ import annotations

from enum import StrEnum

from tocsin.schemas.events.base import EventBase


class Outcome(StrEnum):
    """How an attempt ended, as the sink classifies it; the schedule is the rule's."""

    DELIVERED = "delivered"
    RETRY_LATER = "retry_later"
    REJECTED = "rejected"
    UNKNOWN = "unknown"


class EndpointCommandKind(StrEnum):
    """What somebody wants of an endpoint; `unknown` is what an older reader sees of a newer kind."""

    ENABLE = "enable"
    DISABLE = "disable"
    REMOVE = "remove"
    REPLAY = "replay"
    UNKNOWN = "unknown"


class DeliveryRequested(EventBase, frozen=True, kw_only=True):
    """`endpoint` must be told of the event `about`; strict order within `lane`; `replay` counts repeats on demand.

    `peer`, `own` and `connection` are set for endpoints that tell a DIDComm peer: its DID (or its key, in DIDComm v1),
    ours towards it, and the connection between the two, as far as the rules know them. `published_at` (microseconds) is
    when the problem that is told was published; 0 when that is not known, or something else is told.
    """

    delivery_id: str
    endpoint: str
    lane: str | None = None
    case: str | None = None
    about: str
    content_type: str
    body: bytes
    replay: int = 0
    tracestate: str | None = None
    peer: str | None = None
    own: str | None = None
    connection: str | None = None
    published_at: int = 0


class DeliveryOutcome(EventBase, frozen=True, kw_only=True):
    """How one attempt ended. `retry_after` and `duration` are in microseconds; `status` is the protocol's, if any;
    `message_sha256` that of the envelope which a DIDComm peer was sent: its log has it too."""

    delivery_id: str
    endpoint: str
    attempt: int
    outcome: Outcome
    reason: str
    retry_after: int | None = None
    status: int | None = None
    duration: int
    message_sha256: str | None = None


class EndpointCommand(EventBase, frozen=True, kw_only=True):
    """A person or a program steers an endpoint; `since` and `until` (microseconds, UTC) bound a replay."""

    endpoint: str
    kind: EndpointCommandKind
    by: str
    why: str | None = None
    since: int | None = None
    until: int | None = None


class DeliveryAttempt(EventBase, frozen=True, kw_only=True):
    """Try this delivery now; `attempt` counts from 1. At least once: the receiver absorbs repeats by delivery id.

    `peer`, `own`, `connection` and `published_at` are as in `DeliveryRequested`.
    """

    delivery_id: str
    endpoint: str
    attempt: int
    lane: str | None = None
    about: str
    content_type: str
    body: bytes
    replay: int = 0
    tracestate: str | None = None
    peer: str | None = None
    own: str | None = None
    connection: str | None = None
    published_at: int = 0
