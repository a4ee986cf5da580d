"""What people say to a case: it is mine, later, it is over."""

from __future__ import annotations

import msgspec

from tocsin.schemas.events import (
    CommandIssued,
    EscalationAcknowledged,
    EscalationCancelled,
    EscalationSnoozed,
    ProblemResolved,
)
from tocsin.schemas.ids import derived_id
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.decision import BUS, ESCALATIONS, PROBLEMS, Decision, Emit
from tocsin.streams.rules.derive import about
from tocsin.streams.rules.escalation.letters import tell_resolved
from tocsin.streams.rules.policies import EscalationPolicy
from tocsin.streams.rules.state import CaseRow, EscalationRow, row_key

SNOOZE_LIMIT = EscalationPolicy(name="", steps=()).snooze_limit
"""The longest snooze of a case without an escalation, microseconds."""


def acknowledge(
    issued: CommandIssued, case_id: str, case: CaseRow, rows: Rows, now: int, config: DecideConfig
) -> list[Decision]:
    """Somebody has taken the case: no further step. Says nothing of a case that is taken or resolved already."""
    if case.standing(now) in ("acknowledged", "resolved"):
        return []
    _put(case_id, issued.tenant, msgspec.structs.replace(case, status="acknowledged", until=None), rows, now, config)
    key = row_key("escalation", issued.tenant, case_id)
    row = rows.get(key)
    if isinstance(row, EscalationRow) and row.status != "ended":
        taken = msgspec.structs.replace(row, status="acknowledged", until=None)
        rows.put(key, taken, max(now + 1, case.last_seen + config.case_ttl))
    common = about(issued, derived_id("acknowledged", case_id, issued.event_id), now)
    return [Emit(ESCALATIONS, case_id, EscalationAcknowledged(**common, case=case_id, by=issued.by, why=issued.why))]


def snooze(
    issued: CommandIssued, case_id: str, case: CaseRow, rows: Rows, now: int, config: DecideConfig
) -> list[Decision]:
    """No further step before `issued.until` (not later than the policy's limit); then the escalation goes on, also
    one that was acknowledged before. Says nothing of a resolved case, or when that time is over already."""
    key = row_key("escalation", issued.tenant, case_id)
    row = rows.get(key)
    running = isinstance(row, EscalationRow) and row.status != "ended"
    policy = config.book.escalations.get(row.policy) if isinstance(row, EscalationRow) else None
    until = min(issued.until or 0, now + (policy.snooze_limit if policy else SNOOZE_LIMIT))
    if until <= now or case.status == "resolved":
        return []
    _put(case_id, issued.tenant, msgspec.structs.replace(case, status="snoozed", until=until), rows, now, config)
    if isinstance(row, EscalationRow) and running:
        rows.put(key, msgspec.structs.replace(row, status="snoozed", until=until), max(until, row.due))
    common = about(issued, derived_id("snoozed", case_id, issued.event_id), now)
    snoozed = EscalationSnoozed(**common, case=case_id, by=issued.by, why=issued.why, until=until)
    return [Emit(ESCALATIONS, case_id, snoozed)]


def resolve(
    issued: CommandIssued, case_id: str, case: CaseRow, rows: Rows, now: int, config: DecideConfig
) -> list[Decision]:
    """The case is over: its escalation is cancelled, and everybody who was told of the case is told so. Says nothing
    of a case that is resolved already; nor when the bus itself asks for it, and the case was heard of again since."""
    if case.status == "resolved" or (issued.by == BUS and case.last_seen > issued.occurred_at):
        return []
    case = msgspec.structs.replace(case, status="resolved", until=now)
    _put(case_id, issued.tenant, case, rows, now, config)
    common = about(issued, derived_id("resolved", case_id, issued.event_id), now)
    resolved = ProblemResolved(**common, case=case_id, by=issued.by, why=issued.why)
    decisions: list[Decision] = [Emit(PROBLEMS, case_id, resolved)]
    key = row_key("escalation", issued.tenant, case_id)
    row = rows.get(key)
    running = row if isinstance(row, EscalationRow) and row.status != "ended" else None
    if running is not None:
        event_id = derived_id("escalation-cancelled", running.cause or case_id)
        cancelled = EscalationCancelled(**about(issued, event_id, now), case=case_id, reason="resolved")
        decisions.append(Emit(ESCALATIONS, case_id, cancelled))
    rows.delete(key)
    return decisions + tell_resolved(resolved, running, case, rows, config)


def _put(case_id: str, tenant: str, case: CaseRow, rows: Rows, now: int, config: DecideConfig) -> None:
    key = row_key("case", tenant, case_id)
    rows.put(key, case, rows.due(key) or now + config.case_ttl)
