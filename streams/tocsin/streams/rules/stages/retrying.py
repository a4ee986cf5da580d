"""A failure of ours that its reporter tries to mend by itself: nobody is told while the tries that are left become
fewer, unless a route asks for its code by name. A peer cannot say so, or it could switch off whoever should hear of it.

Nothing stays hidden by this: tries that do not become fewer are told as they come, and so is every try once the first
one is a day old (LONGEST). When nothing more is heard of the record (or the thread) by the time of the next try, the
last one is reported again, by the bus itself and without its number, and is told as any other report.

It is asked after the context was noted, and before the limits: tries that go on are no loop, and use up nothing of
their thread's budget. The report that says that none is left is another problem, and is told.
"""

from __future__ import annotations

import msgspec

from tocsin.connectors.dialects.answers import MAX_NUMBER, as_number
from tocsin.connectors.dialects.message_types import is_report
from tocsin.connectors.dialects.values import read_time
from tocsin.schemas.events import ActivityKind, ActivityObserved, ProblemReported
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import MAX_RETRIES, RETRIES_LEFT, Item, Problem, RetryParty, Severity
from tocsin.streams.rules.context.gaps import unheard
from tocsin.streams.rules.context.record_states import is_completed
from tocsin.streams.rules.context.threads import clip
from tocsin.streams.rules.decision import INBOX
from tocsin.streams.rules.facts import REPORT_DIALECTS, hops_of
from tocsin.streams.rules.problem_bytes import problem_bytes, problem_of
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.stages.route import matching
from tocsin.streams.rules.state import TriesRow
from tocsin.streams.rules.trust import is_claimed
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.values import DAY, HOUR, MINUTE
from tocsin.streams.rules.verdict import Outcome, Reason, Verdict

NEXT_RETRY = "next_retry"
"""The item that says when it is tried again."""

RETRIES_SAID = "retries_said"
"""The item that says, in a problem that is reported again, how many tries were left when it was heard of last."""

LONGEST = DAY
"""For how long tries of one record or thread may be kept quiet, from the first one."""

WITHOUT_NEXT = HOUR
"""How long more is waited for where nobody says when it is tried again."""

GRACE = 5 * MINUTE
"""How much later than its time a try may be heard of."""


def judge(turn: Turn, report: Report) -> Verdict | None:
    """Suppress a warning of whoever tries again by itself, while the tries that are left become fewer."""
    left = _left(report.problem)
    if left is None or any(one.names_code for one in matching(turn.config.book.routes, report.facts)):
        return None
    key = _key(turn, report)
    row = turn.tries.get(key)
    if row is None:
        if turn.rows_full:
            return None
        row = TriesRow(report.tenant, left + 1, 0, turn.now, 0)
    over = turn.now - row.since >= LONGEST
    came_late = not over and left > row.left and report.event.occurred_at < row.said_at
    if not came_late:  # what is said of an earlier try than the last one says nothing new
        fewer = not over and left < row.left
        row = _said(turn, report, row, left) if fewer else _quiet(row, turn.now + LONGEST)
        turn.tries.put(key, row, min(row.until, turn.tries.due(key) or row.until))
        if not fewer:
            return None
    # a try that is followed by another is no error of its thread: it does not use up what that may have
    counted, thread = report.counted, report.context.thread_id
    if counted is not None and thread is not None:
        turn.threads.replace(turn.threads.key(thread), msgspec.structs.replace(counted, count=counted.count - 1))
    return Verdict(reason=Reason.RETRYING, detail=f"{left} {'try is' if left == 1 else 'tries are'} left")


def after(turn: Turn, report: Report, outcome: Outcome) -> None:
    """An error of ours was told of the same record or thread: there is nothing left to say of its tries."""
    problem = report.reported.problem
    if outcome.suppressed is not None or problem.severity is not Severity.ERROR or not _is_ours(problem):
        return
    key = _key(turn, report)
    row = turn.tries.get(key)
    if row is None:
        return
    if problem.code == MAX_RETRIES:
        turn.tries.delete(key)
    else:
        turn.tries.replace(key, _quiet(row, row.until))


