"""What was going on when the problem occurred: its thread, its interaction, its connection, its record."""

from __future__ import annotations

from tocsin.streams.rules.context.chains import first_thread, remember_report
from tocsin.streams.rules.context.enrich import enrich
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.turn import Turn


def judge(turn: Turn, report: Report) -> None:
    """Count the problem on its thread, add what is known of it to the report, and follow reports about reports to the
    thread of the first one."""
    context, report.counted = enrich(turn, report.event, report.case)
    report.explain(context)
    report.thread = first_thread(turn, report.problem, report.thread)
    remember_report(turn, report.problem, report.thread)
