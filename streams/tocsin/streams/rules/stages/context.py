"""What was going on when the problem occurred: its thread, its interaction, its connection, its record."""

from __future__ import annotations

from tocsin.streams.rules.context.enrich import enrich
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.turn import Turn


def judge(turn: Turn, report: Report) -> None:
    """Count the problem on its thread, and add what is known of it to the report."""
    report.explain(enrich(turn, report.event, report.case))
