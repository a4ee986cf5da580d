"""What every event has."""

from __future__ import annotations

from msgspec import Struct


class EventBase(Struct, frozen=True, kw_only=True):
    """The fields of every event. Times are microseconds since the epoch (UTC); `cause` is the id of the event that this
    one follows from; `traceparent` (with `tracestate`, where an event has it) is W3C Trace Context."""

    event_id: str
    tenant: str
    occurred_at: int
    recorded_at: int
    cause: str | None = None
    traceparent: str | None = None
