"""Events that are made of the row of a delivery: its attempts, and its request again when it is dead."""

from __future__ import annotations

from tocsin.schemas.events import DeliveryAttempt, DeliveryRequested, EventBase
from tocsin.schemas.ids import derived_id
from tocsin.streams.rules.decision import DELIVERIES, DeadLetter
from tocsin.streams.rules.state import DeliveryRow


def attempt_of(row: DeliveryRow) -> DeliveryAttempt:
    """The event that asks for attempt number `row.attempt`; the same number has the same event id."""
    return DeliveryAttempt(
        event_id=derived_id("attempt", row.delivery_id, str(row.attempt)),
        tenant=row.tenant,
        occurred_at=row.asked_at,
        recorded_at=row.asked_at,
        cause=row.event_id,
        traceparent=row.traceparent,
        delivery_id=row.delivery_id,
        endpoint=row.endpoint,
        attempt=row.attempt,
        lane=row.lane,
        about=row.about,
        content_type=row.content_type,
        body=row.body,
        replay=row.replay,
        tracestate=row.tracestate,
        peer=row.peer,
        own=row.own,
        connection=row.connection,
        published_at=row.published_at,
    )


def request_of(row: DeliveryRow) -> DeliveryRequested:
    """The event that asked for this delivery, as it was."""
    return DeliveryRequested(
        event_id=row.event_id,
        tenant=row.tenant,
        occurred_at=row.occurred_at,
        recorded_at=row.occurred_at,
        cause=row.cause,
        traceparent=row.traceparent,
        delivery_id=row.delivery_id,
        endpoint=row.endpoint,
        lane=row.lane,
        case=row.case,
        about=row.about,
        content_type=row.content_type,
        body=row.body,
        replay=max(row.replay, row.again),
        tracestate=row.tracestate,
        peer=row.peer,
        own=row.own,
        connection=row.connection,
        published_at=row.published_at,
    )


def misplaced(event: EventBase, key: str, reason: str) -> DeadLetter:
    """The dead letter of an input record that `deliver` cannot use: its own bytes."""
    return DeadLetter(stage="deliver", reason=reason, detail=type(event).__name__, topic=DELIVERIES, key=key)
