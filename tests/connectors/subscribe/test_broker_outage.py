"""Kafka dies while a subscriber reads: it says so, goes on by itself when Kafka is back, and misses nothing."""

from __future__ import annotations

import asyncio

from tests.connectors.subscribe.events import make_topics, opened, until, write
from tocsin.connectors.subscribe import Received, Subscriber
from tocsin.streams.up.broker import EmbeddedBroker


async def test_it_goes_on_by_itself(own_broker: EmbeddedBroker) -> None:
    bootstrap, prefix = own_broker.bootstrap, "outage."
    await make_topics(bootstrap, prefix)
    await write(bootstrap, prefix, [opened(n) for n in range(20)])
    seen: list[str] = []

    def handler(told: Received) -> None:
        seen.append(told.event_id)
        if told.event_id == "event-3" and told.attempt == 1:
            raise ConnectionError  # it waits to be tried again when Kafka dies

    events = Subscriber(bootstrap, group="g", prefix=prefix)
    running = asyncio.create_task(events.run(handler))
    async with asyncio.timeout(100):
        await until(lambda: len(seen) >= 10)
        own_broker.kill()
        await until(events.trouble)
        assert "cannot be reached" in (events.trouble() or "")
        await own_broker.restart()
        await write(bootstrap, prefix, [opened(n) for n in range(20, 40)])
        await until(lambda: len(set(seen)) == 40)
        await until(lambda: events.trouble() is None)
        events.stop()
        await running
    assert set(seen) == {f"event-{n}" for n in range(40)}
