"""Every event of the bus, by topic. `Event` is their union and `EVENTS` finds the class by its name.

They are frozen msgspec structs: constructing one does not check types (mypy does); `decode` does, and so does `encode`.
"""

from __future__ import annotations

from tocsin.schemas.events.answers import CommandAnswered, CommandOutcome
from tocsin.schemas.events.audit import AccessAudited, AuditOutcome, CredentialKind
from tocsin.schemas.events.base import EventBase
from tocsin.schemas.events.deliveries import (
    DeliveryAttempt,
    DeliveryOutcome,
    DeliveryRequested,
    EndpointCommand,
    EndpointCommandKind,
    Outcome,
)
from tocsin.schemas.events.escalations import (
    EscalationAcknowledged,
    EscalationCancelled,
    EscalationExhausted,
    EscalationRaised,
    EscalationSnoozed,
    EscalationStepped,
)
from tocsin.schemas.events.inbox import (
    CHOICES,
    ActivityKind,
    ActivityObserved,
    Choice,
    CommandIssued,
    CommandKind,
    ProblemReported,
    Tick,
)
from tocsin.schemas.events.problems import (
    ConflictNoticed,
    DigestedCase,
    ProblemExplained,
    ProblemOpened,
    ProblemPromoted,
    ProblemRepeated,
    ProblemResolved,
    ProblemsDigested,
    ProblemSuppressed,
    ProblemUnrouted,
    ThreadContext,
    TimeoutNoticed,
)
from tocsin.schemas.events.settings import (
    KeySet,
    KeyUsed,
    Matcher,
    MatchOperator,
    OverrideSet,
    SchemaInUse,
    SilenceSet,
    SubscriptionSet,
    TenantSet,
)

Event = (
    ProblemReported
    | ActivityObserved
    | CommandIssued
    | Tick
    | ProblemOpened
    | ProblemRepeated
    | ProblemSuppressed
    | ProblemUnrouted
    | ProblemPromoted
    | ProblemResolved
    | TimeoutNoticed
    | ConflictNoticed
    | ProblemsDigested
    | ProblemExplained
    | EscalationRaised
    | EscalationStepped
    | EscalationAcknowledged
    | EscalationExhausted
    | EscalationCancelled
    | EscalationSnoozed
    | DeliveryRequested
    | DeliveryOutcome
    | EndpointCommand
    | DeliveryAttempt
    | TenantSet
    | SubscriptionSet
    | SilenceSet
    | OverrideSet
    | SchemaInUse
    | CommandAnswered
    | KeySet
    | KeyUsed
    | AccessAudited
)
"""Any event of the bus."""

EVENTS: dict[str, type[Event]] = {
    event.__name__: event
    for event in (
        ProblemReported,
        ActivityObserved,
        CommandIssued,
        Tick,
        ProblemOpened,
        ProblemRepeated,
        ProblemSuppressed,
        ProblemUnrouted,
        ProblemPromoted,
        ProblemResolved,
        TimeoutNoticed,
        ConflictNoticed,
        ProblemsDigested,
        ProblemExplained,
        EscalationRaised,
        EscalationStepped,
        EscalationAcknowledged,
        EscalationExhausted,
        EscalationCancelled,
        EscalationSnoozed,
        DeliveryRequested,
        DeliveryOutcome,
        EndpointCommand,
        DeliveryAttempt,
        TenantSet,
        SubscriptionSet,
        SilenceSet,
        OverrideSet,
        SchemaInUse,
        CommandAnswered,
        KeySet,
        KeyUsed,
        AccessAudited,
    )
}
"""Every event class by its name, which is also the last part of its subject (`io.tocsin.<name>`)."""

__all__ = [
    "CHOICES",
    "EVENTS",
    "AccessAudited",
    "ActivityKind",
    "ActivityObserved",
    "AuditOutcome",
    "Choice",
    "CommandAnswered",
    "CommandIssued",
    "CommandKind",
    "CommandOutcome",
    "ConflictNoticed",
    "CredentialKind",
    "DeliveryAttempt",
    "DeliveryOutcome",
    "DeliveryRequested",
    "DigestedCase",
    "EndpointCommand",
    "EndpointCommandKind",
    "EscalationAcknowledged",
    "EscalationCancelled",
    "EscalationExhausted",
    "EscalationRaised",
    "EscalationSnoozed",
    "EscalationStepped",
    "Event",
    "EventBase",
    "KeySet",
    "KeyUsed",
    "MatchOperator",
    "Matcher",
    "Outcome",
    "OverrideSet",
    "ProblemExplained",
    "ProblemOpened",
    "ProblemPromoted",
    "ProblemRepeated",
    "ProblemReported",
    "ProblemResolved",
    "ProblemSuppressed",
    "ProblemUnrouted",
    "ProblemsDigested",
    "SchemaInUse",
    "SilenceSet",
    "SubscriptionSet",
    "TenantSet",
    "ThreadContext",
    "Tick",
    "TimeoutNoticed",
]
