"""A tells B, B tells A: problems of one category that go to and fro between the same two parties."""

from __future__ import annotations

import msgspec

from tocsin.streams.rules.context.sides import party
from tocsin.streams.rules.context.threads import clip
from tocsin.streams.rules.limit_notice import limit_notice
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.state import ErrorsRow
from tocsin.streams.rules.trust import is_claimed
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.verdict import Limit, Outcome, Reason, Verdict


def judge(turn: Turn, report: Report) -> Verdict | None:
    """Count the problem if it goes the other way than the last one of its category between the same two; the limit
    notice when that happens too often within the window, then silence between them until it has not happened for as
    long."""
    limits, key = turn.limits, _key(turn, report)
    if not limits.ping_pong or key is None:
        return None
    row = turn.errors.get(key)
    if row is None or turn.now - row.since >= limits.ping_pong_window:
        row = ErrorsRow(0, turn.now, turn.now)
    sender = party(clip(report.problem.source.sender) or "")
    if row.muted:
        if sender != row.last_from:
            row = msgspec.structs.replace(row, since=turn.now, last_seen=turn.now, last_from=sender)
            turn.errors.replace(key, row)
        detail = f"went {row.count} times to and fro"
        return Verdict(reason=Reason.PING_PONG, detail=detail, represented_by=row.muted)
    if sender == row.last_from:
        return None
    row = msgspec.structs.replace(row, count=row.count + 1, last_seen=turn.now, last_from=sender)
    turn.errors.put(key, row, row.since + limits.ping_pong_window)
    return limit_notice(report.problem, Limit.PING_PONG, limits.ping_pong) if row.count > limits.ping_pong else None


def after_limit(turn: Turn, report: Report, outcome: Outcome) -> None:
    """Mute the two parties whose limit notice was told."""
    key = _key(turn, report) if report.limit is Limit.PING_PONG else None
    row = turn.errors.get(key) if key else None
    if key and row is not None:
        row = msgspec.structs.replace(row, muted=outcome.represented_by, since=turn.now)
        turn.errors.put(key, row, turn.now + turn.limits.ping_pong_window)


def _key(turn: Turn, report: Report) -> str | None:
    """The key of the row of these two and this category; None when it is not known who they are."""
    problem = report.reported.problem
    source, category = problem.source, problem.category or problem.code_key or problem.code
    if source.sender is None or is_claimed(problem):
        return None
    if source.recipients:
        first, second = sorted((party(source.sender), party(source.recipients[0])))
        return turn.errors.key("pair", category, first, second)
    connection = report.context.connection or source.connection
    return None if connection is None else turn.errors.key("connection", category, connection)
