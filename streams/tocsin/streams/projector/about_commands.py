"""What people want and did, as rows: commands and their answers, escalations, silences, the audit."""

from __future__ import annotations

from typing import Any

import msgspec

from tocsin.schemas.events import (
    AccessAudited,
    CommandAnswered,
    CommandIssued,
    EndpointCommand,
    EscalationAcknowledged,
    EscalationCancelled,
    EscalationExhausted,
    EscalationRaised,
    EscalationSnoozed,
    EscalationStepped,
    SilenceSet,
)
from tocsin.streams.projector.about_problems import happened
from tocsin.streams.projector.statements import ESCALATION
from tocsin.streams.projector.taken import Taken, Turn, clean

_json = msgspec.json.Encoder().encode


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


HANDLERS: dict[type[Any], Any] = {
    CommandIssued: issued,
    EndpointCommand: steered,
    CommandAnswered: answered,
    EscalationRaised: raised,
    EscalationStepped: escalated,
    EscalationAcknowledged: escalated,
    EscalationSnoozed: escalated,
    EscalationExhausted: escalated,
    EscalationCancelled: escalated,
    SilenceSet: silenced,
    AccessAudited: audited,
}
"""Event -> the function that makes its rows."""
