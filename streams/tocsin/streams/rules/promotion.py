"""A warning that became an error: the one event that says so (DIDComm v2 "Replying to Warnings"; REQUIREMENTS c 9)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tocsin.connectors.dialects.codes import escalation_allowed
from tocsin.schemas.events import ProblemPromoted
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Severity
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.cases import case_id
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.context.references import MAX_IDS
from tocsin.streams.rules.context.threads import thread_row
from tocsin.streams.rules.decision import PROBLEMS, Decision, Emit
from tocsin.streams.rules.derive import about
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.routing.matching import fold_code
from tocsin.streams.rules.state import CaseRow, row_key


def promote(heard: Heard, rows: Rows, config: DecideConfig) -> list[Decision]:
    """Make an error of each warning case that this report is allowed to promote, and say so: the case has the severity
    error from then on, so it is promoted once."""
    decisions: list[Decision] = []
    for case, row in promotable(heard, rows):
        key = row_key("case", heard.tenant, case)
        worse = msgspec.structs.replace(row, severity=Severity.ERROR.value, last_seen=heard.now)
        rows.put(key, worse, rows.due(key) or heard.now + config.case_ttl)
        promoted = ProblemPromoted(
            **about(heard.report, derived_id("promoted", case, heard.report.event_id), heard.now),
            case=case,
            report=heard.report.event_id,
            severity_before=Severity.WARNING,
            severity_after=Severity.ERROR,
        )
        decisions.append(Emit(PROBLEMS, case, promoted))
    return decisions


def promotable(heard: Heard, rows: Rows) -> Iterator[tuple[str, CaseRow]]:
    """The cases that were told as a warning, are not over, and of which this report may make an error. Not those of a
    code longer than a thread remembers (MAX_CODE characters, as many as DIDComm v2 allows)."""
    if heard.problem.severity is not Severity.ERROR:
        return
    warnings = [code for code in _codes_around(heard, rows) if escalation_allowed(code, heard.problem.code)]
    for thread in _threads(heard) if warnings else ():
        for code in warnings:
            case = case_id(heard.tenant, thread, fold_code(code))
            row = rows.get(row_key("case", heard.tenant, case))
            warned = isinstance(row, CaseRow) and row.severity == Severity.WARNING.value and row.status != "resolved"
            if isinstance(row, CaseRow) and warned and case != heard.case:
                yield case, row


def _codes_around(heard: Heard, rows: Rows) -> list[str]:
    """The warnings on the report's thread, and on the one above: in DIDComm v2 a warning counts on the thread where it
    struck, and the reply to it is in a thread of its own below that."""
    codes = [*heard.context.codes]
    for parent in heard.context.parents[:1]:
        above = thread_row(parent, heard.tenant, rows)
        codes += above.codes if above is not None else ()
    return [code for code in dict.fromkeys(codes) if fold_code(code).startswith("w.")]


def _threads(heard: Heard) -> list[str]:
    """The threads under which the warning's case may be: the report's, and what it acknowledges, since a report in no
    thread is one by its own id (b.1 11)."""
    problem = heard.problem
    named = [problem.thread_id, heard.context.thread_id, problem.parent_thread_id, *problem.ack[:MAX_IDS]]
    return list(dict.fromkeys(thread for thread in named if thread))
