"""One attempt from its record to its outcome."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic_ns, time_ns

import msgspec
import structlog

from tocsin.connectors.sinks import Delivered, Reason, Rejected, RetryLater, Sink, SinkOutcome
from tocsin.schemas.events import DeliveryAttempt, DeliveryOutcome, Outcome
from tocsin.schemas.ids import derived_id

_log = structlog.get_logger("tocsin.dispatch")

ENDPOINT_UNKNOWN = "endpoint_unknown"
"""The reason when this dispatcher's rules file has no such endpoint: tried again, since it may only be older."""


async def make_attempt(attempt: DeliveryAttempt, sinks: Mapping[str, Sink]) -> DeliveryOutcome:
    """Try once and say how it ended, as the event for `deliveries`. Raises nothing but CancelledError."""
    started = monotonic_ns()
    sink = sinks.get(attempt.endpoint)
    outcome: SinkOutcome | None = None
    if sink is not None:
        try:
            outcome = _checked(await sink.deliver(attempt))
        except Exception:
            # A sink of another package may break the protocol; the delivery is not lost by it, nor the dispatcher.
            _log.exception("sink raised, or returned no outcome", endpoint=attempt.endpoint)
            outcome = RetryLater(reason=Reason.SINK_FAILED)
    now = time_ns() // 1000
    kind, reason, status, after = _classified(outcome)
    return DeliveryOutcome(
        event_id=derived_id("outcome", attempt.delivery_id, str(attempt.attempt), str(now)),
        tenant=attempt.tenant,
        occurred_at=now,
        recorded_at=now,
        cause=attempt.event_id,
        traceparent=attempt.traceparent,
        delivery_id=attempt.delivery_id,
        endpoint=attempt.endpoint,
        attempt=attempt.attempt,
        outcome=kind,
        reason=reason,
        retry_after=after,
        status=status,
        duration=(monotonic_ns() - started) // 1000,
    )


def _checked(outcome: object) -> SinkOutcome:
    """What a sink returned, if it is an outcome with members of the right types. Raises TypeError, ValidationError."""
    if not isinstance(outcome, SinkOutcome):
        raise TypeError(f"not an outcome but {type(outcome).__name__}")
    return msgspec.convert(msgspec.to_builtins(outcome), type(outcome), strict=False)


def _classified(outcome: SinkOutcome | None) -> tuple[Outcome, str, int | None, int | None]:
    match outcome:
        case Delivered():
            return Outcome.DELIVERED, "delivered", outcome.status, None
        case RetryLater():
            return Outcome.RETRY_LATER, outcome.reason.value, outcome.status, outcome.after
        case Rejected():
            return Outcome.REJECTED, outcome.reason.value, outcome.status, None
        case None:
            return Outcome.RETRY_LATER, ENDPOINT_UNKNOWN, None, None
