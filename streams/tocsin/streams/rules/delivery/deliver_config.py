"""What the rules of `deliver` may be told besides the event."""

from __future__ import annotations

from msgspec import Struct

from tocsin.streams.rules.delivery.schedule import RETRY_SCHEDULE, schedule_length
from tocsin.streams.rules.spans import DAY, HOUR, SECOND


class DeliverConfig(Struct, frozen=True, kw_only=True):
    """Times in microseconds."""

    schedule: tuple[int, ...] = RETRY_SCHEDULE
    """Delay before each attempt; its length is the number of attempts."""
    lease: int = 60 * SECOND
    """How long an outcome may take before the same attempt is asked for again, doubled each time: more than a sink's
    time-out of 15 s and the dispatcher's queue (svix-webhooks pull 2315)."""
    max_lease: int = HOUR
    """The longest lease; while no dispatcher runs, this is how often each delivery is asked for."""
    hold_limit: int = schedule_length(RETRY_SCHEDULE)
    """How long a delivery waits for its turn in a lane: as long as the one before it may take (DESIGN 6)."""
    hold_count: int = 1000
    """How many deliveries one lane holds behind the one whose turn it is."""
    finished_ttl: int = HOUR
    """For how long a repeat of a finished delivery's request is absorbed."""
    disabled_limit: int = 5 * DAY
    """When an endpoint has been disabled for so long, what waits for it is dead-lettered."""
    max_body: int = 256 * 1024
    """Bytes of a body (RELIABILITY 3.5); a larger one is dead-lettered as `too_large`."""
    step_bytes: int = 500_000
    """How many bytes of bodies one event may move when it concerns many deliveries; the rest follows by timer."""
    step_pause: int = SECOND // 4
    """The pause between two such steps, which also limits the rate at which an enabled endpoint is caught up."""
