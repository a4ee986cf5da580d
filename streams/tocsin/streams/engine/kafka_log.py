"""The log on Kafka: one producer for changelogs and outputs, plain consumers for reading back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from functools import lru_cache

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from tocsin.connectors.kafka import (
    BatchProducer,
    ProducerReplaced,
    ReadyBatch,
    TopicNotThere,
    open_consumer,
    read_to_end,
)
from tocsin.streams.engine.changelog import OWNER_HEADER, Entry
from tocsin.streams.engine.outbox import OutboxRecord
from tocsin.streams.engine.ports import LogUnavailable
from tocsin.streams.engine.record import Output, Record
from tocsin.streams.topology import CARRIER_LIMIT, LARGEST_BATCH

OUTPUT_BATCH = 1_500_000
"""Bytes after which outputs begin another record batch: below every topic's `max.message.bytes` (2 MiB)."""


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


@lru_cache(maxsize=65536)
def _hash(key: bytes) -> int:
    return int(murmur2(key)) & 0x7FFFFFFF


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
                raise ValueError(f"a changelog batch of {len(entries)} records does not fit {LARGEST_BATCH} bytes")
        [metadata] = await self._send([(batch, topic, partition)])
        offset = getattr(metadata, "offset", None)
        return offset if offset is not None and offset >= 0 else None

    async def produce(self, outputs: Sequence[OutboxRecord]) -> None:
        if not outputs:
            return
        for ready in await self._batches(outputs):
            await self._send(ready)
            self._failpoint("outputs_half_written")

    async def _batches(self, outputs: Sequence[OutboxRecord]) -> list[list[ReadyBatch]]:
        """Outputs as record batches, one per partition and round; a second round only where one batch was full."""
        rounds: list[dict[tuple[str, int], BatchBuilder]] = []
        at: dict[tuple[str, int], int] = {}
        for output in outputs:
            topic = self._prefix + output.topic
            place = (topic, 0 if output.key is None else _hash(output.key) % await self._count(topic))
            turn = at.get(place, 0)
            while True:
                if turn == len(rounds):
                    rounds.append({})
                batch = rounds[turn].get(place)
                if batch is None:
                    batch = rounds[turn][place] = await self._new_batch()
                if batch.record_count() == 0 or batch.size() + output.size() <= OUTPUT_BATCH:
                    break
                turn += 1
            added = batch.append(
                key=output.key, value=output.value, timestamp=output.timestamp, headers=list(output.headers)
            )
            if added is None:
                raise ValueError(f"an output of {output.size()} bytes does not fit any batch")
            at[place] = turn
        return [[(batch, *place) for place, batch in turn.items()] for turn in rounds]

    async def _count(self, topic: str) -> int:
        """How many partitions a topic has; one that is missing is waited for a moment, and never created."""
        count = self._counts.get(topic)
        if count is None:
            with _unavailable(f"topic {topic}"):
                count = self._counts[topic] = len(await self._producer.partitions(topic))
        return count

    async def _new_batch(self) -> BatchBuilder:
        with _unavailable("no producer"):
            return (await self._producer.started()).create_batch()

    async def _send(self, ready: Sequence[ReadyBatch]) -> list[RecordMetadata]:
        with _unavailable("writing"):
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
        with _unavailable(f"reading {topic}/{partition}"):
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
        with _unavailable(f"offsets of {topic}/{partition}"):
            start = await self._probe.beginning_offsets([place])
            end = await self._probe.end_offsets([place])
        return start[place], end[place]

    async def record_at(self, topic: str, partition: int, offset: int) -> Record | None:
        found = [record async for record in self.read(topic, partition, offset, offset + 1)]
        return found[0] if found and found[0].offset == offset else None

    def partition_for(self, topic: str, key: bytes) -> int | None:
        count = self._counts.get(topic)
        return _hash(key) % count if count else None

    async def know_topics(self, topics: Sequence[str]) -> list[str]:
        """Learn how many partitions the topics (with prefix) have; returns those that do not exist."""
        missing = []
        for topic in topics:
            try:
                self._counts[topic] = len(await self._producer.partitions(topic))
            except TopicNotThere:
                missing.append(topic)
        return missing


@contextmanager
def _unavailable(what: str) -> Iterator[None]:
    """Whatever Kafka's client raises is one thing to the write order."""
    try:
        yield
    except TopicNotThere as missing:
        raise LogUnavailable(f"topic {missing} does not exist; run: tocsin topics apply") from missing
    except (KafkaError, ProducerReplaced, OSError, TimeoutError) as error:
        raise LogUnavailable(f"{what}: {type(error).__name__}: {error}") from error
