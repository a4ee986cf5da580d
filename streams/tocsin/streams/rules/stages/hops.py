"""How many buses a problem has passed: a ring of buses that feed each other ends here."""

from __future__ import annotations

from tocsin.schemas.problem import Problem
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.verdict import Reason, Verdict

EXTENSION = "tocsin.hops"
"""The member of `Problem.extensions`: the number as JSON text, written by the dialect `tocsin-notification`."""

MAX_DIGITS = 9


def judge(turn: Turn, report: Report) -> Verdict | None:
    """Suppress a problem that has passed more buses than allowed."""
    allowed, hops = turn.limits.hops, hops_of(report.problem)
    if not allowed or hops <= allowed:
        return None
    case = turn.cases.find(report.case)
    told = case.represented_by if case else ""
    return Verdict(reason=Reason.HOPS, detail=f"passed {hops} buses, at most {allowed}", represented_by=told or None)


def hops_of(problem: Problem) -> int:
    """How many other buses the problem has passed; 0 when it came from none, or says something that is no count."""
    stated = problem.extensions.get(EXTENSION, "") if problem.extensions else ""
    return int(stated) if stated.isascii() and stated.isdigit() and len(stated) <= MAX_DIGITS else 0
