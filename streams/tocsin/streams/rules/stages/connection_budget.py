"""Problem reports of one connection and code, reset by any other message (RFC 0035, "Problem Report Loops") and by a
pause: one now and then is no loop."""

from __future__ import annotations

import msgspec

from tocsin.connectors.dialects.message_types import is_report
from tocsin.schemas.events import ActivityKind, ActivityObserved
from tocsin.streams.rules.context.references import references_of, thread_of
from tocsin.streams.rules.context.threads import MAX_CODE, clip
from tocsin.streams.rules.limit_notice import limit_notice
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.state import CONNECTION_CODES, CodeErrors, ConnectionErrorsRow
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.verdict import Limit, Outcome, Reason, Verdict

_MESSAGES = (ActivityKind.MESSAGE_SENT, ActivityKind.MESSAGE_RECEIVED)


def judge(turn: Turn, report: Report) -> Verdict | None:
    """Count the problem on its connection; the limit notice when its code came too often without any other message."""
    connection, allowed = clip(report.facts.get("connection")), turn.limits.connection_errors
    if connection is None or not allowed:
        return None
    mine = _count(turn, report, connection)
    if mine.muted:
        detail = f"{mine.count} on this connection without any other message"
        return Verdict(reason=Reason.CONNECTION_ERRORS, detail=detail, represented_by=mine.muted)
    return limit_notice(report.problem, Limit.CONNECTION_ERRORS, allowed) if mine.count > allowed else None


def after(turn: Turn, report: Report, outcome: Outcome) -> None:
    """Mute the code whose limit notice was told, until another message comes or goes over the connection, or nothing
    comes for a while."""
    connection = clip(report.facts.get("connection"))
    if report.limit is Limit.CONNECTION_ERRORS and connection is not None:
        _count(turn, report, connection, muted=outcome.represented_by)


def reset_by(turn: Turn, activity: ActivityObserved) -> None:
    """A message came or went: unless it is a problem report itself, the counters of its connection begin anew. One that
    does not say its connection is taken for its thread's."""
    if activity.kind not in _MESSAGES or is_report(activity.message_type):
        return
    connection = clip(activity.connection)
    if connection is None:
        thread_id = thread_of(turn, activity, references_of(turn, activity))
        thread = None if thread_id is None else turn.threads.find(thread_id)
        connection = None if thread is None else thread.connection
    if connection is not None:
        turn.connection_errors.delete(turn.connection_errors.key(connection))


def _count(turn: Turn, report: Report, connection: str, muted: str = "") -> CodeErrors:
    """One more of this code (or the same number, `muted` from now on): nothing was counted before when nobody heard of
    the code for longer than the window."""
    problem, key = report.reported.problem, turn.connection_errors.key(connection)
    code, row = (problem.code_key or problem.code)[:MAX_CODE], turn.connection_errors.get(key)
    codes = row.codes if row is not None else ()
    recent = (one for one in codes if one.code == code and turn.now - one.last_seen <= turn.limits.connection_window)
    mine = next(recent, None) or CodeErrors(code, 0, turn.now)
    mine = msgspec.structs.replace(
        mine, count=mine.count + (not muted), last_seen=turn.now, muted=muted or mine.muted
    )  # fmt: skip
    others = [one for one in codes if one.code != code]
    if len(others) >= CONNECTION_CODES:
        # A code that is muted stays longer than one that is only counted, or new codes would unmute it.
        others.remove(next((one for one in others if not one.muted), others[0]))
    row = ConnectionErrorsRow(turn.now, (*others, mine))
    turn.connection_errors.keep(key, row, turn.now + turn.config.thread_ttl)
    return mine
