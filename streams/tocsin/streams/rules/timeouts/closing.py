"""A reply came, or a problem in its place: the expectation of the thread is over."""

from __future__ import annotations

import msgspec

from tocsin.schemas.events import ActivityObserved, CommandIssued, CommandKind
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Severity
from tocsin.streams.engine.record import Rows
from tocsin.streams.protocols import Effect
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.decision import BUS, INBOX, Decision, Emit
from tocsin.streams.rules.derive import about
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.state import CaseRow, ExpectationRow, row_key
from tocsin.streams.rules.timeouts.grace import unheard
from tocsin.streams.rules.timeouts.learning import note_latency, note_reply_over
from tocsin.streams.rules.timeouts.noticing import case_of
from tocsin.streams.rules.timeouts.opening import REMEMBERED, clipped, expectation_key, is_old
from tocsin.streams.rules.timeouts.replies import is_report

_OVER = ("answered", "given_up")


def reply_came(
    activity: ActivityObserved, thread_id: str, rows: Rows, now: int, config: DecideConfig
) -> list[Decision]:
    """Close the thread's expectation and learn how long the reply took.

    Nothing is learned when the message had been sent again (which one is it a reply to?), when part of the time could
    not be heard, or when the reply is a problem report. A reply after giving up asks for the end of its case.
    """
    key = expectation_key(activity.tenant, thread_id)
    row = rows.get(key)
    if not isinstance(row, ExpectationRow) or row.state == "answered":
        return []
    if _is_same_message(activity, row) or is_old(activity, row):
        return []
    _close(key, row, activity.recorded_at, rows, now)
    connection = activity.connection or row.connection
    if connection is not None:
        note_reply_over(rows, row.tenant, clipped(connection), now, config.thread_ttl)
    clear = not row.resent and not is_report(activity.message_type or "")
    if clear and not unheard(rows, row.sent_at, now):
        note_latency(rows, row.tenant, row.message_type, now - row.sent_at, now)
    return _resolve(activity, row, rows, now) if row.state == "given_up" else []


def close_by_problem(heard: Heard, rows: Rows) -> None:
    """A problem is an answer too, though nothing is learned from it: on the thread that it states, and on the one to
    which its ids led. Not one after which the thread goes on (a warning, or as its protocol says), our own included:
    the reply is still to come. What was given up stays so, or a reply after all would not end its case."""
    context, problem = heard.context, heard.problem
    if problem.severity is Severity.WARNING or context.effect == Effect.CONTINUES:
        return
    threads = [problem.thread_id, context.thread_id]
    if context.found_by not in (None, "thread"):
        threads += context.parents[:1]
    for thread_id in dict.fromkeys(threads):
        key = expectation_key(heard.tenant, thread_id) if thread_id else None
        row = rows.get(key) if key is not None else None
        if key is not None and isinstance(row, ExpectationRow) and row.state not in _OVER:
            _close(key, row, heard.report.recorded_at, rows, heard.now)


def _close(key: str, row: ExpectationRow, recorded_at: int, rows: Rows, now: int) -> None:
    answered = msgspec.structs.replace(row, state="answered", heard_at=max(row.heard_at, recorded_at))
    rows.put(key, answered, now + REMEMBERED)


def _is_same_message(activity: ActivityObserved, row: ExpectationRow) -> bool:
    """Both parties may be of one tenant: what the other one received is then the very message that was sent."""
    return activity.message_id is not None and clipped(activity.message_id) == row.message_id


def _resolve(activity: ActivityObserved, row: ExpectationRow, rows: Rows, now: int) -> list[Decision]:
    # By the same command as a person's, through the inbox: whatever ends with a case then ends here too.
    case = case_of(row)
    known = rows.get(row_key("case", row.tenant, case))
    if not isinstance(known, CaseRow) or known.status == "resolved":
        return []
    over = CommandIssued(
        **about(activity, derived_id("reply_came", case, activity.event_id), now),
        kind=CommandKind.RESOLVE,
        target=case,
        by=BUS,
        why="the reply came",
    )
    return [Emit(INBOX, row.tenant, over)]
