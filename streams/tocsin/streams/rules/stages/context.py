"""What was going on when the problem occurred: its thread, its interaction, its connection, its record."""

from __future__ import annotations

from tocsin.streams.rules.context.chains import first_thread, remember_report
from tocsin.streams.rules.context.enrich import enrich
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.trust import apart, is_claimed
from tocsin.streams.rules.turn import Turn


def judge(turn: Turn, report: Report) -> None:
    """Count the problem on its thread, add what is known of it to the report, and follow reports about reports to the
    thread of the first one. One that is only claimed is kept apart from all that comes after."""
    context, report.counted = enrich(turn, report.event, report.case)
    report.explain(context)
    report.thread = first_thread(turn, report.problem, report.thread)
    if not is_claimed(report.problem):
        remember_report(turn, report.problem, report.thread)
    elif report.thread is not None:
        report.thread = apart(report.thread)
