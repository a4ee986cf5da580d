"""Escalations are raised with a case of which people are notified, and kept fresh by its repeats.

What the report says decides within the bounds of the policy: its impact whether and how soon, who retries whether the
first step waits, its URIs only if the rules file allows them.
"""

from __future__ import annotations

import re

import msgspec

from tocsin.schemas.events import EscalationRaised, EventBase
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.context.sides import peer_retries
from tocsin.streams.rules.decision import ESCALATIONS
from tocsin.streams.rules.derive import about
from tocsin.streams.rules.policies import EscalationPolicy
from tocsin.streams.rules.problem_bytes import problem_bytes
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.state import CaseRow, EscalationRow
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.values import Impact

MAX_URI = 2048
"""Characters of a URI; a longer one is not kept, since a part of it would be another one."""

_SCHEMES = ("mailto:", "https:")
_PLAIN = re.compile(r"[!-~]+")


def escalate(turn: Turn, report: Report, notice: EventBase, policies: tuple[str, ...], *, opens: bool) -> None:
    """Raise the first of these policies for the case of a report, unless one runs already; a repeat gives a running
    one the fresh problem. `notice` is the event that the problem led to, `opens` whether its case begins with it.

    An exhausted one is not raised again until the case was resolved and opened anew; nor is one for a case that
    somebody has taken. While the case is snoozed it is raised, but its steps wait.
    """
    key = turn.escalations.key(report.case)
    row = turn.escalations.get(key)
    if row is not None and row.status != "ended":
        _follow(turn, key, row, report.problem)
        return
    if not policies or (row is not None and not opens):
        return
    case = turn.cases.find(report.case)
    if case is None or case.standing(turn.now) not in ("open", "snoozed"):
        return
    for name in policies:
        policy = turn.config.book.escalations.get(name)
        if policy is not None and policy.steps and _impact(policy, report.problem) != "none":
            _raise(turn, key, report, notice, policy, case)
            return


def follow(turn: Turn, report: Report) -> None:
    """A report that nobody is told of now, since another one or a digest stands for it: the running escalation of its
    case follows it all the same."""
    key = turn.escalations.key(report.case)
    row = turn.escalations.get(key)
    if row is not None and row.status != "ended":
        _follow(turn, key, row, report.problem)


def _follow(turn: Turn, key: str, row: EscalationRow, problem: Problem) -> None:
    """Give a running escalation the fresh problem. While nobody was paged yet, what the problem says of its impact and
    of who retries may bring the first step forward; never back: it was promised. One for which the policy would page
    nobody brings nothing forward."""
    policy, row = turn.config.book.escalations.get(row.policy), _freshened(turn, row, problem)
    begun = (row.step, row.done, row.cycle) != (0, 0, 0)
    if policy is None or not policy.steps or begun or _impact(policy, problem) == "none":
        turn.escalations.replace(key, row)
        return
    due = min(row.due, max(turn.now, _first_due(turn, policy, problem, row.raised_at)))
    row = msgspec.structs.replace(row, due=due)
    if row.status == "running":
        turn.escalations.put(key, row, min(due, turn.escalations.due(key) or due))
    elif row.status == "snoozed":
        turn.escalations.put(key, row, max(due, row.until or 0))
    else:
        turn.escalations.replace(key, row)


def _raise(turn: Turn, key: str, report: Report, notice: EventBase, policy: EscalationPolicy, case: CaseRow) -> None:
    problem, now = report.problem, turn.now
    snoozed = case.standing(now) == "snoozed"
    until = case.until if snoozed else None
    due = _first_due(turn, policy, problem, now)
    raised = EscalationRaised(
        **about(notice, derived_id("escalation-raised", report.case, notice.event_id), now),
        case=report.case,
        policy=policy.name,
        report=report.event.event_id,
        escalation_uri=_kept_uri(problem.escalation_uri),
        tracking_uri=_kept_uri(problem.tracking_uri),
        first_step_at=max(due, until or 0),
    )
    row = EscalationRow(
        tenant=report.tenant,
        case=report.case,
        policy=policy.name,
        report=report.event.event_id,
        raised_at=now,
        status="snoozed" if snoozed else "running",
        until=until,
        problem=problem_bytes(problem),
        escalation_uri=_allowed_uri(problem.escalation_uri, policy.uris),
        tracking_uri=raised.tracking_uri,
        cause=raised.event_id,
        traceparent=notice.traceparent,
        due=due,
        tracestate=report.event.tracestate,
    )
    turn.escalations.put(key, row, raised.first_step_at)
    turn.emit(ESCALATIONS, report.case, raised)


def _freshened(turn: Turn, row: EscalationRow, problem: Problem) -> EscalationRow:
    policy = turn.config.book.escalations.get(row.policy)
    uris = policy.uris if policy is not None else ()
    return msgspec.structs.replace(
        row,
        problem=problem_bytes(problem),
        escalation_uri=_allowed_uri(problem.escalation_uri, uris) or row.escalation_uri,
        tracking_uri=_kept_uri(problem.tracking_uri) or row.tracking_uri,
    )


def _impact(policy: EscalationPolicy, problem: Problem) -> Impact:
    """What the problem's impact, else its scope, makes of the policy."""
    for stated in ((problem.impact or "").strip().casefold(), problem.scope or ""):
        if stated in policy.impact:
            return policy.impact[stated]
    return "normal"


def _first_due(turn: Turn, policy: EscalationPolicy, problem: Problem, since: int) -> int:
    """When the first step is due, raised at `since`: at once when the impact says so, else after its wait, and not
    while the other side retries."""
    if _impact(policy, problem) == "at_once":
        return since
    wait = policy.steps[0].wait
    return since + (max(wait, policy.while_they_retry) if peer_retries(turn, problem) else wait)


def _kept_uri(uri: str | None) -> str | None:
    """The URI as it may be stored and shown: bounded, without blanks and control characters; else None."""
    return uri if uri is not None and len(uri) <= MAX_URI and _PLAIN.fullmatch(uri) else None


def _allowed_uri(uri: str | None, patterns: tuple[str, ...]) -> str | None:
    """The report's `escalation_uri` if a pattern allows it: `mailto:` or `https:`, whole or by its beginning (`*`). A
    bare e-mail address counts as `mailto:`."""
    kept = _kept_uri(uri)
    if kept is None:
        return None
    if "@" in kept and ":" not in kept:
        kept = f"mailto:{kept}"
    if not kept.lower().startswith(_SCHEMES):
        return None
    return kept if any(_fits(kept, pattern) for pattern in patterns) else None


def _fits(uri: str, pattern: str) -> bool:
    return uri.startswith(pattern[:-1]) if pattern.endswith("*") else uri == pattern
