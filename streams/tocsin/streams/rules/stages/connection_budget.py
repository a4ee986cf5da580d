"""Problem reports of one connection and code, reset by any other message (RFC 0035, "Problem Report Loops") and by a
pause: one now and then is no loop.

Reports of peers that are in no thread and from nobody known are counted as if they came over one connection: whoever
they are from, a loop of them has no other limit. Only a pause resets those: no message is known to be of theirs.
"""

from __future__ import annotations

import msgspec

from tocsin.connectors.dialects.message_types import is_report
from tocsin.schemas.events import ActivityKind, ActivityObserved
from tocsin.streams.rules.context.chains import is_reported
from tocsin.streams.rules.context.references import references_of, thread_of
from tocsin.streams.rules.context.threads import MAX_CODE, MAX_TEXT, clip
from tocsin.streams.rules.facts import REPORT_DIALECTS
from tocsin.streams.rules.limit_notice import limit_notice
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.state import CONNECTION_CODES, CodeErrors, ConnectionErrorsRow
from tocsin.streams.rules.trust import is_claimed
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.verdict import Limit, Outcome, Reason, Verdict

_NOBODY = ""
"""Stands for the connection of reports from nobody known."""

_MESSAGES = (ActivityKind.MESSAGE_SENT, ActivityKind.MESSAGE_RECEIVED)


def judge(turn: Turn, report: Report) -> Verdict | None:
    """Count the problem on its connection; the limit notice when its code came too often without any other message."""
    connection, allowed = _connection_of(report), turn.limits.connection_errors
    if connection is None or not allowed:
        return None
    mine = _count(turn, report, connection)
    if mine.muted:
        detail = f"{mine.count} on {'this' if connection else 'no known'} connection without any other message"
        return Verdict(reason=Reason.CONNECTION_ERRORS, detail=detail, represented_by=mine.muted)
    return limit_notice(report.problem, Limit.CONNECTION_ERRORS, allowed) if mine.count > allowed else None


def after_limit(turn: Turn, report: Report, outcome: Outcome) -> None:
    """Mute the code whose limit notice was told, until another message comes or goes over the connection, or nothing
    comes for a while."""
    connection = _connection_of(report)
    if report.limit is Limit.CONNECTION_ERRORS and connection is not None:
        _count(turn, report, connection, muted=outcome.represented_by)


def reset_by(turn: Turn, activity: ActivityObserved) -> None:
    """A message came or went: unless it is a problem report itself, the counters of its connection begin anew. One that
    does not say its connection is taken for its thread's, and one that does not say its type for a report if one with
    its id came before."""
    if activity.kind not in _MESSAGES or is_report(activity.message_type):
        return
    if activity.message_type is None and is_reported(turn, activity.message_id):
        return
    connection = clip(activity.connection)
    if connection is None:
        thread_id = thread_of(turn, activity, references_of(turn, activity))
        thread = None if thread_id is None else turn.threads.find(thread_id)
        connection = None if thread is None else thread.connection
    if connection is not None:
        turn.connection_errors.delete(turn.connection_errors.key(connection))


def _connection_of(report: Report) -> str | None:
    """The connection of whose counter this is one more; _NOBODY for a peer's report of which nothing is known, or is
    proven; None for what is counted otherwise, or has no other side."""
    if is_claimed(report.reported.problem):
        return _NOBODY
    connection = clip(report.facts.get("connection"))
    if connection is not None or report.thread is not None or report.peer is not None:
        return connection
    return _NOBODY if report.reported.problem.dialect in REPORT_DIALECTS else None


def _count(turn: Turn, report: Report, connection: str, muted: str = "") -> CodeErrors:
    """One more of this code (or the same number, `muted` from now on): nothing was counted before when nobody heard of
    the code for longer than the window."""
    problem, key = report.reported.problem, turn.connection_errors.key(connection)
    code, row = (problem.code_key or problem.code)[:MAX_CODE], turn.connection_errors.get(key)
    if connection == _NOBODY:  # what is known at least is whose agent heard it
        code = "/".join((code, problem.source.service or "", problem.source.wallet or ""))[:MAX_TEXT]
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
