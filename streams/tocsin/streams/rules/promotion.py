"""A warning that became an error: the one event that says so (DIDComm v2, "Replying to Warnings")."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tocsin.connectors.dialects.codes import escalation_allowed, fold_code
from tocsin.schemas.events import ProblemPromoted
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Severity
from tocsin.streams.rules.context.references import MAX_IDS
from tocsin.streams.rules.decision import PROBLEMS
from tocsin.streams.rules.derive import about
from tocsin.streams.rules.report import Report, case_id
from tocsin.streams.rules.state import CaseRow
from tocsin.streams.rules.trust import is_claimed
from tocsin.streams.rules.turn import Turn


def promote(turn: Turn, report: Report) -> None:
    """Make an error of each warning case that this report is allowed to promote, and say so: the case has the severity
    error from then on, so it is promoted once."""
    for case, row in promotable(turn, report):
        worse = msgspec.structs.replace(row, severity=Severity.ERROR.value, last_seen=turn.now)
        turn.cases.keep(turn.cases.key(case), worse, turn.now + turn.config.case_ttl)
        promoted = ProblemPromoted(
            **about(report.event, derived_id("promoted", case, report.event.event_id), turn.now),
            case=case,
            report=report.event.event_id,
            severity_before=Severity.WARNING,
            severity_after=Severity.ERROR,
        )
        turn.emit(PROBLEMS, case, promoted)


def promotable(turn: Turn, report: Report) -> Iterator[tuple[str, CaseRow]]:
    """The cases that were told as a warning, are not over, and of which this report may make an error. Not those of a
    code longer than a thread remembers (MAX_CODE characters, as many as DIDComm v2 allows)."""
    if report.problem.severity is not Severity.ERROR:
        return
    warnings = [code for code in _codes_around(turn, report) if escalation_allowed(code, report.problem.code)]
    for thread in _threads(report) if warnings else ():
        for code in warnings:
            case = case_id(report.tenant, thread, fold_code(code))
            row = turn.cases.find(case) if case != report.case else None
            if row is not None and row.severity == Severity.WARNING.value and row.status != "resolved":
                yield case, row


def _codes_around(turn: Turn, report: Report) -> list[str]:
    """The warnings on the report's thread, on the one above (in DIDComm v2 a warning counts on the thread in which it
    occurred, and the reply to it is in a thread of its own below that), and on that of the report that it answers (in
    DIDComm v1 a reply names the warning's `@id` as its thread or its parent)."""
    if is_claimed(report.problem):
        return []
    codes = [*report.context.codes]
    for thread in (*report.context.parents[:1], report.thread):
        if not thread or thread == report.context.thread_id:
            continue  # its codes are those of the context
        above = turn.threads.find(thread)
        codes += above.codes if above is not None else ()
    return [code for code in dict.fromkeys(codes) if fold_code(code).startswith("w.")]


def _threads(report: Report) -> list[str]:
    """The threads under which the warning's case may be: the report's, and what it acknowledges, since a report in no
    thread is one by its own id."""
    problem = report.problem
    named = [problem.thread_id, report.context.thread_id, report.thread, problem.parent_thread_id]
    named += problem.ack[:MAX_IDS]
    return list(dict.fromkeys(thread for thread in named if thread))
