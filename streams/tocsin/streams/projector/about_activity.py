"""What services observed, as rows: of messages, records and connections."""

from __future__ import annotations

from typing import Any

import msgspec

from tocsin.schemas.events import ActivityObserved
from tocsin.streams.projector.taken import Taken, Turn, clean

_json = msgspec.json.Encoder().encode


def observed(turn: Turn, event: ActivityObserved, taken: Taken) -> None:
    """Something was observed: of its thread, its connection, its record."""
    at = event.recorded_at
    same = (
        "message_id", "message_type", "thread_id", "parent_thread_id", "connection", "trust", "record_type",
        "record_id", "record_state", "job",
    )  # fmt: skip
    row = {name: getattr(event, name) for name in same} | {
        "tenant": event.tenant, "id": event.event_id, "at": at, "occurred_at": event.occurred_at,
        "kind": event.kind.value, "detail": _json(event.detail) if event.detail else None,
    }  # fmt: skip
    turn.changes.put("activity", clean(row))
    heard = {"tenant": event.tenant, "first_at": at, "at": at, "last_id": event.event_id}
    if event.record_type and event.record_id:
        about = {"type": event.record_type, "id": event.record_id, "state": event.record_state}
        row = heard | about | {"thread_id": event.thread_id, "connection": event.connection}
        turn.changes.put("record", clean(row))
    if event.connection:
        turn.changes.put("connection", clean(heard | {"id": event.connection, "trust": event.trust, "peer": None}))


HANDLERS: dict[type[Any], Any] = {
    ActivityObserved: observed,
}
"""Event -> the function that makes its rows."""
