"""The log on Kafka: one producer for changelogs and outputs, plain consumers for reading back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from tocsin.connectors.kafka import BatchProducer, ReadyBatch, TopicNotThere, open_consumer, read_to_end
from tocsin.streams.engine.changelog import OWNER_HEADER, Entry
from tocsin.streams.engine.dead import Skip
from tocsin.streams.engine.outbox import OutboxRecord
from tocsin.streams.engine.outputs import OutputProducer, key_hash, unavailable
from tocsin.streams.engine.ports import Unwritable
from tocsin.streams.engine.record import Output, Record
from tocsin.streams.engine.skips import skip_asked
from tocsin.streams.topology import CARRIER_LIMIT, LARGEST_BATCH

_log = structlog.get_logger("tocsin.engine")


def record_from(found: object, topic: str) -> Record:
    """A consumer's record as the engine's; Kafka's milliseconds become microseconds."""
    return Record(
        topic,
        found.partition,  # type: ignore[attr-defined]
        found.offset,  # type: ignore[attr-defined]
        found.timestamp * 1000,  # type: ignore[attr-defined]
        found.key,  # type: ignore[attr-defined]
        found.value,  # type: ignore[attr-defined]
        found.headers,  # type: ignore[attr-defined]
    )


class KafkaLog:
    """Reads and writes for all partitions of one rule set in one worker; see `ports.Log` for the guarantees.

    `prefix` goes before every topic that a rule set names; `input_topic` is where ticks go.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        prefix: str,
        input_topic: str,
        failpoint: Callable[[str], None] = lambda place: None,
    ) -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._input_topic = input_topic
        self._failpoint = failpoint
        self._producer = BatchProducer(
            bootstrap,
            linger_ms=0,
            max_batch_size=LARGEST_BATCH,
            max_request_size=CARRIER_LIMIT,
            request_timeout_ms=30_000,
        )
        self._outputs = OutputProducer(self._producer, prefix, failpoint)
        self._connections = AsyncExitStack()
        self._probe: AIOKafkaConsumer | None = None
        # How many partitions a topic has never changes (a key must keep its partition), so it is asked once.
        self._counts: dict[str, int] = {}

    async def start(self) -> None:
        """Connect; raises aiokafka's KafkaConnectionError when no broker answers."""
        self._probe = await self._connections.enter_async_context(open_consumer(self._bootstrap))
        await self._producer.started()

    async def stop(self) -> None:
        """Close the connections; what was not acknowledged may still arrive, and is void for the next owner."""
        await self._connections.aclose()
        await self._producer.close()

    async def append(self, topic: str, partition: int, owner: bytes, entries: Sequence[Entry]) -> int | None:
        batch = await self._new_batch()
        headers = [(OWNER_HEADER, owner)]
        for entry in entries:
            if batch.append(key=entry.key, value=entry.value, timestamp=None, headers=headers) is None:
                raise Unwritable(f"a changelog batch of {len(entries)} records does not fit {LARGEST_BATCH} bytes")
        [metadata] = await self._send([(batch, topic, partition)])
        offset = getattr(metadata, "offset", None)
        return offset if offset is not None and offset >= 0 else None

    async def produce(self, outputs: Sequence[OutboxRecord]) -> None:
        if outputs:
            await self._outputs.produce(outputs)

    async def _new_batch(self) -> BatchBuilder:
        with unavailable("no producer"):
            return (await self._producer.started()).create_batch()

    async def _send(self, ready: Sequence[ReadyBatch]) -> list[RecordMetadata]:
        with unavailable("writing"):
            return await self._producer.send(ready)

    async def produce_tick(self, partition: int, tick: Output) -> None:
        batch = await self._new_batch()
        batch.append(key=tick.key, value=tick.value, timestamp=None, headers=list(tick.headers))
        await self._send([(batch, self._input_topic, partition)])
        self._failpoint("tick_written")

    async def read(self, topic: str, partition: int, start: int, end: int) -> AsyncGenerator[Record, None]:
        if start >= end:
            return
        place = TopicPartition(topic, partition)
        with unavailable(f"reading {topic}/{partition}"):
            async with open_consumer(
                self._bootstrap,
                auto_offset_reset="none",  # a range that is gone must be an error, never another range
                max_partition_fetch_bytes=CARRIER_LIMIT,
                fetch_max_wait_ms=50,
            ) as consumer:
                consumer.assign([place])
                consumer.seek(place, start)
                async for record in read_to_end(consumer, {place: end}):
                    yield record_from(record, topic)

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        place = TopicPartition(topic, partition)
        assert self._probe is not None
        with unavailable(f"offsets of {topic}/{partition}"):
            start = await self._probe.beginning_offsets([place])
            end = await self._probe.end_offsets([place])
        return start[place], end[place]

    async def record_at(self, topic: str, partition: int, offset: int) -> Record | None:
        found = [record async for record in self.read(topic, partition, offset, offset + 1)]
        return found[0] if found and found[0].offset == offset else None

    async def skip_asked(self, partition: int) -> Skip | None:
        try:
            return await skip_asked(self._bootstrap, self._prefix, self._input_topic, partition)
        except (
            KafkaError,
            OSError,
            TimeoutError,
        ) as error:
            # The partition stands still as before, and looks again.
            _log.warning("cannot see whether a record is to be let go", error=type(error).__name__)
            return None

    def partition_for(self, topic: str, key: bytes) -> int | None:
        count = self._counts.get(topic)
        return key_hash(key) % count if count else None

    async def know_topics(self, topics: Sequence[str]) -> list[str]:
        """Learn how many partitions the topics (with prefix) have; returns those that do not exist."""
        missing = []
        for topic in topics:
            try:
                self._counts[topic] = len(await self._producer.partitions(topic))
            except TopicNotThere:
                missing.append(topic)
        return missing
