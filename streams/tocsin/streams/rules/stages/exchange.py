"""Two parties that answer each other's reports with reports, whatever these say: other codes, other threads, and other
messages in between. What has a category, a thread or a code in common is stopped sooner, by the stages before.

Counted are the reports that go the other way than the last one between the same two, or over the same connection. Which
way one went, its sender says or its message (sent or received); where nobody says it, it counts as one that did, unless
messages are known of what it is about: those of many interactions that go wrong at a time are no exchange.
"""

from __future__ import annotations

import msgspec

from tocsin.streams.rules.context.sides import direction_of, party
from tocsin.streams.rules.context.threads import clip
from tocsin.streams.rules.facts import REPORT_DIALECTS
from tocsin.streams.rules.limit_notice import limit_notice
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.state import ErrorsRow
from tocsin.streams.rules.trust import is_claimed
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.verdict import Limit, Outcome, Reason, Verdict


def judge(turn: Turn, report: Report) -> Verdict | None:
    """Count the report if it answers; the limit notice when too many did without a pause longer than the window of
    ping-pong, then silence between the two until there is such a pause."""
    limits, key = turn.limits, _key(turn, report)
    if not limits.exchange or key is None:
        return None
    row, writer = turn.errors.get(key), _writer(turn, report)
    if row is None or turn.now - row.last_seen >= limits.ping_pong_window:
        row = ErrorsRow(0, turn.now, turn.now)
    answers = report.context.last_message_type is None if writer is None else writer != row.last_from
    if answers:
        row = msgspec.structs.replace(
            row, count=row.count + (not row.muted), last_seen=turn.now, last_from=writer or ""
        )  # fmt: skip
        turn.errors.keep(key, row, turn.now + limits.ping_pong_window)
    if row.muted:
        detail = f"{row.count} answered each other without a pause"
        return Verdict(reason=Reason.EXCHANGE, detail=detail, represented_by=row.muted)
    return limit_notice(report.problem, Limit.EXCHANGE, limits.exchange) if row.count > limits.exchange else None


def after_limit(turn: Turn, report: Report, outcome: Outcome) -> None:
    """Mute the two parties whose limit notice was told."""
    key = _key(turn, report) if report.limit is Limit.EXCHANGE else None
    row = turn.errors.get(key) if key else None
    if key and row is not None:
        turn.errors.replace(key, msgspec.structs.replace(row, muted=outcome.represented_by))


def _key(turn: Turn, report: Report) -> str | None:
    """The key of the row of these two; None when it is not known who they are."""
    source = report.reported.problem.source
    if is_claimed(report.reported.problem):
        return None
    if source.sender is not None and source.recipients:
        return turn.errors.key("exchange", "", *sorted((party(source.sender), party(source.recipients[0]))))
    connection = report.context.connection or source.connection
    if connection is None or report.reported.problem.dialect not in REPORT_DIALECTS:
        return None
    return turn.errors.key("exchange", connection)


def _writer(turn: Turn, report: Report) -> str | None:
    problem = report.reported.problem
    sender = clip(problem.source.sender)
    return party(sender) if sender else direction_of(turn, problem)
