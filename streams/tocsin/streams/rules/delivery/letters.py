"""Dead letters of `deliver`: what is published again when somebody replays them."""

from __future__ import annotations

from tocsin.schemas.events import DeliveryRequested, EventBase
from tocsin.streams.rules.decision import DELIVERIES, DeadLetter
from tocsin.streams.rules.state import DeliveryRow


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
        replay=row.replay,
    )


def dead_delivery(request: DeliveryRequested, reason: str, detail: str, attempts: int) -> DeadLetter:
    """The dead letter of a delivery."""
    return DeadLetter(
        stage="deliver",
        reason=reason,
        detail=detail,
        topic=DELIVERIES,
        key=request.endpoint,
        event=request,
        attempts=attempts,
    )


def misplaced(event: EventBase, key: str, reason: str) -> DeadLetter:
    """The dead letter of an input record that `deliver` cannot use: its own bytes."""
    return DeadLetter(stage="deliver", reason=reason, detail=type(event).__name__, topic=DELIVERIES, key=key)
