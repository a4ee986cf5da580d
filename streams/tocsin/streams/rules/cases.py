"""Cases: what belongs together. A case id never changes; what becomes known later is added to the case (DESIGN 3)."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from tocsin.schemas.events import ProblemOpened, ProblemRepeated, ProblemReported, ProblemsDigested
from tocsin.schemas.ids import derived_id
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.context.references import is_stated
from tocsin.streams.rules.context.threads import MAX_CODE, clip
from tocsin.streams.rules.derive import about
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.notification import Notice
from tocsin.streams.rules.routing.matching import fold_code
from tocsin.streams.rules.routing.outcome import Routing
from tocsin.streams.rules.state import CaseRow, row_key

CASE_ENDPOINTS = 100
"""How many endpoints a case remembers having told: as many as a rules file may name."""


def open_or_repeat(heard: Heard, routing: Routing, rows: Rows, ttl: int) -> Notice:
    """Open the report's case, or repeat it while it is not resolved, and count it there; `ttl` in microseconds."""
    report, case, now = heard.report, heard.case, heard.now
    key = row_key("case", report.tenant, case)
    row = _counted(heard, rows.get(key))
    endpoints = [] if routing.unrouted else list(routing.endpoints)
    opens = row.status == "resolved"
    event_id = derived_id("opened" if opens else "repeated", report.event_id)
    row = msgspec.structs.replace(
        row,
        status="open" if opens else row.standing(now),
        survivor=event_id,
        endpoints=with_endpoints(row, routing.endpoints),
    )
    rows.put(key, row, rows.due(key) or now + ttl)
    if opens:
        return ProblemOpened(
            **about(report, event_id, now),
            case=case,
            report=report.event_id,
            problem=report.problem,
            thread=heard.context,
            endpoints=endpoints,
        )
    return ProblemRepeated(
        **about(report, event_id, now),
        case=case,
        report=report.event_id,
        problem=report.problem,
        thread=heard.context,
        endpoints=endpoints,
        count=row.count,
    )


def note_suppressed(heard: Heard, rows: Rows, ttl: int) -> None:
    """Count a report of which nobody is told on its case, if there is one: a case is opened by what is told."""
    key = row_key("case", heard.tenant, heard.case)
    row = rows.get(key)
    if isinstance(row, CaseRow):
        rows.put(key, _counted(heard, row), rows.due(key) or heard.now + ttl)


def _counted(heard: Heard, row: object) -> CaseRow:
    report, now = heard.report, heard.now
    if not isinstance(row, CaseRow):
        row = CaseRow(0, report.event_id, report.event_id, "resolved", now, now)
    return msgspec.structs.replace(
        row,
        count=row.count + 1,
        last_report=report.event_id,
        last_seen=now,
        code=report.problem.code[:MAX_CODE],
        severity=report.problem.severity.value,
        thread=clip(report.problem.thread_id),
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
    if report.event_id == row.last_report and row.survivor:
        return row.survivor
    # The first report of a case opens it. The last one opens it only after it was resolved, which the row does not say.
    return derived_id("opened" if report.event_id == row.first_report else "repeated", report.event_id)


def case_of(report: ProblemReported) -> str:
    """The id of a report's case: one for each code of a thread, and one for each report without a thread.

    A report that is in no thread but its own message's is about its parent thread: in DIDComm v2 that is the one in
    which the problem occurred, and the same problem again is the same case.
    """
    problem = report.problem
    thread = problem.thread_id if is_stated(problem) else problem.parent_thread_id or problem.thread_id
    return case_id(report.tenant, thread or report.event_id, problem.code_key or fold_code(problem.code))


def case_id(tenant: str, thread: str, code_key: str) -> str:
    """The case of a thread (or of the report's own event id, when it is in none) and a code as it is compared."""
    return derived_id("case", tenant, thread, code_key)


def with_endpoints(row: CaseRow, endpoints: Iterable[str]) -> tuple[str, ...]:
    """All that were told of a case, with these; the first CASE_ENDPOINTS of them."""
    return tuple(dict.fromkeys((*row.endpoints, *endpoints)))[:CASE_ENDPOINTS]


def open_by_digest(digest: ProblemsDigested, thread: str | None, rows: Rows, ttl: int) -> None:
    """A digest that is told opens those of its cases that nobody had been told of, or that were reported again after
    they were over: they can be acknowledged, resolved and repeated like any other; `ttl` in microseconds.

    A case that is known has counted these reports already. The first report of a new one is the digest itself: none of
    those that it counts was told, and so no event of them says that it opened the case.
    """
    now = digest.occurred_at
    for one in digest.cases:
        key = row_key("case", digest.tenant, one.case)
        row = rows.get(key)
        if not isinstance(row, CaseRow):
            row = CaseRow(
                one.count, digest.event_id, one.last_report, "open", digest.since, now,
                code=one.code[:MAX_CODE], thread=clip(thread),
            )  # fmt: skip
        row = msgspec.structs.replace(
            row,
            status="open" if row.status == "resolved" and row.last_seen > (row.until or 0) else row.standing(now),
            survivor=digest.event_id,
            endpoints=with_endpoints(row, digest.endpoints),
        )
        rows.put(key, row, rows.due(key) or now + ttl)
