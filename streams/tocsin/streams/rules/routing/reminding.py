"""`repeat` of a route: an open case is told again, with its fresh state, until somebody takes it or it is over. As long
as it is told again it is remembered."""

from __future__ import annotations

import msgspec

from tocsin.schemas.events import DigestedCase, ProblemsDigested
from tocsin.schemas.ids import derived_id
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.context.threads import linkable
from tocsin.streams.rules.decision import PROBLEMS, Decision, Emit
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.loops.digest_letter import digest_letters
from tocsin.streams.rules.loops.digest_targets import remember_targets
from tocsin.streams.rules.problem_bytes import problem_bytes, problem_of
from tocsin.streams.rules.routing.matching import Asked
from tocsin.streams.rules.routing.mute import muted_until
from tocsin.streams.rules.routing.outcome import Reminder
from tocsin.streams.rules.routing.silence import not_before
from tocsin.streams.rules.routing.tree import route_at
from tocsin.streams.rules.spans import HOUR
from tocsin.streams.rules.state import CaseRow, DigestCase, DigestRow, ReminderRow, row_key

REPEAT = "repeat"
"""The `why` of a digest that reminds; its `count` are the reports since something was last told of the case."""


def note_reminder(heard: Heard, reminder: Reminder, rows: Rows) -> None:
    """Something was told of a case whose route repeats: tell it again in `reminder.every` from now."""
    key = row_key("reminder", heard.tenant, heard.case)
    case = rows.get(row_key("case", heard.tenant, heard.case))
    row = ReminderRow(
        tenant=heard.tenant,
        case=heard.case,
        route=reminder.route,
        endpoints=reminder.endpoints,
        every=reminder.every,
        report=heard.report.event_id,
        told_at=heard.now,
        count=case.count if isinstance(case, CaseRow) else 1,
        thread=linkable(heard.problem.thread_id),
        problem=problem_bytes(heard.problem),
        traceparent=heard.report.traceparent,
    )
    # An earlier timer stays where it is and looks at `told_at`: one that moves with traffic would fill the heap.
    due = rows.due(key)
    rows.put(key, row, heard.now + reminder.every if due is None else min(due, heard.now + reminder.every))


def reminder_due(key: str, row: ReminderRow, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    """The time of a reminder: tell it, or later (muted, silenced, until the end of a snooze), or no more (taken, over,
    no such route)."""
    case = rows.get(row_key("case", row.tenant, row.case))
    route = route_at(config.book.routes, row.route)
    if not isinstance(case, CaseRow) or case.status in ("resolved", "acknowledged") or route is None:
        rows.delete(key)
        return []
    later = max(row.told_at + row.every, _not_before(row, case, route.mute, now, config))
    if later > now:
        rows.put(key, row, later)
        return []
    again = msgspec.structs.replace(row, told_at=now, count=case.count, told=row.told + 1)
    rows.put(key, again, now + row.every)
    return _remind(row, case, rows, now, config)


def reminded_until(case_key: str, rows: Rows, now: int) -> int | None:
    """Until when (microseconds, after `now`) the case of this row key must be remembered, since it is told again; None
    when it is not."""
    # The rest of the key is escaped already, as it is in that of the reminder.
    due = rows.due(f"reminder/{case_key.partition('/')[2]}")
    return None if due is None else max(due, now) + HOUR


def _not_before(row: ReminderRow, case: CaseRow, mute: tuple[str, ...], now: int, config: DecideConfig) -> int:
    if case.standing(now) == "snoozed" and case.until is not None:
        return case.until
    silent = not_before(Asked(problem_of(row.problem), row.tenant), config, now)
    muted = muted_until(mute, config.book.mute_times, now)
    return silent if muted is None else max(silent, muted[1])


def _remind(row: ReminderRow, case: CaseRow, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    count = max(case.count - row.count, 0)
    listed = DigestCase(row.case, case.code, count, case.last_report)
    known = config.book.notification_readers(name for name in row.endpoints if name in config.book.endpoints)
    digest = ProblemsDigested(
        event_id=derived_id("reminded", row.tenant, row.case, str(row.told_at)),
        tenant=row.tenant,
        occurred_at=now,
        recorded_at=now,
        cause=case.survivor or row.report,
        traceparent=row.traceparent,
        group=row.case,
        why=REPEAT,
        route=row.route,
        since=row.told_at,
        until=now,
        count=count,
        cases=[DigestedCase(case=row.case, code=case.code, count=count, last_report=case.last_report)],
        endpoints=list(known),
    )
    letter = DigestRow(
        tenant=row.tenant,
        group=row.case,
        why=REPEAT,
        since=row.told_at,
        until=now,
        survivor=case.survivor,
        endpoints=known,
        count=count,
        cases=(listed,),
        route=row.route,
        thread=row.thread,
        problem=row.problem,
        case=row.case,
    )
    if known:
        remember_targets(digest, row.case, rows, now, config)
    return [Emit(PROBLEMS, row.case, digest), *digest_letters(digest, letter, config)]
