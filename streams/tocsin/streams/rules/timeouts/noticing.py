"""A reply that did not come, as an event and as a notification to whoever the routes say."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from tocsin.schemas.events import EventBase, ProblemReported, ThreadContext, TimeoutNoticed
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Problem, RetryParty, Severity, Source
from tocsin.streams.rules.cases import with_endpoints
from tocsin.streams.rules.context.threads import context_of
from tocsin.streams.rules.decision import PROBLEMS
from tocsin.streams.rules.derive import about
from tocsin.streams.rules.escalation.raising import escalate
from tocsin.streams.rules.notification import timestamp
from tocsin.streams.rules.notify import notify
from tocsin.streams.rules.report import Report, case_id
from tocsin.streams.rules.stages.inhibit import inhibited_by
from tocsin.streams.rules.stages.mute import muted_until
from tocsin.streams.rules.stages.route import matching
from tocsin.streams.rules.stages.silence import silenced_by
from tocsin.streams.rules.state import CaseRow, ExpectationRow, SeenRow
from tocsin.streams.rules.timeouts.choosing import Advice
from tocsin.streams.rules.timeouts.learning import Expected
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.values import SECOND

NOTIFICATION = "timeout.noticed"
"""The `type` of the notification."""

GIVEN_UP = "e.p.req.time"
LATE = "w.p.req.time"
"""The problem that a time-out is (DIDComm v2: a request was not satisfied in time): still tried, and given up."""


class Readers(Struct, frozen=True):
    """The endpoints that are notified, and the escalation policies that their routes name."""

    endpoints: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()


def notice(turn: Turn, cause: EventBase, advice: Advice, expected: Expected) -> TimeoutNoticed:
    """Emit what is advised, and notify the endpoints of the routes that fit; `cause` is what the expectation follows
    from, or the command that chose. Giving up opens a case and escalates as its route says, if anybody may be notified.
    Returns the event; the case may be answered by its id."""
    row, now, case = advice.row, turn.now, case_of(advice.row)
    problem = problem_of(row, advice)
    common = about(cause, notice_id(row, advice), now)
    report = Report(ProblemReported(**common, problem=problem), case, _context(turn, row))
    readers = _readers_of(turn, report)
    noticed = TimeoutNoticed(
        **common,
        case=case,
        thread_id=row.thread_id,
        message_id=row.message_id,
        message_type=row.message_type,
        waited=now - row.sent_at,
        choice=advice.choice,
        expected=expected.after,
        learned=expected.learned,
        connection=row.connection,
        attempt=row.attempt,
        retry_of=row.message_id if advice.choice == "retry" else None,
        retry_at=advice.retry_at,
        endpoints=list(readers.endpoints),
    )
    seen = SeenRow("", now, case, noticed.event_id)
    turn.seen.put(turn.seen.key(noticed.event_id), seen, now + turn.config.kept_ttl)
    turn.emit(PROBLEMS, case, noticed)
    notify(
        turn, noticed, NOTIFICATION, noticed.endpoints, _data(noticed, problem),
        about=noticed.event_id, case=case, thread=row.thread_id, problem=problem,
    )  # fmt: skip
    if advice.choice == "give_up" and (readers.endpoints or readers.policies):
        _escalate(turn, noticed, report, readers.policies)
    return noticed


def _readers_of(turn: Turn, report: Report) -> Readers:
    """Nobody when it is silenced or inhibited; else those of the routes that fit and are not muted, or the default
    endpoint when none fits; nothing waits for a digest. A peer is not notified of our waiting: it reported nothing."""
    book, facts = turn.config.book, report.facts
    if silenced_by(turn, facts) is not None or inhibited_by(turn, report.case, facts) is not None:
        return Readers()
    fitting = [one.route for one in matching(book.routes, facts)]
    if not fitting:
        return Readers((book.default_endpoint,))
    active = [one for one in fitting if muted_until(one.mute, book.mute_times, turn.now) is None]
    named = dict.fromkeys(name for one in active for name in one.endpoints)
    policies = dict.fromkeys(one.escalate for one in active if one.escalate is not None)
    endpoints = (name for name in named if name not in book.endpoints or book.endpoints[name].audience != "peer")
    return Readers(tuple(endpoints), tuple(policies))


def notice_id(row: ExpectationRow, advice: Advice) -> str:
    """The event id: what it follows from, the choice, and which of its kind it is."""
    which = row.waits if advice.choice == "wait" else row.attempt
    return derived_id("timeout", row.tenant, row.opened_by, advice.choice, str(which))


def case_of(row: ExpectationRow) -> str:
    """One case for all time-outs of a thread, as any problem of it with that code."""
    return case_id(row.tenant, row.thread_id, GIVEN_UP)


def problem_of(row: ExpectationRow, advice: Advice) -> Problem:
    """The problem that nobody reported: a warning while something can still be done, then an error."""
    over = advice.choice == "give_up"
    code = GIVEN_UP if over else LATE
    return Problem(
        dialect="tocsin",
        code=code,
        code_key=code,
        category="req.time",
        severity=Severity.ERROR if over else Severity.WARNING,
        scope="protocol",
        message_id=row.message_id,
        message_type=row.message_type,
        thread_id=row.thread_id,
        text=f"No reply to {row.message_type}",
        retry_party=RetryParty.REPORTER if advice.choice == "retry" else RetryParty.NONE,
        source=Source(connection=row.connection, protocol=row.message_type.rpartition("/")[0] or None),
    )


def _context(turn: Turn, row: ExpectationRow) -> ThreadContext:
    thread = turn.threads.find(row.thread_id)
    if thread is not None:
        return context_of(turn, thread)
    return ThreadContext(thread_id=row.thread_id, first_seen=row.sent_at, last_seen=turn.now, connection=row.connection)


def _data(noticed: TimeoutNoticed, problem: Problem) -> dict[str, Any]:
    data = {
        "event_id": noticed.event_id,
        "tenant": noticed.tenant,
        "case": noticed.case,
        "choice": noticed.choice,
        "attempt": noticed.attempt,
        "retry_of": noticed.retry_of,
        "retry_at": None if noticed.retry_at is None else timestamp(noticed.retry_at),
        "waited_seconds": noticed.waited / SECOND,
        "expected_seconds": (noticed.expected or 0) / SECOND,
        "learned": noticed.learned,
        "thread_id": noticed.thread_id,
        "connection": noticed.connection,
        "problem": problem,
    }
    return {name: value for name, value in data.items() if value is not None}


def _escalate(turn: Turn, noticed: TimeoutNoticed, report: Report, policies: tuple[str, ...]) -> None:
    """Open a case like any other: it can be acknowledged, and its escalation looks at it. Nobody reported it, so it
    counts no report; but what its notifications name is the event that noticed it last."""
    now = turn.now
    key = turn.cases.key(report.case)
    known = turn.cases.get(key) or CaseRow(0, noticed.event_id, noticed.event_id, "resolved", now, now)
    row = msgspec.structs.replace(
        known,
        last_report=noticed.event_id,
        last_seen=now,
        status="open" if known.status == "resolved" else known.status,
        represented_by=noticed.event_id,
        endpoints=with_endpoints(known, noticed.endpoints),
        code=report.problem.code,
        severity=report.problem.severity.value,
        thread=noticed.thread_id,
        lane=noticed.thread_id,
    )
    turn.cases.keep(key, row, now + turn.config.case_ttl)
    escalate(turn, report, noticed, policies, opens=known.status == "resolved")
