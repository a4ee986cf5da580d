"""What people are notified of an escalated or resolved case: always its state of now, never that of when it was
raised."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tocsin.schemas.events import EscalationStepped, ProblemResolved
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.context.threads import context_of_case
from tocsin.streams.rules.notification import instance_of, thread_json, timestamp
from tocsin.streams.rules.notify import notify
from tocsin.streams.rules.problem_bytes import problem_of
from tocsin.streams.rules.state import CaseRow, EscalationRow
from tocsin.streams.rules.turn import Turn


def notify_step(turn: Turn, stepped: EscalationStepped, row: EscalationRow, case: CaseRow) -> None:
    """Notify the endpoints of a step; those that take a dialect's documents get the last problem of the case."""
    problem = problem_of(row.problem)
    data = _case(turn, stepped.case, case) | {
        "policy": row.policy,
        "step": stepped.step,
        "repeat": stepped.repeat,
        "cycle": stepped.cycle,
        "raised_at": timestamp(row.raised_at),
        "problem": problem,
        "escalation_uri": row.escalation_uri,
        "tracking_uri": row.tracking_uri,
    }
    _notify(turn, "escalation.stepped", stepped, stepped.endpoints, data, case, problem, row.tracestate)


def notify_resolved(turn: Turn, resolved: ProblemResolved, row: EscalationRow | None, case: CaseRow) -> None:
    """Notify everybody who was notified of the case that it is over, except peers and those who get problems in a
    dialect: it has no word for it."""
    data = _case(turn, resolved.case, case) | {"by": resolved.by, "why": resolved.why}
    if row is not None and row.problem:
        data["problem"] = problem_of(row.problem)
    book = turn.config.book
    endpoints = book.notification_readers(name for name in case.endpoints if name in book.endpoints)
    _notify(turn, "problem.resolved", resolved, endpoints, data, case)


def _case(turn: Turn, case_id: str, case: CaseRow) -> dict[str, Any]:
    data: dict[str, Any] = {
        "case": case_id,
        "event_id": case.last_report,
        "instance": instance_of(case.last_report),
        "tenant": turn.tenant,
        "status": case.status,
        "count": case.count,
        "first_seen": timestamp(case.first_seen),
        "last_seen": timestamp(case.last_seen),
        "code": case.code,
        "severity": case.severity,
    }
    context = context_of_case(turn, case)
    if context is not None:
        data["thread"] = thread_json(context)
    if turn.config.public_url is not None:
        data["links"] = {"self": f"{turn.config.public_url.rstrip('/')}/v1/problems/{case.last_report}"}
    return data


def _notify(
    turn: Turn,
    kind: str,
    event: EscalationStepped | ProblemResolved,
    endpoints: Iterable[str],
    data: dict[str, Any],
    case: CaseRow,
    problem: Problem | None = None,
    tracestate: str | None = None,
) -> None:
    known = {name: value for name, value in data.items() if value is not None}
    notify(
        turn, event, kind, endpoints, known,
        about=event.event_id, case=event.case, thread=case.lane or case.thread, problem=problem,
        tracestate=tracestate,
    )  # fmt: skip
