"""When a failed delivery is tried again, and the other limits of deliveries: a table of delays, jitter that only adds,
hints that only delay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from msgspec import Struct

from tocsin.streams.rules.jitter import jitter, max_jitter
from tocsin.streams.rules.policies import DeliveryPolicy
from tocsin.streams.rules.state import EndpointRow
from tocsin.streams.rules.values import DAY, HOUR, MINUTE, SECOND

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


@lru_cache(maxsize=256)
def schedule_length(schedule: tuple[int, ...]) -> int:
    """The longest time from the first attempt to the last, without hints."""
    return sum(delay + max_jitter(delay) for delay in schedule)


def hold_limit(policy: DeliveryPolicy) -> int:
    """How long a delivery waits for its turn in a lane: as long as the one before it may take, unless said."""
    return policy.hold_time or schedule_length(policy.schedule)


def forgotten_at(policy: DeliveryPolicy, config: DeliverConfig, now: int) -> int:
    """When an endpoint that is removed `now` may be forgotten: when none of its deliveries can still wait for a retry,
    nor be held behind one; what then asks for the name is another endpoint's."""
    longest = max(policy.schedule)
    return now + max(config.disabled_limit, longest + max_jitter(longest) + DAY)


def digest_at(state: EndpointRow) -> int:
    """When what died since the last report of it may be told: after an hour, and twice as long for each further report
    until the endpoint takes something; a day at most."""
    return state.digested_at + min(HOUR << min(max(state.digests - 1, 0), 5), DAY)


class DeliverConfig(Struct, frozen=True, kw_only=True):
    """Times in microseconds."""

    policy: DeliveryPolicy = DeliveryPolicy()
    """What holds for an endpoint that the rules file says nothing else of, or does not have."""
    policies: Mapping[str, DeliveryPolicy] = {}
    """What the rules file says of each endpoint."""
    lease: int = 60 * SECOND
    """How long an outcome may take before the same attempt is asked for again, doubled each time: more than a sink's
    time-out of 15 s and the dispatcher's queue."""
    max_lease: int = HOUR
    """The longest lease; while no dispatcher runs, this is how often each delivery is asked for."""
    in_hand: int = 4 * MINUTE
    """How long an attempt that the dispatcher has read may wait for its endpoint's turn: so many (twice
    `connectors.kafka.partitions.RECORDS`), eight at a time, of 15 s."""
    finished_ttl: int = HOUR
    """For how long a repeat of a finished delivery's request is absorbed."""
    disabled_limit: int = 5 * DAY
    """When an endpoint has been disabled for so long, what waits for it is dead-lettered."""
    max_body: int = 256 * 1024
    """Bytes of a body; a larger one is dead-lettered as `too_large`."""
    step_bytes: int = 500_000
    """How many bytes of bodies one event may move when it concerns many deliveries; the rest follows by timer."""
    step_pause: int = SECOND // 4
    """The pause between two such steps."""
    endpoints: frozenset[str] | None = None
    """The names that the rules file has; None: not known, so that any name may be steered."""
    of_operators: frozenset[str] = frozenset()
    """Those of them that no tenant made while the bus runs: what is written for a subscription steers none of them."""
    by_peer: frozenset[str] = frozenset()
    """Those that tell whoever is the other side of a DIDComm connection: what is learned of one such peer (breaker,
    throttle, rate) holds for that one alone."""
    operators: str | None = None
    """The tenant of what the bus reports of its endpoints; None: nothing is reported."""
