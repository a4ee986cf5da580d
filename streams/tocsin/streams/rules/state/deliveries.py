"""Rows of the agent `deliver`: deliveries, lanes, endpoints."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

EndpointStatus = Literal["enabled", "disabled", "removed"]
"""What may be sent to an endpoint: everything; nothing for now, deliveries wait; nothing ever, deliveries are dead."""


class DeliveryRow(Struct, frozen=True, array_like=True, tag="delivery", gc=False):
    """`delivery/<endpoint>/<delivery id>`: one pending delivery. `attempt` counts the attempts made so far.

    held: behind others in its lane; in_flight: attempted, its timer is the lease; waiting: its timer is the retry;
    parked: its turn has come, and its endpoint is to get nothing now: it is in the endpoint's queue, without a timer;
    or, from before format 5, on its stack: `next_parked` is the one below it there.
    `earlier` (since format 2): how many of the attempts were made before it died and was replayed. `tracestate`, and
    `asked_at` (microseconds), when the attempt that is in flight was last asked for: since format 4. So is `again`, the
    number of a replay that was asked for while an attempt was in flight; 0 is none. Since format 6: `peer`, `own`,
    `connection` and `published_at`, as in the request.
    """

    delivery_id: str
    endpoint: str
    tenant: str
    event_id: str
    lane: str | None
    case: str | None
    about: str
    content_type: str
    body: bytes
    replay: int
    occurred_at: int
    enqueued_at: int
    cause: str | None = None
    traceparent: str | None = None
    state: Literal["held", "in_flight", "waiting", "parked"] = "held"
    attempt: int = 0
    leases: int = 0
    last_reason: str = ""
    next_parked: str | None = None
    earlier: int = 0
    tracestate: str | None = None
    asked_at: int = 0
    again: int = 0
    peer: str | None = None
    own: str | None = None
    connection: str | None = None
    published_at: int = 0


class FinishedRow(Struct, frozen=True, array_like=True, tag="finished", gc=False):
    """Takes the place of a DeliveryRow that is done or dead, for the time that repeats are absorbed. `replay` is the
    number of the replay that ended so (since format 4)."""

    state: Literal["done", "dead"]
    attempt: int
    at: int
    replay: int = 0


class DispatchRow(Struct, frozen=True, array_like=True, tag="dispatch", gc=False):
    """`dispatch`, one for the whole partition: when the last outcome came, and when the latest of the attempts that had
    one was asked for (microseconds). Attempts are made in the order in which they are asked for, about."""

    answered_at: int
    asked_at: int


class LaneRow(Struct, frozen=True, array_like=True, tag="lane", gc=False):
    """`lane/<endpoint>/<lane>`: delivery ids in strict order; the first one has its turn, the others are held."""

    endpoint: str
    lane: str
    queue: tuple[str, ...]


class QueuedRow(Struct, frozen=True, array_like=True, tag="queued", gc=False):
    """`queued/<endpoint>/<number>`: a place in an endpoint's queue of parked deliveries (since format 5)."""

    delivery_id: str


BreakerState = Literal["closed", "open", "half_open"]
"""Everything is attempted; nothing is; one attempt is under way that tells whether it takes something again."""


class EndpointRow(Struct, frozen=True, array_like=True, tag="endpoint", gc=False):
    """`endpoint/<endpoint>`: kept while it is not simply enabled and well, or has a rate. Times are in microseconds.

    Since format 4: `waiting` is how many deliveries are parked, `failures` how many attempts went wrong since one went
    well, the first one at `failing_since`, the last one with `last_error`; `told` are the ids of the reports about it.
    Since format 5: the parked ones stand in a queue, in the QueuedRows from `head` up to before `tail`, and some of
    them since `parked_since`; `parked` is the top of the stack on which they were before. `breaker`, and when it
    lets the next probe through; `throttled_until`, by what the endpoint answered. With a rate: how many attempts are
    `under_way`, and how many were `answered`, up to when. Of the deliveries that died: `dead` are to be told of,
    `missed` is how many since it last took something, `digests` how often that was told since then, at `digested_at`
    for the last time. `unanswered` is how many attempts went wrong since it last answered one, be it by a refusal.
    Of those that waited, `let_go` are under way; so many more than the first few may be: `room`. A
    removed one is kept until `forget_at`. Since format 6: `peer`, of a PeerEndpointRow.
    """

    endpoint: str
    status: EndpointStatus
    since: int
    parked: str | None = None
    waiting: int = 0
    failures: int = 0
    failing_since: int | None = None
    last_error: str = ""
    told: tuple[str, ...] = ()
    head: int = 0
    tail: int = 0
    parked_since: int = 0
    breaker: BreakerState = "closed"
    probe_at: int = 0
    throttled_until: int = 0
    under_way: int = 0
    answered: tuple[tuple[int, int], ...] = ()
    dead: int = 0
    missed: int = 0
    digests: int = 0
    digested_at: int = 0
    unanswered: int = 0
    let_go: int = 0
    room: int = 0
    forget_at: int = 0
    peer: str = ""


class PeerEndpointRow(EndpointRow, frozen=True, array_like=True, tag="peer_endpoint", gc=False):
    """`peer_endpoint/<endpoint>/<peer>`: the same of one of the peers that an endpoint tells, whoever that is. It is
    always enabled: only the endpoint as a whole is switched off. Kept while anything waits, and for a time after a
    failure. It has no fields of its own: one that EndpointRow gets later would change their places."""
