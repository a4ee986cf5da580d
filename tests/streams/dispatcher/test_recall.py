"""What a dispatcher finished is known to its successor on a real Kafka, also where offsets are committed."""

from __future__ import annotations

import asyncio
from time import time

import msgspec
import pytest
from aiokafka import AIOKafkaProducer

from tests.streams.dispatcher.test_slow_endpoint import ATTEMPT, queue
from tocsin.connectors.sinks.memory import MemorySink
from tocsin.schemas.codec import encode
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.dispatcher.dispatcher import Dispatcher, DispatcherSettings

MADE = 60


async def produce(bootstrap: str, prefix: str, *deliveries: str, asked: int = 1) -> None:
    """One attempt each, as it is asked for at `asked` (microseconds)."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for delivery in deliveries:
            attempt = msgspec.structs.replace(ATTEMPT, delivery_id=delivery, endpoint="slow", recorded_at=asked)
            await producer.send_and_wait(f"{prefix}attempts", encode(attempt), key=b"slow")


async def dispatch(bootstrap: str, prefix: str, until: str) -> list[str]:
    """What a dispatcher delivers until it has delivered `until`, in the order of arrival; then it ends."""
    sink, stop = MemorySink(), asyncio.Event()
    dispatcher = Dispatcher(DispatcherSettings(bootstrap, prefix), {"slow": sink}, SchemaBook())
    running = asyncio.create_task(dispatcher.run(stop, asyncio.Event()))
    async with asyncio.timeout(80):
        while until not in sink.delivery_ids:
            await asyncio.wait({running}, timeout=0.05)
            assert not running.done() or running.result()
    stop.set()
    await running
    return sink.delivery_ids


@pytest.mark.timeout(180)
async def test_an_outbox_that_is_spoken_again_is_not_delivered_again(bootstrap: str, prefix: str) -> None:
    made = [f"slow-{number}" for number in range(MADE)]
    await queue(bootstrap, prefix, {})
    await produce(bootstrap, prefix, *made)
    assert sorted(await dispatch(bootstrap, prefix, made[-1])) == sorted(made)
    await produce(bootstrap, prefix, *made, "new")
    assert await dispatch(bootstrap, prefix, "new") == ["new"]
    # The same number again, but asked for after the outcome: a dead letter that is replayed late.
    await produce(bootstrap, prefix, made[0], "last", asked=int((time() + 60) * 1e6))
    assert await dispatch(bootstrap, prefix, "last") == [made[0], "last"]
