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
    """`endpoint` must be told of the event `about`; strict order within `lane`; `replay` counts repeats on demand."""

    delivery_id: str
    endpoint: str
    lane: str | None = None
    case: str | None = None
    about: str
    content_type: str
    body: bytes
    replay: int = 0
    tracestate: str | None = None


class DeliveryOutcome(EventBase, frozen=True, kw_only=True):
    """How one attempt ended. `retry_after` and `duration` are in microseconds; `status` is the protocol's, if any."""

    delivery_id: str
    endpoint: str
    attempt: int
    outcome: Outcome
    reason: str
    retry_after: int | None = None
    status: int | None = None
    duration: int


class EndpointCommand(EventBase, frozen=True, kw_only=True):
    """A person or a program steers an endpoint; `since` and `until` (microseconds, UTC) bound a replay."""

    endpoint: str
    kind: EndpointCommandKind
    by: str
    why: str | None = None
    since: int | None = None
    until: int | None = None


class DeliveryAttempt(EventBase, frozen=True, kw_only=True):
    """Try this delivery now; `attempt` counts from 1. At least once: the receiver absorbs repeats by delivery id."""

    delivery_id: str
    endpoint: str
    attempt: int
    lane: str | None = None
    about: str
    content_type: str
    body: bytes
    replay: int = 0
    tracestate: str | None = None
