"""Escalations are raised with a case that is told, and kept fresh by its repeats."""

from __future__ import annotations

import msgspec

from tocsin.schemas.events import EscalationRaised, EventBase
from tocsin.schemas.ids import derived_id
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.decision import ESCALATIONS, Decision, Emit
from tocsin.streams.rules.derive import about
from tocsin.streams.rules.escalation.schedule import first_due, impact_of
from tocsin.streams.rules.escalation.uris import allowed_uri, kept_uri
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.policies import EscalationPolicy
from tocsin.streams.rules.problem_bytes import problem_bytes
from tocsin.streams.rules.state import CaseRow, EscalationRow, row_key


def escalate(
    heard: Heard, notice: EventBase, policies: tuple[str, ...], rows: Rows, config: DecideConfig, *, opens: bool
) -> list[Decision]:
    """Raise the first of these policies for the case of a problem, unless one runs already; a repeat gives a running
    one the fresh problem. `notice` is what was said of the problem, `opens` whether its case begins with it.

    An exhausted one is not raised again until the case was resolved and opened anew; nor is one for a case that
    somebody has taken. While the case is snoozed it is raised, but its steps wait.
    """
    key = row_key("escalation", heard.tenant, heard.case)
    row = rows.get(key)
    if isinstance(row, EscalationRow) and row.status != "ended":
        rows.put(key, _freshened(row, heard, config), rows.due(key))
        return []
    case = rows.get(row_key("case", heard.tenant, heard.case))
    if row is not None and not opens:
        return []
    if not isinstance(case, CaseRow) or case.standing(heard.now) not in ("open", "snoozed"):
        return []
    for name in policies:
        policy = config.book.escalations.get(name)
        if policy is not None and policy.steps and impact_of(policy, heard.problem) != "none":
            return [_raise(heard, notice, policy, key, case, rows)]
    return []


def _raise(heard: Heard, notice: EventBase, policy: EscalationPolicy, key: str, case: CaseRow, rows: Rows) -> Decision:
    problem, now = heard.problem, heard.now
    snoozed = case.standing(now) == "snoozed"
    until = case.until if snoozed else None
    due = first_due(policy, problem, now)
    raised = EscalationRaised(
        **about(notice, derived_id("escalation-raised", heard.case, notice.event_id), now),
        case=heard.case,
        policy=policy.name,
        report=heard.report.event_id,
        escalation_uri=kept_uri(problem.escalation_uri),
        tracking_uri=kept_uri(problem.tracking_uri),
        first_step_at=max(due, until or 0),
    )
    row = EscalationRow(
        tenant=heard.tenant,
        case=heard.case,
        policy=policy.name,
        report=heard.report.event_id,
        raised_at=now,
        status="snoozed" if snoozed else "running",
        until=until,
        problem=problem_bytes(problem),
        escalation_uri=allowed_uri(problem.escalation_uri, policy.uris),
        tracking_uri=raised.tracking_uri,
        cause=raised.event_id,
        traceparent=notice.traceparent,
        due=due,
    )
    rows.put(key, row, raised.first_step_at)
    return Emit(ESCALATIONS, heard.case, raised)


def _freshened(row: EscalationRow, heard: Heard, config: DecideConfig) -> EscalationRow:
    policy = config.book.escalations.get(row.policy)
    uris = policy.uris if policy is not None else ()
    return msgspec.structs.replace(
        row,
        problem=problem_bytes(heard.problem),
        escalation_uri=allowed_uri(heard.problem.escalation_uri, uris) or row.escalation_uri,
        tracking_uri=kept_uri(heard.problem.tracking_uri) or row.tracking_uri,
    )
