"""Cases: what belongs together. A case id never changes; what becomes known later is added to the case (DESIGN 3)."""

from __future__ import annotations

import msgspec

from tocsin.schemas.events import ProblemOpened, ProblemRepeated, ProblemReported, ThreadContext
from tocsin.schemas.ids import derived_id
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.derive import about
from tocsin.streams.rules.notification import Notice
from tocsin.streams.rules.route import Routing, fold_code
from tocsin.streams.rules.rows import CaseRow, row_key


def open_or_repeat(
    report: ProblemReported, thread: ThreadContext, routing: Routing, rows: Rows, now: int, ttl: int
) -> Notice:
    """Open the report's case, or repeat it while it is not resolved, and count it there; `ttl` in microseconds."""
    case = case_of(report)
    key = row_key("case", report.tenant, case)
    row = rows.get(key)
    endpoints = [] if routing.unrouted else list(routing.endpoints)
    if not isinstance(row, CaseRow):
        row = CaseRow(0, report.event_id, report.event_id, "resolved", now, now)
    opens = row.status == "resolved"
    row = msgspec.structs.replace(
        row,
        count=row.count + 1,
        last_report=report.event_id,
        status="open" if opens else row.status,
        last_seen=now,
    )
    rows.put(key, row, rows.due(key) or now + ttl)
    if opens:
        return ProblemOpened(
            **about(report, derived_id("opened", report.event_id), now),
            case=case,
            report=report.event_id,
            problem=report.problem,
            thread=thread,
            endpoints=endpoints,
        )
    return ProblemRepeated(
        **about(report, derived_id("repeated", report.event_id), now),
        case=case,
        report=report.event_id,
        problem=report.problem,
        thread=thread,
        endpoints=endpoints,
        count=row.count,
    )


def survivor_of(report: ProblemReported, rows: Rows) -> str | None:
    """The id of the event that stands for this very report, when the report's case knows it as its first or its last.

    For after the window of dedupe, since the ids of deliveries follow from the id of the report: decided again, the
    same delivery would be asked for with another body. What remains: a report in between the first and the last of its
    case, or one that comes again with another thread or code, is decided again once the window is over.
    """
    row = rows.get(row_key("case", report.tenant, case_of(report)))
    if not isinstance(row, CaseRow) or report.event_id not in (row.first_report, row.last_report):
        return None
    # The first report of a case opens it. The last one opens it only after it was resolved, which the row does not say.
    return derived_id("opened" if report.event_id == row.first_report else "repeated", report.event_id)


def case_of(report: ProblemReported) -> str:
    """The id of a report's case: one for each code of a thread, and one for each report without a thread."""
    problem = report.problem
    return derived_id(
        "case", report.tenant, problem.thread_id or report.event_id, problem.code_key or fold_code(problem.code)
    )
