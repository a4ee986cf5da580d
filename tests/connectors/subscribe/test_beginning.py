"""Where a group begins with `start="now"`, against a real Kafka: at the end, once, and nothing is passed over later."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka import TopicPartition
from aiokafka.admin import NewPartitions, RecordsToDelete

from tests.connectors.subscribe.events import make_topics, opened, until, write
from tocsin.connectors.kafka import open_admin
from tocsin.connectors.subscribe import Subscriber
from tocsin.connectors.subscribe.beginning import begin_now
from tocsin.connectors.subscribe.consuming import Consumption

GUARD = 90.0
"""Seconds that nothing here may take, on however busy a machine."""


async def seen_until(bootstrap: str, prefix: str, last: str | None, **settings: Any) -> list[str]:
    """The events that the group is given, up to one; None: it ends as soon as partitions are assigned."""
    seen: list[str] = []
    events = Subscriber(bootstrap, group="g", prefix=prefix, start="now", **settings)
    running = asyncio.create_task(events.run(lambda told: seen.append(told.event_id)))
    async with asyncio.timeout(GUARD):
        await until(lambda: running.done() or (last in seen if last else events.lag()))
        events.stop()
        await running
    return sorted(seen)


async def test_it_begins_at_the_end_and_misses_nothing_from_then_on(bootstrap: str, prefix: str) -> None:
    await make_topics(bootstrap, prefix)
    await write(bootstrap, prefix, [opened(n) for n in range(5)])
    assert await seen_until(bootstrap, prefix, None) == []
    await write(bootstrap, prefix, [opened(n) for n in range(5, 8)])
    await write(bootstrap, prefix, [opened(8, case="case-7")])
    assert set(await seen_until(bootstrap, prefix, "event-8")) <= {f"event-{n}" for n in range(5, 9)}
    await write(bootstrap, prefix, [opened(9, case="case-7")])
    assert "event-0" not in await seen_until(bootstrap, prefix, "event-9")


async def test_what_is_left_after_records_were_deleted_is_read(bootstrap: str, prefix: str) -> None:
    await make_topics(bootstrap, prefix, partitions=1)
    await write(bootstrap, prefix, [opened(0)])
    assert await seen_until(bootstrap, prefix, None) == []
    await write(bootstrap, prefix, [opened(n) for n in range(1, 6)])
    async with open_admin(bootstrap) as admin:
        await admin.delete_records({TopicPartition(f"{prefix}problems", 0): RecordsToDelete(before_offset=3)})
    assert await seen_until(bootstrap, prefix, "event-5") == ["event-3", "event-4", "event-5"]


async def test_a_partition_that_is_added_is_read_from_its_beginning(bootstrap: str, prefix: str) -> None:
    await make_topics(bootstrap, prefix, partitions=1)
    await write(bootstrap, prefix, [opened(0)])
    assert await seen_until(bootstrap, prefix, None) == []
    async with open_admin(bootstrap) as admin:
        await admin.create_partitions({f"{prefix}problems": NewPartitions(8)})
    events = [opened(n) for n in range(1, 20)]
    await write(bootstrap, prefix, [*events])
    seen: list[str] = []
    subscriber = Subscriber(bootstrap, group="g", prefix=prefix, start="now")
    running = asyncio.create_task(subscriber.run(lambda told: seen.append(told.event_id)))
    async with asyncio.timeout(GUARD):
        await until(lambda: running.done() or len(seen) >= len(events))
        subscriber.stop()
        await running
    assert sorted(seen) == sorted(event.event_id for event in events)


async def test_who_comes_while_others_read_takes_nothing_back_and_passes_over_nothing(
    bootstrap: str, prefix: str
) -> None:
    await make_topics(bootstrap, prefix)
    await write(bootstrap, prefix, [opened(0)])
    seen: list[str] = []
    first = Subscriber(bootstrap, group="g", prefix=prefix, start="now")
    running = asyncio.create_task(first.run(lambda told: seen.append(told.event_id)))
    async with asyncio.timeout(GUARD):
        await until(lambda: running.done() or first.lag())
        both = Consumption(bootstrap, "g", [f"{prefix}problems", f"{prefix}escalations"], "now")
        await begin_now(both.settings(), both.topics)  # another release of the same service, which reads more
        await write(bootstrap, prefix, [opened(1)])
        await until(lambda: running.done() or "event-1" in seen)
        first.stop()
        await running
    assert seen == ["event-1"]
