"""How many buses a problem has passed: a ring of buses that feed each other ends here."""

from __future__ import annotations

from tocsin.streams.rules.facts import hops_of
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.verdict import Reason, Verdict


def judge(turn: Turn, report: Report) -> Verdict | None:
    """Suppress a problem that has passed more buses than allowed."""
    allowed, hops = turn.limits.hops, hops_of(report.problem)
    if not allowed or hops <= allowed:
        return None
    case = turn.cases.find(report.case)
    told = case.represented_by if case else ""
    return Verdict(reason=Reason.HOPS, detail=f"passed {hops} buses, at most {allowed}", represented_by=told or None)
