"""Deliveries, their attempts, and dead letters, as rows."""

from __future__ import annotations

from typing import Any

from tocsin.connectors.kafka.dead_letters import CONNECT_PREFIX, REASON_HEADER
from tocsin.schemas.codec import decode
from tocsin.schemas.errors import Undecodable
from tocsin.schemas.events import DeliveryAttempt, DeliveryOutcome, DeliveryRequested, EventBase, Outcome
from tocsin.streams.projector.taken import Taken, Turn, clean

BUS = ""
"""The tenant of what is no tenant's."""


def requested(turn: Turn, event: DeliveryRequested, taken: Taken) -> None:
    """An endpoint must be told; the body stays in Kafka."""
    row = {
        "tenant": event.tenant, "id": event.delivery_id, "endpoint": event.endpoint, "lane": event.lane,
        "case_id": event.case, "about": event.about, "content_type": event.content_type, "bytes": len(event.body),
        "replay": event.replay, "at": event.recorded_at,
    }  # fmt: skip
    turn.changes.put("requested", clean(row))


def ended(turn: Turn, event: DeliveryOutcome, taken: Taken) -> None:
    """How an attempt ended."""
    at = event.recorded_at
    same = {
        "tenant": event.tenant, "outcome": event.outcome.value, "reason": event.reason, "status": event.status,
        "ended_at": at,
    }  # fmt: skip
    delivered = at if event.outcome is Outcome.DELIVERED else None
    row = same | {"id": event.delivery_id, "attempts": event.attempt, "delivered_at": delivered}
    turn.changes.put("outcome", clean(row))
    row = same | {
        "delivery_id": event.delivery_id, "attempt": event.attempt, "endpoint": event.endpoint, "at": at,
        "duration": event.duration, "retry_after": event.retry_after,
    }  # fmt: skip
    turn.changes.put("ended", clean(row))


def attempted(turn: Turn, event: DeliveryAttempt, taken: Taken) -> None:
    """An attempt is asked for."""
    at = event.recorded_at
    row = {
        "tenant": event.tenant, "delivery_id": event.delivery_id, "attempt": event.attempt, "endpoint": event.endpoint,
        "started_at": at, "at": at,
    }  # fmt: skip
    turn.changes.put("attempt", clean(row))


def buried(turn: Turn, taken: Taken) -> None:
    """A record of `dead`: where it died, and why; its bytes stay in Kafka."""
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in taken.headers}
    event, claimed = letter_event(taken), headers.get("ce_type", "").removeprefix("io.tocsin.")
    row = {
        "tenant": event.tenant if event is not None else headers.get("ce_tenant", BUS),
        "id": f"{taken.partition}:{taken.offset}", "partition": taken.partition, "offset": taken.offset,
        "at": taken.timestamp * 1000, "reason": headers.get(REASON_HEADER),
        "stage": headers.get(f"{CONNECT_PREFIX}stage"),
        "topic": headers.get(f"{CONNECT_PREFIX}topic"),
        "origin": f"{headers.get(f'{CONNECT_PREFIX}partition', '')}:{headers.get(f'{CONNECT_PREFIX}offset', '')}",
        "detail": headers.get(f"{CONNECT_PREFIX}exception.message"),
        "type": claimed or None if event is None else type(event).__name__,
        "event_id": headers.get("ce_id") if event is None else event.event_id,
        "endpoint": getattr(event, "endpoint", None), "bytes": len(taken.value),
    }  # fmt: skip
    turn.changes.put("dead_letter", clean(row))


def letter_event(taken: Taken) -> EventBase | None:
    """The event in a dead letter, if it can be read."""
    try:
        return decode(taken.value)
    except Undecodable:
        return None


HANDLERS: dict[type[Any], Any] = {
    DeliveryRequested: requested,
    DeliveryOutcome: ended,
    DeliveryAttempt: attempted,
}
"""Event -> the function that makes its rows."""
