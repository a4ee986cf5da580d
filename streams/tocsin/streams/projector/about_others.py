"""Activity, commands, escalations, deliveries, settings, dead letters and the audit, as rows."""

from __future__ import annotations

from typing import Any

import msgspec

from tocsin.connectors.kafka.dead_letters import CONNECT_PREFIX, REASON_HEADER
from tocsin.schemas.codec import decode
from tocsin.schemas.errors import Undecodable
from tocsin.schemas.events import (
    AccessAudited,
    ActivityObserved,
    CommandAnswered,
    CommandIssued,
    DeliveryAttempt,
    DeliveryOutcome,
    DeliveryRequested,
    EndpointCommand,
    EscalationAcknowledged,
    EscalationCancelled,
    EscalationExhausted,
    EscalationRaised,
    EscalationSnoozed,
    EscalationStepped,
    EventBase,
    Outcome,
    SilenceSet,
)
from tocsin.streams.projector.about_problems import happened
from tocsin.streams.projector.statements import ESCALATION
from tocsin.streams.projector.taken import Taken, Turn, clean

_json = msgspec.json.Encoder().encode

BUS = ""
"""The tenant of what is no tenant's."""


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


def issued(turn: Turn, event: CommandIssued, taken: Taken) -> None:
    """Somebody wants something of a case."""
    row = {
        "tenant": event.tenant, "id": event.event_id, "at": event.recorded_at, "kind": event.kind.value,
        "target": event.target, "by": event.by, "why": event.why, "choice": event.choice, "until": event.until,
        "since": None,
    }  # fmt: skip
    turn.changes.put("command", clean(row))


def steered(turn: Turn, event: EndpointCommand, taken: Taken) -> None:
    """Somebody wants something of an endpoint."""
    row = {
        "tenant": event.tenant, "id": event.event_id, "at": event.recorded_at, "kind": event.kind.value,
        "target": event.endpoint, "by": event.by, "why": event.why, "choice": None, "until": event.until,
        "since": event.since,
    }  # fmt: skip
    turn.changes.put("command", clean(row))


def answered(turn: Turn, event: CommandAnswered, taken: Taken) -> None:
    """What became of a command; the last answer stands."""
    row = {
        "tenant": event.tenant, "id": event.command, "outcome": event.outcome.value, "case_id": event.case,
        "detail": event.detail, "answered_at": event.recorded_at,
    }  # fmt: skip
    turn.changes.put("answer", clean(row))


def raised(turn: Turn, event: EscalationRaised, taken: Taken) -> None:
    """An escalation begins, from its first step."""
    row = {
        "tenant": event.tenant, "id": event.case, "policy": event.policy, "escalation": "raised",
        "escalated_at": event.recorded_at, "step": None,
    }  # fmt: skip
    turn.changes.put("raised", clean(row))
    happened(turn, event, taken)


def escalated(turn: Turn, event: Any, taken: Taken) -> None:
    """What happens in an escalation after that."""
    row: dict[str, Any] = dict.fromkeys(ESCALATION)
    match event:
        case EscalationStepped():
            row |= {"policy": event.policy, "escalation": "stepped", "step": event.step}
        case EscalationAcknowledged():
            row |= {
                "escalation": "acknowledged", "acknowledged_at": event.recorded_at, "acknowledged_by": event.by,
                "acknowledged_why": event.why,
            }  # fmt: skip
        case EscalationSnoozed():
            row |= {
                "escalation": "snoozed", "snoozed_at": event.recorded_at, "snoozed_until": event.until,
                "snoozed_by": event.by,
            }  # fmt: skip
        case EscalationExhausted():
            row |= {"policy": event.policy, "escalation": "exhausted"}
        case EscalationCancelled():
            row |= {"escalation": "cancelled"}
    turn.changes.put("escalation", clean(row | {"tenant": event.tenant, "id": event.case}))
    happened(turn, event, taken)


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


def silenced(turn: Turn, event: SilenceSet, taken: Taken) -> None:
    """A silence, as it is now."""
    row = {
        "tenant": event.tenant, "id": event.silence, "matchers": _json(event.matchers), "at": event.recorded_at,
        "starts_at": event.starts_at, "ends_at": event.ends_at, "by": event.by, "why": event.why,
        "removed": event.removed,
    }  # fmt: skip
    turn.changes.put("silence", clean(row))


def audited(turn: Turn, event: AccessAudited, taken: Taken) -> None:
    """Somebody asked for something."""
    same = ("action", "who", "key", "target", "address", "reason", "request_id", "cause", "status", "count")
    row = {name: getattr(event, name) for name in same} | {
        "tenant": event.tenant, "id": event.event_id, "at": event.recorded_at, "credential": event.credential.value,
        "outcome": event.outcome.value,
    }  # fmt: skip
    turn.changes.put("audited", clean(row))


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
    ActivityObserved: observed,
    CommandIssued: issued,
    EndpointCommand: steered,
    CommandAnswered: answered,
    EscalationRaised: raised,
    EscalationStepped: escalated,
    EscalationAcknowledged: escalated,
    EscalationSnoozed: escalated,
    EscalationExhausted: escalated,
    EscalationCancelled: escalated,
    DeliveryRequested: requested,
    DeliveryOutcome: ended,
    DeliveryAttempt: attempted,
    SilenceSet: silenced,
    AccessAudited: audited,
}
"""Event -> the function that makes its rows."""
