"""The timer of an escalation: its next step, the end of a snooze, or its end. A step is never early, and a late one
moves those behind it."""

from __future__ import annotations

import msgspec

from tocsin.schemas.events import EscalationCancelled, EscalationExhausted, EscalationStepped
from tocsin.schemas.ids import derived_id
from tocsin.streams.rules.cases import with_endpoints
from tocsin.streams.rules.context.threads import context_of_case
from tocsin.streams.rules.decision import ESCALATIONS
from tocsin.streams.rules.derive import Common
from tocsin.streams.rules.escalation.notifying import notify_step
from tocsin.streams.rules.facts import Facts
from tocsin.streams.rules.policies import EscalationPolicy
from tocsin.streams.rules.problem_bytes import problem_of
from tocsin.streams.rules.stages.silence import not_before
from tocsin.streams.rules.state import CaseRow, EscalationRow, SeenRow
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.values import SECOND

MIN_GAP = SECOND
"""Between two steps at least, whatever the policy says: a timer must not leave itself due."""


def escalation_due(turn: Turn, key: str, row: EscalationRow) -> None:
    """What is due happens once, however late; what comes after it counts from now."""
    if row.status == "ended":
        turn.escalations.delete(key)
        return
    case = turn.cases.find(row.case)
    if case is None:
        _cancel(turn, key, row, "case_forgotten")
        return
    if row.status == "acknowledged":
        _acknowledged(turn, key, row, case)
        return
    policy = turn.config.book.escalations.get(row.policy)
    if policy is None or not policy.steps:
        _cancel(turn, key, row, "policy_removed")
        return
    if row.step >= len(policy.steps):
        if row.cycle + 1 >= policy.cycles:
            _exhaust(turn, key, row)
            return
        # The policy became shorter, or got more rounds, since the last step.
        row = msgspec.structs.replace(row, step=0, done=0, cycle=row.cycle + 1)
    # A silence is asked about the last problem of the case, in its thread as it is now.
    context = context_of_case(turn, case)
    problem = problem_of(row.problem)
    facts = Facts(problem, row.tenant) if context is None else Facts(problem, row.tenant, context)
    later = not_before(turn, facts)
    if later > turn.now:
        turn.escalations.put(key, row, later)
        return
    _step(turn, key, row, case, policy)


def still_named(turn: Turn, key: str, seen: SeenRow) -> bool:
    """Whether row `key` of a report must outlive the window of dedupe: its case has an escalation that goes on, and
    people were given the report's id to answer by, since it raised the escalation, or is the case's first or last one.
    At most three rows for each escalation."""
    row = turn.escalations.find(seen.case)
    if row is None or row.status == "ended":
        return False
    case = turn.cases.find(seen.case)
    named = (row.report,) if case is None else (row.report, case.first_report, case.last_report)
    return any(turn.seen.key(event_id) == key for event_id in named)


def following(policy: EscalationPolicy, row: EscalationRow, now: int) -> tuple[int, int, int, int]:
    """What comes after the step of `row` was done at `now`: step, how often done, round, and when it is due. The step
    after the last one stands for the end of the last round, which comes after as long as its last repeat took."""
    step = policy.steps[row.step]
    if row.done < step.times:
        return row.step, row.done + 1, row.cycle, now + max(step.every, MIN_GAP)
    if row.step + 1 < len(policy.steps):
        return row.step + 1, 0, row.cycle, now + max(policy.steps[row.step + 1].wait, MIN_GAP)
    if row.cycle + 1 < policy.cycles:
        return 0, 0, row.cycle + 1, now + max(policy.steps[0].wait, MIN_GAP)
    return len(policy.steps), 0, row.cycle, now + max(step.every or step.wait, MIN_GAP)


def _step(turn: Turn, key: str, row: EscalationRow, case: CaseRow, policy: EscalationPolicy) -> None:
    endpoints = list(policy.steps[row.step].endpoints)
    if row.escalation_uri is not None and policy.uri_endpoint is not None and policy.uri_endpoint not in endpoints:
        endpoints.append(policy.uri_endpoint)
    place = (str(row.cycle), str(row.step), str(row.done))
    stepped = EscalationStepped(
        **_common(turn, row, derived_id("escalation-stepped", row.cause or row.case, *place)),
        case=row.case,
        policy=row.policy,
        step=row.step,
        endpoints=endpoints,
        repeat=row.done,
        cycle=row.cycle,
        count=case.count,
    )
    case = msgspec.structs.replace(
        case, status=case.standing(turn.now), until=None, endpoints=with_endpoints(case, endpoints)
    )
    turn.cases.keep(turn.cases.key(row.case), case, turn.now + turn.config.case_ttl)
    step, repeat, cycle, due = following(policy, row, turn.now)
    row = msgspec.structs.replace(row, step=step, done=repeat, cycle=cycle, due=due, status="running", until=None)
    turn.escalations.put(key, row, due)
    _remember_named(turn, case.last_report)
    turn.emit(ESCALATIONS, row.case, stepped)
    notify_step(turn, stepped, row, case)


def _remember_named(turn: Turn, event_id: str) -> None:
    """A step names this report: it may be answered by that id as long as the case is remembered."""
    key = turn.seen.key(event_id)
    seen = turn.seen.get(key)
    if seen is not None:
        turn.seen.put(key, seen, max(turn.seen.due(key) or 0, turn.now + turn.config.case_ttl))


def _acknowledged(turn: Turn, key: str, row: EscalationRow, case: CaseRow) -> None:
    """Somebody has it: nothing more to do than to be forgotten with its case."""
    until = case.last_seen + turn.config.case_ttl
    if until > turn.now:
        turn.escalations.put(key, row, until)
    else:
        _cancel(turn, key, row, "case_forgotten")


def _exhaust(turn: Turn, key: str, row: EscalationRow) -> None:
    ended = msgspec.structs.replace(row, status="ended", problem=b"", until=None)
    turn.escalations.put(key, ended, turn.now + turn.config.case_ttl)
    common = _common(turn, row, derived_id("escalation-exhausted", row.cause or row.case))
    turn.emit(ESCALATIONS, row.case, EscalationExhausted(**common, case=row.case, policy=row.policy))


def _cancel(turn: Turn, key: str, row: EscalationRow, reason: str) -> None:
    turn.escalations.delete(key)
    common = _common(turn, row, derived_id("escalation-cancelled", row.cause or row.case))
    turn.emit(ESCALATIONS, row.case, EscalationCancelled(**common, case=row.case, reason=reason))


def _common(turn: Turn, row: EscalationRow, event_id: str) -> Common:
    """The common fields of an event that follows from the EscalationRaised by a timer."""
    return {
        "event_id": event_id,
        "tenant": row.tenant,
        "occurred_at": turn.now,
        "recorded_at": turn.now,
        "cause": row.cause,
        "traceparent": row.traceparent,
    }