def note_progress(turn: Turn, activity: ActivityObserved) -> None:
    """The record or the thread went on: its last try did what it should. In another state it is counted anew; another
    message of ours alone does not do that, since a try may be one."""
    state = clip(activity.record_state)
    for key in _keys(turn, activity):
        row = turn.tries.get(key)
        if row is None:
            continue
        if is_completed(state):
            turn.tries.delete(key)
        elif state is not None and row.state is None:
            turn.tries.replace(key, msgspec.structs.replace(row, state=state))
        elif state not in (None, row.state):
            anew = msgspec.structs.replace(_quiet(row, row.since + LONGEST), left=MAX_NUMBER + 1, state=state)
            turn.tries.replace(key, anew)
        elif activity.kind is ActivityKind.MESSAGE_SENT and not is_report(activity.message_type):
            turn.tries.replace(key, _quiet(row, row.until))


def tries_due(turn: Turn, key: str, row: TriesRow) -> None:
    """The time at which more should have been heard: report the last try again, if it was not told and nothing was
    heard; its number is remembered for a while."""
    if row.until > turn.now:
        turn.tries.put(key, row, row.until)
        return
    if not row.problem:
        turn.tries.delete(key)
        return
    if until := _after_outage(turn, row):
        turn.tries.put(key, msgspec.structs.replace(row, until=until), until)
        return
    again = ProblemReported(
        event_id=derived_id("not_tried_again", row.report),
        tenant=row.tenant,
        occurred_at=turn.now,
        recorded_at=turn.now,
        cause=row.report,
        traceparent=row.traceparent,
        problem=problem_of(row.problem),
    )
    turn.emit(INBOX, row.tenant, again)
    turn.tries.put(key, _quiet(row, turn.now + LONGEST), turn.now + LONGEST)


def _after_outage(turn: Turn, row: TriesRow) -> int | None:
    """Until when to wait once more, where nothing could be heard at the time at which more should have been: what was
    said then is on its way. None: it could, or the first try is too old."""
    if not unheard(turn.rows, row.until, turn.now):
        return None
    until = min(turn.now + min(unheard(turn.rows, row.until - GRACE, turn.now), GRACE), row.since + LONGEST)
    return until if until > turn.now else None


def _said(turn: Turn, report: Report, row: TriesRow, left: int) -> TriesRow:
    """The row with one more try of which nobody is told now."""
    problem = report.problem
    items = [Item(key=RETRIES_SAID, value=one.value) if one.key == RETRIES_LEFT else one for one in problem.items]
    # Without its ciphertext: it came before, and is no replay.
    kept = msgspec.structs.replace(problem, items=items, message_sha256=None)
    said = next((item.value for item in problem.items if item.key == NEXT_RETRY), None)
    next_at = read_time(said)[0]
    until = turn.now + WITHOUT_NEXT if next_at is None else max(next_at, turn.now) + GRACE
    return msgspec.structs.replace(
        row,
        left=left,
        said_at=report.event.occurred_at,
        until=min(until, row.since + LONGEST),
        state=clip(report.context.record_state),
        report=report.event.event_id,
        problem=problem_bytes(kept),
        traceparent=report.event.traceparent,
    )


def _quiet(row: TriesRow, until: int) -> TriesRow:
    """The row with nothing to tell."""
    return msgspec.structs.replace(row, problem=b"", until=until)


def _left(problem: Problem) -> int | None:
    """How many tries are left; None where none is, or nobody of ours counts them."""
    if problem.retry_party is not RetryParty.REPORTER or problem.severity is not Severity.WARNING:
        return None
    if not _is_ours(problem):
        return None
    said = next((item.value for item in problem.items if item.key == RETRIES_LEFT), None)
    left = as_number(said)
    return left if left is not None and left > 0 else None


def _is_ours(problem: Problem) -> bool:
    """Whether our own side says it: no peer, in whatever dialect, no other bus, nobody whom nothing proves."""
    if problem.dialect in REPORT_DIALECTS or problem.source.side not in (None, "own"):
        return False
    return not is_claimed(problem) and not hops_of(problem)


def _key(turn: Turn, report: Report) -> str:
    """The row of what is tried: the record, else the thread, else what is alike."""
    source = report.reported.problem.source
    if source.record_id:
        return turn.tries.key("record", source.record_type or "", source.record_id)
    return turn.tries.key("thread", report.thread) if report.thread else turn.tries.key("case", report.reported_case)


def _keys(turn: Turn, activity: ActivityObserved) -> list[str]:
    keys = []
    if activity.record_id:
        keys.append(turn.tries.key("record", activity.record_type or "", activity.record_id))
    if activity.thread_id:
        keys.append(turn.tries.key("thread", activity.thread_id))
    return keys
