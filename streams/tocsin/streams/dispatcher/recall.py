"""What earlier dispatchers finished: read from `deliveries` before the first attempt of a partition is made.

A partition is read from its committed offset, behind which stands what a predecessor made and did not commit any
more, and what a worker asked for again when it took over (its last outbox). The outcome of an attempt comes after it,
so it is enough to read the outcomes since the first record, and somewhat before: the outbox of a worker that died is
said again when its successor has taken over. What remains: when workers stood still for longer than OVERLAP and the
dispatcher was replaced, too, an attempt of their last outbox may be made twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from time import time

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from tocsin.connectors.kafka import offsets_since, open_consumer, partitions_of, read_to_end
from tocsin.connectors.publish.headers import type_header
from tocsin.schemas.codec import decode_as
from tocsin.schemas.errors import Undecodable
from tocsin.schemas.events import DeliveryOutcome
from tocsin.schemas.schema_book import SchemaBook
from tocsin.streams.dispatcher.memory import RECALL, AttemptMemory, Identity

_log = structlog.get_logger("tocsin.dispatch")

OVERLAP = 120.0
"""Seconds before the first record that is read: several times what the take-over of a worker lasts."""
AGAIN_AFTER = 1.0
"""Seconds after which it is tried again to read what could not be read."""
AT_ONCE = 4
"""Partitions that are read at the same time."""
_OUTCOME = ("ce_type", type_header(DeliveryOutcome))


class Recall:
    """Fills `memory` with what was finished in each partition that is newly held."""

    def __init__(self, bootstrap: str, prefix: str, book: SchemaBook, memory: AttemptMemory) -> None:
        self._bootstrap, self._prefix, self._book, self._memory = bootstrap, prefix, book, memory
        self._reading: dict[int, asyncio.Task[None]] = {}
        self._read_to: dict[TopicPartition, int] = {}
        self._turns = asyncio.Semaphore(AT_ONCE)

    def begin_anew(self) -> None:
        """Partitions were assigned: another dispatcher may have made attempts of all of them."""
        self._reading = {}

    async def of(self, partition: int, first: int) -> None:
        """Return when it is known what was finished of a partition of `attempts`; `first` is the record timestamp
        (milliseconds) of the first attempt that is read since the partitions were assigned."""
        reading = self._reading.get(partition)
        if reading is None:
            reading = self._reading[partition] = asyncio.create_task(self._read(partition, first))
        if not reading.done():
            await asyncio.shield(reading)

    async def close(self) -> None:
        """Stop reading."""
        for reading in self._reading.values():
            reading.cancel()
        await asyncio.gather(*self._reading.values(), return_exceptions=True)

    async def _read(self, partition: int, first: int) -> None:
        since = max(first / 1000 - OVERLAP, time() - RECALL)
        while True:
            try:
                async with self._turns:
                    self._memory.recall(await self._finished(partition, int(since * 1000)), time())
                    return
            except (KafkaError, TimeoutError) as error:
                # Without it nothing is made: it would be made again, and without Kafka no outcome could be written.
                _log.warning("outcomes not readable", partition=partition, error=type(error).__name__)
                await asyncio.sleep(AGAIN_AFTER)

    async def _finished(self, partition: int, since: int) -> Mapping[Identity, float]:
        """(delivery id, attempt) of each outcome since then, with the time of its record in seconds."""
        finished: dict[Identity, float] = {}
        async with open_consumer(self._bootstrap) as consumer:
            places = await partitions_of(consumer, f"{self._prefix}deliveries")
            if len(places) == len(await partitions_of(consumer, f"{self._prefix}attempts")):
                places = [place for place in places if place.partition == partition]  # both are keyed by endpoint
            consumer.assign(places)
            for place, offset in (await offsets_since(consumer, places, since)).items():
                consumer.seek(place, max(offset, self._read_to.get(place, 0)))
            async for record in read_to_end(consumer):
                self._note(record, finished)
            self._read_to.update({place: await consumer.position(place) for place in places})
        return finished

    def _note(self, record: ConsumerRecord, finished: dict[Identity, float]) -> None:
        if _OUTCOME not in record.headers:
            return  # most are requests, with their bodies: not decoded
        with suppress(Undecodable):  # `deliver` dead-letters it
            event = decode_as(record.value, DeliveryOutcome, book=self._book)
            finished[event.delivery_id, event.attempt] = record.timestamp / 1000
