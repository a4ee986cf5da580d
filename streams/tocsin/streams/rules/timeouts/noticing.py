"""A reply that did not come, as an event and as a letter to whoever the routes say (REQUIREMENTS H22, H23)."""

from __future__ import annotations

from typing import Any

import msgspec

from tocsin.schemas.events import EventBase, ProblemReported, ThreadContext, TimeoutNoticed
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Problem, RetryParty, Severity, Source
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.cases import case_id, with_endpoints
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.context.threads import context_of
from tocsin.streams.rules.decision import PROBLEMS, Decision, Emit
from tocsin.streams.rules.derive import about
from tocsin.streams.rules.escalation.raising import escalate
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.notification import timestamp
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.spans import SECOND
from tocsin.streams.rules.state import CaseRow, ExpectationRow, SeenRow, row_key
from tocsin.streams.rules.telling import tell_letter
from tocsin.streams.rules.timeouts.choosing import Advice
from tocsin.streams.rules.timeouts.learning import Expected
from tocsin.streams.rules.timeouts.readers import readers_of
from tocsin.streams.rules.turn import Turn

LETTER = "timeout.noticed"
"""The `type` of the letter."""

GIVEN_UP = "e.p.req.time"
LATE = "w.p.req.time"
"""The problem that a time-out is (DIDComm v2: a request was not satisfied in time): still tried, and given up."""


def notice(
    cause: EventBase, advice: Advice, expected: Expected, rows: Rows, now: int, config: DecideConfig
) -> tuple[TimeoutNoticed, list[Decision]]:
    """Say what is advised, and tell the endpoints of the routes that fit; `cause` is what the expectation follows from,
    or the command that chose. Giving up opens a case and escalates as its route says, if anybody may be told of it.
    Returns the event as well; the case may be answered by its id."""
    row, case = advice.row, case_of(advice.row)
    problem, context = problem_of(row, advice), _context(row, Turn(rows, now, config, row.tenant))
    common = about(cause, notice_id(row, advice), now)
    heard = Heard(report=ProblemReported(**common, problem=problem), case=case, context=context, now=now)
    readers = readers_of(heard, rows, config)
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
    rows.put(row_key("seen", row.tenant, noticed.event_id), seen, now + config.kept_ttl)
    decisions: list[Decision] = [Emit(PROBLEMS, case, noticed)]
    decisions += tell_letter(
        noticed, LETTER, noticed.endpoints, _data(noticed, problem), config,
        about=noticed.event_id, case=case, thread=row.thread_id, problem=problem,
    )  # fmt: skip
    if advice.choice == "give_up" and (readers.endpoints or readers.policies):
        decisions += _escalated(noticed, heard, readers.policies, rows, config)
    return noticed, decisions


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


def _context(row: ExpectationRow, turn: Turn) -> ThreadContext:
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


def _escalated(
    noticed: TimeoutNoticed, heard: Heard, policies: tuple[str, ...], rows: Rows, config: DecideConfig
) -> list[Decision]:
    """Open a case like any other: it can be acknowledged, and its escalation looks at it. Nobody reported it, so it
    counts no report; but what its letters name is the event that told of it last."""
    now, case = heard.now, heard.case
    key = row_key("case", noticed.tenant, case)
    known = rows.get(key)
    if not isinstance(known, CaseRow):
        known = CaseRow(0, noticed.event_id, noticed.event_id, "resolved", now, now)
    row = msgspec.structs.replace(
        known,
        last_report=noticed.event_id,
        last_seen=now,
        status="open" if known.status == "resolved" else known.status,
        survivor=noticed.event_id,
        endpoints=with_endpoints(known, noticed.endpoints),
        code=heard.problem.code,
        severity=heard.problem.severity.value,
        thread=noticed.thread_id,
    )
    rows.put(key, row, rows.due(key) or now + config.case_ttl)
    turn, report = Turn(rows, now, config, noticed.tenant), Report(heard.report, case, heard.context)
    escalate(turn, report, noticed, policies, opens=known.status == "resolved")
    return turn.decisions
