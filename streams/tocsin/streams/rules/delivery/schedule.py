"""When a failed delivery is tried again: a table of delays, jitter that only adds, hints that only delay."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from tocsin.streams.rules.spans import HOUR, MINUTE, SECOND

RETRY_SCHEDULE: tuple[int, ...] = (
    0,
    5 * SECOND,
    30 * SECOND,
    5 * MINUTE,
    30 * MINUTE,
    2 * HOUR,
    5 * HOUR,
    10 * HOUR,
    14 * HOUR,
    20 * HOUR,
    24 * HOUR,
)
"""Delay in microseconds before attempt 1, 2, ...: Standard Webhooks' example and one step of 30 s (RELIABILITY 2.4)."""

MIN_JITTER = SECOND
MAX_JITTER = 15 * MINUTE
MAX_RETRY_AFTER = HOUR
"""A server may ask for at most this much; it can only ever push an attempt further away (Hook0)."""


def retry_at(
    schedule: Sequence[int], delivery_id: str, attempts: int, now: int, retry_after: int | None = None
) -> int | None:
    """When the next attempt is due after `attempts` failed ones, or None when the schedule is used up.

    All times in microseconds. Deterministic: the jitter is a hash of the delivery and the attempt.
    """
    if attempts >= len(schedule):
        return None
    delay = schedule[attempts]
    planned = delay + jitter(delay, delivery_id, attempts + 1)
    hinted = min(max(retry_after or 0, 0), MAX_RETRY_AFTER)
    return now + max(planned, hinted)


def jitter(delay: int, delivery_id: str, attempt: int) -> int:
    """What is added to `delay`: evenly spread from 0 to 10 % of it, the bound being at least 1 s and at most 15 min."""
    bound = max_jitter(delay)
    digest = sha256(f"{delivery_id}\x1f{attempt}".encode("utf-8", "surrogatepass")).digest()
    return (int.from_bytes(digest[:8], "big") * (bound + 1)) >> 64


def max_jitter(delay: int) -> int:
    """The most that `jitter` adds to a delay; an immediate attempt has none."""
    return min(max(delay // 10, MIN_JITTER), MAX_JITTER) if delay > 0 else 0


def schedule_length(schedule: Sequence[int]) -> int:
    """The longest time from the first attempt to the last, without hints."""
    return sum(delay + max_jitter(delay) for delay in schedule)
