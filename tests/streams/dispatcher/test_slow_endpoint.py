"""The dispatcher against a real Kafka: one endpoint does not answer, the other one gets all of its attempts."""

from __future__ import annotations

import asyncio
import time

import msgspec
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tocsin.connectors.sinks.base import SinkOutcome
from tocsin.connectors.sinks.memory import MemorySink
from tocsin.schemas.codec import encode
from tocsin.schemas.events import DeliveryAttempt
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.dispatcher.dispatcher import Dispatcher, DispatcherSettings

ATTEMPT = DeliveryAttempt(
    event_id="a", tenant="acme", occurred_at=1, recorded_at=1, delivery_id="d", endpoint="slow", attempt=1,
    about="r", content_type="application/json", body=b"{}",
)  # fmt: skip


class SlowSink(MemorySink):
    """Answers only when it is cancelled."""

    async def deliver(self, attempt: DeliveryAttempt) -> SinkOutcome:
        self.attempts.append(attempt)
        await asyncio.Event().wait()
        raise AssertionError


@pytest.mark.timeout(90)
async def test_a_slow_endpoint_stops_no_other(bootstrap: str, prefix: str) -> None:
    await queue(bootstrap, prefix, {"slow": 300, "fast": 300, "stranger": 40})
    slow, fast = SlowSink(), MemorySink()
    settings = DispatcherSettings(bootstrap, prefix, drain_within=0.1)
    dispatcher = Dispatcher(settings, {"slow": slow, "fast": fast}, SchemaBook())
    stop = asyncio.Event()
    running = asyncio.create_task(dispatcher.run(stop, asyncio.Event()))
    deadline = time.monotonic() + 80
    while len(fast.attempts) < 300 and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    assert len(dispatcher.running) <= 128, "what is held of one partition is bounded"
    assert len(dispatcher.attempts.turns) <= 3, "endpoints that no rule names leave nothing behind"
    stop.set()
    await running
    assert fast.delivery_ids == [f"fast-{number}" for number in range(300)]
    assert len(slow.attempts) == settings.per_endpoint


async def queue(bootstrap: str, prefix: str, counts: dict[str, int]) -> None:
    """So many attempts for each endpoint, those of the first in a partition of their own."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(f"{prefix}{name}", 2, 1) for name in ("attempts", "deliveries")])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    for number, (endpoint, count) in enumerate(counts.items()):
        for each in range(count):
            attempt = msgspec.structs.replace(ATTEMPT, delivery_id=f"{endpoint}-{each}", endpoint=endpoint)
            await producer.send(f"{prefix}attempts", encode(attempt), partition=min(number, 1))
    await producer.stop()
