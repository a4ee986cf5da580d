"""Where the time goes between publishing and the webhook: moments of each delivery, read out of Kafka afterwards.

Nothing in the bus is changed or slowed for it: the topics carry the time at which the broker appended each record
(`LogAppendTime`; `stamp_changelogs` sets it for the changelogs, too), and all clocks are this machine's. Kafka counts
milliseconds, so a hop is exact to one.
"""

from __future__ import annotations

import statistics
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from itertools import pairwise

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from rich.table import Table

from tocsin.schemas.codec import decode
from tocsin.schemas.events import DeliveryAttempt, DeliveryOutcome, DeliveryRequested, Event, ProblemReported
from tocsin.streams.engine.outbox import decode_outbox
from tocsin.streams.topology import TOPICS

PREFIX = "tocsin."
CHANGELOGS = ("decide-changelog", "deliver-changelog")
OUTBOX = b"b"
"""The key of the outbox in a changelog."""

MOMENTS = {
    "inbox": "Kafka has the report (`inbox`)",
    "decided": "the worker has decided, and written it down (`decide-changelog`)",
    "deliveries": "the delivery is requested (`deliveries`)",
    "scheduled": "the worker has read that, and written the attempt down (`deliver-changelog`)",
    "attempts": "the attempt is asked for (`attempts`)",
    "received": "the dispatcher has read that, and its request has come to the receiver",
    "outcome": "it is answered, and the outcome is written (`deliveries`)",
}
"""The moments after `published`, in their order; the hop to each begins at the one before."""

Moments = Mapping[str, float]
"""Moment -> milliseconds since 1970."""
Hop = dict[str, float | str]


async def stamp_changelogs(bootstrap: str) -> None:
    """From now on the broker's clock is in the changelogs of a bus that has just been started."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        configs = {spec.name: {**spec.config, "message.timestamp.type": "LogAppendTime"} for spec in TOPICS}
        wanted = [ConfigResource(ConfigResourceType.TOPIC, PREFIX + name, configs[name]) for name in CHANGELOGS]
        await admin.alter_configs(wanted)
    finally:
        await admin.close()


async def records(bootstrap: str, topic: str) -> AsyncIterator[tuple[float, bytes | None, bytes]]:
    """The time, key and value of all that a topic holds now."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(list(consumer.assignment()))
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for found in (await consumer.getmany(timeout_ms=1000)).values():
                for record in found:
                    if record.value is not None:
                        yield float(record.timestamp), record.key, record.value
    finally:
        await consumer.stop()


def moment_of(topic: str, event: Event) -> tuple[str, str] | None:
    """Which moment a record of a topic is, and of what: a report (its event's id) or a delivery (its own)."""
    match topic, event:
        case "inbox", ProblemReported():
            return "inbox", event.event_id
        case "decide-changelog", DeliveryRequested():
            return "decided", event.delivery_id
        case "deliveries", DeliveryRequested():
            return "deliveries", event.delivery_id
        case "deliver-changelog", DeliveryAttempt():
            return "scheduled", event.delivery_id
        case "attempts", DeliveryAttempt():
            return "attempts", event.delivery_id
        case "deliveries", DeliveryOutcome():
            return "outcome", event.delivery_id
        case _:
            return None


def events_of(topic: str, key: bytes | None, value: bytes) -> Iterable[Event]:
    """The events in a record: itself, or those of the outbox in a changelog."""
    if topic not in CHANGELOGS:
        return [decode(value)]
    return [decode(output.value) for output in decode_outbox(value)] if key == OUTBOX else []


async def moments(bootstrap: str) -> dict[str, dict[str, float]]:
    """Id of a report or of a delivery -> its moments, the first of each kind."""
    found: dict[str, dict[str, float]] = {}
    for topic in ("inbox", "decide-changelog", "deliveries", "deliver-changelog", "attempts"):
        async for at, key, value in records(bootstrap, PREFIX + topic):
            for event in events_of(topic, key, value):
                if (known := moment_of(topic, event)) is not None:
                    found.setdefault(known[1], {}).setdefault(known[0], at)
    return found


def hops(deliveries: Sequence[Moments]) -> list[Hop]:
    """Each hop's p50 and p99 in milliseconds, of the deliveries of which both ends are known, and how many these are;
    `by` is the p50 from publishing to the hop's end."""
    told: list[Hop] = []
    names = ["published", *MOMENTS]
    for begin, end in pairwise(names):
        whole = [one for one in deliveries if begin in one and end in one]
        if not whole:
            continue
        took = sorted(one[end] - one[begin] for one in whole)
        since = [one[end] - one["published"] for one in whole if "published" in one]
        told.append(
            {
                "to": end,
                "p50_ms": round(statistics.median(took), 1),
                "p99_ms": round(took[int(0.99 * len(took))], 1),
                "by_p50_ms": round(statistics.median(since), 1) if since else 0.0,
                "deliveries": len(took),
            }
        )
    return told


def table(told: Sequence[Hop]) -> Table:
    """The same for people."""
    shown = Table("until", "p50 ms", "p99 ms", "p50 since publishing")
    for hop in told:
        shown.add_row(MOMENTS[str(hop["to"])], *(f"{hop[name]:.1f}" for name in ("p50_ms", "p99_ms", "by_p50_ms")))
    return shown
