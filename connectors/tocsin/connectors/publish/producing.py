"""The life of the Kafka producer: started when first needed, thrown away when it may be stuck or broken.

An idempotent aiokafka producer never gives up on a batch, and after some errors it never works again (RELIABILITY F1):
so it is replaced, and what was waiting in it ends with ProducerReplaced.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

RETRY_START = 0.25
"""Seconds between attempts to reach Kafka."""
TOPIC_LOOKUPS = 5
"""How often the topic is looked for, 0.1 s apart, before it counts as missing: metadata lag a little."""


class ProducerReplaced(Exception):
    """The producer that held this batch was thrown away; whether the batch was stored is unknown."""


class TopicNotThere(Exception):
    """Kafka answers, and has no such topic."""


class Producing:
    """One producer at a time for one topic."""

    def __init__(self, topic: str, settings: Mapping[str, Any]) -> None:
        self._topic = topic
        self._settings = settings
        self.partitions: list[int] = []
        """The topic's partitions, known once a producer has started."""
        self._producer: AIOKafkaProducer | None = None
        self._starting: asyncio.Task[AIOKafkaProducer] | None = None
        self._sending: set[asyncio.Task[RecordMetadata]] = set()
        self._closing: set[asyncio.Task[None]] = set()

    async def producer(self) -> AIOKafkaProducer:
        """The running producer; the first caller starts it, the others wait. Raises TopicNotThere; waits for Kafka for
        as long as the caller does."""
        if self._producer is not None:
            return self._producer
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(self._started)
        return await asyncio.shield(self._starting)

    async def send(self, producer: AIOKafkaProducer, batch: BatchBuilder, partition: int) -> RecordMetadata:
        """Have a whole batch stored. Raises ProducerReplaced, or a KafkaError, after which the producer is replaced: a
        failed batch leaves a gap in its sequence, which Kafka does not forgive."""
        sending = asyncio.create_task(self._acknowledged(producer, batch, partition))
        self._sending.add(sending)
        sending.add_done_callback(self._sending.discard)
        try:
            await asyncio.wait([sending])
        except asyncio.CancelledError:
            sending.cancel()
            raise
        if sending.cancelled() or producer is not self._producer:
            raise ProducerReplaced
        try:
            return sending.result()
        except KafkaError:
            self.replace(producer)
            raise

    def replace(self, producer: AIOKafkaProducer | None = None) -> None:
        """Throw the producer away (if it is still `producer`); the next batch starts another."""
        stuck = self._producer
        if stuck is None or (producer is not None and producer is not stuck):
            return
        self._producer = None
        for sending in self._sending:
            sending.cancel()
        closing = asyncio.create_task(_abandon(stuck))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def close(self, patience: float) -> None:
        """Flush for at most `patience` seconds, then let go."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        producer, self._producer = self._producer, None
        if producer is not None:
            stopping = asyncio.create_task(producer.stop())
            done, _ = await asyncio.wait([stopping], timeout=patience)
            if not done:
                stopping.cancel()
                await asyncio.wait([stopping])
                await _abandon(producer)
        if self._closing:
            await asyncio.wait(list(self._closing))

    async def _acknowledged(self, producer: AIOKafkaProducer, batch: BatchBuilder, partition: int) -> RecordMetadata:
        stored: RecordMetadata = await (await producer.send_batch(batch, self._topic, partition=partition))
        return stored

    def _started(self, task: asyncio.Task[AIOKafkaProducer]) -> None:
        self._starting = None
        if not task.cancelled() and task.exception() is None:
            self._producer = task.result()

    async def _start(self) -> AIOKafkaProducer:
        while True:
            producer = AIOKafkaProducer(**self._settings)
            try:
                await producer.start()
                self.partitions = await self._find_partitions(producer)
            except KafkaError:
                await _abandon(producer)
                await asyncio.sleep(RETRY_START)
            except BaseException:
                await _abandon(producer)
                raise
            else:
                return producer

    async def _find_partitions(self, producer: AIOKafkaProducer) -> list[int]:
        client = producer.client
        client.add_topic(self._topic)
        for _ in range(TOPIC_LOOKUPS):
            if not await client.force_metadata_update():
                raise KafkaError("no metadata")
            if partitions := client.cluster.partitions_for_topic(self._topic):
                return sorted(partitions)
            await asyncio.sleep(0.1)
        raise TopicNotThere


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Close without flushing: `stop` would wait for batches that never leave. Reaches into aiokafka, which has no such
    verb; tested against a killed and a paused broker."""
    producer._closed = True
    sender = producer._sender
    if sender is not None and sender.sender_task is not None:
        sender.sender_task.cancel()
        await asyncio.wait([sender.sender_task])
    with contextlib.suppress(KafkaError, OSError):
        await producer.client.close()
