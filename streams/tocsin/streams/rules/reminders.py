"""`repeat` of a route: an open case is told again, with its fresh state, until somebody takes it or it is over. As long
as it is told again it is remembered."""

from __future__ import annotations

import msgspec

from tocsin.schemas.events import DigestedCase, ProblemsDigested
from tocsin.schemas.ids import derived_id
from tocsin.streams.rules.context.threads import context_of_case, linkable
from tocsin.streams.rules.decision import PROBLEMS
from tocsin.streams.rules.digest import SUBJECT, answerable, notify_of_digest, subject_of
from tocsin.streams.rules.facts import Facts
from tocsin.streams.rules.problem_bytes import problem_bytes, problem_of
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.stages.mute import muted_until
from tocsin.streams.rules.stages.route import route_at
from tocsin.streams.rules.stages.silence import not_before
from tocsin.streams.rules.state import CaseRow, ReminderRow
from tocsin.streams.rules.state.keys import same_subject
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.values import HOUR
from tocsin.streams.rules.verdict import Outcome

REPEAT = "repeat"
"""The `why` of a digest that reminds; its `count` are the reports since something was last told of the case."""


def after(turn: Turn, report: Report, outcome: Outcome) -> None:
    """Something was told of a case: if a route that told it repeats, tell it again after as long as the route says."""
    if outcome.suppressed is not None:
        return
    for one in report.telling:
        if one.route.repeat is not None:
            _remember(turn, report, one.path, one.route.endpoints, one.route.repeat)
            return


def _remember(turn: Turn, report: Report, path: str, endpoints: tuple[str, ...], every: int) -> None:
    key, case = turn.reminders.key(report.case), turn.cases.find(report.case)
    row = ReminderRow(
        tenant=report.tenant,
        case=report.case,
        route=path,
        endpoints=endpoints,
        every=every,
        report=report.event.event_id,
        told_at=turn.now,
        count=case.count if case is not None else 1,
        thread=linkable(report.lane),
        problem=problem_bytes(report.problem),
        traceparent=report.event.traceparent,
    )
    # An earlier timer stays where it is and looks at `told_at`: one that moves with traffic would fill the heap.
    due = turn.reminders.due(key)
    turn.reminders.put(key, row, turn.now + every if due is None else min(due, turn.now + every))


def reminder_due(turn: Turn, key: str, row: ReminderRow) -> None:
    """The time of a reminder: tell it, or later (muted, silenced, until the end of a snooze), or no more (taken, over,
    no such route)."""
    case, route = turn.cases.find(row.case), route_at(turn.config.book.routes, row.route)
    if case is None or case.status in ("resolved", "acknowledged") or route is None:
        turn.reminders.delete(key)
        return
    later = max(row.told_at + row.every, _not_before(turn, row, case, route.mute))
    if later > turn.now:
        turn.reminders.put(key, row, later)
        return
    again = msgspec.structs.replace(row, told_at=turn.now, count=case.count, told=row.told + 1)
    turn.reminders.put(key, again, turn.now + row.every)
    _remind(turn, row, case)


def reminded_until(turn: Turn, case_key: str) -> int | None:
    """Until when (microseconds) the case of this row key must be remembered, since it is told again; None when it is
    not."""
    due = turn.reminders.due(same_subject(case_key, "reminder"))
    return None if due is None else max(due, turn.now) + HOUR


def _not_before(turn: Turn, row: ReminderRow, case: CaseRow, mute: tuple[str, ...]) -> int:
    if case.standing(turn.now) == "snoozed" and case.until is not None:
        return case.until
    context, problem = context_of_case(turn, case), problem_of(row.problem)
    facts = Facts(problem, row.tenant) if context is None else Facts(problem, row.tenant, context)
    silent = not_before(turn, facts)
    muted = muted_until(mute, turn.config.book.mute_times, turn.now)
    return silent if muted is None else max(silent, muted[1])


def _remind(turn: Turn, row: ReminderRow, case: CaseRow) -> None:
    count, book = max(case.count - row.count, 0), turn.config.book
    known = book.notification_readers(name for name in row.endpoints if name in book.endpoints)
    digest = ProblemsDigested(
        event_id=derived_id("reminded", row.tenant, row.case, str(row.told_at)),
        tenant=row.tenant,
        occurred_at=turn.now,
        recorded_at=turn.now,
        cause=case.represented_by or row.report,
        traceparent=row.traceparent,
        group=row.case,
        why=REPEAT,
        route=row.route,
        since=row.told_at,
        until=turn.now,
        count=count,
        cases=[_listed(row, case, count)],
        endpoints=list(known),
    )
    if known:
        answerable(turn, digest, row.case)
    turn.emit(PROBLEMS, row.case, digest)
    notify_of_digest(turn, digest, row.case, row.thread, problem_of(row.problem), case.represented_by)


def _listed(row: ReminderRow, case: CaseRow, count: int) -> DigestedCase:
    subject = dict(zip(SUBJECT, subject_of(Facts(problem_of(row.problem), row.tenant)), strict=True))
    return DigestedCase(
        case=row.case, code=case.code, count=count, last_report=case.last_report, thread=row.thread, **subject
    )
