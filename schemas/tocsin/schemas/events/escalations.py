"""Events of the topic `escalations` (key: case)."""

from __future__ import annotations

from msgspec import field

from tocsin.schemas.events.base import EventBase


class EscalationRaised(EventBase, frozen=True, kw_only=True):
    """A case is handed to an escalation policy of the rules file."""

    case: str
    policy: str
    report: str


class EscalationStepped(EventBase, frozen=True, kw_only=True):
    """Step number `step` (from 0) of the policy was reached and its `endpoints` are told."""

    case: str
    policy: str
    step: int
    endpoints: list[str] = field(default_factory=list)


class EscalationAcknowledged(EventBase, frozen=True, kw_only=True):
    """Somebody has taken the case: no further step."""

    case: str
    by: str
    why: str | None = None


class EscalationExhausted(EventBase, frozen=True, kw_only=True):
    """Every step and repeat was done and nobody has taken the case."""

    case: str
    policy: str


class EscalationCancelled(EventBase, frozen=True, kw_only=True):
    """The escalation ended by itself, for a named reason (for example: resolved)."""

    case: str
    reason: str
