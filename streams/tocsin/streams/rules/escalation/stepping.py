"""The timer of an escalation: its next step, the end of a snooze, or its end."""

from __future__ import annotations

import msgspec

from tocsin.schemas.events import EscalationCancelled, EscalationExhausted, EscalationStepped
from tocsin.schemas.ids import derived_id
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.cases import CASE_ENDPOINTS
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.context.threads import context_of
from tocsin.streams.rules.decision import ESCALATIONS, Decision, Emit
from tocsin.streams.rules.derive import Common
from tocsin.streams.rules.escalation.letters import tell_step
from tocsin.streams.rules.escalation.naming import remember_named
from tocsin.streams.rules.escalation.schedule import following
from tocsin.streams.rules.policies import EscalationPolicy
from tocsin.streams.rules.problem_bytes import problem_of
from tocsin.streams.rules.routing.matching import Asked
from tocsin.streams.rules.routing.silence import not_before
from tocsin.streams.rules.state import CaseRow, EscalationRow, ThreadRow, row_key
from tocsin.streams.rules.turn import Turn


def escalation_due(key: str, row: EscalationRow, rows: Rows, now: int, config: DecideConfig) -> list[Decision]:
    """What is due happens once, however late; what comes after it counts from now."""
    if row.status == "ended":
        rows.delete(key)
        return []
    case = rows.get(row_key("case", row.tenant, row.case))
    if not isinstance(case, CaseRow):
        return [_cancel(key, row, "case_forgotten", rows, now)]
    if row.status == "acknowledged":
        return _acknowledged(key, row, case, rows, now, config)
    policy = config.book.escalations.get(row.policy)
    if policy is None or not policy.steps:
        return [_cancel(key, row, "policy_removed", rows, now)]
    if row.step >= len(policy.steps):
        if row.cycle + 1 >= policy.cycles:
            return [_exhaust(key, row, rows, now, config)]
        # The policy became shorter, or got more rounds, since the last step.
        row = msgspec.structs.replace(row, step=0, told=0, cycle=row.cycle + 1)
    later = not_before(_asked(row, case, rows, now, config), config, now)
    if later > now:
        rows.put(key, row, later)
        return []
    return _step(key, row, case, policy, rows, now, config)


def _asked(row: EscalationRow, case: CaseRow, rows: Rows, now: int, config: DecideConfig) -> Asked:
    """What a silence is asked of: the last problem of the case, in its thread as it is now."""
    thread = rows.get(row_key("thread", row.tenant, case.thread)) if case.thread else None
    if not isinstance(thread, ThreadRow):
        return Asked(problem_of(row.problem), row.tenant)
    return Asked(problem_of(row.problem), row.tenant, context_of(Turn(rows, now, config, row.tenant), thread))


def _step(
    key: str, row: EscalationRow, case: CaseRow, policy: EscalationPolicy, rows: Rows, now: int, config: DecideConfig
) -> list[Decision]:
    endpoints = list(policy.steps[row.step].endpoints)
    if row.escalation_uri is not None and policy.uri_endpoint is not None and policy.uri_endpoint not in endpoints:
        endpoints.append(policy.uri_endpoint)
    place = (str(row.cycle), str(row.step), str(row.told))
    stepped = EscalationStepped(
        **_of(row, derived_id("escalation-stepped", row.cause or row.case, *place), now),
        case=row.case,
        policy=row.policy,
        step=row.step,
        endpoints=endpoints,
        repeat=row.told,
        cycle=row.cycle,
        count=case.count,
    )
    told = tuple(dict.fromkeys((*case.endpoints, *endpoints)))[:CASE_ENDPOINTS]
    case = msgspec.structs.replace(case, status=case.standing(now), until=None, endpoints=told)
    case_key = row_key("case", row.tenant, row.case)
    rows.put(case_key, case, rows.due(case_key) or now + config.case_ttl)
    step, repeat, cycle, due = following(policy, row, now)
    row = msgspec.structs.replace(row, step=step, told=repeat, cycle=cycle, due=due, status="running", until=None)
    rows.put(key, row, due)
    remember_named(row.tenant, case.last_report, rows, now, config)
    return [Emit(ESCALATIONS, row.case, stepped), *tell_step(stepped, row, case, rows, config)]


def _acknowledged(
    key: str, row: EscalationRow, case: CaseRow, rows: Rows, now: int, config: DecideConfig
) -> list[Decision]:
    """Somebody has it: nothing more to do than to be forgotten with its case."""
    until = case.last_seen + config.case_ttl
    if until > now:
        rows.put(key, row, until)
        return []
    return [_cancel(key, row, "case_forgotten", rows, now)]


def _exhaust(key: str, row: EscalationRow, rows: Rows, now: int, config: DecideConfig) -> Decision:
    ended = msgspec.structs.replace(row, status="ended", problem=b"", until=None)
    rows.put(key, ended, now + config.case_ttl)
    event_id = derived_id("escalation-exhausted", row.cause or row.case)
    exhausted = EscalationExhausted(**_of(row, event_id, now), case=row.case, policy=row.policy)
    return Emit(ESCALATIONS, row.case, exhausted)


def _cancel(key: str, row: EscalationRow, reason: str, rows: Rows, now: int) -> Decision:
    rows.delete(key)
    event_id = derived_id("escalation-cancelled", row.cause or row.case)
    cancelled = EscalationCancelled(**_of(row, event_id, now), case=row.case, reason=reason)
    return Emit(ESCALATIONS, row.case, cancelled)


def _of(row: EscalationRow, event_id: str, now: int) -> Common:
    """The common fields of an event that follows from the EscalationRaised by a timer."""
    return {
        "event_id": event_id,
        "tenant": row.tenant,
        "occurred_at": now,
        "recorded_at": now,
        "cause": row.cause,
        "traceparent": row.traceparent,
    }
