"""What is ignored quietly unless a route asks for it by name: deprecated warnings of a version mismatch (RFC 0035)."""

from __future__ import annotations

from functools import lru_cache

from tocsin.connectors.dialects.codes import quiet_by_default
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.verdict import Reason, Verdict


def judge(turn: Turn, report: Report) -> Verdict | None:
    """Suppress such a warning when no route names its code."""
    problem = report.problem
    if not _is_quiet(problem.code_key or problem.code) or any(one.names_code for one in report.matched):
        return None
    return Verdict(reason=Reason.QUIET, detail=problem.code)


_is_quiet = lru_cache(maxsize=4096)(quiet_by_default)  # asked for every event, and there are few codes
