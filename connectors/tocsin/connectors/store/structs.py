"""What a reader of the store is given. Fields are called as columns; times are microseconds since the epoch (UTC)."""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Page(Struct, Generic[T], frozen=True):
    """Some of what was asked for, newest first; `cursor` asks for what follows, None when nothing does."""

    items: list[T]
    cursor: str | None = None


class ProblemLine(Struct, frozen=True):
    """A problem as lists show it. `decision` is opened, repeated or suppressed (for `reason`), None while it is not
    decided; `survivor` stands for it. `context_*` is what its thread has told of it. With the `trust` claimed nothing
    proves who sent it."""

    id: str
    at: int
    occurred_at: int | None
    code: str | None
    dialect: str | None
    severity: str | None
    title: str | None
    service: str | None
    thread_id: str | None
    connection: str | None
    sender: str | None
    record_type: str | None
    record_id: str | None
    job: str | None
    conformant: bool | None
    case_id: str | None
    decision: str | None
    reason: str | None
    survivor: str | None
    detail: str | None
    unrouted_to: str | None
    decided_at: int | None
    context_thread: str | None
    context_connection: str | None
    context_record_type: str | None
    context_record_id: str | None
    state: str | None
    state_after: str | None
    trust: str | None


class Occurrence(ProblemLine, frozen=True):
    """A problem whole: `document` is the canonical problem and `context` the context of its thread, as JSON; `raw` the
    document as it came. None: not known (yet); `known_by` 2 says that the report itself was read."""

    known_by: int
    document: bytes | None
    context: bytes | None
    raw: bytes | None
    raw_media_type: str | None
    traceparent: str | None


class CaseRow(Struct, frozen=True):
    """A case as its row has it; `status_of` says where it stands."""

    id: str
    opened_at: int | None
    reopened_at: int | None
    at: int | None
    resolved_at: int | None
    count: int | None
    code: str | None
    severity: str | None
    title: str | None
    dialect: str | None
    first_report: str | None
    last_report: str | None
    thread_id: str | None
    connection: str | None
    record_type: str | None
    record_id: str | None
    resolved_by: str | None
    resolved_why: str | None
    policy: str | None
    escalation: str | None
    step: int | None
    escalated_at: int | None
    acknowledged_at: int | None
    acknowledged_by: str | None
    acknowledged_why: str | None
    snoozed_at: int | None
    snoozed_until: int | None
    snoozed_by: str | None
    trust: str | None


def status_of(case: CaseRow, now: int) -> str:
    """Where a case stands: open, acknowledged, snoozed or resolved; untold while nobody was told of any report."""
    if case.opened_at is None:
        return "untold"
    if case.resolved_at is not None:
        return "resolved"
    since = case.reopened_at or case.opened_at or 0
    if (case.acknowledged_at or 0) > since and (case.acknowledged_at or 0) >= (case.snoozed_at or 0):
        return "acknowledged"
    if (case.snoozed_at or 0) > since and (case.snoozed_until or 0) > now:
        return "snoozed"
    return "open"


class Span(Struct, frozen=True):
    """How many reports of a case came in the span of time that begins then, counted up to a limit."""

    case: str
    begin: int
    count: int


class CaseEvent(Struct, frozen=True):
    """Something that happened to a case besides its reports; `kind` is the name of the event."""

    id: str
    case_id: str
    at: int
    kind: str
    report: str | None
    thread_id: str | None
    connection: str | None
    by: str | None
    why: str | None
    detail: bytes | None


class Activity(Struct, frozen=True):
    """Something that was observed and is no problem; `detail` is JSON."""

    id: str
    at: int
    occurred_at: int | None
    kind: str
    message_id: str | None
    message_type: str | None
    thread_id: str | None
    parent_thread_id: str | None
    connection: str | None
    trust: str | None
    record_type: str | None
    record_id: str | None
    record_state: str | None
    job: str | None
    detail: bytes | None


Entry = ProblemLine | Activity | CaseEvent
"""One entry of a time line."""


class RecordRow(Struct, frozen=True):
    """A record as last heard of."""

    type: str
    id: str
    state: str | None
    first_at: int
    at: int
    thread_id: str | None
    connection: str | None


class Record(Struct, frozen=True):
    """A record with its error: the last problem of a case that is open, else the last one; `open` says which."""

    row: RecordRow | None
    error: Occurrence | None
    open: bool


class Connection(Struct, frozen=True):
    """A connection as last heard of."""

    id: str
    first_at: int
    at: int
    trust: str | None
    peer: str | None


class Delivery(Struct, frozen=True):
    """What an endpoint is told; `about` is the event, `attempts` how many ended, the last one as `outcome` says."""

    id: str
    at: int
    endpoint: str | None
    lane: str | None
    case_id: str | None
    about: str | None
    content_type: str | None
    bytes: int | None
    replay: int | None
    attempts: int
    outcome: str | None
    reason: str | None
    status: int | None
    ended_at: int | None
    delivered_at: int | None


class Attempt(Struct, frozen=True):
    """One attempt; without `ended_at` it is under way, or its end is not known."""

    delivery_id: str
    attempt: int
    endpoint: str | None
    started_at: int | None
    ended_at: int | None
    duration: int | None
    retry_after: int | None
    outcome: str | None
    reason: str | None
    status: int | None


class Command(Struct, frozen=True):
    """What somebody wanted, and what became of it (`outcome`; None: not known yet)."""

    id: str
    at: int
    kind: str | None
    target: str | None
    by: str | None
    why: str | None
    choice: str | None
    until: int | None
    since: int | None
    outcome: str | None
    case_id: str | None
    detail: str | None
    answered_at: int | None
