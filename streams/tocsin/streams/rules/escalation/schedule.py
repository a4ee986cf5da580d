"""When the steps of an escalation are due: never early, and a late one moves those behind it (RELIABILITY I6)."""

from __future__ import annotations

from tocsin.schemas.problem import Problem, RetryParty
from tocsin.streams.rules.policies import EscalationPolicy, Impact
from tocsin.streams.rules.routing.audience import REPORTS
from tocsin.streams.rules.spans import SECOND
from tocsin.streams.rules.state import EscalationRow

MIN_GAP = SECOND
"""Between two steps at least, whatever the policy says: a timer must not leave itself due."""

_THEY_RETRY = {
    True: (RetryParty.REPORTER, RetryParty.BOTH),
    False: (RetryParty.RECIPIENT, RetryParty.BOTH),
}
"""Who, when the other side retries: of a report that came from it, its reporter; of our own problem, who receives it
(RFC 0035 `who_retries` says `me` and `you` as its sender sees it)."""


def impact_of(policy: EscalationPolicy, problem: Problem) -> Impact:
    """What the problem's impact, else its scope, makes of the policy."""
    for said in ((problem.impact or "").strip().casefold(), problem.scope or ""):
        if said in policy.impact:
            return policy.impact[said]
    return "normal"


def first_due(policy: EscalationPolicy, problem: Problem, now: int) -> int:
    """When the first step is due: after its wait, none when the impact says so; not while the other side retries."""
    wait = 0 if impact_of(policy, problem) == "at_once" else policy.steps[0].wait
    if problem.retry_party in _THEY_RETRY[problem.dialect in REPORTS]:
        wait = max(wait, policy.while_they_retry)
    return now + wait


def following(policy: EscalationPolicy, row: EscalationRow, now: int) -> tuple[int, int, int, int]:
    """What comes after the step of `row` was told at `now`: step, how often told, round, and when it is due. The step
    after the last one stands for the end of the last round, which comes after as long as its last repeat took."""
    step = policy.steps[row.step]
    if row.told < step.times:
        return row.step, row.told + 1, row.cycle, now + max(step.every, MIN_GAP)
    if row.step + 1 < len(policy.steps):
        return row.step + 1, 0, row.cycle, now + max(policy.steps[row.step + 1].wait, MIN_GAP)
    if row.cycle + 1 < policy.cycles:
        return 0, 0, row.cycle + 1, now + max(policy.steps[0].wait, MIN_GAP)
    return len(policy.steps), 0, row.cycle, now + max(step.every or step.wait, MIN_GAP)
