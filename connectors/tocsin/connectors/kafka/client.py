"""Kafka clients: how they connect is decided here alone; each is closed when its block ends, however it ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from tocsin.connectors.kafka.bounded import BoundedConsumer
from tocsin.connectors.kafka.pacing import PacedProducer
from tocsin.connectors.kafka.quieting import quiet_aiokafka
from tocsin.connectors.kafka_security import Kafka

CLOSE_WITHIN = 5.0
"""Seconds that a client may take to close. When Kafka is away it waits for its time-outs, for nothing."""


def client_options(bootstrap: str) -> dict[str, Any]:
    """What every client of aiokafka is given to connect: `bootstrap` is HOST:PORT[,HOST:PORT...], a `Kafka` if the
    connection is secured. Raises SecurityUnusable."""
    quiet_aiokafka()
    security = bootstrap.security if isinstance(bootstrap, Kafka) else None
    return {"bootstrap_servers": str(bootstrap)} | ({} if security is None else security.options())


@asynccontextmanager
async def open_consumer(bootstrap: str, *topics: str, **settings: Any) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer that commits nothing by itself, and that no batch can stop or make use much memory; `settings`
    as of AIOKafkaConsumer. Raises KafkaError."""
    consumer = BoundedConsumer(*topics, **{"enable_auto_commit": False} | client_options(bootstrap) | settings)
    try:
        await consumer.start()
        yield consumer
    finally:
        await ended_within(CLOSE_WITHIN, consumer.stop())


@asynccontextmanager
async def open_producer(bootstrap: str, **settings: Any) -> AsyncIterator[AIOKafkaProducer]:
    """A started idempotent producer (acks=all) for a few records; what is written all the time goes through
    `BatchProducer`. `settings` as of AIOKafkaProducer. Raises KafkaError."""
    producer = PacedProducer(**{"acks": "all", "enable_idempotence": True} | client_options(bootstrap) | settings)
    try:
        await producer.start()
        yield producer
    finally:
        await ended_within(CLOSE_WITHIN, producer.stop())


@asynccontextmanager
async def open_admin(bootstrap: str, **settings: Any) -> AsyncIterator[AIOKafkaAdminClient]:
    """A started admin client. `settings` as of AIOKafkaAdminClient. Raises KafkaError."""
    admin = AIOKafkaAdminClient(**client_options(bootstrap) | settings)
    try:
        await admin.start()
        yield admin
    finally:
        await ended_within(CLOSE_WITHIN, admin.close())


async def ended_within(seconds: float, work: Coroutine[Any, Any, None]) -> None:
    """Wait for work to end or fail, and stop it after so many seconds. What a client raises when it is closed is of no
    use to anybody; among it is the CancelledError of a task of its own, which would pass for ours."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait([task], timeout=seconds)
    finally:
        task.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await task
