"""How many buses a problem has passed: a ring of buses that feed each other ends here (RELIABILITY 3.6 5)."""

from __future__ import annotations

from tocsin.schemas.problem import Problem
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.loops.verdict import Silenced
from tocsin.streams.rules.policies import LoopLimits
from tocsin.streams.rules.state import CaseRow, row_key

HOPS = "hops"
"""The suppression reason."""

EXTENSION = "tocsin.hops"
"""The member of `Problem.extensions`: the number as JSON text, written by the dialect `tocsin-notification`."""

MAX_DIGITS = 9


def too_many_hops(heard: Heard, rows: Rows, limits: LoopLimits) -> Silenced | None:
    """Silent when the problem has passed more buses than allowed."""
    hops = hops_of(heard.problem)
    if not limits.hops or hops <= limits.hops:
        return None
    case = rows.get(row_key("case", heard.tenant, heard.case))
    told = case.survivor if isinstance(case, CaseRow) else ""
    return Silenced(HOPS, f"passed {hops} buses, at most {limits.hops}", told or None)


def hops_of(problem: Problem) -> int:
    """How many other buses the problem has passed; 0 when it came from none, or says something that is no count."""
    said = problem.extensions.get(EXTENSION, "") if problem.extensions else ""
    return int(said) if said.isascii() and said.isdigit() and len(said) <= MAX_DIGITS else 0
