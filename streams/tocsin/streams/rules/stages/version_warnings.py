"""What is ignored quietly unless a route asks for it by name: deprecated warnings of a version mismatch (RFC 0003).

It is asked before anything is remembered: such a warning counts on no thread, ends no wait and moves no protocol.
"""

from __future__ import annotations

from functools import lru_cache

from tocsin.connectors.dialects.codes import quiet_by_default
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import Route
from tocsin.streams.rules.context.chains import remember_ignored
from tocsin.streams.rules.context.enrich import enrich
from tocsin.streams.rules.facts import Facts
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.stages.route import matching
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.verdict import Reason, Verdict


def judge(turn: Turn, report: Report) -> Verdict | None:
    """Suppress such a warning when no route names its code."""
    problem = report.problem
    if not _is_quiet(problem.code_key or problem.code) or _asked_for(turn, report):
        return None
    remember_ignored(turn, problem)
    return Verdict(reason=Reason.QUIET, detail=problem.code)


def _asked_for(turn: Turn, report: Report) -> bool:
    """Whether a route that names the code would take the report, in the context in which it would be counted."""
    routes, plain = turn.config.book.routes, Facts(report.problem, report.tenant)
    if not any(_names(route, plain) for route in routes):
        return False
    aside = Turn(_Aside(turn.rows), turn.now, turn.config, turn.tenant)
    facts = Facts(report.problem, report.tenant, enrich(aside, report.event, report.case)[0])
    return any(one.names_code for one in matching(routes, facts))


def _names(route: Route, facts: Facts) -> bool:
    return route.match.names_code(facts) or any(_names(inner, facts) for inner in route.routes)


class _Aside(Rows):
    """Rows whose changes are forgotten."""

    def __init__(self, rows: Rows) -> None:
        self._rows, self._changed = rows, dict[str, object]()

    def get(self, key: str) -> object:
        """The row, as it would be."""
        return self._changed[key] if key in self._changed else self._rows.get(key)

    def put(self, key: str, row: object, due: int | None = None) -> None:
        """Change the row for now."""
        self._changed[key] = row

    def delete(self, key: str) -> None:
        """Take the row away for now."""
        self._changed[key] = None

    def due(self, key: str) -> int | None:
        """When its timer fires."""
        return self._rows.due(key)

    def rows_of(self, scope: str) -> int:
        """How many rows the tenant has, but for what is forgotten."""
        return self._rows.rows_of(scope)

    def open_of(self, scope: str) -> int:
        """How many open cases it has, but for what is forgotten."""
        return self._rows.open_of(scope)


_is_quiet = lru_cache(maxsize=4096)(quiet_by_default)  # asked for every event, and there are few codes
