"""A problem on its way through the rules of `decide`."""

from __future__ import annotations

from msgspec import Struct

from tocsin.schemas.events import ProblemReported, ThreadContext
from tocsin.schemas.problem import Problem


class Heard(Struct, frozen=True, kw_only=True):
    """One report with what was found out about it so far. `now` is its append time in microseconds."""

    report: ProblemReported
    case: str
    context: ThreadContext
    now: int

    @property
    def problem(self) -> Problem:
        """The problem that was reported."""
        return self.report.problem

    @property
    def tenant(self) -> str:
        """The tenant whose problem it is."""
        return self.report.tenant

    @property
    def peer(self) -> str | None:
        """The other side: the connection, else whoever sent the report."""
        source = self.report.problem.source
        return self.context.connection or source.connection or source.sender
