"""Events of the topic `problems` (key: case): the public stream."""

from __future__ import annotations

from msgspec import Struct, field

from tocsin.schemas.events.base import EventBase
from tocsin.schemas.problem import Problem, Severity


class ThreadContext(Struct, frozen=True, kw_only=True):
    """What was known of a problem's thread when it was decided. Times in microseconds since the epoch (UTC);
    `parents` is bounded (16), nearest first."""

    thread_id: str | None = None
    parents: list[str] = field(default_factory=list)
    depth: int = 0
    count: int = 0
    first_seen: int
    last_seen: int
    codes: list[str] = field(default_factory=list)


class ProblemOpened(EventBase, frozen=True, kw_only=True):
    """A case was opened: somebody is told at each of `endpoints`. `report` is the event id of the ProblemReported."""

    case: str
    report: str
    problem: Problem
    thread: ThreadContext
    endpoints: list[str] = field(default_factory=list)


class ProblemRepeated(EventBase, frozen=True, kw_only=True):
    """An open case happened again; `count` is how often so far, this one included."""

    case: str
    report: str
    problem: Problem
    thread: ThreadContext
    endpoints: list[str] = field(default_factory=list)
    count: int


class ProblemSuppressed(EventBase, frozen=True, kw_only=True):
    """Nobody is told, for a named `reason`; `survivor` is the id of the event that stands for this one."""

    case: str | None = None
    report: str
    reason: str
    survivor: str | None = None


class ProblemUnrouted(EventBase, frozen=True, kw_only=True):
    """No rule matched: the default route's `endpoint` is told."""

    case: str
    report: str
    endpoint: str


class ProblemPromoted(EventBase, frozen=True, kw_only=True):
    """A case is now worse (or better) than it was."""

    case: str
    report: str
    severity_before: Severity
    severity_after: Severity


class ProblemResolved(EventBase, frozen=True, kw_only=True):
    """A case is over; `by` is a person, a program or a rule."""

    case: str
    by: str
    why: str | None = None


class TimeoutNoticed(EventBase, frozen=True, kw_only=True):
    """A reply did not come: `waited` microseconds so far; `choice` is `wait`, `retry` or `give_up`."""

    case: str | None = None
    thread_id: str | None = None
    message_id: str | None = None
    message_type: str | None = None
    waited: int
    choice: str


class ConflictNoticed(EventBase, frozen=True, kw_only=True):
    """One event id came with two bodies: their SHA-256 digests, as lower-case hex."""

    case: str
    report: str
    first_digest: str
    second_digest: str
