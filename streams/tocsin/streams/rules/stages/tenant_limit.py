"""A tenant with as many open cases as it may have: no report opens one more until some are resolved or forgotten.

Reports of open cases, commands and messages go on as ever. The limit notice, once in a window, is no matter of the
thread whose report was one too many: it is in no thread, and mutes none.
"""

from __future__ import annotations

import msgspec

from tocsin.streams.rules.limit_notice import limit_notice
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.state import ErrorsRow
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.verdict import Limit, Outcome, Reason, Verdict


def judge(turn: Turn, report: Report) -> Verdict | None:
    """Suppress a report that would open one case too many; the limit notice in its place, if none was told within the
    window."""
    if not turn.cases_full:
        return None
    case = turn.cases.find(report.case)
    if case is not None and case.status != "resolved":
        return None
    limits, told = turn.limits, turn.errors.find(Limit.TENANT_CASES)
    if told is not None and turn.now - told.since < limits.tenant_window:
        detail = f"{turn.rows.open_of(turn.scope)} cases of the tenant are open, at most {limits.tenant_cases}"
        return Verdict(reason=Reason.TENANT_LIMIT, detail=detail, represented_by=told.muted)
    problem = msgspec.structs.replace(
        report.problem, thread_id=None, thread_id_derived=False, parent_thread_id=None, context_ids=[]
    )
    return limit_notice(problem, Limit.TENANT_CASES, limits.tenant_cases)


def after_limit(turn: Turn, report: Report, outcome: Outcome) -> None:
    """Remember that the limit notice was told."""
    if report.limit is Limit.TENANT_CASES:
        row = ErrorsRow(1, turn.now, turn.now, muted=outcome.represented_by)
        turn.errors.put(turn.errors.key(Limit.TENANT_CASES), row, turn.now + turn.limits.tenant_window)
