"""Events of the topic `escalations` (key: case)."""

from __future__ import annotations

from msgspec import field

from tocsin.schemas.events.base import EventBase


class EscalationRaised(EventBase, frozen=True, kw_only=True):
    """A case is handed to an escalation policy of the rules file. The URIs are those of the report, if it has any: the
    first is used only when the policy allows it, the second is shown and never fetched."""

    case: str
    policy: str
    report: str
    escalation_uri: str | None = None
    tracking_uri: str | None = None
    first_step_at: int | None = None


class EscalationStepped(EventBase, frozen=True, kw_only=True):
    """Step number `step` (from 0) of the policy was reached and its `endpoints` are told: for the `repeat`-th time
    (from 0), in round `cycle` (from 0), while the case has `count` reports."""

    case: str
    policy: str
    step: int
    endpoints: list[str] = field(default_factory=list)
    repeat: int = 0
    cycle: int = 0
    count: int = 0


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


class EscalationSnoozed(EventBase, frozen=True, kw_only=True):
    """Somebody put the case off: no further step before `until` (microseconds, UTC), then the next one."""

    case: str
    by: str
    why: str | None = None
    until: int
