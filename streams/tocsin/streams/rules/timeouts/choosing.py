"""No reply came in time: wait longer, try again, or give up (docs/requirements.md#h22)."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from tocsin.schemas.events import Choice
from tocsin.streams.rules.jitter import jitter
from tocsin.streams.rules.policies import TimeoutPolicy
from tocsin.streams.rules.state import ExpectationRow
from tocsin.streams.rules.values import DAY

MOST_DOUBLINGS = 40
"""Of a pause; every policy's `max_backoff` is reached long before."""


class Advice(Struct, frozen=True):
    """What to do: the choice, the row after it, when its timer is due, and for a retry when to send it."""

    choice: Choice
    row: ExpectationRow
    due: int
    retry_at: int | None = None


def choice_of(row: ExpectationRow, policy: TimeoutPolicy) -> Choice:
    """What the policy says: first wait longer, then try again, then give up."""
    if row.waits < policy.waits:
        return "wait"
    return "retry" if row.attempt <= policy.retries else "give_up"


def advise(
    row: ExpectationRow, choice: Choice, expected: int, policy: TimeoutPolicy, now: int, *, at_once: bool = False
) -> Advice:
    """Carry out a choice at `now`; `expected` is how long a reply may take (microseconds). `at_once`: a retry without
    its pause, because somebody wants it."""
    replace = msgspec.structs.replace
    if choice == "wait":
        return Advice("wait", replace(row, waits=row.waits + 1, state="waiting"), now + expected)
    if choice == "retry":
        attempt = row.attempt + 1
        retry_at = now if at_once else now + pause(policy, row.opened_by, attempt)
        return Advice("retry", replace(row, attempt=attempt, state="retrying"), retry_at + expected, retry_at)
    return Advice("give_up", replace(row, state="given_up"), now + kept_for(policy))


def pause(policy: TimeoutPolicy, opened_by: str, attempt: int) -> int:
    """Microseconds before attempt number `attempt` (2 is the first retry): doubled each time, with derived jitter."""
    doublings = min(max(attempt - 2, 0), MOST_DOUBLINGS)
    plain = min(policy.backoff << doublings, policy.max_backoff)
    return plain + jitter(plain, opened_by, attempt)


def kept_for(policy: TimeoutPolicy) -> int:
    """How long (microseconds) a message without a time-out, or given up, is watched for a reply to learn from."""
    return min(DAY + policy.floor, max(policy.ceiling, DAY))
