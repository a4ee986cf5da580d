"""Reports that are only claimed: so many within a window, whatever their codes and threads, which their writer chooses.

They are counted over the connection that whoever passed them on names, else together for the tenant, and apart from all
others: whoever can claim uses up no budget of what is genuine. Only those are counted that would be told.
"""

from __future__ import annotations

import msgspec

from tocsin.streams.rules.context.threads import clip
from tocsin.streams.rules.limit_notice import limit_notice
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.state import ErrorsRow
from tocsin.streams.rules.trust import is_claimed
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.verdict import Limit, Outcome, Reason, Verdict


def judge(turn: Turn, report: Report) -> Verdict | None:
    """Count the report if it is only claimed; the limit notice when there were too many within the window, then silence
    until that is over. The notice is in no thread: those that they name have nothing to do with it."""
    limits = turn.limits
    if not limits.claimed or not is_claimed(report.problem):
        return None
    key = _key(turn, report)
    row = turn.errors.get(key)
    if row is None or turn.now - row.since >= limits.claimed_window:
        row = ErrorsRow(0, turn.now, turn.now)
    if row.muted:
        detail = f"{row.count} that nothing proves, at most {limits.claimed} are told"
        return Verdict(reason=Reason.CLAIMED_LIMIT, detail=detail, represented_by=row.muted)
    row = msgspec.structs.replace(row, count=row.count + 1, last_seen=turn.now)
    turn.errors.put(key, row, row.since + limits.claimed_window)
    if row.count <= limits.claimed:
        return None
    problem = msgspec.structs.replace(
        report.problem, thread_id=None, thread_id_derived=False, parent_thread_id=None, context_ids=[]
    )
    return limit_notice(problem, Limit.CLAIMED, limits.claimed)


def after_limit(turn: Turn, report: Report, outcome: Outcome) -> None:
    """Mute what is only claimed until the window is over."""
    key = _key(turn, report) if report.limit is Limit.CLAIMED else None
    row = turn.errors.get(key) if key else None
    if key and row is not None:
        turn.errors.replace(key, msgspec.structs.replace(row, muted=outcome.represented_by))


def _key(turn: Turn, report: Report) -> str:
    """The key of their counter: by the connection that is said, never by that of a thread which they name."""
    return turn.errors.key(Limit.CLAIMED, clip(report.reported.problem.source.connection) or "")
