"""Events of the topic `inbox` (key: tenant): everything that `decide` reads."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from msgspec import field

from tocsin.schemas.events.base import EventBase
from tocsin.schemas.problem import Problem


class ActivityKind(StrEnum):
    """What was observed; `unknown` is what an older reader sees of a newer kind."""

    MESSAGE_SENT = "message_sent"
    MESSAGE_RECEIVED = "message_received"
    RECORD_CHANGED = "record_changed"
    JOB_STARTED = "job_started"
    JOB_FINISHED = "job_finished"
    CONNECTION_OPENED = "connection_opened"
    UNKNOWN = "unknown"


Choice = Literal["wait", "retry", "give_up"]
"""What may be done about a reply that does not come."""

CHOICES: tuple[Choice, ...] = ("wait", "retry", "give_up")
"""Every Choice."""


class CommandKind(StrEnum):
    """What somebody wants done; `unknown` is what an older reader sees of a newer kind."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    SNOOZE = "snooze"
    CHOOSE = "choose"
    UNKNOWN = "unknown"


class ProblemReported(EventBase, frozen=True, kw_only=True):
    """A problem, normalised, with its original bytes (carried once, here; later events refer to it)."""

    problem: Problem
    raw: bytes = b""
    raw_media_type: str = "application/octet-stream"
    idempotency_key: str | None = None
    tracestate: str | None = None


class ActivityObserved(EventBase, frozen=True, kw_only=True):
    """Something that is not a problem but explains problems: a message, a record's state, a job, a connection."""

    kind: ActivityKind
    message_id: str | None = None
    message_type: str | None = None
    thread_id: str | None = None
    parent_thread_id: str | None = None
    digest: str | None = None
    connection: str | None = None
    trust: str | None = None
    record_type: str | None = None
    record_id: str | None = None
    record_state: str | None = None
    job: str | None = None
    detail: dict[str, str] = field(default_factory=dict)


class CommandIssued(EventBase, frozen=True, kw_only=True):
    """A person or a program wants a case acknowledged, resolved, snoozed (`until`) or a choice made (`choice`;
    of an acknowledgement: whom the case is taken over from)."""

    kind: CommandKind
    target: str
    by: str
    why: str | None = None
    until: int | None = None
    choice: str | None = None


class Tick(EventBase, frozen=True, kw_only=True):
    """A partition's owner asks for its due timers; also used on `deliveries`. `now` is the record's append time."""

    partition: int
