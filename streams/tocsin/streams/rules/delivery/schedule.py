"""When a failed delivery is tried again, and the other limits of deliveries: a table of delays, jitter that only adds,
hints that only delay."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from tocsin.streams.rules.jitter import jitter, max_jitter
from tocsin.streams.rules.values import DAY, HOUR, MINUTE, SECOND

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
"""Delay in microseconds before attempt 1, 2, ...: Standard Webhooks' example and one step of 30 s."""

MAX_RETRY_AFTER = HOUR
"""A server may ask for at most this much; it can only ever push an attempt further away."""


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


def schedule_length(schedule: Sequence[int]) -> int:
    """The longest time from the first attempt to the last, without hints."""
    return sum(delay + max_jitter(delay) for delay in schedule)


class DeliverConfig(Struct, frozen=True, kw_only=True):
    """Times in microseconds."""

    schedule: tuple[int, ...] = RETRY_SCHEDULE
    """Delay before each attempt; its length is the number of attempts."""
    lease: int = 60 * SECOND
    """How long an outcome may take before the same attempt is asked for again, doubled each time: more than a sink's
    time-out of 15 s and the dispatcher's queue."""
    max_lease: int = HOUR
    """The longest lease; while no dispatcher runs, this is how often each delivery is asked for."""
    in_hand: int = 4 * MINUTE
    """How long an attempt that the dispatcher has read may wait for its endpoint's turn: so many (twice
    `connectors.kafka.partitions.RECORDS`), eight at a time, of 15 s."""
    hold_limit: int = schedule_length(RETRY_SCHEDULE)
    """How long a delivery waits for its turn in a lane: as long as the one before it may take."""
    hold_count: int = 1000
    """How many deliveries one lane holds behind the one whose turn it is."""
    finished_ttl: int = HOUR
    """For how long a repeat of a finished delivery's request is absorbed."""
    disabled_limit: int = 5 * DAY
    """When an endpoint has been disabled for so long, what waits for it is dead-lettered."""
    max_body: int = 256 * 1024
    """Bytes of a body; a larger one is dead-lettered as `too_large`."""
    step_bytes: int = 500_000
    """How many bytes of bodies one event may move when it concerns many deliveries; the rest follows by timer."""
    step_pause: int = SECOND // 4
    """The pause between two such steps, which also limits the rate at which an enabled endpoint is caught up."""
    endpoints: frozenset[str] | None = None
    """The names that the rules file has; None: not known, so that any name may be steered."""
    operators: str | None = None
    """The tenant of what the bus reports of its endpoints; None: nothing is reported."""
