"""The one producer: idempotent, started when first needed, replaced when it may be stuck or broken.

An idempotent producer of aiokafka never gives up on a batch, and after some errors it never works again while it looks
well: a batch that failed for good leaves a gap in its sequence, so that everything later to that partition fails as
out of sequence (aiokafka issue 1017). So it is replaced, and what was under way in it and does not end in time ends
with ProducerReplaced. All that reaches into aiokafka for this is here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from tocsin.connectors.kafka.client import client_options, ended_within
from tocsin.connectors.kafka.pacing import PacedProducer

log = logging.getLogger(__name__)

RETRY_START = 0.25
"""Seconds between attempts to reach Kafka."""
TOPIC_LOOKUPS = 5
"""How often a topic is looked for, 0.1 s apart, before it counts as missing: metadata lag a little."""
FLUSH_WITHIN = 5.0
"""Seconds that a producer of which one batch failed has for its other batches."""

ReadyBatch = tuple[BatchBuilder, str, int]
"""A filled batch, and the topic and partition that it goes to."""


class ProducerReplaced(Exception):
    """The producer that held this batch was thrown away; whether the batch was stored is unknown."""


class TopicNotThere(Exception):
    """Kafka answers, and has no such topic."""


class BatchProducer:
    """Sends whole record batches; one producer of aiokafka at a time, acks=all.

    `topic`: one that must be there before anything is sent. `patient`: Kafka is waited for; otherwise the first failure
    to reach it is raised. `settings` are further ones of AIOKafkaProducer.
    """

    def __init__(self, bootstrap: str, *, topic: str | None = None, patient: bool = False, **settings: Any) -> None:
        self._bootstrap = bootstrap
        self._settings = {"acks": "all", "enable_idempotence": True} | settings
        self._topic = topic
        self._patient = patient
        self._producer: AIOKafkaProducer | None = None
        self._starting: asyncio.Task[AIOKafkaProducer] | None = None
        self._sending: dict[asyncio.Task[list[RecordMetadata]], AIOKafkaProducer] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._turns: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def started(self) -> AIOKafkaProducer:
        """The running producer, to make batches (`create_batch`); the first caller starts it, the others wait. Raises
        TopicNotThere, or KafkaError unless `patient`."""
        if self._producer is not None:
            return self._producer
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
            self._starting.add_done_callback(self._note_start)
        return await asyncio.shield(self._starting)

    async def send(
        self, batches: Sequence[ReadyBatch], taken: list[asyncio.Future[RecordMetadata]] | None = None
    ) -> list[RecordMetadata]:
        """Have batches stored, at most one for a partition, and say where. Raises as `started` does, ProducerReplaced,
        or a KafkaError or OSError; the producer is replaced when a batch that it had taken failed. Cancelling it does
        not take the batches back. `taken`, when given, is filled with the fate of each batch that was taken, in order.
        """
        producer = await self.started()
        taken = [] if taken is None else taken
        sending = asyncio.create_task(self._acknowledged(producer, batches, taken))
        self._sending[sending] = producer
        sending.add_done_callback(self._forget)
        try:
            await asyncio.wait([sending])
        except asyncio.CancelledError:
            sending.cancel()
            raise
        if sending.cancelled():
            raise ProducerReplaced
        try:
            return sending.result()
        except (KafkaError, OSError) as error:
            # Not for a batch that was never taken (no such topic, no room): that is the fault of its partition alone.
            if isinstance(error.__cause__, AssertionError) or any(map(_failed, taken)):
                self.replace(producer, FLUSH_WITHIN)
            raise

    def replace(self, producer: AIOKafkaProducer | None = None, patience: float = 0.0) -> None:
        """Throw the producer away (if it still is `producer`); the next call starts another. What is under way in it
        has `patience` seconds to end."""
        old = self._producer
        if old is None or (producer is not None and producer is not old):
            return
        self._producer = None
        log.warning("the Kafka producer is replaced")
        closing = asyncio.create_task(self._retire(old, patience))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def partitions(self, topic: str) -> list[int]:
        """The partitions of a topic. Raises TopicNotThere, KafkaError."""
        return await find_partitions(await self.started(), topic)

    async def close(self, patience: float = FLUSH_WITHIN) -> None:
        """Flush for at most `patience` seconds, then let go."""
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait([self._starting])
        producer, self._producer = self._producer, None
        if producer is not None:
            await self._retire(producer, patience)
        if self._closing:
            await asyncio.wait(list(self._closing))

    async def _acknowledged(
        self,
        producer: AIOKafkaProducer,
        batches: Sequence[ReadyBatch],
        futures: list[asyncio.Future[RecordMetadata]],
    ) -> list[RecordMetadata]:
        try:
            for batch, topic, partition in batches:
                batch.close()
                # aiokafka lets all who wait for one partition race, and takes the whole time waited off their patience
                # at every lost race (`add_batch`): under load they time out within seconds. Here they queue up.
                async with self._turns[topic, partition]:
                    future = await producer.send_batch(batch, topic, partition=partition)
                future.add_done_callback(_see_failure)
                futures.append(future)
            # Not gather: it would cancel the batches with us, and aiokafka's sender dies of a cancelled batch.
            await asyncio.wait(futures)
            return [future.result() for future in futures]
        except AssertionError as error:  # what aiokafka raises where its sender has died
            raise KafkaError(f"the producer is broken: {error}") from error

    def _forget(self, sending: asyncio.Task[list[RecordMetadata]]) -> None:
        del self._sending[sending]
        _see_failure(sending)

    def _note_start(self, starting: asyncio.Task[AIOKafkaProducer]) -> None:
        self._starting = None
        if not starting.cancelled() and starting.exception() is None:
            self._producer = starting.result()

    async def _start(self) -> AIOKafkaProducer:
        while True:
            producer = PacedProducer(**client_options(self._bootstrap) | self._settings)
            try:
                await producer.start()
                if self._topic is not None:
                    await find_partitions(producer, self._topic)
            except KafkaError:
                await _abandon(producer)
                if not self._patient:
                    raise
                await asyncio.sleep(RETRY_START)
            except BaseException:
                await _abandon(producer)
                raise
            else:
                return producer

    async def _retire(self, producer: AIOKafkaProducer, patience: float) -> None:
        """Flush and close; after `patience` seconds, or when it cannot, whoever waits gets ProducerReplaced."""
        if patience > 0:
            await ended_within(patience, producer.stop())
        for sending in [sending for sending, by in self._sending.items() if by is producer]:
            sending.cancel()
        await _abandon(producer)


async def find_partitions(producer: AIOKafkaProducer, topic: str) -> list[int]:
    """The partitions of a topic, asked for some times when they are not known. Raises TopicNotThere, KafkaError."""
    client = producer.client
    if known := client.cluster.partitions_for_topic(topic):
        return sorted(known)
    client.add_topic(topic)
    for _ in range(TOPIC_LOOKUPS):
        if not await client.force_metadata_update():
            raise KafkaError("no metadata")
        if partitions := client.cluster.partitions_for_topic(topic):
            return sorted(partitions)
        await asyncio.sleep(0.1)
    raise TopicNotThere(topic)


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


def _failed(future: asyncio.Future[RecordMetadata]) -> bool:
    return future.done() and not future.cancelled() and future.exception() is not None


def _see_failure(future: asyncio.Future[Any]) -> None:
    """See a failure that nobody waits for any more, so that asyncio does not report it as forgotten."""
    if not future.cancelled():
        future.exception()
