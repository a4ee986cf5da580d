"""Records into the partitions of one new topic, in whole batches; nobody else writes there."""

from __future__ import annotations

from aiokafka.producer.message_accumulator import BatchBuilder

from tocsin.connectors.kafka import BatchProducer
from tocsin.schemas.errors import TocsinError
from tocsin.streams.engine.outputs import OUTPUT_BATCH, unavailable
from tocsin.streams.engine.record import Headers
from tocsin.streams.topology import CARRIER_LIMIT, LARGEST_BATCH, MIB

AT_ONCE = 16 * MIB
"""Bytes of all partitions that are held back, at most, before they are sent."""


class Disturbed(TocsinError):
    """Something else writes into the topics that are copied, or copied into; nothing is done then. Exit code 70."""

    exit_code = 70


def filling_producer(bootstrap: str) -> BatchProducer:
    """A producer for topics that are filled."""
    return BatchProducer(
        bootstrap, linger_ms=0, max_batch_size=LARGEST_BATCH, max_request_size=CARRIER_LIMIT, request_timeout_ms=30_000
    )


class Filling:
    """Fills a topic (its name with prefix) that is empty. `ends` are the next offsets of its partitions."""

    def __init__(self, producer: BatchProducer, topic: str, count: int) -> None:
        self.topic = topic
        self.ends = [0] * count
        self._producer = producer
        self._batches: dict[int, BatchBuilder] = {}
        self._size = 0

    async def put(
        self, partition: int, key: bytes | None, value: bytes | None, headers: Headers, timestamp: int
    ) -> int:
        """Add a record (its time in milliseconds), and say which offset it gets. Raises LogUnavailable, Disturbed."""
        size = (
            64 + len(key or b"") + len(value or b"") + sum(len(name) + len(text or b"") + 8 for name, text in headers)
        )
        batch = self._batches.get(partition)
        if self._size + size > AT_ONCE or (batch is not None and batch.size() + size > OUTPUT_BATCH):
            await self.flush()
            batch = None
        if batch is None:
            with unavailable("no producer"):
                batch = self._batches[partition] = (await self._producer.started()).create_batch()
        if batch.append(key=key, value=value, timestamp=timestamp, headers=list(headers)) is None:
            raise Disturbed(f"a record of {size} bytes does not fit any batch of {self.topic}")
        self._size += size
        self.ends[partition] += 1
        return self.ends[partition] - 1

    async def flush(self) -> None:
        """Have stored what was added, each record where it was said. Raises LogUnavailable, Disturbed."""
        batches, self._batches, self._size = self._batches, {}, 0
        if not batches:
            return
        with unavailable(f"writing {self.topic}"):
            stored = await self._producer.send([(batch, self.topic, at) for at, batch in batches.items()])
        for (partition, batch), metadata in zip(batches.items(), stored, strict=True):
            offset = getattr(metadata, "offset", None)
            if offset != self.ends[partition] - batch.record_count():
                raise Disturbed(f"somebody else writes into {self.topic}/{partition}: its offset is {offset}")
