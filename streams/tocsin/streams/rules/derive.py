"""The common fields of an event that follows from another one."""

from __future__ import annotations

from typing import TypedDict

from tocsin.schemas.events import EventBase


class Common(TypedDict):
    """The fields of every event."""

    event_id: str
    tenant: str
    occurred_at: int
    recorded_at: int
    cause: str | None
    traceparent: str | None


def about(cause: EventBase, event_id: str, now: int) -> Common:
    """The common fields of event `event_id`, decided at `now` (microseconds) because of `cause`."""
    return {
        "event_id": event_id,
        "tenant": cause.tenant,
        "occurred_at": now,
        "recorded_at": now,
        "cause": cause.event_id,
        "traceparent": cause.traceparent,
    }
