"""Cases: what belongs together is counted together, opened once, and repeated until it is resolved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from tocsin.schemas.events import ProblemOpened, ProblemRepeated, ProblemsDigested
from tocsin.schemas.ids import derived_id
from tocsin.streams.rules.context.threads import MAX_CODE, clip
from tocsin.streams.rules.derive import about
from tocsin.streams.rules.notification import Notice
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.state import CaseRow
from tocsin.streams.rules.turn import Turn

CASE_ENDPOINTS = 100
"""How many endpoints a case remembers having told: as many as a rules file may name."""


def open_or_repeat(turn: Turn, report: Report) -> Notice:
    """Open the report's case, or repeat it while it is not resolved, and count it there."""
    event, key = report.event, turn.cases.key(report.case)
    known = turn.cases.get(key) or _unopened(turn, report)
    opens = known.status == "resolved"
    event_id = derived_id("opened" if opens else "repeated", event.event_id)
    row = _counted(
        turn,
        report,
        known,
        status="open" if opens else known.standing(turn.now),
        represented_by=event_id,
        endpoints=with_endpoints(known, report.endpoints),
    )
    turn.cases.keep(key, row, turn.now + turn.config.case_ttl)
    # A report that no route takes is routed to nobody, and told to the default endpoint (ProblemUnrouted).
    endpoints = list(report.endpoints) if report.matched else []
    common = about(event, event_id, turn.now)
    if opens:
        return ProblemOpened(
            **common, case=report.case, report=event.event_id, problem=event.problem, thread=report.context,
            endpoints=endpoints, tracestate=event.tracestate,
        )  # fmt: skip
    return ProblemRepeated(
        **common, case=report.case, report=event.event_id, problem=event.problem, thread=report.context,
        endpoints=endpoints, count=row.count, tracestate=event.tracestate,
    )  # fmt: skip


def count_suppressed(turn: Turn, report: Report) -> None:
    """Count a report of which nobody is told on its case, if there is one: a case is opened by what is told."""
    key = turn.cases.key(report.case)
    row = turn.cases.get(key)
    if row is not None:
        turn.cases.keep(key, _counted(turn, report, row), turn.now + turn.config.case_ttl)


def represented_by(turn: Turn, report: Report) -> str | None:
    """The id of the event that stands for this very report, when the report's case knows it as its first or its last.

    For after the window of dedupe, since the ids of deliveries follow from the id of the report: decided again, the
    same delivery would be asked for with another body. What remains: a report in between the first and the last of its
    case, or one that comes again with another thread or code, is decided again once the window is over.
    """
    row, event_id = turn.cases.find(report.case), report.event.event_id
    if row is None or event_id not in (row.first_report, row.last_report):
        return None
    if event_id == row.last_report and row.represented_by:
        return row.represented_by
    # The first report of a case opens it. The last one opens it only after it was resolved, which the row does not say.
    return derived_id("opened" if event_id == row.first_report else "repeated", event_id)


def with_endpoints(row: CaseRow, endpoints: Iterable[str]) -> tuple[str, ...]:
    """All that were told of a case, with these; the first CASE_ENDPOINTS of them."""
    return tuple(dict.fromkeys((*row.endpoints, *endpoints)))[:CASE_ENDPOINTS]


def open_by_digest(turn: Turn, digest: ProblemsDigested, thread: str | None) -> None:
    """A digest that is told opens those of its cases that nobody had been told of, or that were reported again after
    they were over: they can be acknowledged, resolved and repeated like any other.

    A case that is known has counted these reports already. The first report of a new one is the digest itself: none of
    those that it counts was told, and so no event of them says that it opened the case.
    """
    counts: Counter[str] = Counter()
    for one in digest.cases:
        counts[one.case] += one.count
    for one in digest.cases:
        key = turn.cases.key(one.case)
        known = turn.cases.get(key)
        row = known or CaseRow(
            counts[one.case], digest.event_id, one.last_report, "open", digest.since, turn.now,
            code=one.code[:MAX_CODE], thread=clip(one.thread or thread), lane=clip(one.thread or thread),
        )  # fmt: skip
        reopens = row.status == "resolved" and row.last_seen > (row.until or 0)
        if (known is None or reopens) and turn.cases_full:
            continue  # told, and no case: the tenant has as many open ones as it may have
        row = msgspec.structs.replace(
            row,
            status="open" if reopens else row.standing(turn.now),
            represented_by=digest.event_id,
            endpoints=with_endpoints(row, digest.endpoints),
        )
        turn.cases.keep(key, row, turn.now + turn.config.case_ttl)


def _unopened(turn: Turn, report: Report) -> CaseRow:
    """The row of a case of which nobody was told yet."""
    return CaseRow(0, report.event.event_id, report.event.event_id, "resolved", turn.now, turn.now)


def _counted(turn: Turn, report: Report, row: CaseRow, **told: Any) -> CaseRow:
    """The row with one more report, and with what was `told` of it, if it was."""
    event = report.event
    return msgspec.structs.replace(
        row,
        count=row.count + 1,
        last_report=event.event_id,
        last_seen=turn.now,
        code=event.problem.code[:MAX_CODE],
        severity=str(event.problem.severity),
        thread=clip(event.problem.thread_id),
        lane=clip(report.lane),
        **told,
    )
