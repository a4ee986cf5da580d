"""Events of the topic `problems` (key: case): the public stream."""

from __future__ import annotations

from msgspec import Struct, field

from tocsin.schemas.events.base import EventBase
from tocsin.schemas.problem import Problem, Severity


class ThreadContext(Struct, frozen=True, kw_only=True):
    """What was known of a problem's thread when it was decided. Times in microseconds since the epoch (UTC);
    `parents` is bounded (16), nearest first. `found_by` says which of the problem's ids led to the thread, `state` is
    the protocol state in which the problem struck, `effect` (continues, back, ended) and `state_after` where it sends
    the interaction; `trust` is the connection's as last told; `retry_of` is the message that the last one repeats."""

    thread_id: str | None = None
    parents: list[str] = field(default_factory=list)
    depth: int = 0
    count: int = 0
    first_seen: int
    last_seen: int
    codes: list[str] = field(default_factory=list)
    found_by: str | None = None
    protocol: str | None = None
    role: str | None = None
    state: str | None = None
    effect: str | None = None
    state_after: str | None = None
    connection: str | None = None
    trust: str | None = None
    record_type: str | None = None
    record_id: str | None = None
    record_state: str | None = None
    job: str | None = None
    last_message_id: str | None = None
    last_message_type: str | None = None
    retry_of: str | None = None


class ProblemOpened(EventBase, frozen=True, kw_only=True):
    """A case was opened: somebody is told at each of `endpoints`. `report` is the event id of the ProblemReported."""

    case: str
    report: str
    problem: Problem
    thread: ThreadContext
    endpoints: list[str] = field(default_factory=list)
    tracestate: str | None = None


class ProblemRepeated(EventBase, frozen=True, kw_only=True):
    """An open case happened again; `count` is how often so far, this one included."""

    case: str
    report: str
    problem: Problem
    thread: ThreadContext
    endpoints: list[str] = field(default_factory=list)
    count: int
    tracestate: str | None = None


class ProblemSuppressed(EventBase, frozen=True, kw_only=True):
    """Nobody is told, for a named `reason`; `survivor` is the id of the event that stands for this one, `detail` names
    the limit, silence or rule that decided."""

    case: str | None = None
    report: str
    reason: str
    survivor: str | None = None
    detail: str | None = None


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
    """A reply did not come: `waited` microseconds so far; `choice` is `wait`, `retry` or `give_up`.

    `expected` is how long was thought enough (microseconds), `learned` whether that comes from replies seen; for a
    retry `retry_of` is the message to send again, `attempt` the number of that try (the first message is 1) and
    `retry_at` when. It is advice: the bus never sends another party's messages. `endpoints` are told.
    """

    case: str | None = None
    thread_id: str | None = None
    message_id: str | None = None
    message_type: str | None = None
    waited: int
    choice: str
    expected: int | None = None
    learned: bool = False
    connection: str | None = None
    attempt: int = 1
    retry_of: str | None = None
    retry_at: int | None = None
    endpoints: list[str] = field(default_factory=list)


class DigestedCase(Struct, frozen=True, kw_only=True):
    """What a digest says of one case: how many of its reports are in the digest, and the last one with what it is
    about."""

    case: str
    code: str
    count: int
    last_report: str
    thread: str | None = None
    connection: str | None = None
    record_type: str | None = None
    record_id: str | None = None
    job: str | None = None
    instance: str | None = None


class ProblemsDigested(EventBase, frozen=True, kw_only=True):
    """What was held back from `since` to `until` (microseconds), told at once: `count` reports, suppressed before with
    reason `why`. `cases` is bounded; `more` reports are of cases that are not listed."""

    group: str
    why: str
    route: str | None = None
    since: int
    until: int
    count: int
    cases: list[DigestedCase] = field(default_factory=list)
    more: int = 0
    endpoints: list[str] = field(default_factory=list)


class ProblemExplained(EventBase, frozen=True, kw_only=True):
    """The context of a problem became known after it was told: late activity completed the case, whose id stays."""

    case: str
    report: str
    thread: ThreadContext


class ConflictNoticed(EventBase, frozen=True, kw_only=True):
    """One event id came with two bodies: their SHA-256 digests, as lower-case hex."""

    case: str
    report: str
    first_digest: str
    second_digest: str
