"""A problem report in flight: on its way through the stages of `decide`."""

from __future__ import annotations

from tocsin.schemas.events import ProblemReported, ThreadContext
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.context.references import is_stated


class Report:
    """One report with what was found out about it so far.

    `event` is what was reported, `case` the id of its case, `context` what is known of its thread. `peer` is the other
    side: the connection, else whoever sent the report. `thread` is the thread whose budgets it uses: the one that it
    states, else the one that its ids led to; a report in no thread but its own message's is about its parent thread,
    known or not (DIDComm v2: `pthid` is the thread in which the problem occurred).
    """

    __slots__ = ("case", "context", "event", "peer", "problem", "tenant", "thread")

    def __init__(self, event: ProblemReported, case: str, context: ThreadContext) -> None:
        problem = event.problem
        self.event, self.case, self.context = event, case, context
        self.problem: Problem = problem
        self.tenant = event.tenant
        self.peer = context.connection or problem.source.connection or problem.source.sender
        self.thread = _thread_of(problem, context)


def _thread_of(problem: Problem, context: ThreadContext) -> str | None:
    if is_stated(problem):
        return problem.thread_id
    found = context.thread_id
    return found if found is not None and found != problem.thread_id else problem.parent_thread_id
