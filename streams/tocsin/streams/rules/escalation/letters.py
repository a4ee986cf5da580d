"""What people are told of an escalated or resolved case: always its state of now, never that of when it was raised
(REQUIREMENTS d 20)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tocsin.schemas.events import EscalationStepped, ProblemResolved
from tocsin.schemas.problem import Problem
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.context.threads import context_of
from tocsin.streams.rules.decision import Decision
from tocsin.streams.rules.notification import instance_of, timestamp
from tocsin.streams.rules.problem_bytes import problem_of
from tocsin.streams.rules.state import CaseRow, EscalationRow, ThreadRow, row_key
from tocsin.streams.rules.telling import tell_letter
from tocsin.streams.rules.told_json import thread_json
from tocsin.streams.rules.turn import Turn


def tell_step(
    stepped: EscalationStepped, row: EscalationRow, case: CaseRow, rows: Rows, config: DecideConfig
) -> list[Decision]:
    """Tell the endpoints of a step; those that take a dialect's documents are told the last problem of the case."""
    problem = problem_of(row.problem)
    data = _case(stepped.case, stepped.tenant, case, rows, config) | {
        "policy": row.policy,
        "step": stepped.step,
        "repeat": stepped.repeat,
        "cycle": stepped.cycle,
        "raised_at": timestamp(row.raised_at),
        "problem": problem,
        "escalation_uri": row.escalation_uri,
        "tracking_uri": row.tracking_uri,
    }
    return _send("escalation.stepped", stepped, stepped.endpoints, data, case, config, problem)


def tell_resolved(
    resolved: ProblemResolved, row: EscalationRow | None, case: CaseRow, rows: Rows, config: DecideConfig
) -> list[Decision]:
    """Tell everybody who was told of the case that it is over, except peers and those who get problems in a dialect:
    it has no word for it."""
    data = _case(resolved.case, resolved.tenant, case, rows, config) | {"by": resolved.by, "why": resolved.why}
    if row is not None and row.problem:
        data["problem"] = problem_of(row.problem)
    endpoints = config.book.notification_readers(name for name in case.endpoints if name in config.book.endpoints)
    return _send("problem.resolved", resolved, endpoints, data, case, config)


def _case(case_id: str, tenant: str, case: CaseRow, rows: Rows, config: DecideConfig) -> dict[str, Any]:
    data: dict[str, Any] = {
        "case": case_id,
        "event_id": case.last_report,
        "instance": instance_of(case.last_report),
        "tenant": tenant,
        "status": case.status,
        "count": case.count,
        "first_seen": timestamp(case.first_seen),
        "last_seen": timestamp(case.last_seen),
        "code": case.code,
        "severity": case.severity,
    }
    thread = rows.get(row_key("thread", tenant, case.thread)) if case.thread else None
    if isinstance(thread, ThreadRow):
        data["thread"] = thread_json(context_of(Turn(rows, 0, config, tenant), thread), overflow=False)
    if config.public_url is not None:
        data["links"] = {"self": f"{config.public_url.rstrip('/')}/v1/problems/{case.last_report}"}
    return data


def _send(
    kind: str,
    event: EscalationStepped | ProblemResolved,
    endpoints: Iterable[str],
    data: dict[str, Any],
    case: CaseRow,
    config: DecideConfig,
    problem: Problem | None = None,
) -> list[Decision]:
    said = {name: value for name, value in data.items() if value is not None}
    return tell_letter(
        event, kind, endpoints, said, config, about=event.event_id, case=event.case, thread=case.thread, problem=problem
    )
