"""The publisher: events to the topic `inbox`, acknowledged by Kafka before `publish` returns."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from aiokafka.partitioner import DefaultPartitioner

from tocsin.connectors.kafka import BatchProducer, Kafka, KafkaSecurity, TopicNotThere
from tocsin.connectors.publish.bounds import Deadlines, Room
from tocsin.connectors.publish.errors import KafkaAway, PublishUnconfirmed, TopicMissing
from tocsin.connectors.publish.headers import cloud_event_headers
from tocsin.connectors.publish.lanes import Lanes, Outgoing
from tocsin.connectors.publish.port import EventPublisher, InboxEvent, Receipt
from tocsin.connectors.publish.reporting import checked_tenant
from tocsin.connectors.redaction import REDACTED, Redactions, default_of, redact_and_encode

log = logging.getLogger(__name__)

MAX_REQUEST_BYTES = 2 * 1024 * 1024
"""As the topic's max.message.bytes: an event of 1 MiB and its headers fit."""
MAX_BATCH_BYTES = 256 * 1024
KEYS_REMEMBERED = 10_000


class Publisher(EventPublisher):
    """Publishes to `<prefix>inbox`, keyed by tenant, with CloudEvents headers; idempotent producer, acks=all.

    At least once: a publication that fails with PublishUnconfirmed may have been stored, and is repeated under the same
    id. Use it as an async context manager, one per process and event loop, from as many tasks as you like.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        tenant: str = "default",
        prefix: str = "tocsin.",
        source: str = "tocsin:publisher",
        deadline: float = 10.0,
        linger_ms: float = 0,
        compression: str | None = "lz4",
        max_in_flight: int = 32 * 1024 * 1024,
        kafka: Mapping[str, Any] | None = None,
        redactions: Redactions = default_of,
        security: KafkaSecurity | None = None,
    ) -> None:
        """`deadline`: seconds in which a publication ends one way or the other. `linger_ms`: how long a first batch
        waits for company; 0 measured best, because a batch fills while the one before it is under way. `max_in_flight`:
        bytes on their way to Kafka; who comes later waits. `kafka`: further settings of AIOKafkaProducer.
        `redactions`: what is taken out of each tenant's events before they are written; by default whatever is plainly
        a secret. `security`: TLS and SASL, if Kafka wants them."""
        self.tenant = checked_tenant(tenant)
        self.topic = f"{prefix}inbox"
        self._source = source.encode()
        self._deadline = deadline
        self._redactions = redactions
        self._room = Room(max_in_flight)
        settings: dict[str, Any] = {
            "linger_ms": 0,  # the lanes linger
            "compression_type": compression,
            "max_batch_size": MAX_BATCH_BYTES,
            "max_request_size": MAX_REQUEST_BYTES,
            "request_timeout_ms": max(1000, int(deadline * 1000)),
        }
        kafka_at = Kafka(bootstrap, security)
        self._bootstrap = bootstrap
        self._producer = BatchProducer(kafka_at, topic=self.topic, patient=True, **settings | dict(kafka or {}))
        self._lanes = Lanes(self.topic, self._producer, linger_ms / 1000)
        self._deadlines = Deadlines(deadline, self._expire)
        self._partition_of = DefaultPartitioner()
        self._all_partitions: list[int] = []
        self._partitions: dict[bytes, int] = {}

    async def __aenter__(self) -> Self:
        """Opens nothing: Kafka is first reached by the first publication, or by `check`."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._lanes.close(self._deadline)
        self._deadlines.close()
        await self._producer.close(self._deadline)

    async def check(self, patience: float | None = None) -> None:
        """Reach Kafka and find the topic within `patience` seconds (default: the deadline). Raises KafkaAway or
        TopicMissing."""
        await self._reach("", self._deadline if patience is None else patience)

    async def send(self, event: InboxEvent) -> Receipt:
        """Store the event; returns once every in-sync replica has it. Raises Unencodable, PublishRefused or
        PublishUnconfirmed (also KafkaAway, TopicMissing), the latter about at the deadline."""
        event, value = redact_and_encode(event, self._redactions)
        started = asyncio.get_running_loop().time()
        if not self._all_partitions:
            await self._reach(event.event_id, self._deadline)
        if not self._room.try_enter(len(value)):
            await self._wait_for_room(event.event_id, len(value), started + self._deadline)
        key = event.tenant.encode()
        headers = [*cloud_event_headers(event, self._source), REDACTED]
        record = Outgoing(event.event_id, key, value, headers, self._lanes.confirmed)
        partition = self._partition(key)
        slot = self._deadlines.watch(record, started)
        self._lanes.put(record, partition)
        try:
            return await record.acknowledged
        finally:
            self._deadlines.forget(slot, record)
            self._lanes.drop(record, partition)
            self._room.leave(len(value))

    def _partition(self, key: bytes) -> int:
        """As the Java client has it (murmur2); remembered, because in Python the hash is slow."""
        partition = self._partitions.get(key)
        if partition is None:
            if len(self._partitions) >= KEYS_REMEMBERED:
                self._partitions.clear()
            partition = self._partitions[key] = self._partition_of(key, self._all_partitions, self._all_partitions)
        return partition

    async def _reach(self, event_id: str, patience: float) -> None:
        try:
            async with asyncio.timeout(patience):
                self._all_partitions = await self._producer.partitions(self.topic)
        except TopicNotThere:
            raise TopicMissing(event_id, self.topic) from None
        except TimeoutError:
            raise KafkaAway(event_id, self._bootstrap) from None

    async def _wait_for_room(self, event_id: str, size: int, until: float) -> None:
        try:
            async with asyncio.timeout_at(until):
                await self._room.enter(size)
        except TimeoutError:
            raise KafkaAway(event_id, self._bootstrap) from None

    def _expire(self, record: Outgoing) -> None:
        if not record.handed:
            record.fail(KafkaAway(record.event_id, self._bootstrap))
            return
        record.fail(PublishUnconfirmed(record.event_id))
        if self._lanes.confirmed == record.confirmed_before:
            # Nobody's record came through in all its time: the producer may never recover by itself.
            log.warning("no acknowledgement for %s s: starting another producer", self._deadline)
            self._producer.replace()
